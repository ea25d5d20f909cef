/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "domain_hosts.h"

#include "base/cleanup.h"
#include "base/complain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    UNREPORTED_MAX = 256,  /* each has two files open until its turn to be reported */
    OUTPUT_MAX = 32 << 20, /* bytes in each, before another domain is dealt with */
    TALKS_TOO_MUCH = 125   /* the exit status of a child that has reached that */
};

/* One libvirt, and the child that deals with it. */
struct host {
    const char *uri;
    pid_t pid;          /* 0: not started, or it has ended */
    int output, errors; /* files in memory; -1: none */
    int status;         /* of waitpid(2) */
    int error;          /* -errno: it could not be started */
};

struct tally {
    const char *command;
    size_t failed;
    int status; /* the worst exit status */
};

static unsigned int seconds; /* 0: this is no child of hosts_run() */

void hosts_alive(void)
{
    alarm(seconds);
    for (int fd = STDOUT_FILENO; seconds && fd <= STDERR_FILENO; fd++)
        if (lseek(fd, 0, SEEK_CUR) > OUTPUT_MAX) {
            fflush(NULL);
            _exit(TALKS_TOO_MUCH);
        }
}

int hosts_worse(int a, int b)
{
    if (a == 1 || b == 0)
        return a;
    return b;
}

/* In the child. ssh, which libvirt starts, has no terminal to ask at, and ends with the connection. */
static void be_child(const struct host *host, const char *command, hosts_function *act, void *data)
{
    _cleanup_free_ char *name = NULL;
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setsid();
    signal(SIGALRM, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(host->output, STDOUT_FILENO) < 0 ||
        dup2(host->errors, STDERR_FILENO) < 0 || asprintf(&name, "%s: %s", command, host->uri) < 0)
        _exit(1);
    hosts_alive();
    const int status = act(data, name, host->uri);
    fflush(stdout);
    _exit(status);
}

static int begin(struct host *host, const char *command, hosts_function *act, void *data)
{
    host->output = memfd_create("output", MFD_CLOEXEC);
    host->errors = memfd_create("errors", MFD_CLOEXEC);
    if (host->output < 0 || host->errors < 0)
        return -errno;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        be_child(host, command, act, data);
    host->pid = pid;
    return 0;
}

static void copy(int from, FILE *to)
{
    char text[65536];
    ssize_t length;

    for (off_t at = 0; (length = pread(from, text, sizeof(text), at)) > 0; at += length)
        fwrite(text, 1, (size_t)length, to);
    fflush(to);
}

/* Prints what it has printed. Returns the exit status. */
static int report(const struct host *host, const struct tally *tally)
{
    printf("%s:\n", host->uri);
    copy(host->output, stdout);
    copy(host->errors, stderr);
    if (host->error)
        return complain(1, tally->command, "%s: cannot start a process: %s", host->uri,
                        strerror(-host->error));
    if (WIFEXITED(host->status) && WEXITSTATUS(host->status) == TALKS_TOO_MUCH)
        return complain(1, tally->command, "%s: it says more than %d MiB; ask it alone", host->uri,
                        OUTPUT_MAX >> 20);
    if (WIFEXITED(host->status))
        return WEXITSTATUS(host->status);
    if (WTERMSIG(host->status) == SIGALRM)
        return complain(1, tally->command,
                        "%s: no answer within %u s; is it up? --timeout=SECONDS allows more", host->uri,
                        seconds);
    return complain(1, tally->command, "%s: ended by signal %d", host->uri, WTERMSIG(host->status));
}

/* Returns how many of them have ended: none, if it was a child of whatever was this process before execve(2).
 */
static size_t await_one(struct host *list, size_t count)
{
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);

    for (size_t i = 0; i < count; i++)
        if (list[i].pid == ended) {
            list[i].pid = 0;
            list[i].status = status;
            return 1;
        }
    return 0;
}

/* Reports, in their order, those that have ended. Returns how many of all have been reported. */
static size_t report_ended(const struct host *list, size_t begun, size_t reported, struct tally *tally)
{
    for (; reported < begun && list[reported].pid == 0; reported++) {
        const int one = report(&list[reported], tally);
        tally->failed += one == 1;
        tally->status = hosts_worse(tally->status, one);
        close(list[reported].output);
        close(list[reported].errors);
    }
    return reported;
}

int hosts_run(const struct hosts *hosts, const char *command, hosts_function *act, void *data)
{
    _cleanup_free_ struct host *list = calloc(hosts->count, sizeof(*list));
    struct tally tally = {.command = command};
    size_t begun = 0, running = 0, reported = 0;

    if (!list)
        return complain(1, command, "no memory");
    seconds = hosts->seconds;
    while (reported < hosts->count) {
        if (begun < hosts->count && running < hosts->jobs && begun - reported < UNREPORTED_MAX) {
            list[begun].uri = hosts->uris[begun];
            list[begun].error = begin(&list[begun], command, act, data);
            running += list[begun++].pid > 0;
        } else if (running > 0) {
            running -= await_one(list, begun);
        }
        reported = report_ended(list, begun, reported, &tally);
    }
    printf("%zu hosts: %zu done, %zu failed\n", hosts->count, hosts->count - tally.failed, tally.failed);
    return tally.status;
}
