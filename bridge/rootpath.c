/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "rootpath.h"
#include "base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LINKS_MAX = 40 /* the kernel's limit for one path */ };

struct walk {
    char *real;          /* PATH_MAX bytes: the part resolved so far, without a trailing '/'; "" is '/' */
    char rest[PATH_MAX]; /* the part not yet resolved */
    int links;
};

static bool only_roots(const struct stat *st)
{
    return st->st_uid == 0 && (S_ISLNK(st->st_mode) || !(st->st_mode & (S_IWGRP | S_IWOTH)));
}

/* Prepends the target of the link at `real` to the rest. */
static int follow(struct walk *walk)
{
    char target[PATH_MAX], joined[PATH_MAX];

    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    if (!text_link(walk->real, target, sizeof(target)))
        return -errno;
    if (snprintf(joined, sizeof(joined), "%s/%s", target, walk->rest) >= (int)sizeof(joined))
        return -ENAMETOOLONG;
    strcpy(walk->rest, joined);
    if (*target == '/')
        *walk->real = '\0';
    else
        *strrchr(walk->real, '/') = '\0';
    return 0;
}

/* Takes the next component from the rest and stats it. */
static int step(struct walk *walk, struct stat *st)
{
    char name[NAME_MAX + 1];
    const size_t length = strcspn(walk->rest, "/"), behind = length + strspn(walk->rest + length, "/");

    if (length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, walk->rest, length);
    name[length] = '\0';
    memmove(walk->rest, walk->rest + behind, strlen(walk->rest + behind) + 1);
    if (strcmp(name, "..") == 0 && *walk->real)
        *strrchr(walk->real, '/') = '\0';
    if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0 || !*name) /* empty: the rest began with '/' */
        return lstat(*walk->real ? walk->real : "/", st) < 0 ? -errno : 0;
    const size_t used = strlen(walk->real);
    if (snprintf(walk->real + used, PATH_MAX - used, "/%s", name) >= (int)(PATH_MAX - used))
        return -ENAMETOOLONG;
    if (lstat(walk->real, st) < 0)
        return -errno;
    if (!only_roots(st))
        return -EPERM;
    if (S_ISLNK(st->st_mode))
        return follow(walk);
    return 0;
}

int rootpath(const char *path, char real[PATH_MAX], struct stat *st)
{
    struct walk walk = {.real = real};
    int err = 0;

    *real = '\0';
    if (*path != '/')
        return -EINVAL;
    path += strspn(path, "/");
    if (strlen(path) >= sizeof(walk.rest))
        return -ENAMETOOLONG;
    strcpy(walk.rest, path);
    if (lstat("/", st) < 0)
        return -errno;
    if (!only_roots(st))
        return -EPERM;
    while (err == 0 && *walk.rest)
        err = step(&walk, st);
    if (err < 0 && (err != -ENOENT || *walk.rest))
        *real = '\0';
    else if (!*real)
        strcpy(real, "/");
    return err;
}

int rootpath_file(const char *path, char real[PATH_MAX], struct stat *st)
{
    const int err = rootpath(path, real, st);

    if (err < 0)
        return err;
    if (S_ISREG(st->st_mode))
        return 0;
    return -EPERM;
}
