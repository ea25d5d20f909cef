/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "probe.h"
#include "base/cleanup.h"
#include "child.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

enum { SEEN_MAX = 4096, FINDINGS_MAX = 4096 /* per probe */ };

/* Sent by the worker: one for each finding, followed by its text, and one after each probe. */
struct record {
    uint32_t probe;
    uint32_t id; /* probe_done: the probe has finished */
    uint32_t fixable;
    uint32_t seen_size;
    char about[FINDING_ABOUT_SIZE];
};
static const uint32_t probe_done = UINT32_MAX;

static bool send_findings(uint32_t probe, const struct findings *list)
{
    const struct record done = {.probe = probe, .id = probe_done};

    for (size_t i = 0; i < list->count; i++) {
        const struct finding *f = &list->items[i];
        const size_t size = strlen(f->seen);
        struct record record = {.probe = probe, .id = f->id, .fixable = f->fixable};
        record.seen_size = (uint32_t)MIN(size, SEEN_MAX);
        memcpy(record.about, f->about, sizeof(record.about));
        if (!child_write(&record, sizeof(record)) || !child_write(f->seen, record.seen_size))
            return false;
    }
    return !list->lost && child_write(&done, sizeof(done));
}

static size_t same_user(const struct probe *const *probes, size_t from, size_t count, bool other)
{
    size_t end = from;

    while (end < count && (!other || probes[end]->as_caller == probes[from]->as_caller))
        end++;
    return end;
}

struct work {
    const struct probe *const *probes;
    size_t from, end;
    const struct probe_context *context;
};

static void run_probes(void *arg)
{
    const struct work *work = arg;

    for (size_t i = work->from; i < work->end; i++) {
        struct findings list = {.items = NULL};
        work->probes[i]->run(work->context, &list);
        if (!send_findings((uint32_t)i, &list))
            return;
        findings_free(&list);
    }
}

/* Whether AREA in AREA.WHAT is the same. A worker that reports a finding in another area than its probe's is
 * lying. */
static bool same_area(const char *a, const char *b)
{
    const size_t length = strcspn(a, ".");

    return strncmp(a, b, length) == 0 && b[length] == '.';
}

/* The worker may be under a user's control: everything from it is checked against these limits, and no
 * command is accepted from it (fix_findings() writes those). */
static bool read_finding(struct child *worker, const struct probe *probe, const struct record *record,
                         struct findings *out)
{
    if (record->id >= FINDING_COUNT || record->seen_size > SEEN_MAX ||
        !same_area(probe->name, catalogue[record->id].name) ||
        !memchr(record->about, '\0', sizeof(record->about)))
        return false;
    _cleanup_free_ char *seen = calloc(1, (size_t)record->seen_size + 1);
    if (!seen || !child_read(worker, seen, record->seen_size))
        return false;
    finding_add(out, (enum finding_id)record->id, "%s", seen);
    if (record->fixable)
        finding_fixable(out, record->about);
    return true;
}

/* Receives findings until all probes are done or the worker fails. Returns the first probe that
 * has not finished. */
static size_t collect(struct child *worker, const struct work *work, struct findings *out)
{
    struct record record;
    size_t at = work->from, count = 0;

    child_set_limit(worker, PROBE_SECONDS);
    while (at < work->end && child_read(worker, &record, sizeof(record)) && record.probe == at) {
        if (record.id == probe_done) {
            at++;
            count = 0;
            child_set_limit(worker, PROBE_SECONDS);
        } else if (count++ >= FINDINGS_MAX || !read_finding(worker, work->probes[at], &record, out)) {
            break;
        }
    }
    return at;
}

/* Adds the probes' findings. Returns where to continue. */
static size_t run_worker(struct work *work, struct findings *out)
{
    static const struct user caller = {.other = false};
    const struct probe *first = work->probes[work->from];
    struct child worker;

    const int err = child_start(&worker, first->as_caller ? &caller : work->context->user, run_probes, work);
    if (err) {
        finding_add(out, CHECK_CRASH, "cannot start a process for '%s': %s", first->name, strerror(-err));
        return SIZE_MAX;
    }
    const size_t at = collect(&worker, work, out);
    child_end(&worker);
    if (at == work->end)
        return at;
    if (worker.late)
        finding_add(out, CHECK_HANG, "'%s' did not end in %d s", work->probes[at]->name, PROBE_SECONDS);
    else
        finding_add(out, CHECK_CRASH, "'%s' died before it finished", work->probes[at]->name);
    return at + 1;
}

void probes_run(const struct probe *const *probes, size_t count, const struct probe_context *context,
                struct findings *out)
{
    struct work work = {.probes = probes, .context = context};

    while (work.from < count) {
        work.end = same_user(probes, work.from, count, context->user->other);
        work.from = run_worker(&work, out);
    }
}
