/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What stands behind the bridge in a rule of policy.conf: whom it is about, and what it grants. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct names;
struct refusal;

enum { TERMS_QUOTA_MAX = 1023 /* a bridge has no more ports */, TERMS_USER_SIZE = 256 /* with a '\0' */ };

/* What the bridge itself is to enforce at a tap's port. */
struct protection {
    bool isolated; /* from the other isolated ports */
    bool mac_lock; /* only frames from the guest's own MAC; to the port only those for it, and broadcasts */
    bool guard;    /* down at the first STP frame */
    unsigned int vlan; /* untagged access VLAN; 0: as the bridge has it */
};

/* Strings point into the text they were read from. Zero, NULL or false: not said. */
struct terms {
    const char *user;   /* name or number; the rule is about nobody else */
    const char *group;  /* likewise: who has that real gid, or that group among the supplementary ones */
    unsigned int quota; /* taps a user may have at once on the bridge, from 1 */
    const char *names;  /* glob: the names that the caller may choose */
    const char *macs;   /* how the guest's MAC must begin: whole bytes, as in 52:54:00 */
    unsigned int mtu;   /* bytes, instead of the bridge's */
    bool require_kvm;   /* only callers who can open /dev/kvm */
    struct protection protection;
};

/* Reads `KEY=VALUE...` from text, with blanks between; it is changed, and must last as long as the terms.
 * deny: only user= and group= may stand. Returns 0, or -1 and in why->text what is wrong with which word. */
int terms_parse(struct terms *out, char *text, bool deny, struct refusal *why);

/* What the system calls the one who asks: looked up once, and only when a rule names a user. */
struct own_name {
    /* Returns 0 and the name of that user, -ENOENT: that number has none, or another -errno. */
    int (*find)(struct names *names, uid_t uid, char name[TERMS_USER_SIZE]);
    bool asked;
    int err; /* of find */
    char text[TERMS_USER_SIZE];
};

/* Who asks, as plain data; and how names of the policy become numbers. */
struct caller {
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* the supplementary ones */
    size_t group_count;
    /* Look a user or group up by its name. Return 0 and the number, -ENOENT: there is nobody of that name, or
     * another -errno: it is not known whether there is. */
    int (*find_user)(struct names *names, const char *name, uid_t *uid);
    int (*find_group)(struct names *names, const char *name, gid_t *gid);
    struct names *names; /* handed to them, and to own->find */
    /* So that not each user of a long policy is looked up: one of another name is another. A second name for
     * the same number then does not count. NULL: every name is looked up, and does. */
    struct own_name *own;
};

/* Whether these terms are about that caller: 1 yes, 0 no, or -errno when a name could not be looked up. */
int terms_match(const struct terms *terms, const struct caller *caller);
