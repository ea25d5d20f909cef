/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "program.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum { OUTPUT_MAX = 1024 * 1024, STEP_MS = 10, STEP_CLOSED_MS = 1 };

static int spawn(pid_t *pid, char *const argv[], const struct subject *subject, int output)
{
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
    posix_spawn_file_actions_t actions;
    _cleanup_free_ char *home = NULL;

    if (asprintf(&home, "HOME=%s", subject->home) < 0)
        return -ENOMEM;
    char *environment[] = {path, locale, home, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    const int err = -posix_spawn(pid, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    return err;
}

/* What a program prints, as far as there is room for it. */
struct output {
    int fd; /* that does not block; -1: it has ended */
    char *text;
    size_t size, length, total;
};

/* Reads once. Returns whether there may be more. */
static bool read_some(struct output *output)
{
    char rest[4096];
    const size_t room = output->size - 1 - output->length;
    const ssize_t some =
        read(output->fd, room ? output->text + output->length : rest, room ? room : sizeof(rest));

    if (some < 0)
        return errno == EINTR;
    if (some == 0)
        output->fd = -1;
    output->length += room ? (size_t)some : 0;
    output->total += (size_t)some;
    return some > 0;
}

static int ms_left(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    const long ms = PROGRAM_SECONDS * 1000L - (now.tv_sec - start->tv_sec) * 1000 -
                    (now.tv_nsec - start->tv_nsec) / 1000000;
    return ms > 0 ? (int)ms : 0;
}

/* Reads until the program has ended, which is not when the last holder of the pipe has; that is why this
 * looks at both in short steps. Returns 0 and the status of waitpid(2), or -errno, and then it has not ended.
 */
static int follow(pid_t pid, struct output *output, int *status)
{
    struct timespec start;

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
        struct pollfd ready = {.fd = output->fd, .events = POLLIN};
        const pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid)
            break;
        if (ended < 0)
            return -errno;
        if (ms_left(&start) == 0)
            return -ETIMEDOUT;
        if (output->total > OUTPUT_MAX)
            return -EFBIG;
        if (poll(&ready, 1, output->fd < 0 ? STEP_CLOSED_MS : STEP_MS) > 0)
            read_some(output);
    }
    while (output->fd >= 0 && output->length < output->size - 1 && read_some(output))
        continue;
    return 0;
}

int program_run(char *const argv[], const struct subject *subject, char *out, size_t size)
{
    int ends[2], status = 0;
    pid_t pid;

    out[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_close_ int ours = ends[0], theirs = ends[1];
    if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    int err = spawn(&pid, argv, subject, theirs);
    close(take_fd(&theirs));
    if (err)
        return err;
    struct output output = {.fd = ours, .text = out, .size = size};
    err = follow(pid, &output, &status);
    out[output.length] = '\0';
    if (err) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return err;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *program_find(const char *const paths[])
{
    for (; *paths; paths++)
        if (access(*paths, X_OK) == 0)
            return *paths;
    return NULL;
}

const char *program_first_line(char *text)
{
    text[strcspn(text, "\n")] = '\0';
    return text;
}
