/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "file.h"
#include "attributes.h"
#include "cleanup.h"
#include "error.h"
#include "folder.h"
#include "write.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/random.h>
#include <sys/statfs.h>

enum { TEMPORARY_SIZE = 32, TRIES = 16, GUESS = 4096 };

char *file_read_open(int fd, size_t max, size_t *size)
{
    struct stat st;
    const size_t guess = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size : GUESS;
    size_t room = MIN(guess, max) + 1, used = 0;
    char *text = malloc(room);

    while (text && used <= max) {
        if (used == room) {
            room = MIN(room * 2, max + 1);
            char *more = realloc(text, room);
            if (!more)
                break;
            text = more;
        }
        const ssize_t got = read(fd, text + used, room - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        used += (size_t)got;
        if (got == 0 || used > max) {
            *size = used;
            return text;
        }
    }
    free(text);
    return NULL;
}

/* Opens what the O_PATH descriptor refers to, without blocking and without using its name again. */
static int open_found(int found, int flags)
{
    char path[sizeof("/proc/self/fd/") + 10];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
    return open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC | flags);
}

/* Pipes in the kernel's pipefs have no name, so nobody but their owner can have opened them. */
static bool is_nameless_pipe(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

static int open_to_read(const char *path, struct error *why)
{
    _cleanup_close_ int found = open(path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (found < 0 || fstat(found, &st) < 0)
        return error_set(why, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(why, "%s", strerror(EISDIR));
    if (!S_ISREG(st.st_mode) && !is_nameless_pipe(found))
        return error_set(
            why, "it is not a regular file; to read from a FIFO or a device, give it as standard input");
    const int fd = open_found(found, 0);
    if (fd < 0)
        return error_set(why, "%s", strerror(errno));
    return fd;
}

char *file_read(const char *path, size_t max, size_t *size, mode_t *mode, struct error *why)
{
    const bool is_input = strcmp(path, "-") == 0;
    _cleanup_close_ int opened = is_input ? -1 : open_to_read(path, why);
    const int fd = is_input ? STDIN_FILENO : opened;
    struct stat st;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) < 0) {
        error_set(why, "%s", strerror(errno));
        return NULL;
    }
    char *text = file_read_open(fd, max, size);
    *mode = S_ISREG(st.st_mode) ? st.st_mode & 0777 : 0644;
    if (!text)
        error_set(why, "%s", strerror(errno));
    return text;
}

/* Opens the parent folder of a path, and returns the name in it. */
static int open_parent(const char *path, char **name, struct error *why)
{
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    char folder[PATH_MAX];

    if (snprintf(folder, sizeof(folder), "%.*s", (int)(last - path), path) >= (int)sizeof(folder))
        return error_set(why, "%s", strerror(ENAMETOOLONG));
    if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return error_set(why, "%s", strerror(EISDIR));
    *name = strdup(last);
    if (!*name)
        return error_set(why, "no memory");
    return folder_open(folder, why);
}

static int check_replaceable(const struct stat *st, struct error *why)
{
    if (S_ISLNK(st->st_mode))
        return error_set(why,
                         "it is a symbolic link, which is not followed here; name the file that it leads to");
    if (S_ISDIR(st->st_mode))
        return error_set(why, "%s", strerror(EISDIR));
    if (!S_ISREG(st->st_mode))
        return error_set(why, "it is not a regular file");
    if (st->st_nlink != 1)
        return error_set(
            why,
            "it has %lu names (hard links), of which only this one would change; make it a file of "
            "its own first, with cp and mv",
            (unsigned long)st->st_nlink);
    return 0;
}

static int hold(struct file *out, const char *path, size_t max, struct error *why)
{
    out->folder = open_parent(path, &out->name, why);
    if (out->folder < 0)
        return -1;
    _cleanup_close_ int found = openat(out->folder, out->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (found < 0 || fstat(found, &out->as_read) < 0)
        return error_set(why, "%s", strerror(errno));
    if (check_replaceable(&out->as_read, why) < 0)
        return -1;
    out->fd = open_found(found, O_NONBLOCK);
    if (out->fd >= 0)
        out->text = file_read_open(out->fd, max, &out->size);
    if (!out->text)
        return error_set(why, "%s", strerror(errno));
    return 0;
}

int file_hold(struct file *out, const char *path, size_t max, struct error *why)
{
    *out = (struct file){.folder = -1, .fd = -1};
    const int err = hold(out, path, max, why);
    if (err)
        file_release(out);
    return err;
}

void file_release(struct file *file)
{
    if (file->folder >= 0)
        close(file->folder);
    if (file->fd >= 0)
        close(file->fd);
    free(file->name);
    free(file->text);
    *file = (struct file){.folder = -1, .fd = -1};
}

/* Creates a file in the folder with a name that nobody can guess. Its mode is 0600 until it is complete: it
 * may contain passwords. Returns its descriptor, or -1 and why not. */
static int make_temporary(int folder, char name[TEMPORARY_SIZE], struct error *why)
{
    unsigned long random;

    for (int i = 0; i < TRIES; i++) {
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            break;
        snprintf(name, TEMPORARY_SIZE, ".virt-tap.%lx", random);
        const int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            return error_set(why, "cannot make a file beside it: %s", strerror(errno));
    }
    return error_set(why, "cannot make a file beside it: no name is free");
}

/* Returns whether that name is still that file, unchanged, and not a link to it. */
static bool is_same(int folder, const char *name, const struct stat *as_read)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == as_read->st_dev &&
           st.st_ino == as_read->st_ino && st.st_size == as_read->st_size &&
           st.st_mtim.tv_sec == as_read->st_mtim.tv_sec && st.st_mtim.tv_nsec == as_read->st_mtim.tv_nsec;
}

static int changed(struct error *why)
{
    return error_set(why, "it was changed or replaced after it was read, and is left alone: try again");
}

/* The old file has the temporary name afterwards, or is gone. */
static int exchange(const struct file *file, const char *temporary, struct error *why)
{
    if (renameat2(file->folder, temporary, file->folder, file->name, RENAME_EXCHANGE) == 0) {
        if (is_same(file->folder, temporary, &file->as_read))
            return 0;
        renameat2(file->folder, temporary, file->folder, file->name, RENAME_EXCHANGE);
        return changed(why);
    }
    if (errno == ENOENT)
        return changed(why);
    if (errno != EINVAL && errno != ENOSYS)
        return error_set(why, "%s", strerror(errno));
    if (!is_same(file->folder, file->name, &file->as_read))
        return changed(why);
    if (renameat(file->folder, temporary, file->folder, file->name) < 0)
        return error_set(why, "%s", strerror(errno));
    return 0;
}

int file_fill(int fd, int old, const char *text, size_t size, mode_t mode, struct error *why)
{
    struct stat was, is;

    if (!write_all(fd, text, size) || fstat(fd, &is) < 0 || (old >= 0 && fstat(old, &was) < 0))
        return error_set(why, "%s", strerror(errno));
    if (old >= 0 && (was.st_uid != is.st_uid || was.st_gid != is.st_gid) &&
        fchown(fd, was.st_uid, was.st_gid) < 0)
        return error_set(why, "its owner, uid %u and gid %u, cannot be kept: %s", was.st_uid, was.st_gid,
                         strerror(errno));
    if (old >= 0 && attributes_keep(old, fd, why) < 0)
        return -1;
    if (fchmod(fd, mode) < 0 || fsync(fd) < 0) /* an ACL has set the permissions, too */
        return error_set(why, "%s", strerror(errno));
    return 0;
}

/* Ensures that the new name is on disk too; if the folder cannot be read, that is left to the kernel. */
static void sync_folder(int folder)
{
    _cleanup_close_ int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        fsync(fd);
}

/* In a folder that others can write to, the name may refer to another file by now. */
static void remove_own(int folder, const char *name, int fd)
{
    struct stat own, st;

    if (fstat(fd, &own) == 0 && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_dev == own.st_dev && st.st_ino == own.st_ino)
        unlinkat(folder, name, 0);
}

int file_replace(const struct file *file, const char *text, size_t size, struct error *why)
{
    char temporary[TEMPORARY_SIZE];
    _cleanup_close_ int fd = make_temporary(file->folder, temporary, why);

    if (fd < 0)
        return -1;
    if (file_fill(fd, file->fd, text, size, file->as_read.st_mode & 0777, why) < 0 ||
        exchange(file, temporary, why) < 0) {
        remove_own(file->folder, temporary, fd);
        return -1;
    }
    remove_own(file->folder, temporary, file->fd);
    sync_folder(file->folder);
    return 0;
}

static int put(const char *folder, const char *name, const char *text, size_t size, mode_t mode, bool durable,
               struct error *why)
{
    char temporary[TEMPORARY_SIZE];
    _cleanup_close_ const int to = folder_open(folder, why);
    _cleanup_close_ const int fd = to < 0 ? -1 : make_temporary(to, temporary, why);

    if (fd < 0)
        return -1;
    if (write_all(fd, text, size) && fchmod(fd, mode) == 0 && (!durable || fsync(fd) == 0) &&
        renameat(to, temporary, to, name) == 0) {
        if (durable)
            sync_folder(to);
        return 0;
    }
    error_set(why, "%s", strerror(errno));
    remove_own(to, temporary, fd);
    return -1;
}

int file_put(const char *folder, const char *name, const char *text, size_t size, mode_t mode,
             struct error *why)
{
    const mode_t masked = umask(0);

    umask(masked);
    return put(folder, name, text, size, mode & 0666 & ~masked, false, why);
}

int file_configure(const char *path, const char *text, mode_t mode, struct error *why)
{
    char folder[PATH_MAX];

    if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
        return error_set(why, "%s", strerror(ENAMETOOLONG));
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return error_set(why, "%s: %s", folder, strerror(errno));
        *slash = '/';
    }
    char *name = strrchr(folder, '/');
    *name++ = '\0';
    return put(folder, name, text, strlen(text), mode, true, why);
}

bool file_whole_path(const char *file, char out[PATH_MAX])
{
    char here[PATH_MAX] = "";

    if (file[0] != '/' && !getcwd(here, sizeof(here)))
        return false;
    return snprintf(out, PATH_MAX, "%s%s%s", here, file[0] == '/' ? "" : "/", file) < PATH_MAX;
}
