/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The guard of a move (see move.h): how it is started, and the confirmation that it waits for. */
#include "base/cleanup.h"
#include "base/pidfd.h"
#include "base/process.h"
#include "base/text.h"
#include "move.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/time.h>
#include <syslog.h>
#include <unistd.h>

enum { ARM_MS = 10000 };

/* Under systemd, runs the guard as a system service; a process of the login session would die with it. */
static int start_unit(const char *verb, const char *self, const char *bridge)
{
    const char *const argv[] = {
        "systemd-run", "--quiet",
        "--collect",   "--description=virt-tap: restores the network unless the bridge is confirmed",
        self,          "bridge",
        "guard",       "--",
        bridge,        NULL};
    _cleanup_free_ char *output = NULL;

    if (process_capture(argv, true, PROCESS_QUERY_MS, &output) == 0)
        return 0;
    return complain(1, verb, "nothing was changed: cannot start the guard: systemd-run: %.200s",
                    process_reason(output));
}

int guard_start(const char *verb, const char *bridge)
{
    const char *const argv[] = {"virt-tap", "bridge", "guard", "--", bridge, NULL};
    char self[PATH_MAX];
    bool failed;

    text_link("/proc/self/exe", self, sizeof(self));
    if (access("/run/systemd/system", F_OK) == 0)
        failed = start_unit(verb, self, bridge) != 0;
    else
        failed = process_detach("/proc/self/exe", argv) < 0;
    if (!failed && state_await(bridge, PHASE_ARMING, ARM_MS))
        return 0;
    unlink(state_path(bridge, PHASE_ARMING).text); /* from now on it is too late for the guard */
    if (failed)
        return 1;
    return complain(1, verb, "nothing was changed: the guard did not start within %d s", ARM_MS / 1000);
}

static volatile sig_atomic_t expired; /* set by SIGALRM */

static void on_alarm(int signal_number)
{
    (void)signal_number;
    expired = 1;
}

static void set_timer(unsigned int ms)
{
    const struct itimerval timer = {
        .it_value = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000}};

    expired = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* The mover has used up its time and still works, or is stopped. While the lock is held, its PID cannot be
 * another process's. */
static void end_mover(int fd, pid_t mover)
{
    _cleanup_close_ const int process = pidfd_of(mover);

    if (process >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
        pidfd_signal(process, SIGKILL);
}

/* Returns once create has finished or died. We then hold the lock. */
static void wait_for_mover(int fd, const struct move *move)
{
    set_timer(move->confirm_ms);
    while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
        if (expired) {
            end_mover(fd, move->mover);
            set_timer(1000);
        }
    set_timer(0);
}

static int restore(struct move *move)
{
    /* syslog(3) waits for a full log for ever. A signal ends that, and glibc then tries once more. */
    const struct itimerval limit = {.it_value = {.tv_sec = 1}, .it_interval = {.tv_sec = 1}};
    const int err = move_restore(move, 0);

    setitimer(ITIMER_REAL, &limit, NULL);
    if (err < 0)
        syslog(LOG_ERR, "'%s' was not confirmed; restoring '%s' failed: %s", move->bridge, move->uplink,
               strerror(-err));
    else
        syslog(LOG_NOTICE, "'%s' was not confirmed: '%s' was restored", move->bridge, move->uplink);
    return err < 0;
}

static int guard(struct move *move)
{
    const struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART: must interrupt flock() */
    const int fd = open(state_path(move->bridge, PHASE_ARMING).text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    sigaction(SIGALRM, &action, NULL);
    if (fd < 0 || state_advance(move->bridge, PHASE_ARMING, PHASE_MOVING) < 0)
        return 1; /* create gave up on us */
    wait_for_mover(fd, move);
    if (state_advance(move->bridge, PHASE_MOVING, PHASE_RESTORING) == 0)
        return restore(move);
    if (access(state_path(move->bridge, PHASE_RESTORING).text, F_OK) == 0) /* create died while it restored */
        return restore(move);
    state_await(move->bridge, PHASE_MOVED, (int)move->confirm_ms);
    if (state_advance(move->bridge, PHASE_MOVED, PHASE_RESTORING) == 0)
        return restore(move);
    return 0;
}

int bridge_guard(const struct call *call)
{
    const char *name = call->words[0];
    struct move move;

    if (!ifname_valid(name))
        return complain(2, call->name, "'%.64s' is not a name that a bridge can have", name);
    openlog("virt-tap", LOG_PID, LOG_DAEMON);
    if (state_load(name, PHASE_ARMING, &move))
        return complain(1, call->name, "there is no move of '%.64s' to guard", name);
    const int status = guard(&move);
    move_free(&move);
    return status;
}

int bridge_confirm(const struct call *call)
{
    const char *name = call->words[0];
    struct move move;

    if (geteuid() != 0)
        return complain(1, call->name, "this requires root: use sudo");
    if (!ifname_valid(name))
        return complain(2, call->name, "'%.64s' is not a name that a bridge can have", name);
    const char *why = state_load(name, PHASE_MOVED, &move);
    move_free(&move);
    if (!why && state_advance(name, PHASE_MOVED, PHASE_CONFIRMED) == 0)
        return 0;
    if (!why || !*why)
        return complain(
            1, call->name,
            "'%.64s' has nothing to confirm: it was confirmed or restored already, or does not exist; "
            "`virt-tap bridge show` shows which",
            name);
    return complain(1, call->name,
                    "cannot confirm: %s %s; '%.64s' will be restored in time; then create it again",
                    state_path(name, PHASE_MOVED).text, why, name);
}
