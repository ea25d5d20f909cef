/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Pointing a domain's interfaces at taps, back, and at what another host has. All only make a list of edits
 * of the text: what they do not touch stays, to the byte. */
#pragma once

#include "domain.h"
#include "edit.h"

enum { REASON_SIZE = 400 };

/* Puts a reason into it, cut if it must be: one line that is fit for a terminal. Returns -1, for
 * `return reason_set(...)`. */
int reason_set(char reason[REASON_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the caller wants. */
struct wish {
    const char *bridge; /* for all taps, whatever the interface names; NULL: what it names */
    /* Finds the bridge of a libvirt network. Returns 0, or -1 and why not: the interface is then left as it
     * is. NULL: none is known. */
    int (*find_network)(void *data, const char *network, char bridge[NAME_SIZE], char reason[REASON_SIZE]);
    /* Of domain_map(), and there not NULL: what this host calls a bridge (or a libvirt network) of the host
     * that the domain comes from, which lives as long as data; NULL: the same. */
    const char *(*find_bridge)(void *data, bool network, const char *theirs);
    /* Whether something other than this domain's own tap has that name. domain_map() needs it; NULL: nothing
     * is known of others. */
    bool (*is_taken)(void *data, const struct domain *domain, const char *dev);
    void *data;
    const char *const *interfaces; /* by number, from 1, or by MAC; no others are touched */
    size_t interface_count;        /* 0: all */
};

/* What came of one interface. */
enum outcome { OUTCOME_SKIPPED, OUTCOME_DONE_BEFORE, OUTCOME_DONE, OUTCOME_LEFT };

struct note {
    enum outcome outcome;
    char reason[REASON_SIZE]; /* of OUTCOME_LEFT */
    char dev[NAME_SIZE];      /* the tap, of OUTCOME_DONE; what it was, when it was restored */
};

struct change {
    struct edits edits;
    struct note *notes; /* one for each interface of the domain; owned */
};

typedef int change_function(struct change *out, const struct domain *domain, const struct wish *wish,
                            struct error *why);

/* Whether domains of this one's type can have taps at all. Returns 0, or -1 and why not. */
int domain_judge(const struct domain *domain, char reason[REASON_SIZE]);

/* Rewriting points interfaces at taps; twice is once. The taps of a clone get new names. Returns 0, or -1 and
 * why: then nothing is to be done. The caller must change_free(out) in both cases. */
change_function domain_rewrite;

/* Restoring gives every interface back as it was: to the byte, if it was not changed since; if it was, only
 * what rewriting had changed. Of wish only the interfaces matter. Otherwise as domain_rewrite(). */
change_function domain_restore;

/* Mapping adapts a domain from another host to this one: the bridges of its taps and interfaces become this
 * host's, a network becomes the bridge that it is mapped to, and a tap gets another name where its own is
 * taken here (then it is in its note). Whose the taps are, and the stored originals, stay. Of wish bridge and
 * find_network do not matter. Otherwise as domain_rewrite(). */
change_function domain_map;
void change_free(struct change *change);
#define _cleanup_change_ __attribute__((cleanup(change_free)))

/* What these three share: makes room for the notes, and checks that every interface wished for is there.
 * Returns 0, or -1 and why. */
int change_begin(struct change *out, const struct domain *domain, const struct wish *wish, struct error *why);

/* Whether the wish is about this interface. */
bool wish_chooses(const struct wish *wish, const struct domain *domain, size_t index);
