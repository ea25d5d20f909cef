/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Paths are walked by name, folder by folder from '/'. Once a folder is known to be writable by root only,
 * only root can change what the names in it refer to, so nothing can be exchanged between a check and the
 * next step. */
#include "rootfile.h"

#include "base/closing.h"
#include "base/error.h"
#include "base/quote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
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
};

struct walk {
    const char *asked; /* the path as written in the policy */
    struct rootfile *rootfile;
    struct error *why;
    char path[PATH_MAX]; /* the same, with the links so far replaced by their targets */
};

/* Refuses what is at w->path. Returns -EPERM. */
static int refuse(const struct walk *w, const char *what)
{
    error_set(w->why, "%.255s: '%.255s' %s", w->asked, w->path, what);
    return -EPERM;
}

static int untrusted(const struct walk *w, const char *what, const char *remedy)
{
    error_set(
        w->why,
        "%.255s: '%.255s' %s; a policy must be where only root can write; an administrator can type: %s %s",
        w->asked, w->path, what, remedy, quote(w->path).text);
    return -EPERM;
}

/* Examines a path, which may be a link, or with "" an open descriptor. Returns 0 or -errno. */
static int look(int fd, const char *path, struct statx *out)
{
    if (statx(fd, path, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, out) < 0)
        return -errno;
    return 0;
}

/* Checks that w->path is writable by root only, and is not a mount that hides root's own files. */
static int check(struct walk *w, const struct statx *st)
{
    if (st->stx_uid == OVERFLOW_UID)
        return refuse(
            w, "belongs to nobody, as root's files do inside a user namespace (rootless container, Flatpak), "
               "which cannot use the host's bridges; start this outside it");
    if (st->stx_uid != 0)
        return untrusted(w, "does not belong to root", "chown root");
    if (!S_ISLNK(st->stx_mode) &&
        st->stx_mode & (S_IWGRP | S_IWOTH)) /* an ACL that lets others write shows here too */
        return untrusted(w, "is writable by others than root", "chmod go-w");
    if (st->stx_attributes & STATX_ATTR_MOUNT_ROOT && strcmp(w->path, "/") != 0) /* Linux 5.8 */
        return mounts_check(w->path, st->stx_mnt_id, w->rootfile->links != ROOTFILE_NO_LINKS, w->why);
    return 0;
}

static void to_parent(struct walk *w)
{
    char *slash = strrchr(w->path, '/');

    slash[slash == w->path] = '\0';
}

/* Returns whether the mode of a root-owned file denies the caller one of these bits (given as for others). */
static bool mode_denies(const struct statx *st, unsigned int bits)
{
    static gid_t groups[NGROUPS_MAX];
    const int count = getgroups(NGROUPS_MAX, groups);
    bool member = st->stx_gid == getegid();

    for (int i = 0; i < count; i++)
        member = member || groups[i] == st->stx_gid;
    if (st->stx_uid == geteuid())
        bits <<= 6;
    else if (member)
        bits <<= 3;
    return count >= 0 && (st->stx_mode & bits) != bits;
}

/* After EACCES at w->path: returns -EACCES if mode and group of it or its folder explain it; else -EPERM. */
static int explain_denial(struct walk *w)
{
    struct statx st;
    unsigned int bits = S_IROTH;

    int err = look(AT_FDCWD, w->path, &st);
    if (!err && S_ISDIR(st.stx_mode))
        bits |= S_IXOTH;
    if (err == -EACCES) {
        to_parent(w);
        bits = S_IXOTH;
        err = look(AT_FDCWD, w->path, &st);
    }
    if (!err)
        err = check(w, &st);
    if (!err && mode_denies(&st, bits))
        err = -EACCES;
    if (err)
        return err;
    return refuse(
        w,
        "is readable by its mode, but reading it is denied: a sandbox, a security module (AppArmor, SELinux) or "
        "an ACL hides it, and with it perhaps a deny; an administrator can permit reading, or deny it by mode "
        "and group");
}

/* Replaces the link at w->path by its target. The rest of the path is at `rest`, whose first character `next`
 * was replaced by a '\0'. Returns -ELOOP, for another walk; or another -errno. Not inlined: it has large
 * buffers. */
__attribute__((noinline)) static int follow(struct walk *w, const struct statx *link, char *rest, char next)
{
    char target[PATH_MAX], joined[sizeof(w->path)];
    int folder = 0; /* the length of the link's, if the target is relative to it */

    if (w->rootfile->links == ROOTFILE_NO_LINKS)
        return refuse(w, "is a symbolic link, which a policy must not be; replace it with the file itself");
    const int err = check(w, link);
    if (err)
        return err;
    const ssize_t length = readlink(w->path, target, sizeof(target) - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    if (target[0] != '/')
        folder = (int)(strrchr(w->path, '/') - w->path) + 1;
    *rest = next;
    if (snprintf(joined, sizeof(joined), "%.*s%s%s", folder, w->path, target, rest) >= (int)sizeof(joined))
        return -ENAMETOOLONG;
    strcpy(w->path, joined);
    return -ELOOP;
}

/* Checks one folder of the path, ending at `end`. Returns 0, -errno at that folder, or -ELOOP: a link. */
static int check_folder(struct walk *w, char *end)
{
    struct statx st;
    const char next = *end;

    *end = '\0';
    int err = look(AT_FDCWD, w->path, &st);
    if (err)
        return err;
    if (S_ISLNK(st.stx_mode))
        return follow(w, &st, end, next);
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
        const int err = check_folder(w, slash + (slash == w->path));
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

/* Returns a descriptor, or like check_folder(). Does not even open a device, which could have side effects:
 * root may check a policy that somebody else wrote. Only root could exchange it between the two calls. */
static int open_last(struct walk *w)
{
    struct statx st;

    int err = look(AT_FDCWD, w->path, &st);
    if (err)
        return err;
    if (S_ISLNK(st.stx_mode))
        return follow(w, &st, strchr(w->path, '\0'), '\0');
    err = check_kind(w, st.stx_mode);
    if (err)
        return err;
    const int fd = open(w->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return fd;
}

static int open_once(struct walk *w)
{
    int fd = -ELOOP;

    for (int links = 0; fd == -ELOOP && links <= LINKS_MAX; links++) {
        fd = check_folders(w);
        if (!fd)
            fd = open_last(w);
    }
    if (fd == -EACCES)
        return explain_denial(w);
    return fd;
}

/* Returns a descriptor or -errno. But with ROOTFILE_ROOTS_LINKS, a file counts as missing only if it stays
 * so. */
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
        if (fd != -ENOENT || w->rootfile->links == ROOTFILE_ROOTS_LINKS)
            return fd;
        to_parent(w);
        if (look(AT_FDCWD, w->path, &folder) < 0 || !settle_wait(&began, &folder))
            return fd;
    }
    return -EAGAIN;
}

/* Reads a regular file; `size` is its size as reported. */
static int read_all(int fd, size_t size, size_t limit, struct policy_text *out)
{
    if (size > limit)
        return -EFBIG;
    out->bytes = malloc(size + 1);
    if (!out->bytes)
        return -ENOMEM;
    const ssize_t got = read(fd, out->bytes, size + 1); /* one byte more: to see that it has grown */
    if (got < 0)
        return -errno;
    out->size = (size_t)got;
    if (out->size != size)
        return -EAGAIN;
    return 0;
}

/* Reads an open file after checking what it is. */
static int read_checked(struct walk *w, int fd, size_t limit, struct policy_text *out)
{
    struct statx st;

    int err = look(fd, "", &st);
    if (err)
        return err;
    out->device = makedev(st.stx_dev_major, st.stx_dev_minor);
    out->inode = st.stx_ino;
    err = check_kind(w, st.stx_mode);
    if (!err)
        err = check(w, &st);
    if (err || S_ISDIR(st.stx_mode))
        return err;
    return read_all(fd, (size_t)st.stx_size, limit, out);
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
    _cleanup_close_ const int fd = open_trusted(&w);
    int err = fd;
    if (fd >= 0)
        err = read_checked(&w, fd, limit, out);
    if (fd >= 0 && err == -EACCES)
        err = explain_denial(&w);
    if (!err)
        return 0;
    free(out->bytes);
    out->bytes = NULL;
    if (err == -EFBIG)
        error_set(why, "%.255s: the policy is larger than 4 MiB in all", path);
    else if (err == -EAGAIN)
        error_set(why, "%.255s changed while it was being read, or is not a regular file; try again", path);
    else if (err == -EACCES)
        error_set(
            why,
            "%.255s cannot be read by this user: %s; an administrator can type: chmod 0644 (or 0640 and "
            "chgrp) on it, and 0755 on its folder",
            path, strerror(-err));
    else if (!why->text[0])
        error_set(why, "%.255s cannot be read: %s; an administrator must fix that", path, strerror(-err));
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

/* Lists the names in a folder once it has settled. Returns their number, or -errno. */
static int list_names(struct walk *w, struct dirent ***names)
{
    struct timespec began;
    struct statx folder;

    for (int round = 0; round < SETTLE_ROUNDS; round++) {
        clock_gettime(CLOCK_REALTIME, &began);
        _cleanup_close_ const int fd = open_trusted(w);
        if (fd < 0)
            return fd;
        const int count = scandirat(fd, ".", names, NULL, compare_bytes);
        if (count < 0 && errno == EACCES)
            return explain_denial(w);
        if (count < 0)
            return -errno;
        const int err = look(fd, "", &folder);
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
    struct dirent **names = NULL;
    int err = 0, count = -ENAMETOOLONG;

    why->text[0] = '\0';
    /* The trailing slash makes the folder itself one of those checked; names of files fit behind it. */
    if (snprintf(path, sizeof(path), "%s/", folder) < (int)(sizeof(path) - NAME_MAX))
        count = list_names(&w, &names);
    if (count < 0)
        err = count;
    for (int i = 0; !err && names && i < count; i++) {
        if (fnmatch(pattern, names[i]->d_name, FNM_PERIOD) != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        err = each(arg, path);
    }
    free_names(names, count);
    if (err < 0 && !why->text[0])
        error_set(why, "%.255s cannot be read: %s; an administrator must fix that", folder, strerror(-err));
    return err;
}
