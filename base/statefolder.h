/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * STATE_FOLDER, where root's commands keep what must not outlive a boot, and wait for each other. */
#pragma once

/* Checks that STATE_FOLDER is a folder, not a link, which only root can change. Returns 0, or -errno;
 * -ENOENT: it is missing; -EPERM: others than root can change it. */
int state_folder_check(void);

/* Makes STATE_FOLDER if it is missing. Returns as state_folder_check() does. */
int state_folder_make(void);

/* Waits for the lock of that name, for `ms` milliseconds at most, and takes it until the descriptor is
 * closed. The name starts with a dot. It is a file of STATE_FOLDER that only root can open: whoever can open
 * a file can hold its lock for ever. Returns a descriptor that the caller owns, or -errno; -EWOULDBLOCK:
 * somebody else holds it. */
int state_lock(const char *name, int ms);

/* Likewise for a verb (its full command): returns -1 after reporting why not, with `busy` if somebody else
 * holds it. */
int state_lock_for(const char *verb, const char *name, int ms, const char *busy);
