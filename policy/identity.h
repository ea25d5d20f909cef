/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Who is asking. A rule by name binds only whoever is known by name, so under policy.conf the caller must
 * have an account whose name leads back to its uid. That is positive evidence: whoever starves a look-up of
 * memory or descriptors (glibc then leaves out the name service whose module it cannot load, and reports "not
 * found") loses the account, never a deny. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

enum {
    IDENTITY_NAME_SIZE = 256, /* with the '\0' */
    CALLER_SELECTOR_SIZE = IDENTITY_NAME_SIZE + sizeof("user="),
};

/* Where names come from. Each function is handed the context, and returns 0 and what was found; -ENOENT:
 * there is none, as every name service says; or another -errno and the reason in `why`: nobody can tell. */
struct name_source {
    void *context;
    int (*find_user)(void *context, const char *name, uid_t *uid, struct error *why);
    int (*find_group)(void *context, const char *name, gid_t *gid, struct error *why);
    /* The account of a uid: its name and its group. -ENOENT also if the name was made up for a range of uids.
     */
    int (*find_account)(void *context, uid_t uid, char name[IDENTITY_NAME_SIZE], gid_t *gid,
                        struct error *why);
    int (*find_group_name)(void *context, gid_t gid, char name[IDENTITY_NAME_SIZE], struct error *why);
};

/* The caller as the kernel knows it. */
struct caller {
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* the supplementary ones */
    size_t group_count;
    const struct name_source *names;
};

/* Makes the caller this process, with the groups that it is in. Returns 0, or -1 and why not. What `out`
 * points to is valid until the next call. */
int caller_self(struct caller *out, const struct name_source *names, struct error *why);

/* Writes the term by which a rule is about this caller: user=NAME, or uid=NUMBER where there is no account.
 */
void caller_selector(const struct caller *caller, char out[CALLER_SELECTOR_SIZE]);

/* The caller, and the account once it was looked up. */
struct identity {
    const struct caller *caller;
    enum { IDENTITY_NOT_ASKED, IDENTITY_NONE, IDENTITY_KNOWN } account;
    char name[IDENTITY_NAME_SIZE]; /* of the account; "" unless known */
    gid_t gid;                     /* of the account */
};

void identity_begin(struct identity *out, const struct caller *caller);

/* Returns 0 if the caller has an account; -1 and in `why` that it has none, or that nobody can tell. */
int identity_require_account(struct identity *who, struct error *why);

/* Whether that user (name or number) is the caller: 1 yes, 0 no, -1 and why nobody can tell. deny: the
 * question is a deny's, for which a name requires an account. */
int identity_is_user(struct identity *who, const char *user, bool deny, struct error *why);

/* Likewise, whether the caller is in that group. For a deny the group of the account counts too, since a
 * setgid program can drop it, and a name requires a name for each gid of the caller. */
int identity_in_group(struct identity *who, const char *group, bool deny, struct error *why);
