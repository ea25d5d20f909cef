/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "identity.h"

#include "base/error.h"
#include "base/number.h"

#include <errno.h>
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

void caller_selector(const struct caller *caller, char out[CALLER_SELECTOR_SIZE])
{
    char account[IDENTITY_NAME_SIZE];
    struct error unused;
    gid_t gid;

    if (caller->names->find_account(caller->names->context, caller->uid, account, &gid, &unused) == 0)
        snprintf(out, CALLER_SELECTOR_SIZE, "user=%s", account);
    else
        snprintf(out, CALLER_SELECTOR_SIZE, "uid=%u", caller->uid);
}

void identity_begin(struct identity *out, const struct caller *caller)
{
    *out = (struct identity){.caller = caller};
}

/* Looks up the account, once. Returns 0, or -1 and why this cannot be determined. */
static int find_account(struct identity *who, struct error *why)
{
    const struct name_source *names = who->caller->names;
    const uid_t uid = who->caller->uid;
    struct error cause;
    uid_t back = 0;

    if (who->account != IDENTITY_NOT_ASKED)
        return 0;
    int err = names->find_account(names->context, uid, who->name, &who->gid, &cause);
    if (!err)
        err = names->find_user(names->context, who->name, &back, &cause);
    if (err && err != -ENOENT)
        return error_set(why, "uid %u cannot be looked up: %.900s", uid, cause.text);
    who->account = IDENTITY_KNOWN;
    if (err || back != uid) {
        who->account = IDENTITY_NONE;
        who->name[0] = '\0';
    }
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

int identity_is_user(struct identity *who, const char *user, bool deny, struct error *why)
{
    const struct name_source *names = who->caller->names;
    struct error cause;
    unsigned long number;
    uid_t uid = 0;

    if (number_parse(user, 0, (uid_t)-2, &number))
        return number == who->caller->uid;
    if (deny && identity_require_account(who, why) < 0)
        return -1;
    if (deny && strcmp(user, who->name) == 0)
        return 1;
    const int err = names->find_user(names->context, user, &uid, &cause);
    if (err && err != -ENOENT)
        return error_set(why, "user '%.64s' cannot be looked up: %.900s", user, cause.text);
    return !err && uid == who->caller->uid;
}

static bool has_gid(const struct caller *caller, gid_t gid)
{
    for (size_t i = 0; i < caller->group_count; i++)
        if (caller->groups[i] == gid)
            return true;
    return caller->gid == gid;
}

/* Checks whether one of the caller's groups has that name. Returns 1 yes, 0 no, or -1 and why: a group has no
 * name. */
static int has_group_name(const struct caller *caller, const char *group, struct error *why)
{
    const struct name_source *names = caller->names;
    char name[IDENTITY_NAME_SIZE];
    struct error cause;
    int found = 0;

    for (size_t i = 0; i <= caller->group_count; i++) {
        const gid_t gid = i ? caller->groups[i - 1] : caller->gid;
        const int err = names->find_group_name(names->context, gid, name, &cause);
        if (err == -ENOENT)
            return error_set(
                why,
                "gid %u of uid %u has no name (`getent group %u` must show it), and a deny by the name of "
                "a group requires one for each; an administrator can name that group, or deny by number",
                gid, caller->uid, gid);
        if (err)
            return error_set(why, "gid %u cannot be looked up: %.900s", gid, cause.text);
        if (strcmp(name, group) == 0)
            found = 1;
    }
    return found;
}

int identity_in_group(struct identity *who, const char *group, bool deny, struct error *why)
{
    const struct caller *caller = who->caller;
    struct error cause;
    unsigned long number;
    gid_t gid = 0;

    if (deny && find_account(who, why) < 0)
        return -1;
    if (number_parse(group, 0, (gid_t)-2, &number)) {
        gid = (gid_t)number;
    } else {
        const int named = deny ? has_group_name(caller, group, why) : 0;
        if (named)
            return named;
        const int err = caller->names->find_group(caller->names->context, group, &gid, &cause);
        if (err && err != -ENOENT)
            return error_set(why, "group '%.64s' cannot be looked up: %.900s", group, cause.text);
        if (err)
            return 0;
    }
    return has_gid(caller, gid) || (deny && who->account == IDENTITY_KNOWN && who->gid == gid);
}
