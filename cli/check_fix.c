/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Several findings may be mended by the same command; once is enough. */
static bool said_before(const struct findings *list, size_t end, const char *line, size_t length)
{
    for (size_t i = 0; i < end; i++) {
        const char *at = list->items[i].mend;
        for (; at && *at; at += strcspn(at, "\n"), at += *at == '\n')
            if (strcspn(at, "\n") == length && strncmp(at, line, length) == 0)
                return true;
    }
    return false;
}

/* Calls each(arg, finding, line) for every command, in order, each command once. */
static void each_command(const struct check *check,
                         void (*each)(void *arg, const struct finding *finding, char *line), void *arg)
{
    for (size_t i = 0; i < check->findings.count; i++) {
        const struct finding *finding = &check->findings.items[i];
        char *copy = strdup(finding->mend ? finding->mend : ""), *rest = copy;
        for (char *line; rest && (line = strsep(&rest, "\n"));)
            if (*line && !said_before(&check->findings, i, line, strlen(line)))
                each(arg, finding, line);
        free(copy);
    }
}

static void print_command(void *arg, const struct finding *finding, char *line)
{
    const struct finding **last = arg;

    if (*last != finding)
        printf("\n# %s: %s\n", catalogue[finding->id].name, finding->seen);
    *last = finding;
    puts(line);
}

void check_script(const struct check *check)
{
    const struct finding *last = NULL;

    puts("#!/bin/sh\n# What virt-tap check would type, as root. Read it first.");
    each_command(check, print_command, &last);
}

extern char **environ;

static int run_shell(char *line)
{
    char shell[] = "sh", option[] = "-c";
    char *argv[] = {shell, option, line, NULL};
    pid_t pid;
    int status;

    const int err = posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ);
    if (err) {
        errno = err;
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run_command(void *arg, const struct finding *finding, char *line)
{
    unsigned int *failed = arg;
    (void)finding;

    printf("%s%s\n", *line == '#' ? "" : "+ ", line);
    fflush(stdout);
    if (*line == '#')
        return;
    const int status = run_shell(line);
    if (status == 0)
        return;
    ++*failed;
    printf("  failed: exit status %d\n", status);
}

unsigned int check_apply(const struct check *check)
{
    unsigned int failed = 0;

    each_command(check, run_command, &failed);
    putchar('\n');
    return failed;
}
