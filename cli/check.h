/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap check: looks at the host through host/, and says what it found. */
#pragma once

#include "host/probe.h"

#include <stdbool.h>

/* What was found, and about whom. */
struct check {
    const char *name; /* the command's, for messages */
    struct subject subject;
    const char *bridge; /* that was asked about; NULL: any */
    struct findings findings;
    bool color;
};

unsigned int check_count(const struct check *check, enum finding_level level);

/* For people: by areas, aligned. */
void check_show(const struct check *check);

/* For programs. Returns 0, or -1 where memory ran out. */
int check_show_json(const struct check *check);

/* For a bug report: versions and findings, without the user's name. Returns 0, or -1 where memory ran out. */
int check_report(const struct check *check);

/* Prints the commands that mend what was found, as a script. */
void check_script(const struct check *check);

/* Runs them one by one, showing each. Returns how many failed. */
unsigned int check_apply(const struct check *check);

/* What the policy says to this user: a probe, like those of host/, which know nothing of the helper. */
void check_policy_probe(const struct probe_context *context, struct findings *out);
