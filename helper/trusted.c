/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trusted.h"

#include "refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINKS_MAX = 40, /* as many as the kernel follows in one path */
    OVERFLOW_UID =
        65534, /* of whom a user namespace does not know (/proc/sys/kernel/overflowuid, as it ever is) */
};

struct walk {
    const char *asked; /* the path as it stands in the policy */
    enum trusted_links links;
    int links_seen;
    struct refusal *why;
    char rest[2 *
              PATH_MAX]; /* what remains to be walked from the folder reached, "" or with a slash before it */
};

static int untrusted(struct walk *w, const char *kind, const char *name, const char *what)
{
    refuse(w->why, "%s: %s '%.255s' %s, so it is not the administrator's alone; `chown root`, `chmod go-w`",
           w->asked, kind, name, what);
    return -EPERM;
}

static int check(struct walk *w, const struct stat *st, const char *kind, const char *name)
{
    if (st->st_uid == OVERFLOW_UID) {
        refuse(w->why,
               "%s: %s '%.255s' belongs to nobody, as root's do when seen from a user namespace (rootless "
               "container, Flatpak), which has no power over the host's bridges; start this outside",
               w->asked, kind, name);
        return -EPERM;
    }
    if (st->st_uid != 0)
        return untrusted(w, kind, name, "does not belong to root");
    if (!S_ISLNK(st->st_mode) &&
        st->st_mode & (S_IWGRP | S_IWOTH)) /* an ACL that lets somebody write shows here too */
        return untrusted(w, kind, name, "is writable by others than root");
    return 0;
}

/* Puts the target of the link `name` of folder *at in front of what remains; *at becomes '/' if it is
 * absolute. */
static int follow(struct walk *w, int *at, const char *name)
{
    char target[PATH_MAX], joined[sizeof(w->rest)];
    struct stat st;

    if (w->links == TRUSTED_NO_LINKS) {
        refuse(w->why,
               "%s: '%.255s' is a symbolic link, which a policy may not be; put the file itself there",
               w->asked, name);
        return -EPERM;
    }
    if (++w->links_seen > LINKS_MAX)
        return -ELOOP;
    if (fstatat(*at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    const int err = check(w, &st, "the link", name);
    if (err)
        return err;
    const ssize_t length = readlinkat(*at, name, target, sizeof(target) - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    if (snprintf(joined, sizeof(joined), "%s%s", target, w->rest) >= (int)sizeof(joined))
        return -ENAMETOOLONG;
    strcpy(w->rest, joined);
    return target[0] == '/';
}

/* Replaces folder *at by `name` in it, or by "/". */
static int enter(struct walk *w, int *at, const char *name)
{
    struct stat st;
    const int next = openat(*at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (next < 0)
        return -errno;
    const int err = fstat(next, &st) < 0 ? -errno : 0;
    if (err || S_ISLNK(st.st_mode)) {
        close(next);
        const int from_root = err ? err : follow(w, at, name);
        return from_root == 1 ? enter(w, at, "/") : from_root;
    }
    if (*at >= 0)
        close(*at);
    *at = next;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    return check(w, &st, "the folder", name);
}

/* Cuts the next component off w->rest; NULL when nothing remains. */
static char *next_component(struct walk *w, char name[NAME_MAX + 1], int *err)
{
    const char *start = w->rest + strspn(w->rest, "/");
    const size_t length = strcspn(start, "/");

    if (length > NAME_MAX) {
        *err = -ENAMETOOLONG;
        return NULL;
    }
    memcpy(name, start, length);
    name[length] = '\0';
    memmove(w->rest, start + length, strlen(start + length) + 1);
    return length ? name : NULL;
}

/* Opens what remains of the path, from folder *at. Returns a descriptor or -errno. */
static int open_rest(struct walk *w, int *at)
{
    char name[NAME_MAX + 1];
    int err = 0;

    while (next_component(w, name, &err)) {
        if (w->rest[0]) { /* a slash follows: it must be a folder */
            err = enter(w, at, name);
            if (err)
                return err;
            continue;
        }
        const int fd = openat(*at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        if (errno != ELOOP)
            return -errno;
        err = follow(w, at, name);
        if (err == 1)
            err = enter(w, at, "/");
        if (err)
            return err;
    }
    if (err)
        return err;
    const int folder = openat(*at, ".", O_RDONLY | O_CLOEXEC); /* the path ends in a slash */
    return folder < 0 ? -errno : folder;
}

static int open_trusted(struct walk *w)
{
    int at = -1;
    int fd = enter(w, &at, "/");

    if (fd == 0)
        fd = open_rest(w, &at);
    if (at >= 0)
        close(at);
    return fd;
}

static int read_all(int fd, size_t limit, struct policy_text *out)
{
    size_t room = 4096;

    for (;;) {
        char *bytes = realloc(out->bytes, room);
        if (!bytes)
            return -ENOMEM;
        out->bytes = bytes;
        const ssize_t got = read(fd, bytes + out->size, room - out->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        out->size += (size_t)got;
        if (out->size > limit)
            return -EFBIG;
        if (out->size == room)
            room *= 2;
    }
}

/* Reads an open file after looking at what it is. */
static int read_checked(struct walk *w, int fd, size_t limit, struct policy_text *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    const int err = check(w, &st, "the file", w->asked);
    if (err)
        return err;
    out->device = st.st_dev;
    out->inode = st.st_ino;
    if (S_ISDIR(st.st_mode))
        return 0;
    if (!S_ISREG(st.st_mode)) {
        refuse(w->why, "%s is not a regular file; write the rules into one", w->asked);
        return -EPERM;
    }
    return read_all(fd, limit, out);
}

int trusted_read(void *context, const char *path, size_t limit, struct policy_text *out, struct refusal *why)
{
    struct walk w = {.asked = path, .links = *(const enum trusted_links *)context, .why = why};

    *out = (struct policy_text){.bytes = NULL};
    why->text[0] = '\0';
    int err = strlen(path) < PATH_MAX ? 0 : -ENAMETOOLONG;
    if (!err) {
        strcpy(w.rest, path);
        err = open_trusted(&w);
    }
    if (err >= 0) {
        const int fd = err;
        err = read_checked(&w, fd, limit, out);
        close(fd);
    }
    if (err) {
        free(out->bytes);
        out->bytes = NULL;
        if (err == -EFBIG)
            refuse(why, "%s: the policy is larger than 4 MiB in all", path);
        else if (!why->text[0])
            refuse(why, "%s cannot be read: %s", path, strerror(-err));
    }
    return err;
}
