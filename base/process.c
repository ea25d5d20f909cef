/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "process.h"
#include "base/clock.h"
#include "cleanup.h"
#include "pidfd.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum {
    OUTPUT_MAX = 64 * 1024 * 1024,
    OUTPUT_STEP = 64 * 1024,
    TERM_MS = 1000,
    KILL_MS = 5000,
    STEP_MS = 10, /* between two checks of a process without a pidfd (before Linux 5.3) */
    FAILURE_FD = 3,
};

/* On failure, sends errno to FAILURE_FD, which a successful exec closes. */
static _Noreturn void execute(const struct process *process, const char *path)
{
    static const char *const fixed[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    const char *const *environment = process->environment;
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    closefrom(FAILURE_FD + 1);
    if (!environment)
        environment = process->terminal ? (const char *const *)environ : fixed;
    if (!process->terminal)
        umask(022);
    if (process->terminal || chdir("/") == 0)
        execve(path, (char *const *)(uintptr_t)process->argv, (char *const *)(uintptr_t)environment);
    const int err = errno;
    _exit(write(FAILURE_FD, &err, sizeof(err)) < 0 ? 126 : 127);
}

int process_detach(const char *path, const char *const argv[])
{
    const struct process process = {.argv = argv};
    const pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid > 0)
        return waitpid(pid, NULL, 0) < 0 ? -errno : 0;
    setsid();
    if (fork() != 0)
        _exit(0);
    const int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    closefrom(3);
    execute(&process, path);
}

static int find_program(const char *name, char path[PATH_MAX])
{
    static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(path, PATH_MAX, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return 0;
    }
    return -ENOENT;
}

bool process_exists(const char *name)
{
    char path[PATH_MAX];

    return find_program(name, path) == 0;
}

static _Noreturn void run_child(const struct process *process, const char *path, int out, int failure,
                                pid_t parent)
{
    if (!process->terminal) {
        const int null = open("/dev/null", O_RDWR);
        if (!process->same_group)
            setsid();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) /* it died before the prctl() above */
            _exit(127);
        dup2(null, 0);
        dup2(out, 1);
        dup2(process->errors ? out : null, 2);
    }
    if (failure != FAILURE_FD)
        dup3(failure, FAILURE_FD, O_CLOEXEC);
    execute(process, path);
}

struct output {
    char *text;
    size_t used, size, max;
};

/* Reads once from a nonblocking pipe. Returns the number of bytes, 0 at the end, or -errno. */
static ssize_t read_some(int fd, struct output *output)
{
    if (output->size - output->used <= OUTPUT_STEP) {
        const size_t size = 2 * (output->size + OUTPUT_STEP);
        char *more = realloc(output->text, size);
        if (!more)
            return -ENOMEM;
        output->text = more;
        output->size = size;
    }
    const ssize_t got = read(fd, output->text + output->used, OUTPUT_STEP);
    const int err = -errno;
    if (got > 0)
        output->used += (size_t)got;
    output->text[output->used] = '\0';
    if (got < 0)
        return err;
    if (output->used > output->max)
        return -EFBIG;
    return got;
}

/* A running child. */
struct running {
    pid_t pid;
    int pidfd; /* -1: not supported by this kernel */
};

/* Does not reap it, so that its PID and process group ID are not reused. */
static bool has_exited(const struct running *child)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

/* Waits until the process exits, there is output to read, or the time is over (end_ms 0: never). Returns 0;
 * -ETIMEDOUT; or -EINTR. */
static int wait_for(const struct running *child, int out, int64_t end_ms)
{
    struct pollfd wait[] = {{.fd = child->pidfd, .events = POLLIN}, {.fd = out, .events = POLLIN}};
    int64_t left = end_ms ? end_ms - clock_ms() : INT_MAX;

    if (left <= 0)
        return -ETIMEDOUT;
    if (child->pidfd < 0 && left > STEP_MS)
        left = STEP_MS;
    if (!end_ms && child->pidfd >= 0)
        left = -1; /* no limit */
    if (poll(wait, 2, (int)left) < 0)
        return -errno;
    return 0;
}

/* Collects output until the process has exited. Returns 0 or -errno. */
static int attend(const struct running *child, const struct process *process, int out, struct output *output)
{
    const int64_t end = process->limit_ms ? clock_ms() + process->limit_ms : 0;

    for (;;) {
        const int err = wait_for(child, out, end);
        if (err < 0 && (err != -EINTR || process->interruptible))
            return err;
        const bool exited = has_exited(child); /* before the read, which then gets its last output */
        const ssize_t got = out >= 0 ? read_some(out, output) : 0;
        if (got < 0 && got != -EAGAIN && got != -EINTR)
            return (int)got;
        if (got <= 0 && exited)
            return 0;
        if (got == 0)
            out = -1; /* closed, although the process is still running */
    }
}

static void send_signal(const struct running *child, const struct process *process, int number)
{
    if (!process->terminal && !process->same_group)
        kill(-child->pid, number); /* its process group, which is its own after setsid() */
    kill(child->pid, number);
}

static void end_process(const struct running *child, const struct process *process)
{
    static const struct {
        int number, ms;
    } signals[] = {{SIGTERM, TERM_MS}, {SIGKILL, KILL_MS}};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        const int64_t end = clock_ms() + signals[i].ms;
        send_signal(child, process, signals[i].number); /* even if it has exited: its group may not have */
        while (!has_exited(child) && wait_for(child, -1, end) != -ETIMEDOUT)
            continue;
    }
}

/* Starts the program. Returns 0 or -errno, including that of exec, in which case there is no child. */
static int start(const struct process *process, const char *path, int out, struct running *child)
{
    const pid_t parent = getpid();
    int ends[2], failed = 0;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_close_ const int failure = ends[0];
    child->pid = fork();
    if (child->pid == 0)
        run_child(process, path, out, ends[1], parent);
    const int err = errno;
    close(ends[1]);
    if (child->pid < 0)
        return -err;
    if (TEMP_FAILURE_RETRY(read(failure, &failed, sizeof(failed))) == sizeof(failed)) {
        TEMP_FAILURE_RETRY(waitpid(child->pid, NULL, 0));
        return -failed;
    }
    child->pidfd = pidfd_of(child->pid);
    return 0;
}

int process_run(const struct process *process, char **output)
{
    struct output collected = {.max = process->output_max ? process->output_max : OUTPUT_MAX};
    const char *path = process->path;
    char found[PATH_MAX];
    struct running child = {.pidfd = -1};
    int ends[2] = {-1, -1}, status, err;

    if (output)
        *output = NULL;
    if (!path) {
        err = find_program(process->argv[0], found);
        if (err < 0)
            return err;
        path = found;
    }
    if (!process->terminal && (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0))
        return -errno;
    _cleanup_close_ const int out = ends[0];
    err = start(process, path, ends[1], &child);
    if (ends[1] >= 0)
        close(ends[1]);
    if (err < 0)
        return err;
    _cleanup_close_ __attribute__((unused)) const int pidfd = child.pidfd;
    err = attend(&child, process, out, &collected);
    if (output)
        *output = collected.text;
    else
        free(collected.text);
    if (err < 0)
        end_process(&child, process);
    if (!has_exited(&child)) /* not even after SIGKILL: a disk that hangs */
        return -ETIMEDOUT;
    if (waitpid(child.pid, &status, 0) < 0)
        return -errno;
    if (err < 0)
        return err;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    return 128 + WTERMSIG(status);
}

int process_capture(const char *const argv[], bool errors, int limit_ms, char **output)
{
    return process_run(&(struct process){.argv = argv, .errors = errors, .limit_ms = limit_ms}, output);
}

int process_run_terminal(const char *path, const char *const argv[])
{
    return process_run(&(struct process){.path = path, .argv = argv, .terminal = true}, NULL);
}

const char *process_reason(char *output)
{
    if (output)
        output[strcspn(output, "\n")] = '\0';
    if (output && *output)
        return output;
    return "it gave no reason";
}
