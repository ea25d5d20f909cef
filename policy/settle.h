/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Folders in which somebody is at work: an editor puts the old file aside before it writes the new one. */
#pragma once

#include <stdbool.h>

struct statx;
struct timespec;

enum { SETTLE_ROUNDS = 10 /* of waiting, until it counts as it is */ };

/* Waits 200 ms if files were put into that folder, or taken from it, less than that before `began`
 * (CLOCK_REALTIME, read before the caller looked). However long the caller is stopped, a change since then
 * counts; one that is still to come does not, for the clock was set back. Returns whether it waited. */
bool settle_wait(const struct timespec *began, const struct statx *folder);
