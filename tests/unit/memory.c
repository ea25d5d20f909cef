/* SPDX-License-Identifier: GPL-2.0-or-later */
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
struct refusal why;

static int read_memory(void *context, const char *path, size_t limit, struct policy_text *out,
                       struct refusal *reason)
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
                       int (*each)(void *arg, const char *path), void *arg, struct refusal *reason)
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

static const gid_t groups[] = {2001, 2002};

static int find_user(struct names *names, const char *name, uid_t *uid)
{
    (void)names;
    if (strcmp(name, "broken") == 0)
        return -EIO;
    *uid = 1000;
    return strcmp(name, "alice") == 0 ? 0 : -ENOENT;
}

static int find_group(struct names *names, const char *name, gid_t *gid)
{
    (void)names;
    if (strcmp(name, "broken") == 0)
        return -EIO;
    *gid = 2002;
    return strcmp(name, "students") == 0 ? 0 : -ENOENT;
}

const struct caller alice = {1000, 2000, groups, 2, find_user, find_group, NULL, NULL};

struct policy_verdict decide(const char *bridge)
{
    struct policy_verdict verdict;
    assert_int_equal(policy_decide(&verdict, &policy, bridge, &alice, &why), 0);
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
