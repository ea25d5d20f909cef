/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "names.h"

#include "base/error.h"
#include "rootfile.h"

#include <errno.h>
#include <grp.h>
#ifdef __GLIBC__
#include <nss.h>
#endif
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The entry of a group can be long: it lists all members. */
enum { ROOM = 65536, ROOM_MAX = 64 * 1024 * 1024, SMALL_ROOM = 2048 };

enum kind { USER_BY_NAME, USER_BY_NUMBER, GROUP_BY_NAME, GROUP_BY_NUMBER };

/* A lookup and its result. */
struct names_entry {
    enum kind kind;
    bool absent;
    char name[IDENTITY_NAME_SIZE];
    id_t id;
    gid_t gid; /* primary group of a user */
};

/* Returns whether systemd-nsresourced (ns-NAME-N, src/nsresourced/nsresourcework.c) or systemd-machined
 * (vu-MACHINE-N, vg-MACHINE-N, src/machine/machined-varlink.c) generated the name: for uids of a user
 * namespace that any user can request, or of a container. Such users have '/' as their home. */
static bool is_made_up(const char *name, const char *home)
{
    const char *dash = strrchr(name, '-');

    return (strncmp(name, "ns-", 3) == 0 || strncmp(name, "vu-", 3) == 0 || strncmp(name, "vg-", 3) == 0) &&
           dash - name > 3 && dash[1] && dash[1 + strspn(dash + 1, "0123456789")] == '\0' &&
           strcmp(home, "/") == 0;
}

/* Asks NSS with a buffer of that size for strings. Returns 0, -ENOENT, or another errno from
 * getpwnam_r(3). */
static int ask(struct names_entry *entry, char *buffer, size_t room)
{
    struct passwd user, *found_user = NULL;
    struct group group, *found_group = NULL;
    const char *name, *home = "/";
    int err;

    errno = ELIBACC; /* stays set if glibc cannot load any service */
    if (entry->kind == USER_BY_NAME)
        err = getpwnam_r(entry->name, &user, buffer, room, &found_user);
    else if (entry->kind == USER_BY_NUMBER)
        err = getpwuid_r(entry->id, &user, buffer, room, &found_user);
    else if (entry->kind == GROUP_BY_NAME)
        err = getgrnam_r(entry->name, &group, buffer, room, &found_group);
    else
        err = getgrgid_r(entry->id, &group, buffer, room, &found_group);
    if (!found_user && !found_group)
        return err ? err : -ENOENT;
    if (found_user) {
        name = user.pw_name;
        home = user.pw_dir;
        entry->id = user.pw_uid;
        entry->gid = user.pw_gid;
    } else {
        name = group.gr_name;
        entry->id = group.gr_gid;
    }
    if (entry->kind == USER_BY_NAME || entry->kind == GROUP_BY_NAME)
        return 0;
    if (is_made_up(name, home))
        return -ENOENT;
    if (snprintf(entry->name, sizeof(entry->name), "%s", name) >= (int)sizeof(entry->name))
        return ENAMETOOLONG;
    return 0;
}

/* Returns 0, -ENOENT, or another errno. */
static int ask_in_room(struct names_entry *entry)
{
    char small[SMALL_ROOM];
    int err = ask(entry, small, sizeof(small));

    for (size_t room = ROOM; err == ERANGE && room <= ROOM_MAX; room *= 4) {
        char *buffer = malloc(room);
        if (!buffer)
            return ENOMEM;
        err = ask(entry, buffer, room);
        free(buffer);
    }
    return err;
}

/* Reads a database's services from nsswitch.conf; like glibc, defaults to "files". Returns 0, or -1 and why
 * the file cannot be read. */
static int read_services(const char *database, char *out, size_t size, struct error *why)
{
    const size_t length = strlen(database);
    struct policy_text text = {.bytes = NULL};
    struct rootfile rootfile;
    char path[16];

    snprintf(out, size, "files");
    rootfile_begin(&rootfile, ROOTFILE_ROOTS_LINKS);
    /* Both must be root's own: firejail shows its users a passwd and group with fewer lines. */
    snprintf(path, sizeof(path), "/etc/%s", database);
    int err = rootfile_read(&rootfile, path, SIZE_MAX, &text, why);
    free(text.bytes);
    if (!err || err == -ENOENT)
        err = rootfile_read(&rootfile, "/etc/nsswitch.conf", 65536, &text, why);
    if (err && err != -ENOENT)
        return -1;
    if (!text.bytes)
        return 0;
    text.bytes[text.size] = '\0';
    char *rest = text.bytes;
    for (char *line; (line = strsep(&rest, "\n"));) {
        line += strspn(line, " \t");
        line[strcspn(line, "#")] = '\0';
        if (strncmp(line, database, length) == 0 && line[length] == ':')
            snprintf(out, size, "%s", line + length + 1);
    }
    free(text.bytes);
    return 0;
}

/* Returns the next service on a line of nsswitch.conf, without the actions in between ([NOTFOUND=return]);
 * NULL: none. */
static const char *next_service(char **rest)
{
    bool action = false;

    for (char *word; (word = strsep(rest, " \t"));) {
        action = action || *word == '[';
        if (*word && !action)
            return word;
        if (strchr(word, ']'))
            action = false;
    }
    return NULL;
}

/* Asks each service separately, because NSS treats a service that failed (its module cannot be loaded, its
 * directory is down) like one that knows nobody, provided that another one answers. Works with glibc 2.33 and
 * newer; with older ones, a process keeps the services of its first lookup. Returns 0, -ENOENT, or another
 * -errno and which service failed. */
static int ask_each(struct names_entry *entry, struct error *why)
{
    const char *database = entry->kind <= USER_BY_NUMBER ? "passwd" : "group", *service;
    char services[512], copy[sizeof(services)], *rest = copy;
    int err = -ENOENT;

    if (read_services(database, services, sizeof(services), why) < 0)
        return -EIO;
    strcpy(copy, services);
    while (err == -ENOENT && (service = next_service(&rest))) {
#ifdef __GLIBC__
        err = __nss_configure_lookup(database, service) < 0 ? errno : ask_in_room(entry);
#else
        err = ask_in_room(entry);
#endif
        if (err > 0)
            error_set(why, "the name service '%.64s' (%s in /etc/nsswitch.conf) did not answer: %s", service,
                      database, err == ENOENT ? "it is not there" : strerror(err));
    }
#ifdef __GLIBC__
    if (__nss_configure_lookup(database, services) < 0 && err <= 0)
        return error_set(why, "the name services cannot be set up: %s", strerror(errno)), -EIO;
#endif
    return err > 0 ? -EIO : err;
}

static bool is_same(const struct names_entry *a, const struct names_entry *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == USER_BY_NAME || a->kind == GROUP_BY_NAME)
        return strcmp(a->name, b->name) == 0;
    return a->id == b->id;
}

/* Looks up what entry asks for, using an earlier lookup if there is one. Returns as struct name_source
 * describes. */
static int look_up(struct names *names, struct names_entry *entry, struct error *why)
{
    for (size_t i = 0; i < names->count; i++)
        if (is_same(&names->entries[i], entry)) {
            *entry = names->entries[i];
            return entry->absent ? -ENOENT : 0;
        }
    struct names_entry *entries = reallocarray(names->entries, names->count + 1, sizeof(*entries));
    if (!entries)
        return error_set(why, "no memory"), -ENOMEM;
    names->entries = entries;
    struct names_entry *answer = &entries[names->count];
    *answer = *entry;
    int err = ask_in_room(answer);
    if (err)
        err = ask_each(answer, why);
    if (err && err != -ENOENT)
        return err;
    if (err)
        *answer = *entry; /* only what was asked */
    answer->absent = err == -ENOENT;
    names->count++;
    *entry = *answer;
    return err;
}

/* Returns false if the name is too long for any account. */
static bool begin_by_name(struct names_entry *out, enum kind kind, const char *name)
{
    *out = (struct names_entry){.kind = kind};
    return snprintf(out->name, sizeof(out->name), "%s", name) < (int)sizeof(out->name);
}

int names_find_user(void *names, const char *name, uid_t *uid, struct error *why)
{
    struct names_entry entry;
    const int err = begin_by_name(&entry, USER_BY_NAME, name) ? look_up(names, &entry, why) : -ENOENT;

    *uid = entry.id;
    return err;
}

int names_find_group(void *names, const char *name, gid_t *gid, struct error *why)
{
    struct names_entry entry;
    const int err = begin_by_name(&entry, GROUP_BY_NAME, name) ? look_up(names, &entry, why) : -ENOENT;

    *gid = entry.id;
    return err;
}

int names_find_account(void *names, uid_t uid, char name[IDENTITY_NAME_SIZE], gid_t *gid, struct error *why)
{
    struct names_entry entry = {.kind = USER_BY_NUMBER, .id = uid};
    const int err = look_up(names, &entry, why);

    strcpy(name, entry.name);
    *gid = entry.gid;
    return err;
}

int names_find_group_name(void *names, gid_t gid, char name[IDENTITY_NAME_SIZE], struct error *why)
{
    struct names_entry entry = {.kind = GROUP_BY_NUMBER, .id = gid};
    const int err = look_up(names, &entry, why);

    strcpy(name, entry.name);
    return err;
}

void names_begin(struct names *names)
{
    *names = (struct names){
        .source = {names, names_find_user, names_find_group, names_find_account, names_find_group_name}};
}

void names_end(struct names *names)
{
    free(names->entries);
    names_begin(names);
}
