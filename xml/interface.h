/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * One interface: whether it can be pointed at a tap, and the edits that do and undo it. */
#pragma once

#include "base/vlans.h"
#include "lock.h"

#define REASON_FLOOR "libvirt allows a <bandwidth> floor only on networks that it manages"
#define REASON_PORTGROUP "its portgroup may ask for a VLAN, a bandwidth or a virtual port"

#define REASON_OUTBOUND                                                                                      \
    "libvirt cannot limit what a locked guest sends: take <outbound> out of its <bandwidth>, or do not lock it"

/* Requirements for its tap. */
struct plan {
    const char *bridge;
    char found[NAME_SIZE]; /* storage for bridge, if it was looked up */
    struct vlans vlans;    /* none: untagged, in the bridge's default */
    bool isolated;
    struct lock_plan filter;  /* the packet filter that becomes a request */
    const char *lock, *serve; /* NULL: not asked for */
    const char *const *ips;   /* the guest's addresses */
    size_t ip_count;
};

/* Whether an interface of type ethernet can express what this one does. Returns 0 and the plan, or -1
 * and the reason. */
int interface_judge(const struct interface *interface, const struct wish *wish, struct plan *plan,
                    char reason[REASON_SIZE]);

/* Adds the edits that point an interface, accepted by interface_judge(), at the tap dev; with no_filter, its
 * packet filter goes. Returns 0, or -1 if out of memory. */
int interface_point(struct edits *edits, const struct document *doc, const struct node *node, const char *dev,
                    bool no_filter);

/* Adds an edit that puts a target, the tap dev, in place of an element. Returns 0, or -1 if out of memory. */
int interface_set_target(struct edits *edits, const struct node *node, const char *dev);

/* Adds the edits that restore an interface from its stored original: exactly, if nothing was changed since.
 * Returns 0, or -1 and why the original is not valid. */
int interface_unpoint(struct edits *edits, const struct document *doc, const struct tap *tap,
                      struct error *why);

/* Adds the edits that give a clone a tap of its own, in both interface and metadata: another name, and the
 * interface's MAC in the stored original. Returns 0, or -1 and why. */
int interface_adopt(struct edits *edits, const struct document *doc, const struct tap *tap, const char *dev,
                    struct error *why);

/* Adds an edit that removes an element and the white space before it. Returns 0, or -1 if out of memory. */
int edit_remove(struct edits *edits, const struct document *doc, const struct node *node);

/* Adds an edit that removes the domain's list of taps, and the <metadata> that was created for it. Returns 0,
 * or -1 if out of memory. */
int edit_remove_list(struct edits *edits, const struct domain *domain);

/* Adds an edit that changes an existing attribute. Returns 0, or -1 if out of memory. */
int edit_attribute(struct edits *edits, const struct document *doc, const struct node *node, const char *name,
                   const char *value);

/* Adds an edit that replaces an element by text. Takes ownership of text, which may be NULL (out of memory).
 * Returns 0, or -1 if out of memory. */
int edit_replace(struct edits *edits, const struct node *node, char *text);

/* Returns where the white space before an offset starts. */
size_t blanks_before(const struct document *doc, size_t offset);

/* Returns whether the interface has a guaranteed bandwidth, <inbound floor=>: qemu_domain.c of libvirt 9.0
 * refuses it without a network that has a bandwidth of its own. */
bool interface_has_floor(const struct node *interface);
