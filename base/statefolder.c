/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "statefolder.h"
#include "cleanup.h"
#include "clock.h"
#include "complain.h"
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { STEP_MS = 50 };

/* Returns a descriptor of the folder, or -errno. */
static int open_folder(void)
{
    struct stat st;
    _cleanup_close_ int fd = open(STATE_FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOTDIR ? -EPERM : -errno; /* ENOTDIR: a link, too */
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))
        return -EPERM;
    return take_fd(&fd);
}

int state_folder_check(void)
{
    const _cleanup_close_ int fd = open_folder();

    return fd < 0 ? fd : 0;
}

int state_folder_make(void)
{
    const int made = mkdir(STATE_FOLDER, 0755);

    if (made < 0 && errno != EEXIST)
        return -errno;
    if (made == 0 && chmod(STATE_FOLDER, 0755) < 0) /* users reach the broker there, whatever the umask */
        return -errno;
    return state_folder_check();
}

int state_lock(const char *name, int ms)
{
    const int64_t end = clock_ms() + ms;
    const int err = state_folder_make();

    if (err < 0)
        return err;
    const _cleanup_close_ int folder = open_folder();
    if (folder < 0)
        return folder;
    _cleanup_close_ int fd = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || clock_ms() >= end)
            return -errno;
        poll(NULL, 0, STEP_MS);
    }
    return take_fd(&fd);
}

int state_lock_for(const char *verb, const char *name, int ms, const char *busy)
{
    const int lock = state_lock(name, ms);

    if (lock == -EWOULDBLOCK)
        return complain(-1, verb, "nothing was changed: %s", busy);
    if (lock < 0)
        return complain(-1, verb, "nothing was changed: cannot lock " STATE_FOLDER ": %s", strerror(-lock));
    return lock;
}
