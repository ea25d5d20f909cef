/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Group membership: in the user database, and in the process, which got its groups from there at login. */
#pragma once

#include "user.h"

enum membership {
    MEMBERSHIP_YES,
    MEMBERSHIP_RELOGIN, /* in the database, but not in the process */
    MEMBERSHIP_NO,
};

enum membership membership(const struct user *user, gid_t gid);

/* The group's name, or its number if the database has no name, or none that is a plain word in a shell. */
void membership_group_name(gid_t gid, char *out, size_t size);
