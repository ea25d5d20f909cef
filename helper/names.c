/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "names.h"

#include "accounts.h"
#include "refusal.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The entry of a group can be long: it names all members. */
enum { ROOM = 65536, ROOM_MAX = 64 * 1024 * 1024, ROOM_MOSTLY = 2048 };

enum { TEXT_MAX = 1024 * 1024 }; /* of a file of accounts; NSS is asked for those of larger ones */

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

void names_begin(struct names *names)
{
    trusted_begin(&names->trusted, TRUSTED_ROOTS_LINKS);
    names->nsswitch = names->users = names->groups = (struct names_text){.read = false};
}

void names_end(struct names *names)
{
    free(names->nsswitch.bytes);
    free(names->users.bytes);
    free(names->groups.bytes);
    names_begin(names);
}

/* Returns the text, or NULL. */
static const char *read_text(struct names *names, struct names_text *out, const char *path)
{
    struct policy_text text = {.bytes = NULL};
    struct refusal unused;

    if (out->read)
        return out->bytes;
    out->read = true;
    if (trusted_read(&names->trusted, path, TEXT_MAX, &text, &unused) < 0 || !text.bytes)
        return NULL;
    text.bytes[text.size] = '\0';
    if (strlen(text.bytes) == text.size)
        out->bytes = text.bytes;
    else
        free(text.bytes);
    return out->bytes;
}

/* The text of that file of users or groups if what it says of a name is final; else NULL. */
static const char *final_text(struct names *names, struct names_text *out, const char *path,
                              const char *database)
{
    if (!out->read) {
        const char *nsswitch = read_text(names, &names->nsswitch, "/etc/nsswitch.conf");
        if (nsswitch && accounts_files_first(nsswitch, database))
            return read_text(names, out, path);
        out->read = true;
    }
    return out->bytes;
}

static const char *users_of(struct names *names)
{
    return names ? final_text(names, &names->users, "/etc/passwd", "passwd") : NULL;
}

int names_find_user(struct names *names, const char *name, uid_t *uid)
{
    const char *users = users_of(names);

    return users && accounts_find(users, ACCOUNTS_USERS, name, uid) ? 0 : find(look_up_user, name, uid);
}

int names_find_group(struct names *names, const char *name, gid_t *gid)
{
    const char *groups = names ? final_text(names, &names->groups, "/etc/group", "group") : NULL;

    return groups && accounts_find(groups, ACCOUNTS_GROUPS, name, gid) ? 0 : find(look_up_group, name, gid);
}

int names_find_account(uid_t uid, char name[NAMES_SIZE], gid_t *gid)
{
    struct account account = {.gid = 0};
    const int err = find(look_up_account, &uid, &account);

    if (err)
        return err;
    strcpy(name, account.name);
    *gid = account.gid;
    return 0;
}

int names_find_name(struct names *names, uid_t uid, char name[NAMES_SIZE])
{
    const char *users = users_of(names);
    gid_t unused;

    return users && accounts_find_name(users, uid, name, NAMES_SIZE) ? 0
                                                                     : names_find_account(uid, name, &unused);
}
