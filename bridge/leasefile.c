/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "leasefile.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { FILE_MAX = 4 * 1024 * 1024, OWNERS = 3 };

/* Who may own a file. Returns how many these are. */
static size_t find_owners(const char *const accounts[2], uid_t owners[OWNERS])
{
    size_t count = 1;

    owners[0] = 0;
    for (size_t i = 0; i < OWNERS - 1; i++) {
        const struct passwd *account = accounts[i] ? getpwnam(accounts[i]) : NULL;
        if (account)
            owners[count++] = account->pw_uid;
    }
    return count;
}

/* An ACL that lets others write shows in the mode of the group, too. */
static bool is_trusted(const struct stat *st, const uid_t owners[OWNERS], size_t count)
{
    for (size_t i = 0; i < count && !(st->st_mode & (S_IWGRP | S_IWOTH)); i++)
        if (st->st_uid == owners[i])
            return true;
    return false;
}

/* Opens the next part of a path. Returns a descriptor of it, or -1. */
static int step(int folder, const char *name, bool last, const uid_t owners[OWNERS], size_t count)
{
    const int kind = last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
    _cleanup_close_ int fd = openat(folder, name, kind | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !is_trusted(&st, owners, count) || (last && !S_ISREG(st.st_mode)))
        return -1;
    return take_fd(&fd);
}

static int open_trusted(const char *path, const char *const accounts[2])
{
    uid_t owners[OWNERS];
    const size_t count = find_owners(accounts, owners);
    char rest[PATH_MAX];

    if (strlen(path) >= sizeof(rest))
        return -1;
    strcpy(rest, path);
    int fd = step(AT_FDCWD, "/", false, owners, count);
    for (char *at = rest, *name; fd >= 0 && (name = strsep(&at, "/"));) {
        if (!*name)
            continue;
        const int next = step(fd, name, !at, owners, count);
        close(fd);
        fd = next;
    }
    return fd;
}

char *leasefile_read(const char *path, const char *const accounts[2], size_t *size)
{
    _cleanup_close_ const int fd = open_trusted(path, accounts);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > FILE_MAX)
        return NULL;
    const size_t room = (size_t)st.st_size;
    _cleanup_free_ char *text = malloc(room + 1);
    *size = 0;
    while (text && *size < room) {
        const ssize_t got = read(fd, text + *size, room - *size);
        if (got < 0)
            return NULL;
        if (got == 0)
            break; /* it became shorter */
        *size += (size_t)got;
    }
    if (!text)
        return NULL;
    text[*size] = '\0';
    return take_text(&text);
}
