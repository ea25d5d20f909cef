/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "persist_lock.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { WAIT_MS = 60 * 1000, STEP_MS = 50 };

/* Returns a descriptor that holds the lock, or -errno. Whoever could open the file could hold it for ever. */
static int take(void)
{
    const int64_t end = clock_ms() + WAIT_MS;
    const int err = state_folder_make();

    if (err < 0)
        return err;
    _cleanup_close_ int fd = open(STATE_FOLDER "/.persist", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || clock_ms() >= end)
            return -errno;
        poll(NULL, 0, STEP_MS);
    }
    return take_fd(&fd);
}

int persist_lock(struct persist_lock *lock)
{
    static const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t signals;

    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
        sigaddset(&signals, blocked[i]);
    sigprocmask(SIG_BLOCK, &signals, &lock->before);
    lock->umask = umask(022);
    lock->fd = take();
    return lock->fd;
}

void persist_unlock(struct persist_lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    umask(lock->umask);
    sigprocmask(SIG_SETMASK, &lock->before, NULL);
}
