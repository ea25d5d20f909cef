/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * pidfd_open(2) and pidfd_send_signal(2), for which glibc before 2.36 and musl have no functions. */
#pragma once

#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Returns a descriptor that the caller owns, close-on-exec, or -1 and errno. */
static inline int pidfd_of(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0U);
}

/* 0 as the signal: only whether the process is there. Returns 0, or -1 and errno. */
static inline int pidfd_signal(int pidfd, int number)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0U);
}
