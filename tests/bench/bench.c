/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
/*
 * Measures two bridge helpers against each other, called as QEMU calls them. bench.py starts it as root in a
 * sandbox and makes the network namespaces; the helpers run as an unprivileged user.
 *
 *   bench OPTIONS PLACE…        PLACE is NAME:HELD:PATH, a network namespace with the bridge, in which HELD
 * taps are held while the calls called NAME are timed
 *
 * Prints one figure a line: 'SCENARIO HELPER VALUE', microseconds or, for the scenario 'memory', kB.
 * Everything is interleaved, so that the machine's moods fall on both helpers and all places alike: one turn
 * calls each helper once in each place, and every other turn has the helpers in the other order.
 */
#include "call.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HELPERS = 2, PLACES_MAX = 8, HELD_MAX = 1020, FIRST_PLACE = 8 };
enum { WARM_UP = 10, WARM_UP_BATCHES = 2, BATCHES_LEAST = 5, MEMORY_RUNS = 5 };

struct place {
    const char *name;
    int netns;
    int held;
    int taps[HELD_MAX];
};

struct options {
    struct helper helpers[HELPERS];
    int runs;
    int callers;
};

static void enter_place(const struct place *place)
{
    if (setns(place->netns, CLONE_NEWNET) < 0)
        err(1, "network namespace %s", place->name);
}

/* Make one call from start to end; returns the tap. */
static int one_call(const struct helper *helper, double *microseconds)
{
    struct call call;

    call_start(&call, helper, 0, NULL);
    call_receive(&call);
    *microseconds = call.microseconds;
    return call_finish(&call);
}

/* Hold the place's taps for the rest of the run. Each helper makes every other one, so that names and
 * alternative names of both kinds stand in the way of both. */
static void hold_taps(struct place *place, const struct options *options)
{
    double unused;

    enter_place(place);
    for (int i = 0; i < place->held; i++)
        place->taps[i] = one_call(&options->helpers[i % HELPERS], &unused);
}

/* Time one call of each helper; the tap is closed outside the timed part. */
static void one_turn(const struct place *place, const struct options *options, int turn)
{
    for (int i = 0; i < HELPERS; i++) {
        const struct helper *helper = &options->helpers[(i + turn) % HELPERS];
        double microseconds;

        close(one_call(helper, &microseconds));
        if (turn >= WARM_UP)
            printf("%s %s %.3f\n", place->name, helper->label, microseconds);
    }
}

static void time_places(const struct place *places, int count, const struct options *options)
{
    for (int turn = 0; turn < options->runs + WARM_UP; turn++) {
        for (int i = 0; i < count; i++) {
            enter_place(&places[i]);
            one_turn(&places[i], options, turn);
        }
    }
}

/* Take the answers of calls that run at the same time, each as it comes. */
static void receive_all(struct call *calls, int count)
{
    struct pollfd polls[CALLERS_MAX];
    int left = count;

    for (int i = 0; i < count; i++)
        polls[i] = (struct pollfd){.fd = calls[i].socket, .events = POLLIN};
    while (left > 0) {
        if (poll(polls, (nfds_t)count, 20000) <= 0)
            errx(1, "%d of %d callers without an answer in 20 s", left, count);
        for (int i = 0; i < count; i++) {
            if (!polls[i].revents)
                continue;
            call_receive(&calls[i]);
            polls[i].fd = -1; /* poll skips it and clears revents */
            polls[i].revents = 0;
            left--;
        }
    }
}

/* Let several callers run the same helper at once and time each of them. */
static void one_batch(const struct helper *helper, int callers, bool print)
{
    struct call calls[CALLERS_MAX];
    struct gate gate;

    gate_make(&gate);
    for (int i = 0; i < callers; i++)
        call_start(&calls[i], helper, i, &gate);
    gate_open(&gate, callers);
    receive_all(calls, callers);
    for (int i = 0; i < callers; i++)
        call_finish(&calls[i]);
    for (int i = 0; i < callers; i++) {
        close(calls[i].tap);
        if (print)
            printf("callers_%d %s %.3f\n", callers, helper->label, calls[i].microseconds);
    }
}

static void time_batches(const struct options *options)
{
    int batches = options->runs / options->callers;

    if (batches < BATCHES_LEAST)
        batches = BATCHES_LEAST;
    for (int turn = 0; turn < batches + WARM_UP_BATCHES; turn++) {
        for (int i = 0; i < HELPERS; i++) {
            const struct helper *helper = &options->helpers[(i + turn) % HELPERS];

            one_batch(helper, options->callers, turn >= WARM_UP_BATCHES);
        }
    }
}

/* The largest resident set of a process, in kB, from its status file. */
static long peak_of(pid_t pid)
{
    char path[64];
    char line[256];
    long kilobytes = -1;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "re");
    if (!file)
        err(1, "%s", path);
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = strtol(line + 6, NULL, 10);
    }
    (void)fclose(file);
    if (kilobytes <= 0)
        errx(1, "%s: no VmHWM", path);
    return kilobytes;
}

/* Let a traced process run until it exits; returns its peak memory, read while it still has its memory. */
static long trace_to_exit(pid_t pid)
{
    for (;;) {
        int status;
        int number;

        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
            errx(1, "the traced helper ended without a stop at its exit, wait status 0x%x", (unsigned)status);
        if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXIT << 8)))
            return peak_of(pid);
        number = status >> 16 ? 0 : WSTOPSIG(status); /* a ptrace event is not a signal for the helper */
        if (ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)number) < 0)
            err(1, "ptrace");
    }
}

/*
 * Measure a helper's peak memory. wait4's ru_maxrss will not do: it begins with the resident set of the
 * process that called exec. So the helper is stopped at its exit and asked. It must be seized by us, who are
 * root, and not ask for it itself: only under a tracer with CAP_SYS_PTRACE does its file capability remain in
 * force.
 */
static long one_memory(const struct helper *helper)
{
    struct call call;
    struct gate gate;
    long kilobytes;

    gate_make(&gate);
    call_start(&call, helper, 0, &gate);
    if (ptrace(PTRACE_SEIZE, call.pid, NULL, (void *)(PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)) < 0)
        err(1, "ptrace");
    gate_open(&gate, 1);
    kilobytes = trace_to_exit(call.pid);
    if (ptrace(PTRACE_DETACH, call.pid, NULL, NULL) < 0)
        err(1, "ptrace");
    call_receive(&call);
    close(call_finish(&call));
    return kilobytes;
}

static void measure_memory(const struct options *options)
{
    for (int turn = 0; turn < MEMORY_RUNS; turn++) {
        for (int i = 0; i < HELPERS; i++)
            printf("memory %s %ld\n", options->helpers[i].label, one_memory(&options->helpers[i]));
    }
}

static int number(const char *text, int least, int most)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end || value < least || value > most)
        errx(2, "'%s' is not a number from %d to %d", text, least, most);
    return (int)value;
}

static struct place place_of(char *text)
{
    struct place place = {.name = strtok(text, ":")};
    const char *held = strtok(NULL, ":");
    const char *path = strtok(NULL, "");

    if (!place.name || !held || !path)
        errx(2, "a place is NAME:HELD:PATH");
    place.held = number(held, 0, HELD_MAX);
    place.netns = open(path, O_RDONLY | O_CLOEXEC);
    if (place.netns < 0)
        err(1, "%s", path);
    return place;
}

static void take_options(struct helper *helper, char *words)
{
    size_t count = 0;

    for (char *word = strtok(words, " "); word && count < OPTIONS_MAX; word = strtok(NULL, " "))
        helper->options[count++] = word;
}

static struct options options_of(char **argv)
{
    const char *bridge = argv[3];
    uid_t uid = (uid_t)number(argv[4], 1, 2000000000);

    struct options options = {
        .helpers = {{.label = "ours", .path = argv[1], .bridge = bridge, .uid = uid},
                    {.label = "theirs", .path = argv[2], .bridge = bridge, .uid = uid}},
        .runs = number(argv[5], 1, 1000000),
        .callers = number(argv[6], 0, CALLERS_MAX),
    };
    take_options(&options.helpers[0], argv[7]);
    return options;
}

int main(int argc, char **argv)
{
    static struct place places[PLACES_MAX];
    const struct rlimit files = {8192, 8192};
    struct options options;
    int count = argc - FIRST_PLACE;

    if (count < 1 || count > PLACES_MAX)
        errx(
            2,
            "usage: bench OURS THEIRS BRIDGE UID RUNS CALLERS OPTION PLACE…, 1 to %d places; with no callers at once, 0, "
            "the places alone are timed; OPTION is one more for ours, '' none",
            PLACES_MAX);
    options = options_of(argv);
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        err(1, "raising the number of open files to %d", (int)files.rlim_cur);
    call_setup();
    for (int i = 0; i < count; i++)
        places[i] = place_of(argv[FIRST_PLACE + i]);
    for (int i = 0; i < count; i++)
        hold_taps(&places[i], &options);
    time_places(places, count, &options);
    if (options.callers > 0) {
        enter_place(&places[0]);
        time_batches(&options);
        measure_memory(&options);
    }
    if (fflush(stdout) != 0)
        err(1, "writing the figures");
    return 0;
}
