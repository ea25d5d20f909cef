/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Runs probes, each with a time limit and as the right user. They run one after another in a child process,
 * which is killed if a probe hangs, and restarted after that probe. */
#pragma once

#include "finding.h"
#include "user.h"

enum { PROBE_SECONDS = 5 };

struct probe_context {
    const struct user *user;
    const char *bridge; /* the bridge to look at; NULL: this host has none */
    bool declared;      /* the helper makes that bridge if it is missing */
};

struct probe {
    const char *name; /* AREA.WHAT, for messages */
    /* Inspects the host, changes nothing, and adds its findings. It may be killed at any point. */
    void (*run)(const struct probe_context *context, struct findings *out);
    bool as_caller; /* needs the caller's view of the system, whoever the user is */
    bool of_bridge; /* looks at the bridge */
};

/* Runs the probes in order and adds their findings. One that exceeds PROBE_SECONDS or dies yields CHECK_HANG
 * or CHECK_CRASH. */
void probes_run(const struct probe *const *probes, size_t count, const struct probe_context *context,
                struct findings *out);
