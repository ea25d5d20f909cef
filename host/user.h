/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Whom the check is about: the user who runs it, or one whom root becomes in a child. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct user {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* owned; the supplementary ones: this process's, or of the other user the database's */
    size_t group_count;
    char *name;     /* owned; the number, where the database knows no printable name */
    char *home;     /* owned; "" where nothing is known */
    bool in_passwd; /* the user database knows them */
    bool other;     /* not who this process is */
};

/* The user whose process this is. Returns 0, or -errno. The caller must user_free(out) in any case. */
int user_self(struct user *out);

/* The user of that name in the database, with all groups there. Returns 0; -ENOENT: there is none; or -errno.
 * The caller must user_free(out) in any case. */
int user_find(struct user *out, const char *name);

void user_free(struct user *user);

/* Becomes another user for good, which requires root: their groups, no capability, a session keyring of its
 * own, and not to be traced by them before it executes a program. For oneself does nothing. Returns 0, or
 * -errno: the process must then end. */
int user_become(const struct user *user);

/* Whether the process of that user has the group. */
bool user_has_group(const struct user *user, gid_t gid);
