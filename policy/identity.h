/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Identifies the caller. A rule by name only binds callers that are known by name, so policy.conf requires
 * the caller to have an account whose name maps back to its uid. This is positive evidence: starving a lookup
 * of memory or descriptors (glibc then skips a name service whose module it cannot load, and reports "not
 * found") costs the caller its account and never avoids a deny. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

enum {
    IDENTITY_NAME_SIZE = 256, /* including the '\0' */
    CALLER_SELECTOR_SIZE = IDENTITY_NAME_SIZE + sizeof("user="),
};

/* A user or group: what to look up, and then what was found. */
struct account {
    enum account_kind { USER_BY_NAME, USER_BY_UID, GROUP_BY_NAME, GROUP_BY_GID } kind;
    id_t id;
    gid_t gid;                       /* a user's primary group */
    char member[IDENTITY_NAME_SIZE]; /* of a group: a user to look for among its members; "": none */
    bool has_member;
    bool everywhere; /* to be set: asks every service whether it has the member, see look_up() */
    bool alone;      /* the service that answered is the only one */
    char name[IDENTITY_NAME_SIZE]; /* last: names.c keeps no more of it than there is */
};

/* Where users and groups are looked up. */
struct name_source {
    void *context; /* passed to look_up() */

    /* Completes an account that has its kind and, as that says, its name or number. Returns 0; -ENOENT if
     * every name service says that there is none, or if that number's name was generated for a range of uids;
     * or another -errno, with the reason in `why`, if that cannot be determined. `everywhere`: says only
     * whether any service has the member in that group; the number and name may be of any, the errno is the
     * last's. */
    int (*look_up)(void *context, struct account *account, struct error *why);
};

/* The caller as the kernel knows it. */
struct caller {
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* supplementary groups */
    size_t group_count;
    const struct name_source *names;
};

/* Sets the caller to this process. Returns 0, or -1 and why not. `out` is valid until the next call. */
int caller_self(struct caller *out, const struct name_source *names, struct error *why);

/* Writes the term that selects this caller in a rule: user=NAME, user=NUMBER if a rule cannot say
 * the name, or uid=NUMBER if there is no account. */
void caller_selector(const struct caller *caller, char out[CALLER_SELECTOR_SIZE]);

/* The caller, and its account once looked up. */
struct identity {
    const struct caller *caller;
    enum { IDENTITY_NOT_ASKED, IDENTITY_NONE, IDENTITY_KNOWN } account;
    char name[IDENTITY_NAME_SIZE]; /* of the account; "" unless known */
    gid_t gid;                     /* of the account */
    bool by_account;               /* may be set: its groups count in an allow, too, dropped or not */
};

void identity_begin(struct identity *out, const struct caller *caller);

/* Returns 0 if the caller has an account; or -1 and why: it has none, or that cannot be determined. */
int identity_require_account(struct identity *who, struct error *why);

/* Checks whether that user (name or number) is the caller. Returns 1 yes, 0 no, or -1 and why this cannot be
 * determined. For a deny, a name requires the caller to have an account. */
int identity_is_user(struct identity *who, const char *user, bool deny, struct error *why);

/* Likewise for membership of that group. For a deny the account's own groups count too, since a user
 * namespace can drop them, and a group's name requires one of each of the caller's gids. */
int identity_in_group(struct identity *who, const char *group, bool deny, struct error *why);

enum { NAMES_SERVICES_SIZE = 512 };

/* The lookups made so far, through the name services of nsswitch.conf(5), each name or number once. */
struct names {
    struct name_source source;        /* for a struct caller; its context is this struct */
    struct names_entry *first, **end; /* owned, in a list; where the next one goes */
    size_t count;
    char services[2][NAMES_SERVICES_SIZE]; /* of users and of groups; "": not read yet */
    bool ahead[2];                         /* likewise: many have been read at once */
};

/* Begins with nothing looked up. The struct must not be moved; names_end() releases it. */
void names_begin(struct names *names);
void names_end(struct names *names);
#define _cleanup_names_ __attribute__((cleanup(names_end)))
