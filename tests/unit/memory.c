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

static int find_user(void *context, const char *name, uid_t *uid, struct error *reason)
{
    (void)context;
    if (strcmp(name, "broken") == 0)
        return error_set(reason, "no answer"), -EIO;
    *uid = strcmp(name, "bob") == 0 ? 1001 : 1000;
    return strcmp(name, "alice") == 0 || strcmp(name, "al") == 0 || strcmp(name, "bob") == 0 ? 0 : -ENOENT;
}

static int find_group(void *context, const char *name, gid_t *gid, struct error *reason)
{
    (void)context;
    if (strcmp(name, "broken") == 0)
        return error_set(reason, "no answer"), -EIO;
    *gid = strcmp(name, "own") == 0 ? 2000 : strcmp(name, "students") == 0 ? 2002 : 2003;
    return strcmp(name, "nobody") == 0 ? -ENOENT : 0;
}

static int find_account(void *context, uid_t uid, char name[IDENTITY_NAME_SIZE], gid_t *gid,
                        struct error *reason)
{
    (void)context;
    if (uid == 1099)
        return error_set(reason, "no answer"), -EIO;
    strcpy(name, uid == 1003 ? "broken" : uid == 1004 ? "nobody" : "alice");
    *gid = 1999;
    return uid == 1000 || uid == 1002 || uid == 1003 || uid == 1004 ? 0 : -ENOENT;
}

static int find_group_name(void *context, gid_t gid, char name[IDENTITY_NAME_SIZE], struct error *reason)
{
    (void)context;
    if (gid == 2099)
        return error_set(reason, "no answer"), -EIO;
    snprintf(name, IDENTITY_NAME_SIZE, "%s", gid == 2000 ? "own" : gid == 2001 ? "readers" : "students");
    return gid >= 2000 && gid <= 2002 ? 0 : -ENOENT;
}

const struct name_source memory_names = {NULL, find_user, find_group, find_account, find_group_name};

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
