/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_all(int fd, size_t guess, size_t max, size_t *size)
{
    size_t room = guess < max ? guess + 1 : max + 1, used = 0;
    char *text = malloc(room);

    while (text && used <= max) {
        if (used == room) {
            room = room * 2 < max + 1 ? room * 2 : max + 1;
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

char *file_read(const char *path, size_t max, size_t *size, mode_t *mode)
{
    const int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    char *text = NULL;
    int err;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) == 0) {
        *mode = S_ISREG(status.st_mode) ? status.st_mode & 0777 : 0644;
        text = read_all(fd, S_ISREG(status.st_mode) ? (size_t)status.st_size : 4096, max, size);
    }
    err = errno;
    if (fd != STDIN_FILENO)
        close(fd);
    errno = err;
    return text;
}

static int write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        const ssize_t done = write(fd, text, size);
        if (done < 0 && errno != EINTR)
            return -1;
        if (done > 0) {
            text += done;
            size -= (size_t)done;
        }
    }
    return 0;
}

/* Gives the new file to the owner of the old one, unless it is theirs already. */
static int keep_owner(int fd, const char *path)
{
    struct stat was, is;

    if (stat(path, &was) < 0 || fstat(fd, &is) < 0)
        return -1;
    return was.st_uid == is.st_uid && was.st_gid == is.st_gid ? 0 : fchown(fd, was.st_uid, was.st_gid);
}

int file_write(const char *path, const char *text, size_t size, mode_t mode, bool replace)
{
    char *real = replace ? realpath(path, NULL) : strdup(path), *temporary = NULL;
    int fd = -1, err = 0;

    if (!real || asprintf(&temporary, "%s.XXXXXX", real) < 0) {
        err = real ? -ENOMEM : -errno;
        free(real);
        return err;
    }
    fd = mkostemp(temporary, O_CLOEXEC); /* 0600 until all is right: it may hold passwords */
    if (fd < 0 || (replace && keep_owner(fd, real) < 0) || fchmod(fd, mode) < 0 ||
        write_all(fd, text, size) < 0 || (replace && fsync(fd) < 0))
        err = -errno;
    if (fd >= 0 && close(fd) < 0 && !err)
        err = -errno;
    if (fd >= 0 && !err && rename(temporary, real) < 0)
        err = -errno;
    if (fd >= 0 && err)
        unlink(temporary);
    free(temporary);
    free(real);
    return err;
}
