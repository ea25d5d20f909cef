/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_MS = 10000, MOST_OUTPUT = 64 * 1024 * 1024 };

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
    close_range(3, UINT_MAX, 0);
    if (chdir("/") == 0)
        execv(path, argv);
    _exit(127);
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

static void run_child(const char *path, char *const argv[], int out, int errors)
{
    const int null = open("/dev/null", O_RDWR);

    dup2(null, 0);
    dup2(out, 1);
    dup2(errors ? out : null, 2);
    close_range(3, UINT_MAX, 0);
    execv(path, argv);
    _exit(127);
}

/* Reads to the end, or for LIMIT_MS without a byte. */
static int read_all(int fd, char **output)
{
    size_t used = 0;

    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char *more = realloc(*output, used + 65536);
        if (!more)
            return -ENOMEM;
        *output = more;
        more[used] = '\0';
        if (poll(&wait, 1, LIMIT_MS) <= 0)
            return -ETIMEDOUT;
        const ssize_t got = read(fd, more + used, 65535);
        if (got < 0)
            return -errno;
        used += (size_t)got;
        more[used] = '\0';
        if (got == 0)
            return 0;
        if (used > MOST_OUTPUT)
            return -EFBIG;
    }
}

int process_capture(char *const argv[], int errors, char **output)
{
    char path[PATH_MAX];
    int ends[2], status = 0;

    *output = NULL;
    int err = find_program(argv[0], path);
    if (err < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return err < 0 ? err : -errno;
    const pid_t pid = fork();
    if (pid == 0)
        run_child(path, argv, ends[1], errors);
    close(ends[1]);
    err = pid < 0 ? -errno : read_all(ends[0], output);
    close(ends[0]);
    if (pid > 0 && err < 0)
        kill(pid, SIGKILL);
    if (pid > 0 && waitpid(pid, &status, 0) < 0 && err == 0)
        err = -errno;
    if (err < 0)
        return err;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
