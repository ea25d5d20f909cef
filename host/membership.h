/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Who is in a group: in the database, and in the process, which took its groups from there at login. */
#pragma once

#include "user.h"

enum membership {
    MEMBERSHIP_YES,
    MEMBERSHIP_RELOGIN, /* in the database, not in the process */
    MEMBERSHIP_NO,
};

enum membership membership(const struct user *user, gid_t gid);

/* The group's name; its number where the database knows none, or one that a shell would not take as a plain
 * word. */
void membership_group_name(gid_t gid, char *out, size_t size);
