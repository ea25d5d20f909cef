/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What stands behind the bridge in a rule of policy.conf: whom it is about, and what it grants. */
#pragma once

#include "config.h"

#include <stdbool.h>
#include <sys/types.h>

struct identity;
struct error;

#define TERMS_DEFAULT_NAMES TAP_PREFIX "*" /* name= */

enum {
    TERMS_QUOTA_MAX = 1023,  /* a bridge has no more ports */
    TERMS_NAMES_SIZE = 4608, /* a line and a user's name */
};

/* uid=FIRST-LAST: whoever has one of these uids, with or without an account. */
struct uid_range {
    bool set;
    uid_t first, last;
};

/* What the bridge itself is to enforce at a tap's port. */
struct protection {
    bool isolated; /* from the other isolated ports */
    bool mac_lock; /* only frames from the guest's own MAC; to the port only those for it, and broadcasts */
    bool guard;    /* down at the first STP frame */
    unsigned int vlan; /* untagged access VLAN; 0: as the bridge has it */
};

/* Strings point into the text they were read from. Zero, NULL or false: not said. */
struct terms {
    const char *user;  /* name or number; the rule is about nobody else */
    const char *group; /* likewise: who has that real gid, or that group among the supplementary ones */
    struct uid_range uids;
    unsigned int quota; /* taps a user may have at once on the bridge, from 1 */
    const char *names;  /* glob: the names that the caller may choose */
    bool names_by_user; /* they have %u, for the user's name */
    const char *macs;   /* how the guest's MAC must begin: whole bytes, as in 52:54:00 */
    unsigned int mtu;   /* bytes, instead of the bridge's */
    bool require_kvm;   /* only callers who can open /dev/kvm */
    struct protection protection;
};

/* Reads `KEY=VALUE...` from text, with blanks between; it is changed, and must last as long as the terms.
 * deny: only user=, group= and uid= may stand. Returns 0, or -1 and in why->text what is wrong with which
 * word. */
int terms_parse(struct terms *out, char *text, bool deny, struct error *why);

/* Whether these terms are about that caller: 1 yes, 0 no; -1 and why nobody can tell. deny: they are a
 * deny's, for which names require more (identity.h). */
int terms_match(const struct terms *terms, struct identity *who, bool deny, struct error *why);

/* Writes the glob of the names that the rule allows, with that user's name for %u ("": the caller has no
 * account). Returns 0, or -1 and why that name cannot stand there. */
int terms_names(char out[TERMS_NAMES_SIZE], const struct terms *terms, const char *user, struct error *why);
