/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/printable.h"
#include "base/process.h"
#include "base/text.h"
#include "check.h"
#include "config.h"
#include "host/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Several findings may have the same fix; it is shown once. */
static bool shown_before(const struct findings *list, size_t end, const char *line, size_t length)
{
    for (size_t i = 0; i < end; i++) {
        const char *at = list->items[i].fix;
        for (; at && *at; at += strcspn(at, "\n"), at += *at == '\n')
            if (strcspn(at, "\n") == length && strncmp(at, line, length) == 0)
                return true;
    }
    return false;
}

struct apply {
    const struct user *user;
    const struct finding *last; /* the last finding shown */
    unsigned int failed;
};

/* Calls each() for every distinct command, in order. */
static void each_command(const struct check *check,
                         void (*each)(struct apply *apply, const struct finding *finding, char *line),
                         struct apply *apply)
{
    for (size_t i = 0; i < check->findings.count; i++) {
        const struct finding *finding = &check->findings.items[i];
        char *copy = strdup(text_or(finding->fix, "")), *rest = copy;
        for (char *line; rest && (line = strsep(&rest, "\n"));)
            if (*line && !shown_before(&check->findings, i, line, strlen(line)))
                each(apply, finding, line);
        free(copy);
    }
}

static void print_command(struct apply *apply, const struct finding *finding, char *line)
{
    if (apply->last != finding)
        printf("\n# %s: %s\n", catalogue[finding->id].name, finding->seen);
    apply->last = finding;
    if (check_is_theirs(apply->user, finding))
        printf("# as %s: %s\n", apply->user->name, line);
    else
        puts(line);
}

void check_script(const struct check *check)
{
    struct apply apply = {.user = &check->user};

    printf("#!/bin/sh\n# Fixes for what virt-tap check found%s. Read them before you run them.\n",
           geteuid() == 0 ? ", for root" : "");
    each_command(check, print_command, &apply);
}

struct answer {
    int status; /* from process_capture() */
    char output[1024];
};

/* A command in the user's own process. */
static void run_line(void *line)
{
    const char *const argv[] = {"sh", "-c", line, NULL};
    struct answer answer = {.status = 0};
    char *output = NULL;

    answer.status = process_capture(argv, true, PROCESS_QUERY_MS, &output);
    snprintf(answer.output, sizeof(answer.output), "%s", text_or(output, ""));
    child_write(&answer, sizeof(answer));
}

/* Returns the exit status, or -errno. Output is shown line by line, indented. */
static int run_as_user(const struct user *user, char *line)
{
    struct answer answer;
    struct child child;

    const int err = child_start(&child, user, run_line, line);
    if (err)
        return err;
    child_set_limit(&child, PROCESS_QUERY_MS / 1000 + 2);
    const bool whole = child_read(&child, &answer, sizeof(answer));
    child_end(&child);
    if (!whole)
        return child.late ? -ETIMEDOUT : -EPIPE;
    answer.output[sizeof(answer.output) - 1] = '\0';
    char *rest = answer.output;
    for (char *text; (text = strsep(&rest, "\n"));) {
        printable_mask(text);
        if (*text)
            printf("  %s\n", text);
    }
    return answer.status;
}

/* Root may have come, by su or sudo, with what is another's: a PATH and a working directory that others can
 * write to, and a umask that lets them write to what is made. */
static int run_as_root(const char *line)
{
    static const char begin[] =
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${2%/*}; export PATH; umask 022; "
        "cd /; eval \"$1\"";

    return process_run_terminal("/bin/sh",
                                (const char *[]){"sh", "-c", begin, "sh", line, COMMAND_PATH, NULL});
}

int check_run_line(const struct user *user, bool theirs, char *line)
{
    if (theirs)
        printf("+ as %s: %s\n", user->name, line);
    else
        printf("+ %s\n", line);
    fflush(stdout);
    const int status = theirs ? run_as_user(user, line) : run_as_root(line);
    if (status < 0)
        printf("  failed: %s\n", strerror(-status));
    else if (status > 0)
        printf("  failed: exit status %d\n", status);
    return status != 0;
}

static void run_command(struct apply *apply, const struct finding *finding, char *line)
{
    if (*line == '#')
        puts(line);
    else if (check_run_line(apply->user, check_is_theirs(apply->user, finding), line) != 0)
        apply->failed++;
}

unsigned int check_apply(const struct check *check)
{
    struct apply apply = {.user = &check->user};

    each_command(check, run_command, &apply);
    putchar('\n');
    return apply.failed;
}
