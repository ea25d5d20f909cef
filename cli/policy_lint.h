/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What is wrong with a policy: what the helper would refuse it for, and what it would take but cannot have
 * been meant. Findings go to standard output, one a line: FILE:LINE: error: ..., or warning:. What is about a
 * whole file stands at its line 1. */
#pragma once

#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>

struct names;
struct policy_files;

struct lint {
    const char *path; /* the main file */
    enum policy_dialect dialect;
    struct names *names;      /* for looking up the users and groups of rules */
    bool draft;               /* not the file that is in force: that others can write it is a warning only */
    size_t errors, warnings;  /* found */
    size_t rules, files_read; /* in all */
};

/* Says and counts one finding. */
void lint_error(struct lint *lint, const char *path, unsigned long line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void lint_warn(struct lint *lint, const char *path, unsigned long line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Reads the policy of lint->path and says all that is wrong with it. */
void lint_policy(struct lint *lint);

/* Warns of bridges that are allowed, and that are there, whose MAC their guests' users can change. */
void lint_bridges(struct lint *lint, const struct policy *policy);

/* Says what is wrong beside the policy in force: declared bridges that cannot be read. */
void lint_beside(struct lint *lint);

/* Warns of rules that say nothing to anybody, or not to everybody. for_all: the same policy as those read it
 * who may read no more than everybody. */
void lint_rules(struct lint *lint, const struct policy *policy, const struct policy *for_all);
