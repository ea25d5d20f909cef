/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "hook.h"

#include "base/log.h"
#include "base/terminal.h"
#include "xml/document.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syslog.h>
#include <sys/time.h>
#include <unistd.h>

/* In seconds: the limit for the whole hook, longer than the helper's own; then the limit for each remaining
 * cleanup step. And the maximum number of those steps. */
enum { TIME_LIMIT = 40, TIME_MORE = 5, STEPS_MAX = 5 };

#define TOO_LATE "the hook did not end in time; `virt-tap gc` removes what it may have left"

/* State for the signal handler. */
static volatile sig_atomic_t changes, late, late_status;
static char late_line[sizeof("<999>" HOOK_NAME "[2147483647]: " TOO_LATE)];

/* As long as nothing was changed, nothing needs cleaning up, and the time limit ends the hook whether it
 * waits or computes. After that, a wait is interrupted, and the hook gives up and cleans up, which only takes
 * calls of the helper. If that does not finish either, the hook is ended after a few steps. */
static void on_time_limit(int signal_number)
{
    static const char text[] = HOOK_NAME ": " TOO_LATE "\n";
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};

    (void)signal_number;
    if (changes && ++late <= STEPS_MAX)
        return;
    if (late_status == 0)
        audit_send(late_line);
    if (poll(&room, 1, 0) > 0 && write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(late_status);
    _exit(late_status);
}

void hook_begin_changes(void)
{
    changes = 1;
}

static void set_time_limit(bool may_fail)
{
    late_status = may_fail;
    snprintf(late_line, sizeof(late_line), "<%d>" HOOK_NAME "[%d]: " TOO_LATE, LOG_AUTHPRIV | LOG_NOTICE,
             getpid());
    const struct sigaction action = {.sa_handler = on_time_limit};
    const struct itimerval limit = {.it_value.tv_sec = TIME_LIMIT, .it_interval.tv_sec = TIME_MORE};
    sigset_t alarm_only;

    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
    setitimer(ITIMER_REAL, &limit, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* a process that ignores it gets no exit status of its children */
}

/* Reads one byte more than a document may have, to detect one that is too long. libvirt does not mind if the
 * rest is not read (virCommandProcessIO ignores EPIPE). */
static char *read_input(size_t *size, struct error *why)
{
    enum { ROOM = DOCUMENT_BYTES_MAX + 1 };
    char *text = malloc(ROOM);
    ssize_t got = -1;

    *size = 0;
    while (text && *size < ROOM && (got = read(STDIN_FILENO, text + *size, ROOM - *size)) > 0)
        *size += (size_t)got;
    if (text && got >= 0)
        return text;
    error_set(why, "cannot read libvirt's XML: %s", text ? strerror(errno) : "no memory");
    free(text);
    return NULL;
}

/* Prints the error for libvirt, which may show it; log: also to the log, the only trace of an error that does
 * not fail the hook. */
static void report(const struct error *why, bool log)
{
    struct error said = *why;

    if (why->line > 0)
        error_set(&said, "libvirt's XML, line %u, column %u: %s", why->line, why->column, why->text);
    dprintf(STDERR_FILENO, HOOK_NAME ": %s\n", said.text);
    if (log)
        audit(HOOK_NAME, "%s", said.text);
}

int hook_run(const struct hook_event *events, size_t count, int argc, char *argv[])
{
    struct error why = {0};
    size_t i = 0, size;

    while (i < count && (argc < 3 || strcmp(argv[2], events[i].operation) != 0))
        i++;
    if (i == count)
        return 0;
    set_time_limit(events[i].may_fail);
    char *text = read_input(&size, &why);
    const int err = text ? events[i].run(text, size, &why) : -1;
    free(text);
    if (!err)
        return 0;
    report(&why, !events[i].may_fail);
    return events[i].may_fail;
}

int hook_write(const char *text, size_t size, struct error *why)
{
    const int err = terminal_filter();
    if (err < 0)
        return error_set(why, "cannot filter what is printed: %s", strerror(-err));
    terminal_document(text, size);
    if (ferror(stdout))
        return error_set(why, "cannot hand the domain back to libvirt: %s", strerror(errno));
    return 0;
}
