/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "persist_lock.h"
#include "base/statefolder.h"

#include <sys/stat.h>
#include <unistd.h>

enum { WAIT_MS = 60 * 1000 };

int persist_lock(struct persist_lock *lock)
{
    static const int blocked[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t signals;

    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
        sigaddset(&signals, blocked[i]);
    sigprocmask(SIG_BLOCK, &signals, &lock->before);
    lock->umask = umask(022);
    lock->fd = state_lock(".persist", WAIT_MS);
    return lock->fd;
}

void persist_unlock(struct persist_lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    umask(lock->umask);
    sigprocmask(SIG_SETMASK, &lock->before, NULL);
}
