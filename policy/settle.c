/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "settle.h"

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

enum { SETTLE_MS = 200 };

bool settle_wait(const struct timespec *began, const struct statx *folder)
{
    const struct timespec pause = {.tv_nsec = SETTLE_MS * 1000 * 1000L};
    const struct statx_timestamp *change = &folder->stx_mtime;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t seconds = began->tv_sec - change->tv_sec;
    const int64_t nanoseconds = began->tv_nsec - (int64_t)change->tv_nsec;
    if (change->tv_sec > now.tv_sec || seconds > 1 || seconds * 1000 + nanoseconds / 1000000 >= SETTLE_MS)
        return false;
    nanosleep(&pause, NULL);
    return true;
}
