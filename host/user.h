/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The user whom the check is about: the one running it, or one that root becomes in a child. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct user {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* owned; supplementary groups: of this process, or another user's from the database */
    size_t group_count;
    char *name;     /* owned; the UID if the database has no printable name */
    char *home;     /* owned; "": unknown */
    bool in_passwd; /* found in the user database */
    bool other;     /* not the user of this process */
};

/* The user of this process. Returns 0 or -errno. The caller must user_free(out) in either case. */
int user_self(struct user *out);

/* Looks up a user by name, with all groups in the database. Returns 0, -ENOENT if there is none, or another
 * -errno. The caller must user_free(out) in either case. */
int user_find(struct user *out, const char *name);

void user_free(struct user *user);

/* Becomes another user irrevocably, which requires root: with their groups, no capabilities, a new session
 * keyring, and not traceable by them before executing a program. No-op for the current user. Returns 0, or
 * -errno: the process must then exit. */
int user_become(const struct user *user);

/* Whether the user's process has the group. */
bool user_has_group(const struct user *user, gid_t gid);

enum membership {
    MEMBERSHIP_YES,
    MEMBERSHIP_RELOGIN, /* in the database, but not in the process, which got its groups at login */
    MEMBERSHIP_NO,
};

enum membership user_membership(const struct user *user, gid_t gid);

/* The group's name, or its number if the database has no name, or none that is a plain word in a shell. */
void user_group_name(gid_t gid, char *out, size_t size);
