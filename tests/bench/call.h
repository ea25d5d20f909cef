/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
/*
 * One call of a bridge helper, made as QEMU makes it (net/tap.c): one end of a stream socketpair, every other
 * descriptor from 3 up closed, an unprivileged user, an answer of one byte with one descriptor.
 *
 * Nothing here returns an error: a benchmark with a failed call has no figures, so it says why and ends.
 */
#ifndef VIRT_TAP_BENCH_CALL_H
#define VIRT_TAP_BENCH_CALL_H

#include <stdbool.h>
#include <sys/types.h>

enum { CALLERS_MAX = 64, OPTIONS_MAX = 16 };

/* A helper to be called, and what is asked of it. */
struct helper {
    const char *label; /* its name in the figures */
    const char *path;
    const char *bridge;
    char *options[OPTIONS_MAX + 1]; /* more than QEMU gives; ends with NULL */
    uid_t uid;                      /* the caller, and his group */
};

/* A helper that was started. */
struct call {
    const struct helper *helper;
    pid_t pid;
    int socket;          /* our end; -1 once the answer is here */
    int slot;            /* where in the shared page the child stamps the time of its exec */
    int tap;             /* the descriptor that it sent, once call_receive() has returned */
    double microseconds; /* from just before exec to the descriptor */
};

/* A barrier that children wait at just before exec, so that they start together. */
struct gate {
    int read_end;
    int write_end;
};

/* Prepare this process to make calls: once, before anything else is opened. */
void call_setup(void);

/* Start a helper. Its child waits at the gate; without a gate (NULL) it runs at once. slot tells calls that
 * run at the same time apart: 0 to CALLERS_MAX - 1. */
void call_start(struct call *call, const struct helper *helper, int slot, const struct gate *gate);

/* Wait for the answer, check it and take the time. */
void call_receive(struct call *call);

/* Wait for the helper's end, which must be exit 0; returns the tap, which is now the caller's to close. */
int call_finish(struct call *call);

/* Make a gate for this many children. */
void gate_make(struct gate *gate);

/* Wait until that many children stand at the gate, then let them through and dispose of it. */
void gate_open(struct gate *gate, int children);

#endif
