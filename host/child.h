/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A child process that looks at something, or changes a user's own files, perhaps as another user. Whatever
 * it and what it starts may do, the parent goes on in time, and nothing of theirs stays behind.
 *
 * The child has a session of its own without a terminal, /dev/null as standard input, output and error,
 * CHILD_FD, and no other descriptor; its folder is /. As another user it also has that user's groups, no
 * capability, a keyring and limits of its own; it cannot be traced by that user until it executes a program
 * (PR_SET_DUMPABLE); and it is the first process of a pid namespace, so that no process of theirs outlives
 * it. Where the kernel or a container allows none, what outlives it is adopted (PR_SET_CHILD_SUBREAPER) and
 * killed. What comes from the child is that user's word: whoever reads it must check it. */
#pragma once

#include "user.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

enum { CHILD_FD = 3, CHILD_ELDERS_MAX = 64 };

struct child {
    pid_t pid;
    int fd; /* owned; what the child writes to its CHILD_FD */
    struct timespec deadline;
    bool late;                      /* a read ended at the deadline */
    pid_t elders[CHILD_ELDERS_MAX]; /* children that this process had before */
    size_t elder_count;
    bool adopts;
};

/* Starts a child that calls run(arg) and ends, as `user` if that is another user. Returns 0 or -errno. The
 * caller must child_end(out) if it returned 0. */
int child_start(struct child *out, const struct user *user, void (*run)(void *arg), void *arg);

/* From now on the child has so many seconds. */
void child_set_limit(struct child *child, int seconds);

/* Reads exactly so many bytes from the child. Returns whether they came before the deadline. */
bool child_read(struct child *child, void *data, size_t size);

/* In the child: writes to CHILD_FD. Returns whether all of it was written. */
bool child_write(const void *data, size_t size);

/* Kills the child, and what it has started. Waits a second at most: a process that cannot even be killed (a
 * disk that hangs) is left alone. */
void child_end(struct child *child);
