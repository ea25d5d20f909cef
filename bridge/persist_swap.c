/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * In WORK, path/N leads to a file, was/N and next/N to its versions, and now to one of these two folders. */
#include "persist_swap.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/statefolder.h"
#include "base/text.h"
#include "config.h"
#include "persist_private.h"
#include "rootpath.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORK "/etc/virt-tap/.swap"
#define NOW WORK "/now"
#define NOTHING "/dev/null"

static const char *const folders[] = {WORK "/", WORK "/path/", WORK "/was/", WORK "/next/"};

/* Versions of a file, and links on their way to their names. */
static const char *const parts[] = {"was", "next", "new"};

enum {
    FOLDER_COUNT = sizeof(folders) / sizeof(folders[0]),
    PART_COUNT = sizeof(parts) / sizeof(parts[0]),
    ENTRY_SIZE = 64,
    WAIT_MS = 60 * 1000
};

void swap_beside(char out[PATH_MAX], const char *path, const char *part)
{
    const char *name = strrchr(path, '/') + 1;

    snprintf(out, PATH_MAX, "%.*s.%s.virt-tap-%s", (int)(name - path), path, name, part);
}

static void entry(char out[ENTRY_SIZE], const char *folder, size_t i)
{
    snprintf(out, ENTRY_SIZE, WORK "/%s/%zu", folder, i);
}

/* Gets the path of file number i. Returns whether there are that many. */
static bool get_path(size_t i, char path[PATH_MAX])
{
    char name[ENTRY_SIZE];

    entry(name, "path", i);
    return text_link(name, path, PATH_MAX);
}

/* Syncs the part of a path up to its last slash: what a file is in. Like all functions from here to finish(),
 * returns 0, or -1 and errno. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];

    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') + 1 - path), path);
    _cleanup_close_ const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    return fsync(fd);
}

/* If it is missing, a read-only file system says that it is read-only. */
static int remove_name(const char *path)
{
    struct stat st;

    if (unlink(path) == 0)
        return 0;
    const int reason = errno;
    if (lstat(path, &st) < 0)
        return 0;
    errno = reason;
    return -1;
}

/* Gives the file's name to something else: a link to `target`, or a second name of it. */
static int put(const char *path, const char *target, int (*make)(const char *target, const char *name))
{
    char new[PATH_MAX];

    swap_beside(new, path, "new");
    if (remove_name(new) < 0 || make(target, new) < 0 || rename(new, path) < 0)
        return -1;
    remove_name(new); /* rename() leaves both names of one file alone */
    return sync_folder(path);
}

/* Makes all files links through NOW. */
static int place_all(void)
{
    char path[PATH_MAX], through[ENTRY_SIZE];

    for (size_t i = 0; get_path(i, path); i++) {
        entry(through, "now", i);
        if (put(path, through, symlink) < 0)
            return -1;
    }
    return 0;
}

/* Makes the file that version of it. A file that is no link of ours is that already. */
static int settle(const char *path, size_t i, const char *version)
{
    char through[ENTRY_SIZE], wanted[ENTRY_SIZE], target[PATH_MAX];

    entry(through, "now", i);
    entry(wanted, version, i);
    if (!text_link(path, target, sizeof(target)) || strcmp(target, through) != 0 ||
        !text_link(wanted, target, sizeof(target)))
        return 0;
    if (strcmp(target, NOTHING) != 0)
        return put(path, target, link);
    if (remove_name(path) < 0)
        return -1;
    return sync_folder(path);
}

static int settle_all(const char *version)
{
    char path[PATH_MAX];

    for (size_t i = 0; get_path(i, path); i++)
        if (settle(path, i, version) < 0)
            return -1;
    return 0;
}

/* Which version is in effect. */
static const char *version_now(void)
{
    char target[PATH_MAX];

    if (text_link(NOW, target, sizeof(target)) && strcmp(target, "next") == 0)
        return "next";
    return "was";
}

/* Lets NOW lead to that version. */
static int turn(const char *version)
{
    if (remove_name(NOW ".new") < 0 || symlink(version, NOW ".new") < 0 || rename(NOW ".new", NOW) < 0)
        return -1;
    return sync_folder(NOW);
}

/* Removes what there is for a file: path/N last, so that an interrupted removal can be resumed. A folder of
 * drop-ins of networkd's, which prepare_folder() may have made, goes with the last file in it. */
static int remove_entry(const char *path, size_t i)
{
    char name[PATH_MAX];

    for (size_t part = 0; part < PART_COUNT; part++) {
        swap_beside(name, path, parts[part]);
        if (remove_name(name) < 0)
            return -1;
        entry(name, parts[part], i); /* there is none of the links */
        if (remove_name(name) < 0)
            return -1;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(strrchr(path, '/') - path), path);
    if (fnmatch("*.network.d", name, 0) == 0)
        rmdir(name);
    entry(name, "path", i);
    return remove_name(name);
}

/* Ends what is there, in the version in effect unless that is done, and removes all traces of it, the highest
 * N first. */
static int finish(bool settled)
{
    char path[PATH_MAX];
    size_t count = 0;

    if (access(WORK, F_OK) < 0)
        return 0;
    if (!settled && settle_all(version_now()) < 0)
        return -1;
    while (get_path(count, path))
        count++;
    for (; count > 0; count--)
        if (get_path(count - 1, path) && remove_entry(path, count - 1) < 0)
            return -1;
    if (remove_name(NOW ".new") < 0 || remove_name(NOW) < 0)
        return -1;
    for (size_t i = FOLDER_COUNT; i > 0; i--)
        if (rmdir(folders[i - 1]) < 0 && errno != ENOENT)
            return -1;
    return 0;
}

static bool has_failed(const struct swap *swap)
{
    return swap->why.text[0] != '\0';
}

static int fail_writing(struct swap *swap, const char *path)
{
    return error_set(&swap->why, "%s cannot be written: %s", path, strerror(errno));
}

/* Takes the lock, and lets a terminal's signals wait until unlock(). */
static int lock(struct swap *swap)
{
    static const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t signals;

    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
        sigaddset(&signals, blocked[i]);
    sigprocmask(SIG_BLOCK, &signals, &swap->signals);
    swap->umask = umask(022);
    swap->lock = state_lock(".persist", WAIT_MS);
    return swap->lock;
}

static void unlock(struct swap *swap)
{
    if (swap->lock >= 0)
        close(swap->lock);
    umask(swap->umask);
    sigprocmask(SIG_SETMASK, &swap->signals, NULL);
}

int swap_open(struct swap *swap)
{
    *swap = (struct swap){.count = 0};
    const int locked = lock(swap);
    if (locked == -EWOULDBLOCK)
        return error_set(&swap->why,
                         "/etc: another `virt-tap bridge persist` or `unpersist` is still running");
    if (locked < 0)
        return error_set(&swap->why, "cannot lock " STATE_FOLDER ": %s", strerror(-locked));
    if (finish(false) < 0)
        return error_set(&swap->why,
                         "an earlier run was killed, and " WORK " can neither be completed nor undone: %s",
                         strerror(errno));
    return 0;
}

/* Makes the folders above a path, durably. Returns whether only root may change what is in the last. */
static bool prepare_folder(const char *path)
{
    char folder[PATH_MAX], real[PATH_MAX];
    struct stat st;

    snprintf(folder, sizeof(folder), "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (access(folder, F_OK) < 0 && (mkdir(folder, 0755) < 0 || sync_folder(folder) < 0))
            return false;
        *slash = '/';
    }
    *strrchr(folder, '/') = '\0';
    errno = -rootpath(folder, real, &st);
    return errno == 0;
}

/* Begins an entry: everything but the new version, whose name is `next`. */
static int add(struct swap *swap, const char *path, char next[PATH_MAX])
{
    char was[PATH_MAX], name[ENTRY_SIZE];

    if (has_failed(swap))
        return -1;
    if (!prepare_folder(WORK))
        return fail_writing(swap, WORK);
    for (size_t i = 0; swap->count == 0 && i < FOLDER_COUNT; i++)
        if (mkdir(folders[i], 0755) < 0)
            return fail_writing(swap, folders[i]);
    entry(name, "path", swap->count);
    swap_beside(was, path, "was");
    swap_beside(next, path, "next");
    if (!prepare_folder(path) || symlink(path, name) < 0 || remove_name(was) < 0 || remove_name(next) < 0)
        return fail_writing(swap, path);
    entry(name, "was", swap->count);
    const bool missing = link(path, was) < 0;
    if ((missing && errno != ENOENT) || symlink(missing ? NOTHING : was, name) < 0)
        return fail_writing(swap, path);
    return 0;
}

/* Ends it: the new version is there. */
static int add_next(struct swap *swap, const char *path, const char *next)
{
    char name[ENTRY_SIZE];

    entry(name, "next", swap->count);
    if (symlink(next, name) < 0)
        return fail_writing(swap, path);
    swap->count++;
    return 0;
}

int swap_text(struct swap *swap, const char *path, const char *text, mode_t mode, long long *written)
{
    char next[PATH_MAX];
    struct stat st;
    struct error why;

    if (add(swap, path, next) < 0)
        return -1;
    _cleanup_close_ const int old = open(path, O_RDONLY | O_CLOEXEC);
    if (old < 0 && errno != ENOENT)
        return fail_writing(swap, path);
    _cleanup_close_ const int fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_writing(swap, path);
    if (file_fill(fd, old, text, strlen(text), mode, &why) < 0)
        return error_set(&swap->why, "%s cannot be written: %s", path, why.text);
    if (fstat(fd, &st) < 0)
        return fail_writing(swap, path);
    *written = swap_time(&st);
    return add_next(swap, path, next);
}

int swap_link(struct swap *swap, const char *path, const char *from)
{
    char next[PATH_MAX];

    if (add(swap, path, next) < 0)
        return -1;
    if (!from)
        return add_next(swap, path, NOTHING);
    if (link(from, next) < 0)
        return fail_writing(swap, path);
    return add_next(swap, path, next);
}

/* Makes all files links, which lead to the old versions at first. Once is enough. Returns 0, or -1 and
 * errno. */
static int prepare(const struct swap *swap)
{
    char target[PATH_MAX];

    if (swap->count == 0 || text_link(NOW, target, sizeof(target)))
        return 0;
    if (sync_folder(WORK) < 0)
        return -1;
    for (size_t i = 0; i < FOLDER_COUNT; i++)
        if (sync_folder(folders[i]) < 0)
            return -1;
    if (turn("was") < 0)
        return -1;
    return place_all();
}

int swap_preview(struct swap *swap, int (*act)(void *arg), void *arg)
{
    static const struct overlay overlay = {WORK "/was", WORK "/next"};

    if (has_failed(swap))
        return -1;
    if (prepare(swap) < 0)
        return fail_writing(swap, WORK);
    return private_call(&overlay, 1, act, arg, &swap->why);
}

int swap_commit(struct swap *swap)
{
    if (has_failed(swap))
        return -1;
    if (swap->count == 0)
        return 0;
    if (prepare(swap) == 0 && turn("next") == 0 && settle_all("next") == 0)
        return 0;
    fail_writing(swap, WORK);
    if (strcmp(version_now(), "next") == 0 && place_all() == 0)
        turn("was");
    return -1;
}

bool swap_close(struct swap *swap)
{
    const bool in_force = swap->lock >= 0 && strcmp(version_now(), "next") == 0;

    if (swap->lock >= 0)
        finish(in_force && !has_failed(swap)); /* what that leaves, the next swap completes */
    unlock(swap);
    return in_force;
}
