/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Runs virt-tap-helper for callers without privileges. */
#pragma once

/* The helper's path: the installed one, or $VIRT_TAP_HELPER. */
const char *helper_path(void);

/* Runs the helper with this argv, which ends with NULL, and waits. It reports its own errors; `name` is for
 * errors in starting it. Returns its exit status, or 1 if it could not be started or was killed. */
int helper_call(const char *name, const char *const argv[]);
