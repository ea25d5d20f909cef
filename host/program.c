/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int spawn(pid_t *pid, char *const argv[], const struct subject *subject, int output)
{
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
    posix_spawn_file_actions_t actions;
    char *home;

    if (asprintf(&home, "HOME=%s", subject->home) < 0)
        return -ENOMEM;
    char *environment[] = {path, locale, home, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    const int err = -posix_spawn(pid, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    free(home);
    return err;
}

/* To its end, though what does not fit is thrown away. */
static void read_output(int fd, char *out, size_t size)
{
    char rest[4096] = "";
    size_t length = 0;

    for (ssize_t some;;) {
        const bool fits = length < size - 1;
        some = read(fd, fits ? out + length : rest, fits ? size - 1 - length : sizeof(rest));
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0)
            break;
        length += fits ? (size_t)some : 0;
    }
    out[length] = '\0';
}

int program_run(char *const argv[], const struct subject *subject, char *out, size_t size)
{
    int ends[2], status = 0;
    pid_t pid;

    out[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    const int err = spawn(&pid, argv, subject, ends[1]);
    close(ends[1]);
    if (!err)
        read_output(ends[0], out, size);
    close(ends[0]);
    if (err)
        return err;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
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
