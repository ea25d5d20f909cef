/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Paths are walked by name, folder by folder from '/': once a folder is seen to be root's alone, only root
 * can change what its names mean, so that nothing can be exchanged between the look and the next step. */
#include "trusted.h"

#include "refusal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
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
    IS_LINK = 1,
};

struct walk {
    const char *asked; /* the path as it stands in the policy */
    struct trusted *trusted;
    struct refusal *why;
    char path[PATH_MAX]; /* the same, with the links met so far replaced by their targets */
};

static int untrusted(struct walk *w, const char *what)
{
    refuse(w->why,
           "%.255s: '%.255s' %s; a policy must stand where only root can write, and be root's (mode 0644)",
           w->asked, w->path, what);
    return -EPERM;
}

/* Whether what stands at w->path is root's alone. */
static int check(struct walk *w, const struct stat *st)
{
    if (st->st_uid == OVERFLOW_UID) {
        refuse(
            w->why,
            "%.255s: '%.255s' belongs to nobody, as root's do when seen from a user namespace (rootless container, "
            "Flatpak), which has no power over the host's bridges; start this outside",
            w->asked, w->path);
        return -EPERM;
    }
    if (st->st_uid != 0)
        return untrusted(w, "does not belong to root");
    if (!S_ISLNK(st->st_mode) &&
        st->st_mode & (S_IWGRP | S_IWOTH)) /* an ACL that lets somebody write shows here too */
        return untrusted(w, "is writable by others than root");
    return 0;
}

/* Replaces the link at w->path by its target. What stood behind it is at `rest`, its first character `next`
 * having made way for a '\0'. Returns IS_LINK or -errno. Not inlined: its buffers are for links alone. */
__attribute__((noinline)) static int follow(struct walk *w, char *rest, char next)
{
    char target[PATH_MAX], joined[sizeof(w->path)];
    struct stat st;

    if (w->trusted->links == TRUSTED_NO_LINKS) {
        refuse(w->why,
               "%.255s: '%.255s' is a symbolic link, which a policy may not be; put the file itself there",
               w->asked, w->path);
        return -EPERM;
    }
    if (lstat(w->path, &st) < 0)
        return -errno;
    const int err = check(w, &st);
    if (err)
        return err;
    const ssize_t length = readlink(w->path, target, sizeof(target) - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    const int folder = target[0] == '/' ? 0 : (int)(strrchr(w->path, '/') - w->path) + 1; /* the link's own */
    *rest = next;
    if (snprintf(joined, sizeof(joined), "%.*s%s%s", folder, w->path, target, rest) >= (int)sizeof(joined))
        return -ENAMETOOLONG;
    strcpy(w->path, joined);
    return IS_LINK;
}

/* Checks one folder of the path, which ends at `end`. Returns 0; IS_LINK when a link was replaced; or -errno,
 * w->path then being that folder. */
static int check_folder(struct walk *w, char *end)
{
    struct stat st;
    const char next = *end;

    *end = '\0';
    if (lstat(w->path, &st) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode))
        return follow(w, end, next);
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    const int err = check(w, &st);
    if (!err)
        *end = next;
    return err;
}

/* Checks every folder that leads to w->path. Returns as check_folder() does. */
static int check_folders(struct walk *w)
{
    char *known = w->trusted->folder;
    const size_t length = (size_t)(strrchr(w->path, '/') - w->path) + 1;

    if (strncmp(known, w->path, length) == 0 && !known[length])
        return 0; /* still, for only root could have changed it */
    for (char *slash = w->path; slash; slash = strchr(slash + 1, '/')) {
        const int err = check_folder(w, slash == w->path ? slash + 1 : slash);
        if (err)
            return err;
    }
    memcpy(known, w->path, length);
    known[length] = '\0';
    return 0;
}

static int check_kind(const struct walk *w, const struct stat *st)
{
    if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
        return 0;
    refuse(w->why, "%.255s is not a regular file; write the rules into one", w->asked);
    return -EPERM;
}

/* Returns a descriptor or -errno. A device is not even opened, which may do something: root may be asked to
 * check a policy that somebody else wrote, and that includes one. Nobody but root can put one there between
 * the two calls. */
static int open_trusted(struct walk *w)
{
    struct stat st;

    for (int links = 0; links <= LINKS_MAX; links++) {
        int err = check_folders(w);
        if (!err && lstat(w->path, &st) == 0 && !S_ISLNK(st.st_mode))
            err = check_kind(w, &st);
        if (!err) {
            const int fd = open(w->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
            if (fd >= 0)
                return fd;
            err = errno == ELOOP ? follow(w, w->path + strlen(w->path), '\0') : -errno;
        }
        if (err != IS_LINK)
            return err;
    }
    return -ELOOP;
}

/* Reads a regular file from its start to its end, `size` being what it says of itself. */
static int read_all(int fd, size_t size, size_t limit, struct policy_text *out)
{
    if (size > limit)
        return -EFBIG;
    out->bytes = malloc(size + 1);
    if (!out->bytes)
        return -ENOMEM;
    while (out->size <= size) { /* one more than it says: a file that grows is read again, not cut */
        const ssize_t got = read(fd, out->bytes + out->size, size + 1 - out->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        out->size += (size_t)got;
        if (got == 0 || out->size == size)
            return 0;
    }
    return -EAGAIN;
}

/* Reads an open file after looking at what it is. */
static int read_checked(struct walk *w, int fd, size_t limit, struct policy_text *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    out->device = st.st_dev;
    out->inode = st.st_ino;
    int err = check_kind(w, &st);
    if (!err)
        err = check(w, &st);
    return err || S_ISDIR(st.st_mode) ? err : read_all(fd, (size_t)st.st_size, limit, out);
}

void trusted_begin(struct trusted *trusted, enum trusted_links links)
{
    trusted->links = links;
    trusted->folder[0] = '\0'; /* and no more: it is a page that need not be touched */
}

int trusted_read(void *context, const char *path, size_t limit, struct policy_text *out, struct refusal *why)
{
    struct walk w = {.asked = path, .trusted = context, .why = why};

    *out = (struct policy_text){.bytes = NULL};
    why->text[0] = '\0';
    int err = strlen(path) < sizeof(w.path) ? 0 : -ENAMETOOLONG;
    if (!err) {
        strcpy(w.path, path);
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
            refuse(why, "%.255s: the policy is larger than 4 MiB in all", path);
        else if (err == -EAGAIN)
            refuse(why, "%.255s was written to while it was read, or is no ordinary file; try again", path);
        else if (err == -EACCES)
            refuse(
                why,
                "%.255s cannot be read by this user: %s; an administrator can type: chmod 0644 (or 0640 and "
                "chgrp) on it, and 0755 on its folder",
                path, strerror(-err));
        else if (!why->text[0])
            refuse(why, "%.255s cannot be read: %s; an administrator must mend that", path, strerror(-err));
    }
    return err;
}

/* Not alphasort(), which is the locale's. */
static int compare_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int trusted_list(void *context, const char *folder, const char *pattern,
                 int (*each)(void *arg, const char *path), void *arg, struct refusal *why)
{
    struct walk w = {.asked = folder, .trusted = context, .why = why};
    struct dirent **found = NULL;

    why->text[0] = '\0';
    /* With a slash behind it the folder itself is one of those that are checked. */
    int err = snprintf(w.path, sizeof(w.path), "%s/", folder) < (int)sizeof(w.path) ? open_trusted(&w)
                                                                                    : -ENAMETOOLONG;
    int count = 0;
    if (err >= 0) {
        const int fd = err;
        count = scandirat(fd, ".", &found, NULL, compare_bytes);
        err = count < 0 ? -errno : 0;
        close(fd);
    }
    for (int i = 0; i < count; i++) {
        if (!err && fnmatch(pattern, found[i]->d_name, FNM_PERIOD) == 0)
            err = snprintf(w.path, sizeof(w.path), "%s/%s", folder, found[i]->d_name) < (int)sizeof(w.path)
                      ? each(arg, w.path)
                      : -ENAMETOOLONG;
        free(found[i]);
    }
    free(found);
    if (err && !why->text[0])
        refuse(why, "%.255s cannot be read: %s; an administrator must mend that", folder, strerror(-err));
    return err;
}
