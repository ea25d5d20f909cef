/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Handles folders that are being edited: an editor moves the old file away before it writes the new one. */
#pragma once

#include <stdbool.h>

struct statx;
struct timespec;

enum { SETTLE_ROUNDS = 10 /* number of waits before the current state is accepted */ };

/* Waits 200 ms if files were added to that folder or removed from it less than 200 ms before `began`
 * (CLOCK_REALTIME, read before the caller looked). A change after `began` means waiting, however long the
 * caller was stopped; a time in the future does not, since it was set back. Returns whether it waited. */
bool settle_wait(const struct timespec *began, const struct statx *folder);
