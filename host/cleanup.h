/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a variable owns is given back when it goes out of scope, on every return. */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *at)
{
    free(*(void **)at);
}

static inline void cleanup_close(const int *fd)
{
    const int error = errno;

    if (*fd >= 0)
        close(*fd);
    errno = error;
}

/* Gives the descriptor away: the variable does not own it any more. */
static inline int take_fd(int *fd)
{
    const int taken = *fd;

    *fd = -1;
    return taken;
}

#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
