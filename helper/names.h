/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Users and groups by name, through NSS. It may ask a directory service, and is slow: only rules that name
 * somebody need it. */
#pragma once

#include <sys/types.h>

enum { NAMES_SIZE = 256 };

/* Return 0 and the number; -ENOENT: there is nobody of that name; or -errno: it is not known whether there
 * is. */
int names_find_user(const char *name, uid_t *uid);
int names_find_group(const char *name, gid_t *gid);

/* What the system calls a user, the first name if there are several. Returns as above. */
int names_find_name(uid_t uid, char name[NAMES_SIZE]);

/* The name and the group of a user. Returns as above. */
int names_find_account(uid_t uid, char name[NAMES_SIZE], gid_t *gid);
