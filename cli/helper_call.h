/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap-helper, called by those who have no privilege of their own. */
#pragma once

/* The helper's path: as installed, or $VIRT_TAP_HELPER. */
const char *helper_path(void);

/* Runs it with those words (NULL at the end; at most 14), and waits. It says itself what is wrong. name: for
 * what is wrong with starting it. Returns its exit status, 1 if it could not be started or was killed. */
int helper_call(const char *name, const char *const words[]);
