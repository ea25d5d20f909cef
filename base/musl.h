/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What musl 1.2.3 to 1.2.5 has not, or with fewer members. Meson has every file begin with this where the C
 * library has no scandirat(); tests/lint/musl.sh does. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEMP_FAILURE_RETRY(call)                                                                             \
    ({                                                                                                       \
        __typeof__(call) result;                                                                             \
        do                                                                                                   \
            result = (call);                                                                                 \
        while (result == -1 && errno == EINTR);                                                              \
        result;                                                                                              \
    })

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif
#define renameat2(...) syscall(SYS_renameat2, __VA_ARGS__)
#define closefrom(first) ((void)syscall(SYS_close_range, first, ~0U, 0U)) /* Linux 5.9 */

#ifndef STATX_MNT_ID /* nor has its own struct that member */
#define statx kernel_statx
#define statx_timestamp kernel_statx_timestamp
#include <linux/stat.h>
static inline int statx(int folder, const char *path, int flags, unsigned int mask, struct statx *out)
{
    return (int)syscall(SYS_statx, folder, path, flags, mask, out);
}
#endif

/* Of that folder itself. Without threads, its own working directory is a process's own to change. */
static inline int scandirat(int folder, const char *path, struct dirent ***names,
                            int (*filter)(const struct dirent *),
                            int (*compare)(const struct dirent **, const struct dirent **))
{
    const int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int count = -1;

    if (before < 0)
        return -1;
    if (fchdir(folder) == 0)
        count = scandir(path, names, filter, compare);
    const int err = errno;
    if (fchdir(before) < 0)
        _exit(1);
    close(before);
    errno = err;
    return count;
}
