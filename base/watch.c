/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "watch.h"

#include "complain.h"
#include "pidfd.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
    STEP_MS = 50,
    STOPS_MAX =
        4 /* times that it is found stopped: once may be the terminal's doing, which ends it for both */
};

/* Returns which state of these (WEXITED, WSTOPPED) the child is in: its CLD_ code, or 0. It stays a zombie.
 */
static int state_of(pid_t child, int states)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PID, (id_t)child, &info, states | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
        return 0;
    return info.si_code;
}

/* Without a pidfd (before Linux 5.3), its end is seen at the next step. */
static bool await_end(pid_t child)
{
    struct pollfd end = {.fd = pidfd_of(child), .events = POLLIN};

    for (int stops = 0; stops < STOPS_MAX; stops += state_of(child, WSTOPPED) != 0) {
        poll(&end, 1, STEP_MS);
        if (state_of(child, WEXITED))
            return true;
    }
    return false;
}

void watch_begin(const char *name)
{
    int status = 0;

    fflush(NULL);
    const pid_t child = fork();
    if (child < 0)
        exit(complain(1, name, "cannot start a process: %s", strerror(errno)));
    if (child == 0)
        return;
    const bool ended = await_end(child);
    if (!ended)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!ended)
        complain(1, name, "the process that acts as that user was stopped by them, and is ended; try again");
    exit(ended && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
