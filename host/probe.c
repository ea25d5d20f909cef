/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 65536, REAP_FIRST_NS = 50000, REAP_LAST_NS = 200000000 };

/* On the pipe from the worker: one for each finding, and one behind each probe. */
struct record {
    uint32_t probe;
    uint32_t id; /* PROBE_DONE: the probe has ended */
    uint32_t seen_size, mend_size;
};
enum { PROBE_DONE = UINT32_MAX };

static bool write_all(int fd, const void *data, size_t size)
{
    for (const char *at = data; size;) {
        const ssize_t done = write(fd, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static bool send_findings(int fd, uint32_t probe, const struct findings *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct finding *f = &list->items[i];
        const struct record record = {probe, f->id, (uint32_t)strlen(f->seen),
                                      f->mend ? (uint32_t)strlen(f->mend) : 0};
        if (!write_all(fd, &record, sizeof(record)) || !write_all(fd, f->seen, record.seen_size) ||
            !write_all(fd, f->mend ? f->mend : "", record.mend_size))
            return false;
    }
    const struct record done = {.probe = probe, .id = (uint32_t)PROBE_DONE};
    return !list->lost && write_all(fd, &done, sizeof(done));
}

static size_t same_user(const struct probe *const *probes, size_t from, size_t count, bool other)
{
    size_t end = from;

    while (end < count && (!other || probes[end]->as_caller == probes[from]->as_caller))
        end++;
    return end;
}

static void work(const struct probe *const *probes, size_t from, size_t end,
                 const struct probe_context *context, int fd)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setpgid(0, 0); /* so that what a probe starts is killed with it */
    if (!probes[from]->as_caller && subject_become(context->subject) < 0)
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    for (size_t i = from; i < end; i++) {
        struct findings list = {.items = NULL};
        probes[i]->run(context, &list);
        if (!send_findings(fd, (uint32_t)i, &list))
            _exit(1);
        findings_free(&list);
    }
    _exit(0);
}

/* A worker that has started, and how far it is. */
struct worker {
    pid_t pid;
    int fd;
    struct timespec deadline;
    bool late;
};

static void set_deadline(struct worker *worker)
{
    clock_gettime(CLOCK_MONOTONIC, &worker->deadline);
    worker->deadline.tv_sec += PROBE_SECONDS;
}

static bool read_all(struct worker *worker, void *data, size_t size)
{
    for (char *at = data; size;) {
        struct pollfd ready = {.fd = worker->fd, .events = POLLIN};
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        const long left = (worker->deadline.tv_sec - now.tv_sec) * 1000 +
                          (worker->deadline.tv_nsec - now.tv_nsec) / 1000000;
        const int some = poll(&ready, 1, left > 0 ? (int)left : 0);
        if (some < 0 && errno == EINTR)
            continue;
        worker->late = some == 0;
        const ssize_t done = some > 0 ? read(worker->fd, at, size) : -1;
        if (done <= 0)
            return false;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static bool read_finding(struct worker *worker, const struct record *record, struct findings *out)
{
    char *seen = NULL, *mend = NULL;
    bool good = record->id < FINDING_COUNT && record->seen_size <= TEXT_MAX && record->mend_size <= TEXT_MAX;

    if (good) {
        seen = calloc(1, (size_t)record->seen_size + 1);
        mend = calloc(1, (size_t)record->mend_size + 1);
    }
    good = seen && mend && read_all(worker, seen, record->seen_size) &&
           read_all(worker, mend, record->mend_size);
    if (good) {
        finding_add(out, (enum finding_id)record->id, "%s", seen);
        if (*mend)
            finding_mend(out, "%s", mend);
    }
    free(seen);
    free(mend);
    return good;
}

/* Ends it and takes its status, in ever longer steps, since most end at once; one that cannot even be killed
 * (a disk that hangs) is left alone. */
static void end_worker(struct worker *worker)
{
    struct timespec pause = {.tv_nsec = REAP_FIRST_NS};

    close(worker->fd);
    kill(-worker->pid, SIGKILL);
    kill(worker->pid, SIGKILL);
    for (; pause.tv_nsec < REAP_LAST_NS && waitpid(worker->pid, NULL, WNOHANG) == 0; pause.tv_nsec *= 2)
        nanosleep(&pause, NULL);
}

/* Takes what the worker sends until all is done or it fails. Returns the first probe that has not ended. */
static size_t collect(struct worker *worker, size_t from, size_t end, struct findings *out)
{
    struct record record;

    set_deadline(worker);
    while (from < end && read_all(worker, &record, sizeof(record)) && record.probe == from) {
        if (record.id == (uint32_t)PROBE_DONE) {
            from++;
            set_deadline(worker);
        } else if (!read_finding(worker, &record, out)) {
            break;
        }
    }
    return from;
}

static bool start_worker(struct worker *worker, const struct probe *const *probes, size_t from, size_t end,
                         const struct probe_context *context)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    *worker = (struct worker){.pid = fork(), .fd = ends[0]};
    if (worker->pid == 0) {
        close(ends[0]);
        work(probes, from, end, context, ends[1]);
    }
    close(ends[1]);
    if (worker->pid < 0)
        close(ends[0]);
    return worker->pid > 0;
}

void probes_run(const struct probe *const *probes, size_t count, const struct probe_context *context,
                struct findings *out)
{
    struct worker worker;

    for (size_t from = 0; from < count;) {
        const size_t end = same_user(probes, from, count, context->subject->other);
        if (!start_worker(&worker, probes, from, end, context)) {
            finding_add(out, CHECK_CRASH, "no process could be made for '%s': %s", probes[from]->name,
                        strerror(errno));
            return;
        }
        from = collect(&worker, from, end, out);
        end_worker(&worker);
        if (from == end)
            continue;
        if (worker.late)
            finding_add(out, CHECK_HANG, "'%s' did not end in %d s", probes[from]->name, PROBE_SECONDS);
        else
            finding_add(out, CHECK_CRASH, "'%s' did not come to its end", probes[from]->name);
        from++;
    }
}
