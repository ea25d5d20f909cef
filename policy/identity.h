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

/* Where names are looked up. Each function is passed the context and returns 0 and what was found; -ENOENT if
 * every name service says that there is none; or another -errno, with the reason in `why`, if that cannot be
 * determined. */
struct name_source {
    void *context;
    int (*find_user)(void *context, const char *name, uid_t *uid, struct error *why);
    int (*find_group)(void *context, const char *name, gid_t *gid, struct error *why);
    /* Finds the account of a uid: its name and primary group. Also -ENOENT if the name was generated for a
     * range of uids. */
    int (*find_account)(void *context, uid_t uid, char name[IDENTITY_NAME_SIZE], gid_t *gid,
                        struct error *why);
    int (*find_group_name)(void *context, gid_t gid, char name[IDENTITY_NAME_SIZE], struct error *why);
};

/* The caller as the kernel knows it. */
struct caller {
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* supplementary groups */
    size_t group_count;
    const struct name_source *names;
};

/* Sets the caller to this process, with its groups. Returns 0, or -1 and why not. What `out` points to is
 * valid until the next call. */
int caller_self(struct caller *out, const struct name_source *names, struct error *why);

/* Writes the term that selects this caller in a rule: user=NAME, or uid=NUMBER if there is no account. */
void caller_selector(const struct caller *caller, char out[CALLER_SELECTOR_SIZE]);

/* The caller, and its account once looked up. */
struct identity {
    const struct caller *caller;
    enum { IDENTITY_NOT_ASKED, IDENTITY_NONE, IDENTITY_KNOWN } account;
    char name[IDENTITY_NAME_SIZE]; /* of the account; "" unless known */
    gid_t gid;                     /* of the account */
};

void identity_begin(struct identity *out, const struct caller *caller);

/* Returns 0 if the caller has an account; or -1 and why: it has none, or that cannot be determined. */
int identity_require_account(struct identity *who, struct error *why);

/* Checks whether that user (name or number) is the caller. Returns 1 yes, 0 no, or -1 and why this cannot be
 * determined. With deny set, the check is for a deny rule, where a name requires the caller to have an
 * account. */
int identity_is_user(struct identity *who, const char *user, bool deny, struct error *why);

/* Likewise for membership of that group. For a deny the account's primary group counts too, since a setgid
 * program can drop it, and a group name requires each of the caller's gids to have a name. */
int identity_in_group(struct identity *who, const char *group, bool deny, struct error *why);
