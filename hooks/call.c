/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap-helper, which alone may do what the hooks ask for. */
#include "config.h"
#include "hook.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 14 };

/* Its standard error goes to `said`, a file, so that it never waits for us. */
static int start(pid_t *pid, const char *const words[], int said)
{
    char first[] = "virt-tap-helper";
    char *argv[WORDS_MAX + 2] = {first}, *environment[] = {NULL};
    posix_spawn_file_actions_t actions;

    for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)words[i];
    int err = posix_spawn_file_actions_init(&actions);
    if (err)
        return err;
    err = posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
    if (!err)
        err = posix_spawn(pid, HELPER_PATH, &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    return err;
}

/* What it said, without its own name before it. */
static int quote(int said, int status, struct error *why)
{
    static const char name[] = "virt-tap-helper: ";
    char text[sizeof(why->text)];
    const ssize_t got = pread(said, text, sizeof(text) - 1, 0);
    char *words = text;

    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (strncmp(words, name, strlen(name)) == 0)
        words += strlen(name);
    if (*words)
        return error_set(why, "%s", words);
    if (WIFSIGNALED(status))
        return error_set(why, "%s was ended by signal %d", HELPER_PATH, WTERMSIG(status));
    return error_set(why, "%s failed without a word, exit status %d", HELPER_PATH, WEXITSTATUS(status));
}

int hook_call_helper(const char *const words[], struct error *why)
{
    const int said = memfd_create("said", MFD_CLOEXEC);
    int status = 0;
    pid_t pid;

    hook_begin_changes();
    if (said < 0)
        return error_set(why, "cannot call %s: %s", HELPER_PATH, strerror(errno));
    int err = start(&pid, words, said);
    if (err) {
        err = error_set(why, "cannot start %s: %s; `./dev install` in virt-tap's source puts it there",
                        HELPER_PATH, strerror(err));
    } else if (waitpid(pid, &status, 0) < 0) { /* the time limit */
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        err = error_set(why, "%s did not end in time and was killed", HELPER_PATH);
    } else if (status != 0) {
        err = quote(said, status, why);
    }
    close(said);
    return err;
}
