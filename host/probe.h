/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Probes, each under a time limit and as the right user: they run one after another in a child process, which
 * is killed when one does not end, and started again behind it. */
#pragma once

#include "finding.h"
#include "user.h"

enum { PROBE_SECONDS = 5 };

struct probe_context {
    const struct user *user;
    const char *bridge; /* the one that was asked about; NULL: any */
};

struct probe {
    const char *name; /* AREA.WHAT, for words about it */
    /* Looks, changes nothing, and adds what it found. It may be killed anywhere. */
    void (*run)(const struct probe_context *context, struct findings *out);
    bool as_caller; /* it needs what the caller may see, whoever the user is */
};

/* Runs the probes in their order and adds what they found. One that does not end in PROBE_SECONDS, or dies,
 * adds CHECK_HANG or CHECK_CRASH. */
void probes_run(const struct probe *const *probes, size_t count, const struct probe_context *context,
                struct findings *out);
