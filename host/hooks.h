/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The directories where libvirt looks for hooks, and what is installed under virt-tap's name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "finding.h"
#include "user.h"

#define HOOKS_FOLDER "/etc/libvirt/hooks"

enum { HOOKS_DRIVERS = 3, HOOKS_PATH_SIZE = 64, HOOKS_DAEMONS_MAX = 4 };
extern const char *const hooks_drivers[HOOKS_DRIVERS];

enum hook_state {
    HOOK_GOOD,
    HOOK_MISSING,
    HOOK_CLOSED,  /* no permission to look */
    HOOK_BROKEN,  /* ours, but not executable */
    HOOK_FOREIGN, /* not ours */
    HOOK_UNSEEN, /* the first hook of its driver, and newer than a daemon's last look: it looks for hooks when
                    it starts, and when it reloads */
    HOOK_STATES,
};

/* The path of the driver's link. */
void hooks_path(char path[HOOKS_PATH_SIZE], const char *driver);

/* Returns what is at that path, also compared with the running system daemons that call it: qemu by libvirtd
 * and virtqemud, network by libvirtd and virtnetworkd, daemon by all of them. */
enum hook_state hooks_look(const char *driver);

/* A running system daemon that calls hooks. */
struct hooks_daemon {
    pid_t pid;        /* may be reused at any moment: open a pidfd and ask again */
    const char *name; /* of its program; a constant */
};

/* Finds them by their PID files, each of which is verified. Returns how many. */
size_t hooks_daemons(struct hooks_daemon out[HOOKS_DAEMONS_MAX]);

/* Returns the process in a PID file if it has that name and all its UIDs are this one, or 0: anybody can give
 * a process a name, and the file can be older than the process. */
pid_t hooks_read_pid(const char *file, const char *name, uid_t uid);

/* Returns when a process started, in nanoseconds since 1970; 0: unknown. */
int64_t hooks_process_start(pid_t pid);

/* The path of the file whose mtime tells when that daemon last reloaded. Only root can write it: our daemon
 * hook, which libvirt calls on SIGHUP after it has looked for hooks again (src/util/virhook.c, virHookCall:
 * VIR_HOOK_DAEMON_OP_RELOAD). */
void hooks_stamp_path(char path[HOOKS_PATH_SIZE], const char *daemon);

/* Finds the daemon of a user's libvirt session, libvirtd or virtqemud, which reads its configuration and
 * looks for hooks when it starts. Returns when that was, in nanoseconds since 1970, with the path of its PID
 * file; 0: none runs. */
int64_t hooks_session_start(const struct user *user, char file[FINDING_ABOUT_SIZE]);

/* Whether that daemon runs, and looked for hooks of the driver qemu before the first one was installed: it
 * does not call ours, although hooks_look() returns HOOK_GOOD. file: its PID file. */
bool hooks_session_unseen(const struct user *user, char file[FINDING_ABOUT_SIZE]);
