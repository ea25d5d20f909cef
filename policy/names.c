/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "identity.h"

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

/* Read ahead after so many look-ups, so many accounts. */
enum { AHEAD_AFTER = 4, AHEAD_MOST = 1000 };

struct names_entry {
    struct names_entry *next;
    bool absent;
    struct account account; /* up to the end of its name: there can be many */
};

static bool is_by_name(const struct account *account)
{
    return account->kind == USER_BY_NAME || account->kind == GROUP_BY_NAME;
}

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

/* Takes over all but the name of a user or a group that was found. */
static void take(struct account *account, const struct passwd *user, const struct group *group)
{
    if (user) {
        account->id = user->pw_uid;
        account->gid = user->pw_gid;
        return;
    }
    account->id = group->gr_gid;
    for (char **member = group->gr_mem; account->member[0] && *member; member++)
        account->has_member = account->has_member || strcmp(*member, account->member) == 0;
}

/* Asks NSS with a buffer of that size. Returns 0, -ENOENT, or another errno from getpwnam_r(3). */
static int ask(struct account *account, char *buffer, size_t room)
{
    struct passwd user, *found_user = NULL;
    struct group group, *found_group = NULL;
    int err;

    errno = ELIBACC; /* stays set if glibc cannot load any service */
    if (account->kind == USER_BY_NAME)
        err = getpwnam_r(account->name, &user, buffer, room, &found_user);
    else if (account->kind == USER_BY_UID)
        err = getpwuid_r(account->id, &user, buffer, room, &found_user);
    else if (account->kind == GROUP_BY_NAME)
        err = getgrnam_r(account->name, &group, buffer, room, &found_group);
    else
        err = getgrgid_r(account->id, &group, buffer, room, &found_group);
    if (!found_user && !found_group)
        return err ? err : -ENOENT;
    take(account, found_user, found_group);
    if (is_by_name(account))
        return 0;
    const char *name = found_user ? user.pw_name : group.gr_name;
    if (is_made_up(name, found_user ? user.pw_dir : "/"))
        return -ENOENT;
    if (strlen(name) >= sizeof(account->name))
        return ENAMETOOLONG;
    strcpy(account->name, name);
    return 0;
}

/* Returns 0, -ENOENT, or another errno. */
static int ask_in_room(struct account *account)
{
    char small[SMALL_ROOM];
    int err = ask(account, small, sizeof(small));

    for (size_t room = ROOM; err == ERANGE && room <= ROOM_MAX; room *= 4) {
        char *buffer = malloc(room);
        if (!buffer)
            return ENOMEM;
        err = ask(account, buffer, room);
        free(buffer);
    }
    return err;
}

/* Has NSS ask these services. Returns 0, or -1 and errno. */
static int use_services(bool group, const char *services)
{
#ifdef __GLIBC__
    return __nss_configure_lookup(group ? "group" : "passwd", services);
#else
    (void)group, (void)services;
    return 0;
#endif
}

/* Checks that nobody hides the records of systemd's service, which says "not found" where they are hidden
 * (systemd 252, src/shared/userdb.c, userdb_start_query). Returns 0, or -1 and why not. */
static int check_userdb(struct error *why)
{
    static const char *const folders[] = {"/etc/userdb", "/usr/lib/userdb", "/run/userdb",
                                          "/run/systemd/userdb"};
    struct rootfile rootfile;
    struct policy_text text;

    rootfile_begin(&rootfile, ROOTFILE_ROOTS_LINKS);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        const int err = rootfile_read(&rootfile, folders[i], 0, &text, why);
        if (err && err != -ENOENT)
            return -1;
    }
    return 0;
}

/* Reads a database's services from nsswitch.conf, once, and has NSS ask these: neither nscd, whose cache may
 * be older than the files, nor again whether nsswitch.conf has changed. Default: "files". Returns 0, or -1
 * and why not, with NSS left as it is. */
static int set_services(struct names *names, bool group, struct error *why)
{
    const char *database = group ? "group" : "passwd";
    const size_t length = strlen(database);
    struct policy_text text = {.bytes = NULL};
    struct rootfile rootfile;
    char path[16], services[NAMES_SERVICES_SIZE] = "files";
    int size = 0;

    if (names->services[group][0])
        return 0;
    rootfile_begin(&rootfile, ROOTFILE_SETTLED);
    /* Both must be root's own: firejail shows its users a passwd and group with fewer lines. */
    snprintf(path, sizeof(path), "/etc/%s", database);
    int err = rootfile_read(&rootfile, path, SIZE_MAX, &text, why);
    free(text.bytes);
    if (!err || err == -ENOENT)
        err = rootfile_read(&rootfile, "/etc/nsswitch.conf", 65536, &text, why);
    if (err && err != -ENOENT)
        return -1;
    if (text.bytes)
        text.bytes[text.size] = '\0';
    for (char *line, *rest = text.bytes; (line = strsep(&rest, "\n"));) {
        line += strspn(line, " \t");
        line[strcspn(line, "#")] = '\0';
        if (strncmp(line, database, length) == 0 && line[length] == ':')
            size = snprintf(services, sizeof(services), " %s", line + length + 1);
    }
    free(text.bytes);
    if (strstr(services, "systemd") && check_userdb(why) < 0)
        return -1;
    if (size >= (int)sizeof(services))
        return error_set(why, "the line '%s:' in /etc/nsswitch.conf is longer than %d characters", database,
                         NAMES_SERVICES_SIZE - 2);
    if (use_services(group, services) < 0)
        return error_set(why, "the name services cannot be set up: %s", strerror(errno));
    strcpy(names->services[group], services);
    return 0;
}

/* Returns the next service on a line of nsswitch.conf, without actions ([NOTFOUND=return]); NULL: none. */
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
 * newer; with older ones, a process keeps the services of its first lookup. One may add members to the group
 * of another: `everywhere`, ends at the first that has the member. Returns 0, -ENOENT (of the last that was
 * asked), or another -errno and which service failed. */
static int ask_each(struct names *names, struct account *account, struct error *why)
{
    const bool group = account->kind > USER_BY_UID;
    const char *database = group ? "group" : "passwd", *service;
    char copy[NAMES_SERVICES_SIZE], *rest = copy;
    int err = -ENOENT;

    if (set_services(names, group, why) < 0)
        return -EIO;
    strcpy(copy, names->services[group]);
    while ((err == -ENOENT || (!err && account->everywhere && !account->has_member)) &&
           (service = next_service(&rest))) {
        err = use_services(group, service) < 0 ? errno : ask_in_room(account);
        if (err > 0)
            error_set(why, "the name service '%.64s' (%s in /etc/nsswitch.conf) did not answer: %s", service,
                      database, err == ENOENT ? "it is not there" : strerror(err));
    }
    if (use_services(group, names->services[group]) < 0 && err <= 0)
        return error_set(why, "the name services cannot be set up: %s", strerror(errno)), -EIO;
    return err > 0 ? -EIO : err;
}

/* Asks all services together. Returns 0, -ENOENT, or another errno. */
static int ask_all(struct names *names, struct account *account)
{
    const bool group = account->kind > USER_BY_UID;
    char copy[NAMES_SERVICES_SIZE], *rest = copy;
    struct error unused;

    if (set_services(names, group, &unused) == 0) { /* if not, that matters only to ask_each() */
        strcpy(copy, names->services[group]);
        account->alone = next_service(&rest) && !next_service(&rest);
    }
    return ask_in_room(account);
}

static bool is_same(const struct account *a, const struct account *b)
{
    const bool same = is_by_name(a) ? strcmp(a->name, b->name) == 0 : a->id == b->id;

    return same && a->kind == b->kind && a->everywhere == b->everywhere && strcmp(a->member, b->member) == 0;
}

static const struct names_entry *find_known(const struct names *names, const struct account *asked)
{
    const struct names_entry *known = names->first;

    while (known && !is_same(&known->account, asked))
        known = known->next;
    return known;
}

/* Returns 0 or -ENOMEM. */
static int remember(struct names *names, const struct account *account, bool absent)
{
    const size_t size = offsetof(struct account, name) + strlen(account->name) + 1;
    struct names_entry *entry = malloc(offsetof(struct names_entry, account) + size);

    if (!entry)
        return -ENOMEM;
    entry->next = NULL;
    entry->absent = absent;
    memcpy(&entry->account, account, size);
    *names->end = entry;
    names->end = &entry->next;
    names->count++;
    return 0;
}

/* Reads the next account of the database's first service, of that kind. Returns whether there was one. */
static bool next_account(struct account *out)
{
    const struct group *group = out->kind == GROUP_BY_NAME ? getgrent() : NULL;
    const struct passwd *user = out->kind == USER_BY_NAME ? getpwent() : NULL;

    if (!user && !group)
        return false;
    const char *name = user ? user->pw_name : group->gr_name;
    out->name[0] = '\0'; /* such a name cannot be asked for, nor one that the files have for nis(8) */
    if (strlen(name) < sizeof(out->name) && !strchr("+-", *name))
        strcpy(out->name, name);
    out->has_member = false;
    take(out, user, group);
    return true;
}

/* Reads the first accounts of the files at once, as if each had been asked for by its name: for every single
 * one, NSS reads all of them up to it. Only if the files are asked first, and their answer stands. Whatever
 * fails here is looked up later. */
static void read_ahead(struct names *names, const struct account *asked)
{
    const bool group = asked->kind == GROUP_BY_NAME;
    const char *services = names->services[group];
    struct account account = *asked;
    char copy[NAMES_SERVICES_SIZE], *rest = strcpy(copy, services);
    const char *first = next_service(&rest);

    if (names->ahead[group] || !first || strcmp(first, "files") != 0 || strchr(services, '['))
        return;
    names->ahead[group] = true;
    account.alone = !next_service(&rest);
    if (use_services(group, first) < 0)
        return;
    for (int i = 0; i < AHEAD_MOST && next_account(&account); i++)
        if (remember(names, &account, false) < 0)
            break;
    group ? endgrent() : endpwent();
    use_services(group, services);
}

static int look_up(void *context, struct account *account, struct error *why)
{
    struct names *names = context;
    const struct names_entry *known = find_known(names, account);

    if (!known && names->count >= AHEAD_AFTER && is_by_name(account) && !account->everywhere) {
        read_ahead(names, account);
        known = find_known(names, account);
    }
    if (known) {
        memcpy(account, &known->account, offsetof(struct account, name) + strlen(known->account.name) + 1);
        return known->absent ? -ENOENT : 0;
    }
    struct account found = *account;
    int err = account->everywhere ? -ENOENT : ask_all(names, &found);
    if (err)
        err = ask_each(names, &found, why);
    if (err && err != -ENOENT)
        return err;
    if (!err)
        *account = found;
    if (remember(names, account, err) < 0)
        return error_set(why, "no memory"), -ENOMEM;
    return err;
}

void names_begin(struct names *names)
{
    *names = (struct names){.source = {names, look_up}, .end = &names->first};
}

void names_end(struct names *names)
{
    for (struct names_entry *next, *entry = names->first; entry; entry = next) {
        next = entry->next;
        free(entry);
    }
    names_begin(names);
}
