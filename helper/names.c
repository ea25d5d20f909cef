/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The entry of a group can be long: it names all members. */
enum { ROOM = 65536, ROOM_MAX = 64 * 1024 * 1024, ROOM_MOSTLY = 2048 };

/* A look-up by key, with `room` bytes for the strings. Puts what was found in *out, and *found says whether
 * anything was. Returns as getpwnam_r(3) does. */
typedef int look_up(const void *key, char *buffer, size_t room, void *out, bool *found);

struct account {
    char name[NAMES_SIZE];
    gid_t gid;
};

static int look_up_user(const void *key, char *buffer, size_t room, void *out, bool *found)
{
    struct passwd entry, *result = NULL;
    const int err = getpwnam_r(key, &entry, buffer, room, &result);

    *found = result != NULL;
    if (result)
        *(uid_t *)out = entry.pw_uid;
    return err;
}

static int look_up_group(const void *key, char *buffer, size_t room, void *out, bool *found)
{
    struct group entry, *result = NULL;
    const int err = getgrnam_r(key, &entry, buffer, room, &result);

    *found = result != NULL;
    if (result)
        *(gid_t *)out = entry.gr_gid;
    return err;
}

static int look_up_account(const void *key, char *buffer, size_t room, void *out, bool *found)
{
    struct passwd entry, *result = NULL;
    struct account *account = out;
    const int err = getpwuid_r(*(const uid_t *)key, &entry, buffer, room, &result);

    *found = result != NULL;
    if (!result)
        return err;
    if (strlen(entry.pw_name) >= sizeof(account->name))
        return ENAMETOOLONG;
    strcpy(account->name, entry.pw_name);
    account->gid = entry.pw_gid;
    return err;
}

static int find(look_up *function, const void *key, void *out)
{
    char few[ROOM_MOSTLY];
    bool found = false;
    int err = function(key, few, sizeof(few), out, &found);

    for (size_t room = ROOM; err == ERANGE && room <= ROOM_MAX; room *= 4) {
        char *buffer = malloc(room);
        if (!buffer)
            return -ENOMEM;
        err = function(key, buffer, room, out, &found);
        free(buffer);
    }
    if (!err)
        return found ? 0 : -ENOENT;
    return err == ENOENT ? -EIO : -err; /* a service that is not there: not the same as nobody of that name */
}

int names_find_user(const char *name, uid_t *uid)
{
    return find(look_up_user, name, uid);
}

int names_find_group(const char *name, gid_t *gid)
{
    return find(look_up_group, name, gid);
}

int names_find_account(uid_t uid, char name[NAMES_SIZE], gid_t *gid)
{
    struct account account;
    const int err = find(look_up_account, &uid, &account);

    if (err)
        return err;
    strcpy(name, account.name);
    *gid = account.gid;
    return 0;
}

int names_find_name(uid_t uid, char name[NAMES_SIZE])
{
    gid_t unused;

    return names_find_account(uid, name, &unused);
}
