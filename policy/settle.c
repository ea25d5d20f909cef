/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "rootfile.h"

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
    const int64_t age = (began->tv_sec - change->tv_sec) * INT64_C(1000) +
                        (began->tv_nsec - (int64_t)change->tv_nsec) / 1000000;
    if (change->tv_sec > now.tv_sec || age >= SETTLE_MS)
        return false;
    nanosleep(&pause, NULL);
    return true;
}
