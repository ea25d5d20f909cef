/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A child process, possibly of another user, that inspects something or changes a user's own files. Whatever
 * it and its descendants do, the parent continues in time, and nothing of theirs is left behind.
 *
 * The child has its own session without a terminal, /dev/null as standard input, output and error, CHILD_FD,
 * and no other descriptor; its working directory is /. As another user it also has that user's groups, no
 * capabilities, its own keyring and limits; that user cannot trace it before it executes a program
 * (PR_SET_DUMPABLE); and it is the init process of a PID namespace, so that no descendant outlives it. Where
 * the kernel or a container does not allow a PID namespace, surviving descendants are adopted
 * (PR_SET_CHILD_SUBREAPER) and killed. Data from the child is under that user's control: the reader must
 * validate it. */
#pragma once

#include "user.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CHILD_FD = 3, CHILD_ELDERS_MAX = 64 };

struct child {
    pid_t pid;
    int fd;                         /* owned; the parent's end of the child's CHILD_FD */
    int64_t deadline;               /* by clock_ms() */
    bool late;                      /* a read hit the deadline */
    pid_t elders[CHILD_ELDERS_MAX]; /* children that this process already had */
    size_t elder_count;
    bool adopts;
};

/* Starts a child that calls run(arg) and exits, running as `user` if that is another user. Returns 0 or
 * -errno. After 0 the caller must child_end(out). */
int child_start(struct child *out, const struct user *user, void (*run)(void *arg), void *arg);

/* Sets the child's deadline to this many seconds from now. */
void child_set_limit(struct child *child, int seconds);

/* Reads exactly size bytes from the child. Returns whether they arrived before the deadline. */
bool child_read(struct child *child, void *data, size_t size);

/* In the child: writes to CHILD_FD. Returns whether everything was written. */
bool child_write(const void *data, size_t size);

/* Kills the child and its descendants. Waits for at most one second: a process that cannot be killed (hung
 * disk) is left alone. */
void child_end(struct child *child);
