/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files of users and groups of any bytes, up to the first '\0': what is found in them is what glibc's own
 * reading of such files (fgetpwent, which nss_files shares) finds first. */
#include "fuzz.h"
#include "helper/accounts.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 64 };

/* NIS's, which no look-up finds (nss/nss_files/files-pwd.c). */
static bool is_nis(const char *name)
{
    return *name == '+' || *name == '-';
}

/* The first user of that name; of that number where name is NULL. */
static bool glibcs_user(const char *text, const char *name, uid_t uid, struct passwd *entry, char *buffer,
                        size_t room)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    struct passwd *result = NULL;

    hold(file != NULL);
    while (fgetpwent_r(file, entry, buffer, room, &result) == 0)
        if (!is_nis(entry->pw_name) && (name ? strcmp(entry->pw_name, name) == 0 : entry->pw_uid == uid))
            break;
    fclose(file);
    return result != NULL;
}

static bool glibcs_group(const char *text, const char *name, struct group *entry, char *buffer, size_t room)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    struct group *result = NULL;

    hold(file != NULL);
    while (fgetgrent_r(file, entry, buffer, room, &result) == 0)
        if (!is_nis(entry->gr_name) && strcmp(entry->gr_name, name) == 0)
            break;
    fclose(file);
    return result != NULL;
}

static void hold_name_is_right(const char *text, const char *name, char *buffer, size_t room)
{
    char found[NAME_SIZE];
    struct passwd user;
    struct group group;
    id_t id;

    if (accounts_find(text, ACCOUNTS_USERS, name, &id))
        hold(glibcs_user(text, name, 0, &user, buffer, room) && user.pw_uid == id);
    if (accounts_find(text, ACCOUNTS_GROUPS, name, &id))
        hold(glibcs_group(text, name, &group, buffer, room) && group.gr_gid == id);
    if (!glibcs_user(text, name, 0, &user, buffer, room))
        return;
    const uid_t uid = user.pw_uid;
    if (accounts_find_name(text, uid, found, sizeof(found)))
        hold(glibcs_user(text, NULL, uid, &user, buffer, room) && strcmp(user.pw_name, found) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size), *words = text ? strdup(text) : NULL;
    const size_t room = size + 4096;
    char *buffer = malloc(room);

    hold(text && words && buffer);
    accounts_files_first(text, "passwd");
    /* Every word of the text as a name, and each line and field with what surrounds it, too. */
    if (*text) {
        char *rest = NULL;
        int left = 32;
        for (char *word = strtok_r(words, ":\n", &rest); word && left-- > 0;
             word = strtok_r(NULL, ":\n", &rest))
            hold_name_is_right(text, word, buffer, room);
        hold_name_is_right(text, text, buffer, room);
        hold_name_is_right(text, "a", buffer, room);
    }
    free(buffer);
    free(words);
    free(text);
    return 0;
}
