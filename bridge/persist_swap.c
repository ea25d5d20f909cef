/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * In WORK, path/N leads to a file, was/N and next/N to its versions, and now to one of these two folders. */
#include "persist_swap.h"
#include "base/cleanup.h"
#include "rootpath.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/etc/virt-tap"
#define WORK FOLDER "/.swap"
#define NOW WORK "/now"
#define NOTHING "/dev/null"

enum { ENTRY_SIZE = 64, SUFFIX_SIZE = 24 };

static const char *const folders[] = {WORK, WORK "/path", WORK "/was", WORK "/next"};
enum { FOLDER_COUNT = sizeof(folders) / sizeof(folders[0]) };

/* Versions of a file, and links on their way to their names. */
static const char *const parts[] = {"was", "next", "new"};
enum { PART_COUNT = sizeof(parts) / sizeof(parts[0]) };

/* The name beside a file for one of its parts. */
static void beside(char out[PATH_MAX], const char *path, const char *part)
{
    const char *name = strrchr(path, '/') + 1;

    snprintf(out, PATH_MAX, "%.*s.%s.virt-tap-%s", (int)(name - path), path, name, part);
}

static void entry(char out[ENTRY_SIZE], const char *folder, size_t i)
{
    snprintf(out, ENTRY_SIZE, WORK "/%s/%zu", folder, i);
}

/* Where a link leads; false: it is none. */
static bool follow(const char *path, char out[PATH_MAX])
{
    const ssize_t length = readlink(path, out, PATH_MAX - 1);

    out[length < 0 ? 0 : length] = '\0';
    return length > 0;
}

static int sync_folder(const char *path)
{
    _cleanup_close_ const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* If it is missing, a read-only file system says that it is read-only. */
static int remove_name(const char *path)
{
    struct stat st;
    const int err = unlink(path) < 0 ? -errno : 0;

    return lstat(path, &st) < 0 ? 0 : err;
}

/* Gives the file's name to something else: a link to `target`, or a second name of it. */
static int put(const char *path, const char *target, int (*make)(const char *target, const char *name))
{
    char new[PATH_MAX];

    beside(new, path, "new");
    int err = remove_name(new);
    if (err == 0 && make(target, new) < 0)
        err = -errno;
    if (err == 0 && rename(new, path) < 0)
        err = -errno;
    remove_name(new); /* rename() leaves both names of one file alone */
    return err;
}

/* Makes the file a link through NOW. */
static int place(const char *path, size_t i, const char *version)
{
    char through[ENTRY_SIZE];
    (void)version;

    entry(through, "now", i);
    return put(path, through, symlink);
}

/* Makes the file that version of it. A file that is no link of ours is that already. */
static int settle(const char *path, size_t i, const char *version)
{
    char through[ENTRY_SIZE], wanted[ENTRY_SIZE], target[PATH_MAX];

    entry(through, "now", i);
    entry(wanted, version, i);
    if (!follow(path, target) || strcmp(target, through) != 0 || !follow(wanted, target))
        return 0;
    if (strcmp(target, NOTHING) == 0)
        return remove_name(path);
    return put(path, target, link);
}

/* Calls each() for every file. */
static int for_all(int (*each)(const char *path, size_t i, const char *version), const char *version)
{
    char name[ENTRY_SIZE], path[PATH_MAX];
    int err = 0;

    for (size_t i = 0; err == 0 && (entry(name, "path", i), follow(name, path)); i++)
        err = each(path, i, version);
    return err;
}

static int sync_one(const char *path, size_t i, const char *version)
{
    char folder[PATH_MAX];
    (void)i;
    (void)version;

    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    return sync_folder(folder);
}

static int clean_one(const char *path, size_t i, const char *version)
{
    char name[PATH_MAX];
    int err = 0;
    (void)version;

    for (size_t part = 0; err == 0 && part < PART_COUNT; part++) {
        beside(name, path, parts[part]);
        err = remove_name(name);
    }
    for (size_t part = 0; err == 0 && part < 2; part++) {
        entry(name, parts[part], i);
        err = remove_name(name);
    }
    return err;
}

/* Which version is in effect. */
static const char *version_now(void)
{
    char target[PATH_MAX];

    return follow(NOW, target) && strcmp(target, "next") == 0 ? "next" : "was";
}

/* Lets NOW lead to that version. */
static int turn(const char *version)
{
    int err = remove_name(NOW ".new");

    if (err == 0 && (symlink(version, NOW ".new") < 0 || rename(NOW ".new", NOW) < 0))
        err = -errno;
    return err < 0 ? err : sync_folder(WORK);
}

/* Removes WORK: last what tells which files there are, the last of them first, so that it is always known. */
static int remove_work(void)
{
    char name[ENTRY_SIZE], path[PATH_MAX];
    size_t count = 0;

    while (entry(name, "path", count), follow(name, path))
        count++;
    int err = remove_name(NOW ".new");
    if (err == 0)
        err = remove_name(NOW);
    for (size_t i = count; err == 0 && i > 0; i--) {
        entry(name, "path", i - 1);
        err = remove_name(name);
    }
    for (size_t i = FOLDER_COUNT; err == 0 && i > 0; i--)
        if (rmdir(folders[i - 1]) < 0 && errno != ENOENT)
            err = -errno;
    return err;
}

/* Ends what is there, in the version in effect, and removes all traces of it. settled: the files are as they
 * are to be, on disk, too. */
static int finish(bool settled)
{
    if (access(WORK, F_OK) < 0)
        return 0;
    int err = settled ? 0 : for_all(settle, version_now());
    if (err == 0 && !settled)
        err = for_all(sync_one, NULL);
    if (err == 0)
        err = for_all(clean_one, NULL);
    return err < 0 ? err : remove_work();
}

static void fail(struct swap *swap, const char *path)
{
    if (swap->err == 0)
        swap->err = -errno;
    snprintf(swap->failed, sizeof(swap->failed), "%s cannot be %s", path, *path == '/' ? "written" : "made");
}

void swap_open(struct swap *swap)
{
    static const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t signals;

    *swap = (struct swap){.umask = umask(022)};
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
        sigaddset(&signals, blocked[i]);
    sigprocmask(SIG_BLOCK, &signals, &swap->before);
    if (access(FOLDER, F_OK) < 0)
        mkdir(FOLDER, 0755);
    swap->lock = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (swap->lock < 0 || flock(swap->lock, LOCK_EX) < 0) {
        fail(swap, FOLDER);
        return;
    }
    errno = -finish(false);
    if (errno != 0)
        fail(swap, WORK);
}

/* Makes the folders above a path. Returns whether only root may change what is in the last. */
static bool prepare_folder(const char *path)
{
    char folder[PATH_MAX], real[PATH_MAX];
    struct stat st;

    snprintf(folder, sizeof(folder), "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (access(folder, F_OK) < 0 && mkdir(folder, 0755) < 0)
            return false;
        *slash = '/';
    }
    *strrchr(folder, '/') = '\0';
    errno = -rootpath(folder, real, &st);
    return errno == 0;
}

/* Begins an entry: everything but the new version. Returns whether that worked; next: the name for it. */
static bool add(struct swap *swap, const char *path, char next[PATH_MAX])
{
    char was[PATH_MAX], name[ENTRY_SIZE];

    if (swap->err < 0)
        return false;
    for (size_t i = 0; swap->count == 0 && i < FOLDER_COUNT; i++)
        if (mkdir(folders[i], 0755) < 0)
            return fail(swap, folders[i]), false;
    entry(name, "path", swap->count);
    beside(was, path, "was");
    beside(next, path, "next");
    if (!prepare_folder(path) || symlink(path, name) < 0 || remove_name(was) < 0 || remove_name(next) < 0)
        return fail(swap, path), false;
    entry(name, "was", swap->count);
    const bool missing = link(path, was) < 0;
    if ((missing && errno != ENOENT) || symlink(missing ? NOTHING : was, name) < 0)
        return fail(swap, path), false;
    return true;
}

/* Ends it. made: whether the new version is there. */
static void add_next(struct swap *swap, const char *path, const char *next, bool made)
{
    char name[ENTRY_SIZE];

    entry(name, "next", swap->count);
    if (!made || symlink(next, name) < 0)
        fail(swap, path);
    swap->count++;
}

void swap_text(struct swap *swap, const char *path, const char *text, mode_t mode)
{
    char next[PATH_MAX];
    struct stat st = {.st_uid = geteuid(), .st_gid = getegid()};

    if (!add(swap, path, next))
        return;
    stat(path, &st);
    _cleanup_close_ const int fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    add_next(swap, path, next,
             fd >= 0 && dprintf(fd, "%s", text) == (int)strlen(text) &&
                 fchown(fd, st.st_uid, st.st_gid) == 0 && fchmod(fd, mode) == 0 && fsync(fd) == 0);
}

void swap_link(struct swap *swap, const char *path, const char *from)
{
    char next[PATH_MAX];

    if (add(swap, path, next))
        add_next(swap, path, from ? next : NOTHING, !from || link(from, next) == 0);
}

long long swap_time(const struct stat *st)
{
    return (long long)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

long long swap_written(const struct swap *swap, const char *path)
{
    char next[PATH_MAX];
    struct stat st;

    beside(next, path, "next");
    return swap->err < 0 || lstat(next, &st) < 0 ? 0 : swap_time(&st);
}

/* Makes all files links, which lead to the old versions at first. Once is enough. */
static int place_all(const struct swap *swap)
{
    char target[PATH_MAX];
    int err = 0;

    if (swap->count == 0 || follow(NOW, target))
        return 0;
    for (size_t i = 0; err == 0 && i < FOLDER_COUNT; i++)
        err = sync_folder(folders[i]);
    if (err == 0)
        err = turn("was");
    if (err == 0)
        err = for_all(place, NULL);
    return err < 0 ? err : for_all(sync_one, NULL);
}

int swap_preview(struct swap *swap, int (*act)(void *arg), void *arg)
{
    _cleanup_close_ const int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ const int namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    int status = -EIO;

    if (swap->err == 0)
        swap->err = place_all(swap);
    if (swap->err == 0 && (root < 0 || namespace < 0 || unshare(CLONE_NEWNS) < 0))
        fail(swap, "a mount namespace");
    if (swap->err < 0)
        return swap->err;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(WORK "/next", WORK "/was", NULL, MS_BIND, NULL) < 0)
        fail(swap, "a mount namespace");
    else
        status = act(arg);
    if (setns(namespace, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0) /* of a chroot, too */
        _exit(1);
    return swap->err < 0 ? swap->err : status;
}

void swap_commit(struct swap *swap)
{
    if (swap->err < 0 || swap->count == 0)
        return;
    int err = place_all(swap);
    if (err == 0)
        err = turn("next");
    if (err == 0)
        err = for_all(settle, "next");
    if (err == 0)
        err = for_all(sync_one, NULL);
    if (err == 0)
        return;
    errno = -err;
    fail(swap, WORK);
    if (strcmp(version_now(), "next") == 0 && for_all(place, NULL) == 0)
        turn("was");
}

int swap_close(struct swap *swap)
{
    if (swap->lock >= 0) {
        const bool committed = swap->err == 0 && strcmp(version_now(), "next") == 0;
        const int err = finish(committed);
        if (err < 0 && swap->err == 0 && !committed)
            swap->err = err;
        close(swap->lock);
    }
    umask(swap->umask);
    sigprocmask(SIG_SETMASK, &swap->before, NULL);
    return swap->err;
}
