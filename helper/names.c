/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/* The entry of a group can be long: it names all members. */
enum { ROOM = 65536, ROOM_MAX = 64 * 1024 * 1024, ROOM_MOSTLY = 2048 };

/* The one look-up or the other, with `room` bytes for the strings. Returns as getpwnam_r(3) does. */
typedef int look_up(const char *name, char *buffer, size_t room, id_t *id, int *found);

static int look_up_user(const char *name, char *buffer, size_t room, id_t *id, int *found)
{
    struct passwd entry, *result = NULL;
    const int err = getpwnam_r(name, &entry, buffer, room, &result);

    *found = result != NULL;
    if (result)
        *id = entry.pw_uid;
    return err;
}

static int look_up_group(const char *name, char *buffer, size_t room, id_t *id, int *found)
{
    struct group entry, *result = NULL;
    const int err = getgrnam_r(name, &entry, buffer, room, &result);

    *found = result != NULL;
    if (result)
        *id = entry.gr_gid;
    return err;
}

static int find(look_up *function, const char *name, id_t *id)
{
    char few[ROOM_MOSTLY];
    int found = 0, err = function(name, few, sizeof(few), id, &found);

    for (size_t room = ROOM; err == ERANGE && room <= ROOM_MAX; room *= 4) {
        char *buffer = malloc(room);
        if (!buffer)
            return -ENOMEM;
        err = function(name, buffer, room, id, &found);
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

int names_find_name(uid_t uid, char name[NAMES_SIZE])
{
    gid_t unused;

    return names_find_account(uid, name, &unused);
}

int names_find_account(uid_t uid, char name[NAMES_SIZE], gid_t *gid)
{
    struct passwd entry, *result = NULL;
    char *buffer = malloc(ROOM);

    if (!buffer)
        return -ENOMEM;
    int err = -getpwuid_r(uid, &entry, buffer, ROOM, &result);
    if (!err && !result)
        err = -ENOENT;
    if (!err && strlen(entry.pw_name) >= NAMES_SIZE)
        err = -ENAMETOOLONG;
    if (!err) {
        strcpy(name, entry.pw_name);
        *gid = entry.pw_gid;
    }
    free(buffer);
    return err;
}
