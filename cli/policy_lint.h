/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Checks a policy, both for what makes the helper refuse it and for what the helper accepts but cannot have
 * been intended. Findings go to standard output, one a line: FILE:LINE: error: ..., or warning: ... Findings
 * about a whole file are reported at line 1. */
#pragma once

#include "policy/policy.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names;
struct policy_files;

struct lint {
    const char *path; /* the main file */
    enum policy_dialect dialect;
    json_t *findings;         /* an array of objects to which they are added; NULL: they are printed */
    struct names *names;      /* for looking up users and groups in rules */
    bool draft;               /* not the file in force: being writable by others is only a warning */
    size_t errors, warnings;  /* so far */
    size_t rules, files_read; /* in total */
    int64_t end;              /* when to stop looking, by clock_ms(): a draft may be made to take hours */
};

/* The dialect of the file with that absolute path, by its name. */
enum policy_dialect lint_dialect(const char *path);

/* Prints and counts one finding. */
void lint_report(struct lint *lint, bool error, const char *path, unsigned long line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
#define lint_error(lint, ...) lint_report((lint), true, __VA_ARGS__)
#define lint_warn(lint, ...) lint_report((lint), false, __VA_ARGS__)

/* Reads the policy in lint->path and reports all problems with it. */
void lint_policy(struct lint *lint);

/* Why a rule's name cannot be that of a bridge, although it may look like one; NULL: it can. */
const char *lint_name_trouble(const struct policy_rule *rule);

/* Warns of allowed, existing bridges whose MAC the users of their guests can change, or which do not filter
 * VLANs for rules with vlan=. */
void lint_bridges(struct lint *lint, const struct policy *policy);

/* Reports problems outside the policy in force: bridge declarations that cannot be read. */
void lint_beside(struct lint *lint);

/* Warns of rules that have no effect for anybody, or only for some. for_all: the same policy as seen by those
 * who can only read world-readable files. */
void lint_rules(struct lint *lint, const struct policy *policy, const struct policy *for_all);

/* Warns of items of egress= that can never match. */
void lint_egress(struct lint *lint, const char *file, unsigned long line, const char *egress);
