/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Only one process at a time changes the managers' files, and a terminal's signals wait for it. */
#pragma once

#include <signal.h>
#include <sys/types.h>

struct persist_lock {
    int fd;          /* a descriptor that holds it, or -errno */
    sigset_t before; /* signals that were blocked already */
    mode_t umask;    /* as it was */
};

/* Waits up to a minute for the lock, of which no user but root can make it wait. Returns lock->fd;
 * -EWOULDBLOCK: another process still holds it. persist_unlock() must be called in any case. */
int persist_lock(struct persist_lock *lock);
void persist_unlock(struct persist_lock *lock);
