/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * One interface: whether it can be pointed at a tap, and the edits that do it and undo it. */
#pragma once

#include "change.h"

#define REASON_PORTGROUP "its portgroup may ask for a VLAN, a bandwidth or a virtual port"

/* What its tap must be. */
struct plan {
    const char *bridge;
    char found[NAME_SIZE]; /* where bridge points to, if it was looked up */
    unsigned int vlan;     /* 0: none */
    bool isolated;
};

/* Whether an interface of type ethernet can say what this one says. Returns 0 and the plan; or -1 and the
 * reason. */
int interface_judge(const struct interface *interface, const struct wish *wish, struct plan *plan,
                    char reason[REASON_SIZE]);

/* Adds the edits that point it at the tap dev; one that interface_judge() has let pass. Returns 0, or -1: no
 * memory. */
int interface_point(struct edits *edits, const struct document *doc, const struct node *node,
                    const char *dev);

/* Adds the edits that give a pointed interface back what it had in original: as it was, if nothing was
 * changed since. Returns 0, or -1 and why: the original is none. */
int interface_unpoint(struct edits *edits, const struct document *doc, const struct tap *tap,
                      struct error *why);

/* Adds the edits that make the tap of a clone, as interface and metadata tell it, its own: another name, and
 * the MAC of the interface in the stored original. Returns 0, or -1 and why. */
int interface_adopt(struct edits *edits, const struct document *doc, const struct tap *tap, const char *dev,
                    struct error *why);

/* Adds an edit that takes out an element and the white space before it. Returns 0, or -1: no memory. */
int edit_remove(struct edits *edits, const struct document *doc, const struct node *node);

/* Adds an edit that sets an attribute which is there. Returns 0, or -1: no memory. */
int edit_attribute(struct edits *edits, const struct document *doc, const struct node *node, const char *name,
                   const char *value);

/* Adds an edit that puts text (which becomes the list's; NULL: no memory) in the place of an element. Returns
 * 0, or -1: no memory. */
int edit_replace(struct edits *edits, const struct node *node, char *text);

/* Where the white space before an offset begins. */
size_t blanks_before(const struct document *doc, size_t offset);
