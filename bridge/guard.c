/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The guard of a move (see move.h), how it is started, and the confirmation that it waits for. */
#include "guard.h"
#include "move.h"
#include "net/link.h"
#include "process.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/time.h>
#include <syslog.h>
#include <unistd.h>

enum { ARM_MS = 10000 };

/* A service of the system's own where systemd runs: a process of the login session would be ended with it. */
static int start_unit(const char *verb, char *self, char *bridge)
{
    char run[] = "systemd-run", quiet[] = "--quiet", collect[] = "--collect", what[] = "bridge",
         guard[] = "guard";
    char text[] = "--description=virt-tap: puts the network back unless the bridge is confirmed";
    char *argv[] = {run, quiet, collect, text, self, what, guard, bridge, NULL};
    char *output;
    const int status = process_capture(argv, 1, PROCESS_QUERY_MS, &output);

    if (output)
        output[strcspn(output, "\n")] = '\0';
    if (status != 0)
        complain(1, verb, "nothing is changed, for the guard cannot be started: systemd-run: %.200s",
                 output && *output ? output : "no answer");
    free(output);
    return status != 0;
}

int guard_start(const char *verb, const char *bridge)
{
    char self[PATH_MAX], name[IFNAMSIZ], path[64], program[] = "virt-tap", what[] = "bridge",
                                                   guard[] = "guard";
    char *argv[] = {program, what, guard, name, NULL};
    const ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    snprintf(name, sizeof(name), "%s", bridge);
    state_path(path, bridge, PHASE_ARMING);
    self[length > 0 ? length : 0] = '\0';
    const bool systemd = access("/run/systemd/system", F_OK) == 0;
    const int failed = systemd ? start_unit(verb, self, name) : process_detach("/proc/self/exe", argv) < 0;
    if (!failed && state_await(bridge, PHASE_ARMING, ARM_MS))
        return 0;
    unlink(path); /* too late for it from now on */
    return failed
               ? 1
               : complain(1, verb, "nothing is changed, for the guard did not start in %d s", ARM_MS / 1000);
}

static volatile sig_atomic_t expired; /* set by SIGALRM, which has no other way to tell */

static void on_alarm(int signal_number)
{
    (void)signal_number;
    expired = 1;
}

static void set_timer(unsigned int ms)
{
    const struct itimerval timer = {
        .it_value = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000}};

    expired = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* It had all its time and is still at work, or stopped. While the lock is held its pid cannot be another's.
 */
static void end_mover(int fd, pid_t mover)
{
    const int process = pidfd_open(mover, 0);

    if (process < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        pidfd_send_signal(process, SIGKILL, NULL, 0);
    close(process);
}

/* Returns when create has finished, or died: then the lock is ours. */
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

static int put_back(struct move *move)
{
    const struct origin origin = {move->uplink, move->uplink_index};
    const int err = move_restore(move, &origin);
    char path[64];

    state_path(path, move->bridge, PHASE_RESTORING);
    unlink(path);
    if (err < 0)
        syslog(LOG_ERR, "'%s' was not confirmed; putting '%s' back failed: %s", move->bridge, move->uplink,
               strerror(-err));
    else
        syslog(LOG_NOTICE, "'%s' was not confirmed: '%s' is as it was", move->bridge, move->uplink);
    return err < 0;
}

static int guard(struct move *move)
{
    const struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART: flock() must notice */
    char path[64];

    state_path(path, move->bridge, PHASE_ARMING);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    sigaction(SIGALRM, &action, NULL);
    if (fd < 0 || state_advance(move->bridge, PHASE_ARMING, PHASE_MOVING) < 0)
        return 1; /* create gave us up */
    wait_for_mover(fd, move);
    if (state_advance(move->bridge, PHASE_MOVING, PHASE_RESTORING) == 0)
        return put_back(move);
    state_await(move->bridge, PHASE_MOVED, (int)move->confirm_ms);
    if (state_advance(move->bridge, PHASE_MOVED, PHASE_RESTORING) == 0)
        return put_back(move);
    return 0;
}

int bridge_guard(const struct call *call)
{
    const char *name = call->words[0];
    struct move move;

    if (!ifname_valid(name))
        return complain(2, call->name, "'%.64s' is not a name that a bridge can have", name);
    const char *why = state_load(name, PHASE_ARMING, &move);
    openlog("virt-tap", LOG_PID, LOG_DAEMON);
    const int status =
        why ? complain(1, call->name, "there is no move of '%.64s' to guard", name) : guard(&move);
    move_free(&move);
    return status;
}

int bridge_confirm(const struct call *call)
{
    const char *name = call->words[0];
    struct move move;
    char path[64];

    if (geteuid() != 0)
        return complain(1, call->name, "this requires root: use sudo");
    if (!ifname_valid(name))
        return complain(1, call->name, "'%.64s' is not a name that a bridge can have", name);
    const char *why = state_load(name, PHASE_MOVED, &move);
    const bool loaded = why == NULL;
    move_free(&move);
    if (loaded && state_advance(name, PHASE_MOVED, PHASE_CONFIRMED) == 0)
        return 0;
    if (loaded || !*why)
        return complain(
            1, call->name,
            "nothing of '%.64s' is to be confirmed: it is already, was put back, or is not there; "
            "`virt-tap bridge show` tells",
            name);
    state_path(path, name, PHASE_MOVED);
    return complain(1, call->name,
                    "nothing is confirmed, for %s %s: '%.64s' will be put back in time; then make it again",
                    path, why, name);
}
