/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap check: looks at the host through host/, and says what it found. */
#pragma once

#include "host/probe.h"

#include <stdbool.h>

/* What was found, and about whom. */
struct check {
    const char *name; /* the command's, for messages */
    struct user user;
    const char *bridge; /* that was asked about; NULL: any */
    struct findings findings;
    bool color;
};

/* Whether the fix of a finding is another user's to type, and never root's. */
bool check_is_theirs(const struct user *user, const struct finding *finding);

/* For people: by areas, aligned. */
void check_show(const struct check *check);

/* For programs. Returns 0, or -1 where memory ran out. */
int check_show_json(const struct check *check);

/* For a bug report: versions and findings, without the user's name. Returns 0, or -1 where memory ran out. */
int check_report(const struct check *check);

/* Prints the commands that fix what was found, as a script for whoever runs this. What another user is to do
 * is a comment in it. */
void check_script(const struct check *check);

/* Runs them one by one, showing each: as root, or those for another user's own files as that user, in a
 * process of child_start(). Returns how many failed. */
unsigned int check_apply(const struct check *check);

/* What the policy says to this user: a probe, like those of host/, which know nothing of the helper. */
void check_policy_probe(const struct probe_context *context, struct findings *out);
