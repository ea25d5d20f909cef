/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "policy_lint.h"

#include "base/clock.h"
#include "base/error.h"
#include "config.h"
#include "policy/decide.h"
#include "policy/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum policy_dialect lint_dialect(const char *path)
{
    if (strcmp(strrchr(path, '/'), "/bridge.conf") == 0)
        return POLICY_QEMU;
    return POLICY_STRICT;
}

enum { LIMIT_MS = 10 * 1000 };

/* The reason without the position at its start, which has already been printed. */
static const char *without_place(const char *text, const char *path, unsigned long line)
{
    struct error place = {0};

    error_set(&place, "%s:%lu ", path, line);
    const size_t length = strlen(place.text);
    if (strncmp(text, place.text, length) == 0)
        return text + length;
    return text;
}

/* Reports why reading ended. Returns whether it can continue after that. */
static bool report_failure(struct lint *lint, struct policy_files *files, const struct policy *policy,
                           const char *reason)
{
    const unsigned long line = policy->wrong_line;
    const char *path = line ? policy->files[policy->wrong_file].path : lint->path;

    if (!files->untrusted || line || !lint->draft)
        lint_error(lint, path, line ? line : 1, "%s", without_place(reason, path, line));
    if (files->untrusted && policy_files_except(files, files->untrusted, 0))
        return true;
    return line && policy_files_except(files, path, line);
}

/* Reads repeatedly, each time without the line that was wrong, until no error is left. Returns 0, or -1 if it
 * cannot continue. The caller must policy_free(out) in either case. */
static int read_all(struct lint *lint, struct policy_files *files, struct policy *out)
{
    struct error why = {0};

    while (policy_files_read(files, out, lint->path, &why) < 0) {
        if (!report_failure(lint, files, out, why.text) || clock_ms() > lint->end)
            return -1;
        policy_free(out);
    }
    return 0;
}

static void report_skipped(void *context, const char *path, int err, const char *reason)
{
    struct lint *lint = context;

    if (err == -EACCES)
        lint_warn(lint, path, 1, "not checked, since you may not read it: check as root");
    else
        lint_warn(lint, path, 1, "included, but skipped: %s", reason);
}

/* A bad line in a file included by bridge.conf ends that file only; reading each as if it were the main
 * file reveals it. */
static void report_cut_includes(struct lint *lint, const struct policy *policy)
{
    for (size_t i = 1; i < policy->file_count; i++) {
        struct policy_files files;
        struct policy alone = {.rules = NULL};
        struct error why = {0};
        const char *path = policy->files[i].path;

        policy_files_begin(&files, lint->dialect);
        files.only = path;
        if (policy_files_read(&files, &alone, path, &why) < 0 && alone.wrong_line)
            lint_warn(lint, path, alone.wrong_line, "the rest of this file is skipped: %s",
                      without_place(why.text, path, alone.wrong_line));
        policy_free(&alone);
        policy_files_free(&files);
    }
}

/* A file included twice has no effect the second time. */
static void report_included_twice(struct lint *lint, const struct policy *policy)
{
    for (size_t i = 1; i < policy->file_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(policy->files[i].path, policy->files[j].path) == 0) {
                lint_warn(lint, policy->files[i].path, 1,
                          "included more than once, which has no further effect");
                break;
            }
}

void lint_policy(struct lint *lint)
{
    struct policy_files files;
    struct policy policy = {.rules = NULL}, for_all = {.rules = NULL};
    struct error why = {0};

    lint->end = clock_ms() + LIMIT_MS;
    policy_files_begin(&files, lint->dialect);
    if (read_all(lint, &files, &policy) == 0) {
        lint->rules = policy.rule_count;
        lint->files_read = policy.file_count;
        policy_free(&policy);
        files.failed = report_skipped;
        files.context = lint;
        policy_files_read(&files, &policy, lint->path, &why);
        files.failed = NULL;
        files.for_all = lint->path;
        policy_files_read(&files, &for_all, lint->path, &why);
        if (!lint->draft && !policy_files_readable_by_all(lint->path))
            lint_warn(lint, lint->path, 1,
                      "not everybody can read it: users who cannot are refused everything");
        if (lint->dialect == POLICY_QEMU)
            report_cut_includes(lint, &policy);
        report_included_twice(lint, &policy);
        if (!lint->draft && policy_shadows(&policy))
            lint_warn(
                lint, lint->path, 1,
                QEMU_ACL_PATH
                " is ignored because this file exists; to keep its rules, add the line: include " QEMU_ACL_PATH);
        lint_rules(lint, &policy, &for_all);
        lint_bridges(lint, &policy);
        policy_free(&for_all);
    }
    policy_free(&policy);
    policy_files_free(&files);
}
