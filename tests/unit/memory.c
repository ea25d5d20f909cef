/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "memory.h"

#include <errno.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct policy policy;
struct error why;

static int read_memory(void *context, const char *path, size_t limit, struct policy_text *out,
                       struct error *reason)
{
    const struct memory_file *files = context;

    for (size_t i = 0; files[i].path; i++) {
        if (strcmp(files[i].path, path) != 0)
            continue;
        *out = (struct policy_text){.inode = i + 1};
        if (files[i].error || !files[i].text) {
            snprintf(reason->text, sizeof(reason->text), "%s: %s", path, strerror(files[i].error));
            return -files[i].error;
        }
        out->size = files[i].size ? files[i].size : strlen(files[i].text);
        if (out->size > limit)
            return -EFBIG;
        out->bytes = malloc(out->size + 1);
        assert_non_null(out->bytes);
        memcpy(out->bytes, files[i].text, out->size);
        return 0;
    }
    snprintf(reason->text, sizeof(reason->text), "%s: no such file", path);
    return -ENOENT;
}

static int list_memory(void *context, const char *folder, const char *pattern,
                       int (*each)(void *arg, const char *path), void *arg, struct error *reason)
{
    const struct memory_file *files = context;
    const size_t length = strlen(folder);
    int err = 0;

    for (size_t i = 0; files[i].path && !err; i++) {
        const char *path = files[i].path;
        if (strcmp(path, folder) == 0 && files[i].error) {
            snprintf(reason->text, sizeof(reason->text), "%s: %s", path, strerror(files[i].error));
            return -files[i].error;
        }
        if (strncmp(path, folder, length) == 0 && path[length] == '/' &&
            fnmatch(pattern, path + length + 1, 0) == 0)
            err = each(arg, path);
    }
    return err;
}

int read_policy_of(const char *bridge, const struct memory_file *files, enum policy_dialect dialect)
{
    const struct policy_source source = {(void *)(uintptr_t)files, read_memory, list_memory};
    return policy_read(&policy, "/main", dialect, bridge, &source, &why);
}

int read_policy(const struct memory_file *files, enum policy_dialect dialect)
{
    return read_policy_of(NULL, files, dialect);
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names;
}

static int find_user(struct account *user)
{
    static const char *const known[] = {"alice", "al", "bob", NULL};

    user->id = strcmp(user->name, "bob") == 0 ? 1001 : 1000;
    return is_one_of(user->name, known) ? 0 : -ENOENT;
}

static int find_group(struct account *group)
{
    /* getgrouplist(3) of this host does not know of it. */
    group->has_member = strcmp(group->member, "alice") == 0 && strcmp(group->name, "dropped") == 0;
    group->id = strcmp(group->name, "own") == 0 ? 2000 : strcmp(group->name, "students") == 0 ? 2002 : 2003;
    return strcmp(group->name, "nobody") == 0 ? -ENOENT : 0;
}

static int find_account(struct account *user)
{
    const uid_t uid = user->id;

    strcpy(user->name, uid == 1003 ? "broken" : uid == 1004 ? "nobody" : "alice");
    user->gid = 1999;
    return uid == 1000 || uid == 1002 || uid == 1003 || uid == 1004 ? 0 : -ENOENT;
}

static int find_group_name(struct account *group)
{
    group->has_member = strcmp(group->member, "alice") == 0 && group->id == 2004;
    strcpy(group->name, group->id == 2000 ? "own" : group->id == 2001 ? "readers" : "students");
    return (group->id >= 2000 && group->id <= 2002) || group->id == 2004 ? 0 : -ENOENT;
}

static int look_up(void *context, struct account *account, struct error *reason)
{
    const bool by_name = account->kind == USER_BY_NAME || account->kind == GROUP_BY_NAME;
    (void)context;
    if (by_name ? strcmp(account->name, "broken") == 0 : account->id == 1099 || account->id == 2099)
        return error_set(reason, "no answer"), -EIO;
    switch (account->kind) {
    case USER_BY_NAME:
        return find_user(account);
    case USER_BY_UID:
        return find_account(account);
    case GROUP_BY_NAME:
        return find_group(account);
    default:
        return find_group_name(account);
    }
}

const struct name_source memory_names = {NULL, look_up};

static const gid_t groups[] = {2001, 2002};

const struct caller alice = {1000, 2000, groups, 2, &memory_names};

struct policy_match decide(const char *bridge)
{
    struct policy_match verdict;
    assert_int_equal(policy_match(&verdict, &policy, bridge, &alice, &why), 0);
    return verdict;
}

int verdict(const struct memory_file *files, enum policy_dialect dialect, const char *bridge)
{
    int result = -1;

    if (read_policy(files, dialect) == 0)
        result = decide(bridge).allowed;
    policy_free(&policy);
    return result;
}
