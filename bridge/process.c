/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { OUTPUT_MAX = 64 * 1024 * 1024, OUTPUT_STEP = 64 * 1024, KILLED_MS = 5000 };

static _Noreturn void become_program(const char *path, char *const argv[])
{
    static char path_variable[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
    char *const environment[] = {path_variable, locale, NULL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_range(3, UINT_MAX, 0);
    umask(022);
    if (chdir("/") == 0)
        execve(path, argv, environment);
    _exit(127);
}

int process_detach(const char *path, char *const argv[])
{
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
    become_program(path, argv);
}

static int find_program(const char *name, char path[PATH_MAX])
{
    static const char *const places[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, PATH_MAX, "%s/%s", places[i], name);
        if (access(path, X_OK) == 0)
            return 0;
    }
    return -ENOENT;
}

static _Noreturn void run_child(const char *path, char *const argv[], int out, int errors, pid_t parent)
{
    const int null = open("/dev/null", O_RDWR);

    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before the line above */
        _exit(127);
    dup2(null, 0);
    dup2(out, 1);
    dup2(errors ? out : null, 2);
    become_program(path, argv);
}

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct output {
    char *text;
    size_t used, size;
};

/* Reads once from a pipe that does not block. Returns how many bytes, 0 at the end, or -errno. */
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
    output->used += got > 0 ? (size_t)got : 0;
    output->text[output->used] = '\0';
    if (got < 0)
        return err;
    return output->used > OUTPUT_MAX ? -EFBIG : got;
}

/* Collects the output until the process has exited. Returns 0 or -errno. */
static int attend(int process, int out, int64_t end, struct output *output)
{
    struct pollfd wait[] = {{.fd = process, .events = POLLIN}, {.fd = out, .events = POLLIN}};

    for (;;) {
        const int64_t left = end - clock_ms();
        if (left <= 0)
            return -ETIMEDOUT;
        if (poll(wait, 2, (int)left) < 0 && errno != EINTR)
            return -errno;
        const ssize_t got = wait[1].fd >= 0 ? read_some(out, output) : 0;
        if (got < 0 && got != -EAGAIN && got != -EINTR)
            return (int)got;
        if (got <= 0 && wait[0].revents) /* it exited before this read, which found nothing more */
            return 0;
        if (got == 0)
            wait[1].fd = -1; /* closed, though the process goes on */
    }
}

/* Returns the status of an exit, or -errno: -ETIMEDOUT when not even SIGKILL ends it. */
static int reap(pid_t pid, int process, bool ended)
{
    struct pollfd wait = {.fd = process, .events = POLLIN};
    int status;

    if (!ended) {
        kill(-pid, SIGKILL); /* its group, which is its own once it has called setsid() */
        kill(pid, SIGKILL);
        if (poll(&wait, 1, KILLED_MS) <= 0)
            return -ETIMEDOUT;
    }
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int process_capture(char *const argv[], int errors, int limit_ms, char **output)
{
    const int64_t end = clock_ms() + limit_ms;
    struct output collected = {.text = NULL};
    char path[PATH_MAX];
    int ends[2];

    *output = NULL;
    int err = find_program(argv[0], path);
    if (err < 0)
        return err;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_close_ const int out = ends[0];
    const pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        run_child(path, argv, ends[1], errors, parent);
    err = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (err < 0)
        return err;
    _cleanup_close_ const int process = pidfd_open(pid, 0);
    if (process < 0 || fcntl(out, F_SETFL, O_NONBLOCK) < 0)
        err = -errno;
    else
        err = attend(process, out, end, &collected);
    *output = collected.text;
    const int status = reap(pid, process, err == 0);
    return err < 0 ? err : status;
}
