/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The directories where libvirt looks for hooks, and what is installed under virt-tap's name. */
#pragma once

#include <sys/types.h>
#include <time.h>

#define HOOKS_FOLDER "/etc/libvirt/hooks"

enum { HOOKS_DRIVERS = 3, HOOKS_PATH_SIZE = 64, HOOKS_DAEMONS_MAX = 4 };
extern const char *const hooks_drivers[HOOKS_DRIVERS];

enum hook_state {
    HOOK_GOOD,
    HOOK_MISSING,
    HOOK_CLOSED,  /* no permission to look */
    HOOK_BROKEN,  /* ours, but not executable */
    HOOK_FOREIGN, /* not ours */
    HOOK_UNSEEN,  /* the first hook of its driver, and newer than the daemon, which looks for hooks only when
                     it starts */
    HOOK_STATES,
};

/* The path of the driver's link. */
void hooks_path(char path[HOOKS_PATH_SIZE], const char *driver);

/* Returns what is at that path; start: from hooks_daemon_start(). */
enum hook_state hooks_look(const char *driver, time_t start);

/* The kernel's start time of the system's libvirt daemon; 0: none found. */
time_t hooks_daemon_start(void);

/* Finds the running system daemons that call hooks, by their PID files, each of which is verified. Returns
 * how many. PIDs may be reused at any moment: open a pidfd and ask again. */
size_t hooks_daemons(pid_t out[HOOKS_DAEMONS_MAX]);
