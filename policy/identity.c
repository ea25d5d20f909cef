/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "identity.h"

#include "base/error.h"
#include "base/number.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int caller_self(struct caller *out, const struct name_source *names, struct error *why)
{
    static gid_t groups[NGROUPS_MAX];
    const int count = getgroups(NGROUPS_MAX, groups);

    if (count < 0)
        return error_set(why, "cannot tell which groups the caller is in: %s", strerror(errno));
    *out = (struct caller){getuid(), getgid(), groups, (size_t)count, names};
    return 0;
}

/* Whether a rule can say that name: one word of ASCII that is not taken for a number. */
static bool can_be_named(const char *name)
{
    const bool number = !name[strspn(name, "0123456789")];

    while (*name > ' ' && *name < 0x7f)
        name++;
    return !*name && !number;
}

void caller_selector(const struct caller *caller, char out[CALLER_SELECTOR_SIZE])
{
    struct account account = {.kind = USER_BY_UID, .id = caller->uid};
    struct error unused;

    const int err = caller->names->look_up(caller->names->context, &account, &unused);
    if (!err && can_be_named(account.name))
        snprintf(out, CALLER_SELECTOR_SIZE, "user=%s", account.name);
    else
        snprintf(out, CALLER_SELECTOR_SIZE, "%s=%u", err ? "uid" : "user", caller->uid);
}

void identity_begin(struct identity *out, const struct caller *caller)
{
    *out = (struct identity){.caller = caller};
}

/* Looks up the account, once. Returns 0, or -1 and why this cannot be determined. */
static int find_account(struct identity *who, struct error *why)
{
    const struct name_source *names = who->caller->names;
    struct account account = {.kind = USER_BY_UID, .id = who->caller->uid};
    struct error cause;

    if (who->account != IDENTITY_NOT_ASKED)
        return 0;
    int err = names->look_up(names->context, &account, &cause);
    struct account back = account;
    back.kind = USER_BY_NAME;
    if (!err)
        err = names->look_up(names->context, &back, &cause);
    if (err && err != -ENOENT)
        return error_set(why, "uid %u cannot be looked up: %.900s", who->caller->uid, cause.text);
    who->account = IDENTITY_NONE;
    if (err || back.id != who->caller->uid)
        return 0;
    who->account = IDENTITY_KNOWN;
    who->gid = account.gid;
    strcpy(who->name, account.name);
    return 0;
}

int identity_require_account(struct identity *who, struct error *why)
{
    const uid_t uid = who->caller->uid;

    if (find_account(who, why) < 0)
        return -1;
    if (who->account == IDENTITY_KNOWN)
        return 0;
    return error_set(
        why,
        "uid %u has no account (`getent passwd %u` must show one whose name leads back to it); for a "
        "service, a container or subordinate uids an administrator can write a rule with uid=%u or "
        "uid=FIRST-LAST",
        uid, uid, uid);
}

/* Finds what a rule names, by name or, as the account's kind says, by number. Returns 1, 0 if there is none,
 * or -1 and why this cannot be determined. */
static int find_named(const struct caller *caller, struct account *account, const char *name,
                      struct error *why)
{
    struct error cause;

    if (strlen(name) >= sizeof(account->name))
        return 0; /* too long for any account */
    strcpy(account->name, name);
    const int err = caller->names->look_up(caller->names->context, account, &cause);
    if (!err)
        return 1;
    if (err == -ENOENT)
        return 0;
    return error_set(why, "%s '%.64s' cannot be looked up: %.900s",
                     account->kind == USER_BY_NAME ? "user" : "group", name, cause.text);
}

int identity_is_user(struct identity *who, const char *user, bool deny, struct error *why)
{
    struct account account = {.kind = USER_BY_NAME};
    unsigned long number;

    if (number_parse(user, 0, (uid_t)-2, &number)) {
        if (number == who->caller->uid || !deny)
            return number == who->caller->uid;
        if (find_account(who, why) < 0) /* the number may be a login, as students have them */
            return -1;
        return strcmp(user, who->name) == 0;
    }
    if (deny && identity_require_account(who, why) < 0)
        return -1;
    if (deny && strcmp(user, who->name) == 0)
        return 1;
    const int found = find_named(who->caller, &account, user, why);
    if (found <= 0)
        return found;
    return account.id == who->caller->uid;
}

/* A process can drop groups of its account in a user namespace (newgidmap(1)), and then ask the broker. They
 * are looked up once for each account. */
static bool account_has_gid(const struct identity *who, gid_t gid)
{
    static gid_t groups[NGROUPS_MAX];
    static int count; /* 0: of nobody yet */
    static uid_t uid;

    if (count == 0 || uid != who->caller->uid) {
        count = NGROUPS_MAX;
        uid = who->caller->uid;
        if (getgrouplist(who->name, who->gid, groups, &count) < 0)
            count = NGROUPS_MAX + 1; /* or no memory, with nothing in the list */
    }
    if (count > NGROUPS_MAX)
        return true;
    for (int i = 0; i < count; i++)
        if (groups[i] == gid)
            return true;
    return false;
}

static bool has_gid(const struct identity *who, gid_t gid, bool by_account)
{
    const struct caller *caller = who->caller;

    for (size_t i = 0; i < caller->group_count; i++)
        if (caller->groups[i] == gid)
            return true;
    return caller->gid == gid || (by_account && who->account == IDENTITY_KNOWN && account_has_gid(who, gid));
}

/* Checks whether one of the caller's groups has that name. Returns 1, 0, or -1 and why: one has no name. */
static int has_group_name(const struct caller *caller, const char *group, struct error *why)
{
    struct error cause;
    int found = 0;

    for (size_t i = 0; i <= caller->group_count; i++) {
        struct account account = {.kind = GROUP_BY_GID, .id = caller->gid};
        if (i > 0)
            account.id = caller->groups[i - 1];
        const gid_t gid = account.id;
        const int err = caller->names->look_up(caller->names->context, &account, &cause);
        if (err == -ENOENT)
            return error_set(
                why,
                "gid %u of uid %u has no name (`getent group %u` must show it), and a deny by the name of "
                "a group requires one for each; an administrator can name that group, or deny by number",
                gid, caller->uid, gid);
        if (err)
            return error_set(why, "gid %u cannot be looked up: %.900s", gid, cause.text);
        if (strcmp(account.name, group) == 0)
            found = 1;
    }
    return found;
}

/* Beside the account's groups, the group's own lists of members count: getgrouplist(3) does not tell when a
 * name service fails, which whoever starves this process could choose; a look-up does. */
int identity_in_group(struct identity *who, const char *group, bool deny, struct error *why)
{
    const bool by_account = deny || who->by_account;
    struct account account = {.kind = GROUP_BY_GID};
    unsigned long number;
    int found = 1;

    if (by_account && find_account(who, why) < 0)
        return -1;
    strcpy(account.member, who->name); /* "": not known yet */
    if (number_parse(group, 0, (gid_t)-2, &number)) {
        account.id = (gid_t)number;
    } else {
        account.kind = GROUP_BY_NAME;
        if (deny && (found = has_group_name(who->caller, group, why)) != 0)
            return found;
        found = find_named(who->caller, &account, group, why);
    }
    if (found <= 0 || has_gid(who, account.id, by_account))
        return found;
    if (!by_account || who->account != IDENTITY_KNOWN)
        return 0;
    if (account.has_member || account.alone)
        return account.has_member;
    account.everywhere = true;
    found = find_named(who->caller, &account, group, why);
    return found < 0 ? found : account.has_member;
}
