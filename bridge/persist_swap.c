/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * In WORK, path/N leads to a file, was/N and next/N to its versions, and now to one of these two folders. */
#include "persist_swap.h"
#include "base/attributes.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "config.h"
#include "persist_private.h"
#include "rootpath.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK "/etc/virt-tap/.swap"
#define NOW WORK "/now"
#define NOTHING "/dev/null"

static const char *const folders[] = {WORK "/", WORK "/path/", WORK "/was/", WORK "/next/"};
enum { FOLDER_COUNT = sizeof(folders) / sizeof(folders[0]) };

/* Versions of a file, and links on their way to their names. */
static const char *const parts[] = {"was", "next", "new"};
enum { PART_COUNT = sizeof(parts) / sizeof(parts[0]), ENTRY_SIZE = 64 };

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

    beside(new, path, "new");
    if (remove_name(new) < 0 || make(target, new) < 0 || rename(new, path) < 0)
        return -1;
    remove_name(new); /* rename() leaves both names of one file alone */
    return 0;
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
    if (!text_link(path, target, sizeof(target)) || strcmp(target, through) != 0 ||
        !text_link(wanted, target, sizeof(target)))
        return 0;
    if (strcmp(target, NOTHING) == 0)
        return remove_name(path);
    return put(path, target, link);
}

/* Calls each() for every file. */
static int for_all(int (*each)(const char *path, size_t i, const char *version), const char *version)
{
    char name[ENTRY_SIZE], path[PATH_MAX];

    for (size_t i = 0; entry(name, "path", i), text_link(name, path, sizeof(path)); i++)
        if (each(path, i, version) < 0)
            return -1;
    return 0;
}

static int sync_one(const char *path, size_t i, const char *version)
{
    (void)i, (void)version;
    return sync_folder(path);
}

/* A folder of drop-ins of networkd's, which prepare_folder() may have made, goes with the last file in it. */
static int clean_one(const char *path, size_t i, const char *version)
{
    char name[PATH_MAX];
    (void)version;

    for (size_t part = 0; part < PART_COUNT; part++) {
        beside(name, path, parts[part]);
        if (remove_name(name) < 0)
            return -1;
        entry(name, parts[part], i); /* there is none of the links */
        if (remove_name(name) < 0)
            return -1;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(strrchr(path, '/') - path), path);
    if (fnmatch("*.network.d", name, 0) == 0)
        rmdir(name);
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

/* Removes WORK: path/N last, the highest N first, so that an interrupted removal can be resumed. */
static int remove_work(void)
{
    char name[ENTRY_SIZE], path[PATH_MAX];
    size_t count = 0;

    while (entry(name, "path", count), text_link(name, path, sizeof(path)))
        count++;
    if (remove_name(NOW ".new") < 0 || remove_name(NOW) < 0)
        return -1;
    for (size_t i = count; i > 0; i--) {
        entry(name, "path", i - 1);
        if (remove_name(name) < 0)
            return -1;
    }
    for (size_t i = FOLDER_COUNT; i > 0; i--)
        if (rmdir(folders[i - 1]) < 0 && errno != ENOENT)
            return -1;
    return 0;
}

/* Makes all files that version of them, on disk, too. */
static int settle_all(const char *version)
{
    if (for_all(settle, version) < 0)
        return -1;
    return for_all(sync_one, NULL);
}

/* Ends what is there, in the version in effect unless that is done, and removes all traces of it. */
static int finish(bool settled)
{
    if (access(WORK, F_OK) < 0)
        return 0;
    if ((!settled && settle_all(version_now()) < 0) || for_all(clean_one, NULL) < 0)
        return -1;
    return remove_work();
}

static int fail(struct swap *swap, const char *what, const char *reason)
{
    swap->failed = true;
    return error_set(&swap->why, "%s: %s", what, reason);
}

static int fail_writing(struct swap *swap, const char *path)
{
    const int reason = errno;
    char what[PATH_MAX + 32];

    snprintf(what, sizeof(what), "%s cannot be written", path);
    return fail(swap, what, strerror(reason));
}

int swap_open(struct swap *swap)
{
    *swap = (struct swap){.count = 0};
    const int locked = persist_lock(&swap->lock);
    if (locked == -EWOULDBLOCK)
        return fail(swap, "/etc", "another `virt-tap bridge persist` or `unpersist` is still running");
    if (locked < 0)
        return fail(swap, "cannot lock " STATE_FOLDER, strerror(-locked));
    if (finish(false) < 0)
        return fail(swap, "an earlier run was killed, and " WORK " can neither be completed nor undone",
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

    if (swap->failed)
        return -1;
    if (!prepare_folder(WORK))
        return fail_writing(swap, WORK);
    for (size_t i = 0; swap->count == 0 && i < FOLDER_COUNT; i++)
        if (mkdir(folders[i], 0755) < 0)
            return fail_writing(swap, folders[i]);
    entry(name, "path", swap->count);
    beside(was, path, "was");
    beside(next, path, "next");
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

/* Gives a new file the owner, the ACL and the other attributes of the one that it replaces, if any. */
static int keep_attributes(struct swap *swap, const char *path, int fd)
{
    _cleanup_close_ const int old = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (old < 0 && errno == ENOENT)
        return 0;
    if (old < 0 || fstat(old, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0)
        return fail_writing(swap, path);
    if (attributes_keep(old, fd, &swap->why) == 0)
        return 0;
    swap->failed = true;
    return -1;
}

int swap_text(struct swap *swap, const char *path, const char *text, mode_t mode)
{
    char next[PATH_MAX];

    if (!text)
        return fail(swap, path, strerror(ENOMEM));
    if (add(swap, path, next) < 0)
        return -1;
    _cleanup_close_ const int fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_writing(swap, path);
    errno = ENOSPC; /* in case write() is short */
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return fail_writing(swap, path);
    if (keep_attributes(swap, path, fd) < 0) /* which sets the permissions, too, if there is an ACL */
        return -1;
    if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
        return fail_writing(swap, path);
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

long long swap_written(const struct swap *swap, const char *path)
{
    char next[PATH_MAX];
    struct stat st;

    beside(next, path, "next");
    if (swap->failed || lstat(next, &st) < 0)
        return 0;
    return swap_time(&st);
}

/* Makes all files links, which lead to the old versions at first. Once is enough. Returns 0, or -1 and
 * errno. */
static int place_all(const struct swap *swap)
{
    char target[PATH_MAX];

    if (swap->count == 0 || text_link(NOW, target, sizeof(target)))
        return 0;
    if (sync_folder(WORK) < 0)
        return -1;
    for (size_t i = 0; i < FOLDER_COUNT; i++)
        if (sync_folder(folders[i]) < 0)
            return -1;
    if (turn("was") < 0 || for_all(place, NULL) < 0)
        return -1;
    return for_all(sync_one, NULL);
}

int swap_preview(struct swap *swap, int (*act)(void *arg), void *arg)
{
    static const struct overlay overlay = {WORK "/was", WORK "/next"};

    if (swap->failed)
        return -1;
    if (place_all(swap) < 0)
        return fail(swap, WORK, strerror(errno));
    const int status = private_call(&overlay, 1, act, arg, &swap->why);
    swap->failed = status < 0;
    return status;
}

int swap_commit(struct swap *swap)
{
    if (swap->failed)
        return -1;
    if (swap->count == 0)
        return 0;
    if (place_all(swap) == 0 && turn("next") == 0 && settle_all("next") == 0)
        return 0;
    fail(swap, WORK, strerror(errno));
    if (strcmp(version_now(), "next") == 0 && for_all(place, NULL) == 0)
        turn("was");
    return -1;
}

bool swap_close(struct swap *swap)
{
    const bool in_force = swap->lock.fd >= 0 && strcmp(version_now(), "next") == 0;

    if (swap->lock.fd >= 0)
        finish(in_force && !swap->failed); /* what that leaves, the next swap completes */
    persist_unlock(&swap->lock);
    return in_force;
}
