/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Brings live taps to what the policy in force grants, and reports each that is not so on a line of standard
 * output, or all as one object of JSON (docs/interfaces.md). */
#pragma once

#include <stdbool.h>

struct apply_options {
    bool dry_run;   /* only report what would be done */
    bool revoke;    /* delete taps that are not allowed any more */
    bool puts_back; /* put taps back on their bridges */
    bool json;
    const char *only; /* the name of a tap, or that of a bridge for all of its taps; NULL: all */
};

/* Requires root. name: the verb, for messages. Returns an exit status, after reporting every failure: 1 if it
 * failed, or a tap is not as the policy has it. */
int apply_run(const char *name, const struct apply_options *options);
