/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Where libvirt looks for hooks, and what stands there in virt-tap's place. */
#pragma once

#include <sys/types.h>
#include <time.h>

#define HOOKS_FOLDER "/etc/libvirt/hooks"

enum { HOOKS_DRIVERS = 3, HOOKS_PATH_SIZE = 64, HOOKS_DAEMONS_MAX = 4 };
extern const char *const hooks_drivers[HOOKS_DRIVERS];

enum hook_state {
    HOOK_GOOD,
    HOOK_MISSING,
    HOOK_CLOSED,  /* this user may not look */
    HOOK_BROKEN,  /* ours, and cannot be run */
    HOOK_FOREIGN, /* not ours */
    HOOK_UNSEEN,  /* the first of its driver, and newer than the daemon, which looks for hooks when it starts
                   */
    HOOK_STATES,
};

/* The place of the driver's link. */
void hooks_path(char path[HOOKS_PATH_SIZE], const char *driver);

/* What stands there; start: of hooks_daemon_start(). */
enum hook_state hooks_look(const char *driver, time_t start);

/* When the system's libvirt daemon started, by the kernel's account; 0: none runs that shows itself. */
time_t hooks_daemon_start(void);

/* The daemons of the system that call hooks and run, by their pid files, each checked to be what it says.
 * Returns how many. Their pids may be another's a moment later: open a pidfd, and ask again. */
size_t hooks_daemons(pid_t out[HOOKS_DAEMONS_MAX]);
