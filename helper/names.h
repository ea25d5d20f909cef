/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Users and groups by name, as NSS has them. It may ask a directory service, and is slow: only rules that
 * name somebody need it. And it opens /etc/passwd anew for each name, after looking for nscd: 200 rules by
 * name took longer than all else that the helper does. So where that file comes first it is read here, once
 * (accounts.h). */
#pragma once

#include "trusted.h"

enum { NAMES_SIZE = 256 };

/* A text that is read when it is first needed. Owned; NULL when read: it cannot be had. */
struct names_text {
    bool read;
    char *bytes;
};

/* What has been read so far: nothing when it begins. It is to be ended, whatever was looked up. */
struct names {
    struct trusted trusted;
    struct names_text nsswitch, users, groups;
};

void names_begin(struct names *names);
void names_end(struct names *names);

/* Return 0 and the number; -ENOENT: there is nobody of that name; or -errno: it is not known whether there
 * is. names: what has been read, where many names are looked up; NULL: NSS is asked. */
int names_find_user(struct names *names, const char *name, uid_t *uid);
int names_find_group(struct names *names, const char *name, gid_t *gid);

/* What the system calls a user, the first name if there are several. Returns as above. */
int names_find_name(struct names *names, uid_t uid, char name[NAMES_SIZE]);

/* The name and the group of a user. Returns as above. */
int names_find_account(uid_t uid, char name[NAMES_SIZE], gid_t *gid);
