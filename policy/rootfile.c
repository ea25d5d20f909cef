/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Paths are walked by name, folder by folder from '/'. Once a folder is known to be writable by root only,
 * only root can change what the names in it refer to, so nothing can be exchanged between a check and the
 * next step. */
#include "rootfile.h"

#include "base/error.h"
#include "base/quote.h"
#include "mounts.h"
#include "settle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum {
    LINKS_MAX = 40,       /* the kernel's limit for one path */
    OVERFLOW_UID = 65534, /* uids unmapped in a user namespace (/proc/sys/kernel/overflowuid's default) */
    IS_LINK = 1,
};

struct walk {
    const char *asked; /* the path as written in the policy */
    struct rootfile *rootfile;
    struct error *why;
    char path[PATH_MAX]; /* the same, with the links so far replaced by their targets */
};

static int untrusted(struct walk *w, const char *what, const char *remedy)
{
    error_set(
        w->why,
        "%.255s: '%.255s' %s; a policy must be where only root can write; an administrator can type: %s %s",
        w->asked, w->path, what, remedy, quote(w->path).text);
    return -EPERM;
}

/* Examines w->path, which may be a link, or an open descriptor. Returns 0 or -errno. */
static int look(const struct walk *w, int fd, struct statx *out)
{
    const char *path = fd < 0 ? w->path : "";
    const int flags = fd < 0 ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH;

    return statx(fd < 0 ? AT_FDCWD : fd, path, flags, STATX_BASIC_STATS | STATX_MNT_ID, out) < 0 ? -errno : 0;
}

/* Checks that w->path is writable by root only, and is not a mount that hides root's own files. */
static int check(struct walk *w, const struct statx *st)
{
    if (st->stx_uid == OVERFLOW_UID) {
        error_set(
            w->why,
            "%.255s: '%.255s' belongs to nobody, as root's files do inside a user namespace (rootless container, "
            "Flatpak), which cannot use the host's bridges; start this outside it",
            w->asked, w->path);
        return -EPERM;
    }
    if (st->stx_uid != 0)
        return untrusted(w, "does not belong to root", "chown root");
    if (!S_ISLNK(st->stx_mode) &&
        st->stx_mode & (S_IWGRP | S_IWOTH)) /* an ACL that lets others write shows here too */
        return untrusted(w, "is writable by others than root", "chmod go-w");
    if (st->stx_attributes & STATX_ATTR_MOUNT_ROOT && strcmp(w->path, "/") != 0) /* Linux 5.8 */
        return mounts_check(w->path, st->stx_mnt_id, w->rootfile->links == ROOTFILE_ROOTS_LINKS, w->why);
    return 0;
}

/* Changes w->path to its parent folder. */
static void to_parent(struct walk *w)
{
    char *slash = strrchr(w->path, '/');

    slash[slash == w->path] = '\0';
}

/* Returns whether the mode of a root-owned file denies the caller one of these bits (given as for others). */
static bool mode_denies(const struct statx *st, unsigned int bits)
{
    const int count = getgroups(0, NULL);
    gid_t *groups = count > 0 ? calloc((size_t)count, sizeof(*groups)) : NULL;
    bool member = st->stx_gid == getegid();

    if (count > 0 && (!groups || getgroups(count, groups) != count))
        bits = 0; /* which denies nothing: unknown */
    for (int i = 0; i < count && bits; i++)
        member = member || groups[i] == st->stx_gid;
    free(groups);
    if (st->stx_uid == geteuid())
        bits <<= 6;
    else if (member)
        bits <<= 3;
    return (st->stx_mode & bits) != bits;
}

/* After EACCES at w->path: returns -EACCES if the mode and group of the file or of its folder explain it;
 * otherwise -EPERM. */
static int explain_denial(struct walk *w)
{
    struct statx st;
    unsigned int bits = S_IROTH;

    int err = look(w, -1, &st);
    if (!err && S_ISDIR(st.stx_mode))
        bits |= S_IXOTH;
    if (err == -EACCES) {
        to_parent(w);
        bits = S_IXOTH;
        err = look(w, -1, &st);
    }
    if (!err)
        err = check(w, &st);
    if (err || mode_denies(&st, bits))
        return err ? err : -EACCES;
    error_set(
        w->why,
        "%.255s: '%.255s' is readable by its mode, but reading it is denied: a sandbox, a security module (AppArmor, "
        "SELinux) or an ACL hides it, and with it perhaps a deny; an administrator can permit reading, or deny it by mode "
        "and group",
        w->asked, w->path);
    return -EPERM;
}

/* Replaces the link at w->path by its target. The rest of the path is at `rest`, whose first character `next`
 * was replaced by a '\0'. Returns IS_LINK or -errno. Not inlined, so that only links cost its buffers. */
__attribute__((noinline)) static int follow(struct walk *w, char *rest, char next)
{
    char target[PATH_MAX], joined[sizeof(w->path)];
    struct statx st;

    if (w->rootfile->links == ROOTFILE_NO_LINKS) {
        error_set(
            w->why,
            "%.255s: '%.255s' is a symbolic link, which a policy must not be; replace it with the file itself",
            w->asked, w->path);
        return -EPERM;
    }
    int err = look(w, -1, &st);
    if (!err)
        err = check(w, &st);
    if (err)
        return err;
    const ssize_t length = readlink(w->path, target, sizeof(target) - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    const int folder = target[0] == '/' ? 0 : (int)(strrchr(w->path, '/') - w->path) + 1; /* the link's */
    *rest = next;
    if (snprintf(joined, sizeof(joined), "%.*s%s%s", folder, w->path, target, rest) >= (int)sizeof(joined))
        return -ENAMETOOLONG;
    strcpy(w->path, joined);
    return IS_LINK;
}

/* Checks one folder of the path, ending at `end`. Returns 0; IS_LINK if a link was replaced; or -errno, and
 * w->path is then that folder. */
static int check_folder(struct walk *w, char *end)
{
    struct statx st;
    const char next = *end;

    *end = '\0';
    int err = look(w, -1, &st);
    if (err)
        return err;
    if (S_ISLNK(st.stx_mode))
        return follow(w, end, next);
    if (!S_ISDIR(st.stx_mode))
        return -ENOTDIR;
    err = check(w, &st);
    if (!err)
        *end = next;
    return err;
}

/* Checks every folder that leads to w->path. Returns like check_folder(). */
static int check_folders(struct walk *w)
{
    char *known = w->rootfile->folder;
    const size_t length = (size_t)(strrchr(w->path, '/') - w->path) + 1;

    if (strncmp(known, w->path, length) == 0 && !known[length])
        return 0; /* still valid: only root could have changed it */
    for (char *slash = w->path; slash; slash = strchr(slash + 1, '/')) {
        const int err = check_folder(w, slash == w->path ? slash + 1 : slash);
        if (err)
            return err;
    }
    memcpy(known, w->path, length);
    known[length] = '\0';
    return 0;
}

static int check_kind(const struct walk *w, mode_t mode)
{
    if (S_ISREG(mode) || S_ISDIR(mode))
        return 0;
    error_set(w->why, "%.255s is not a regular file; write the rules into one", w->asked);
    return -EPERM;
}

/* Returns a descriptor or -errno. Does not even open a device, which could have side effects: root may be
 * asked to check a policy that somebody else wrote and that includes one. Only root could put one there
 * between the two calls. */
static int open_once(struct walk *w)
{
    struct stat st;

    for (int links = 0; links <= LINKS_MAX; links++) {
        int err = check_folders(w);
        if (!err && lstat(w->path, &st) == 0 && !S_ISLNK(st.st_mode))
            err = check_kind(w, st.st_mode);
        if (!err) {
            const int fd = open(w->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
            if (fd >= 0)
                return fd;
            err = errno == ELOOP ? follow(w, w->path + strlen(w->path), '\0') : -errno;
        }
        if (err != IS_LINK)
            return err == -EACCES ? explain_denial(w) : err;
    }
    return -ELOOP;
}

/* Opens the requested file. With ROOTFILE_NO_LINKS, it counts as missing only if it stays so. Returns like
 * open_once(). */
static int open_trusted(struct walk *w)
{
    struct timespec began;
    struct statx folder;

    if (strlen(w->asked) >= sizeof(w->path))
        return -ENAMETOOLONG;
    for (int round = 0; round < SETTLE_ROUNDS; round++) {
        clock_gettime(CLOCK_REALTIME, &began);
        strcpy(w->path, w->asked);
        const int fd = open_once(w);
        if (fd != -ENOENT || w->rootfile->links != ROOTFILE_NO_LINKS)
            return fd;
        to_parent(w);
        if (look(w, -1, &folder) < 0 || !settle_wait(&began, &folder))
            return fd;
    }
    return -EAGAIN;
}

/* Reads a regular file from start to end; `size` is its size as reported. */
static int read_all(int fd, size_t size, size_t limit, struct policy_text *out)
{
    if (size > limit)
        return -EFBIG;
    out->bytes = malloc(size + 1);
    if (!out->bytes)
        return -ENOMEM;
    while (out->size <= size) { /* one byte more: a file that grows is read again, not truncated */
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

/* Reads an open file after checking what it is. */
static int read_checked(struct walk *w, int fd, size_t limit, struct policy_text *out)
{
    struct statx st;

    int err = look(w, fd, &st);
    if (err)
        return err;
    out->device = makedev(st.stx_dev_major, st.stx_dev_minor);
    out->inode = st.stx_ino;
    err = check_kind(w, st.stx_mode);
    if (!err)
        err = check(w, &st);
    return err || S_ISDIR(st.stx_mode) ? err : read_all(fd, (size_t)st.stx_size, limit, out);
}

void rootfile_begin(struct rootfile *rootfile, enum rootfile_links links)
{
    rootfile->links = links;
    rootfile->folder[0] = '\0'; /* not the whole array: that would touch a page for nothing */
}

int rootfile_read(void *context, const char *path, size_t limit, struct policy_text *out, struct error *why)
{
    struct walk w = {.asked = path, .rootfile = context, .why = why};

    *out = (struct policy_text){.bytes = NULL};
    why->text[0] = '\0';
    int err = open_trusted(&w);
    if (err >= 0) {
        const int fd = err;
        err = read_checked(&w, fd, limit, out);
        if (err == -EACCES)
            err = explain_denial(&w);
        close(fd);
    }
    if (err) {
        free(out->bytes);
        out->bytes = NULL;
        if (err == -EFBIG)
            error_set(why, "%.255s: the policy is larger than 4 MiB in all", path);
        else if (err == -EAGAIN)
            error_set(why, "%.255s changed while it was being read, or is not a regular file; try again",
                      path);
        else if (err == -EACCES)
            error_set(
                why,
                "%.255s cannot be read by this user: %s; an administrator can type: chmod 0644 (or 0640 and "
                "chgrp) on it, and 0755 on its folder",
                path, strerror(-err));
        else if (!why->text[0])
            error_set(why, "%.255s cannot be read: %s; an administrator must fix that", path, strerror(-err));
    }
    return err;
}

/* Unlike alphasort(), which uses the locale. */
static int compare_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_names(struct dirent **names, int count)
{
    for (int i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}

/* Lists the names in a folder once it has settled. Returns their number, or -errno; the caller frees the
 * list. */
static int list_names(struct walk *w, struct dirent ***names)
{
    struct timespec began;
    struct statx folder;

    for (int round = 0; round < SETTLE_ROUNDS; round++) {
        clock_gettime(CLOCK_REALTIME, &began);
        const int fd = open_trusted(w);
        if (fd < 0)
            return fd;
        const int count = scandirat(fd, ".", names, NULL, compare_bytes);
        int err = count < 0 ? -errno : look(w, fd, &folder);
        close(fd);
        if (count < 0)
            return err == -EACCES ? explain_denial(w) : err;
        if (!err && !settle_wait(&began, &folder))
            return count;
        free_names(*names, count);
        *names = NULL;
        if (err)
            return err;
    }
    return -EAGAIN;
}

int rootfile_list(void *context, const char *folder, const char *pattern,
                  int (*each)(void *arg, const char *path), void *arg, struct error *why)
{
    char path[PATH_MAX];
    struct walk w = {.asked = path, .rootfile = context, .why = why};
    struct dirent **found = NULL;

    why->text[0] = '\0';
    /* The trailing slash makes the folder itself one of those checked. */
    const int count = snprintf(path, sizeof(path), "%s/", folder) < (int)sizeof(path) ? list_names(&w, &found)
                                                                                      : -ENAMETOOLONG;
    struct dirent *const *names = found;
    int err = count < 0 ? count : 0;
    for (int i = 0; names && i < count; i++) {
        if (!err && fnmatch(pattern, names[i]->d_name, FNM_PERIOD) == 0)
            err = snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name) < (int)sizeof(path)
                      ? each(arg, path)
                      : -ENAMETOOLONG;
    }
    free_names(found, count);
    if (err && !why->text[0])
        error_set(why, "%.255s cannot be read: %s; an administrator must fix that", folder, strerror(-err));
    return err;
}
