/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Ownership by cleanup attribute: a variable declared with one is released on every exit from its block. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))

/* Preserves errno of the failure before it. */
static inline void cleanup_close(const int *fd)
{
    const int saved = errno;

    if (*fd >= 0)
        close(*fd);
    errno = saved;
}

static inline void cleanup_fclose(FILE **file)
{
    if (*file)
        fclose(*file);
}

/* Transfers ownership: `return take_fd(&fd);`. */
static inline int take_fd(int *fd)
{
    const int taken = *fd;

    *fd = -1;
    return taken;
}
