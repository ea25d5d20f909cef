/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Users and groups as the name services of nsswitch.conf(5) have them. Each name or number is asked for once.
 */
#pragma once

#include "identity.h"

/* What was looked up so far. */
struct names {
    struct name_source source;   /* these names, for a struct caller */
    struct names_entry *entries; /* owned */
    size_t count;
};

/* Begins with nothing looked up; names must not be moved, and must be ended. */
void names_begin(struct names *names);
void names_end(struct names *names);
#define _cleanup_names_ __attribute__((cleanup(names_end)))

/* The functions of a struct name_source (see there), its context pointing to a struct names. */
int names_find_user(void *names, const char *name, uid_t *uid, struct error *why);
int names_find_group(void *names, const char *name, gid_t *gid, struct error *why);
int names_find_account(void *names, uid_t uid, char name[IDENTITY_NAME_SIZE], gid_t *gid, struct error *why);
int names_find_group_name(void *names, gid_t gid, char name[IDENTITY_NAME_SIZE], struct error *why);
