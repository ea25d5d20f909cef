/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "child.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAUSE_FIRST_NS = 50000, PAUSE_LAST_NS = 200000000, SWEEP_SECONDS = 1 };

/* Lists the children of this process (CONFIG_PROC_CHILDREN). Returns how many, or -1 if unknown. */
static int list_children(pid_t *out, int max)
{
    char text[8192];
    int count = 0;

    if (text_read("/proc/thread-self/children", text, sizeof(text)) < 0)
        return -1;
    for (char *at = text, *end; count <= max; at = end) {
        const long pid = strtol(at, &end, 10);
        if (end == at)
            return count;
        if (count < max)
            out[count] = (pid_t)pid;
        count++;
    }
    return -1;
}

/* Lowers every limit in which root's processes may exceed those of users. */
static bool set_limits(void)
{
    static const struct {
        __rlimit_resource_t resource;
        rlim_t max;
    } limits[] = {{RLIMIT_CORE, 0},          {RLIMIT_RTPRIO, 0},   {RLIMIT_NICE, 0},
                  {RLIMIT_FSIZE, 16U << 20}, {RLIMIT_NPROC, 4096}, {RLIMIT_MEMLOCK, 8U << 20},
                  {RLIMIT_MSGQUEUE, 0}};
    struct rlimit limit;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (getrlimit(limits[i].resource, &limit) < 0)
            return false;
        if (limit.rlim_max > limits[i].max) /* RLIM_INFINITY is the largest value */
            limit.rlim_max = limits[i].max;
        if (limit.rlim_cur > limit.rlim_max)
            limit.rlim_cur = limit.rlim_max;
        if (setrlimit(limits[i].resource, &limit) < 0)
            return false;
    }
    return getpriority(PRIO_PROCESS, 0) >= 0 || setpriority(PRIO_PROCESS, 0, 0) == 0;
}

static bool set_descriptors(int fd)
{
    const int high = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD + 1);
    int null = open("/dev/null", O_RDWR | O_NOCTTY); /* stays open across exec, as 0, 1 and 2 */

    if (null < 0) /* on a nodev file system: use what cannot be read or written either */
        null = open("/", O_PATH | O_DIRECTORY);
    if (high < 0 || null < 0)
        return false;
    for (int i = 0; i < CHILD_FD; i++)
        if (dup2(null, i) < 0)
            return false;
    if (dup3(high, CHILD_FD, O_CLOEXEC) < 0)
        return false;
    closefrom(CHILD_FD + 1);
    return true;
}

/* Everything that does not require being the user comes first. */
static bool isolate(const struct user *user, int fd)
{
    sigset_t none;

    sigemptyset(&none);
    umask(022);
    if (setsid() < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 || chdir("/") < 0 || !set_descriptors(fd))
        return false;
    signal(SIGPIPE, SIG_DFL);
    if (user->other && !set_limits())
        return false;
    return user_become(user) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0; /* cleared by a change of UID */
}

static void stop_adopting(const struct child *child)
{
    if (child->adopts)
        prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static pid_t fork_child(bool other)
{
    struct clone_args args = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};
    const pid_t pid = other ? (pid_t)syscall(SYS_clone3, &args, sizeof(args)) : -1;

    if (pid < 0)
        return fork();
    return pid;
}

int child_start(struct child *out, const struct user *user, void (*run)(void *arg), void *arg)
{
    int ends[2], adopts = 0;

    *out = (struct child){.fd = -1};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    const int elders = list_children(out->elders, CHILD_ELDERS_MAX);
    prctl(PR_GET_CHILD_SUBREAPER, &adopts);
    out->adopts =
        !adopts && elders >= 0 && elders <= CHILD_ELDERS_MAX && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
    if (out->adopts)
        out->elder_count = (size_t)elders;
    out->pid = fork_child(user->other);
    if (out->pid == 0) {
        if (isolate(user, ends[1]))
            run(arg);
        _exit(1);
    }
    const int err = -errno;
    out->fd = ends[0];
    close(ends[1]);
    if (out->pid > 0)
        return 0;
    close(ends[0]);
    stop_adopting(out);
    return err;
}

void child_set_limit(struct child *child, int seconds)
{
    child->deadline = clock_ms() + seconds * 1000;
}

static int ms_left(const struct child *child)
{
    const int64_t left = child->deadline - clock_ms();

    return (int)MAX(left, 0);
}

bool child_read(struct child *child, void *data, size_t size)
{
    for (char *at = data; size;) {
        struct pollfd ready = {.fd = child->fd, .events = POLLIN};
        const int some = poll(&ready, 1, ms_left(child));
        if (some < 0 && errno == EINTR)
            continue;
        child->late = some == 0;
        const ssize_t done = some > 0 ? read(child->fd, at, size) : -1;
        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

bool child_write(const void *data, size_t size)
{
    return write_all(CHILD_FD, data, size);
}

static bool is_elder(const struct child *child, pid_t pid)
{
    for (size_t i = 0; i < child->elder_count; i++)
        if (child->elders[i] == pid)
            return true;
    return false;
}

/* Kills the children that are not elders. Returns how many there were. */
static int kill_adopted(const struct child *child)
{
    pid_t pids[1024];
    const int max = sizeof(pids) / sizeof(pids[0]);
    const int count = list_children(pids, max);
    int killed = 0;

    for (int i = 0; i < count && i < max; i++) {
        if (is_elder(child, pids[i]))
            continue;
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, WNOHANG);
        killed++;
    }
    return killed;
}

/* Polls for its exit status at growing intervals, since most exit at once. */
void child_end(struct child *child)
{
    struct timespec pause = {.tv_nsec = PAUSE_FIRST_NS};

    close(child->fd);
    kill(-child->pid, SIGKILL);
    kill(child->pid, SIGKILL);
    for (; pause.tv_nsec < PAUSE_LAST_NS && waitpid(child->pid, NULL, WNOHANG) == 0; pause.tv_nsec *= 2)
        nanosleep(&pause, NULL);
    if (!child->adopts)
        return;
    child_set_limit(child, SWEEP_SECONDS);
    for (pause.tv_nsec = PAUSE_FIRST_NS; kill_adopted(child) > 0 && ms_left(child) > 0;)
        nanosleep(&pause, NULL);
    stop_adopting(child);
}
