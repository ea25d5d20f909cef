/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Variables that are released on every return from their scope. */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *variable)
{
    free(*(void **)variable);
}

/* errno is that of what failed before. */
static inline void cleanup_close(const int *fd)
{
    const int saved = errno;

    if (*fd >= 0)
        close(*fd);
    errno = saved;
}

/* Ownership leaves: `return take_fd(&fd);`. */
static inline int take_fd(int *fd)
{
    const int taken = *fd;

    *fd = -1;
    return taken;
}

#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
