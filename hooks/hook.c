/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hook.h"

#include "helper/audit.h"
#include "xml/document.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Seconds: for all of it, more than the helper allows itself; and then for each step that is left, which is
 * to clean up. */
enum { TIME_LIMIT = 40, TIME_MORE = 5 };

static void on_time_limit(int signal_number)
{
    (void)signal_number; /* what waits is interrupted, and gives up */
}

static void set_time_limit(void)
{
    const struct sigaction action = {.sa_handler = on_time_limit};
    const struct itimerval limit = {.it_value.tv_sec = TIME_LIMIT, .it_interval.tv_sec = TIME_MORE};
    sigset_t alarm_only;

    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
    setitimer(ITIMER_REAL, &limit, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* who ignores it gets no exit status of a child */
}

/* One byte more than a document may have, so that a longer one is seen to be that. libvirt does not mind that
 * the rest is not read (virCommandProcessIO ignores EPIPE). */
static char *read_input(size_t *size, struct refusal *why)
{
    enum { ROOM = DOCUMENT_BYTES_MAX + 1 };
    char *text = malloc(ROOM);
    ssize_t got = -1;

    *size = 0;
    while (text && *size < ROOM && (got = read(STDIN_FILENO, text + *size, ROOM - *size)) > 0)
        *size += (size_t)got;
    if (text && got >= 0)
        return text;
    refuse(why, "cannot read what libvirt tells: %s",
           !text            ? "no memory"
           : errno == EINTR ? "it did not end in time"
                            : strerror(errno));
    free(text);
    return NULL;
}

int hook_run(const struct hook_event *events, size_t count, int argc, char *argv[])
{
    struct refusal why = {""};
    size_t i = 0, size;

    while (i < count && (argc < 3 || strcmp(argv[2], events[i].operation) != 0))
        i++;
    if (i == count)
        return 0;
    set_time_limit();
    char *text = read_input(&size, &why);
    const int err = text ? events[i].run(text, size, &why) : -1;
    free(text);
    if (!err)
        return 0;
    dprintf(STDERR_FILENO, HOOK_NAME ": %s\n", why.text);
    if (!events[i].may_fail)
        audit_say(HOOK_NAME, why.text);
    return events[i].may_fail;
}

int hook_write(const char *text, size_t size, struct refusal *why)
{
    while (size > 0) {
        const ssize_t put = write(STDOUT_FILENO, text, size);
        if (put < 0)
            return refuse(why, "cannot hand the domain back to libvirt: %s", strerror(errno));
        text += put;
        size -= (size_t)put;
    }
    return 0;
}
