/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The rules about who may use which bridge, read from files and evaluated.
 *
 *     allow|deny BRIDGE|all [TERM...]
 *     include FILE
 *
 * There are two dialects. Only policy.conf has terms (terms.h) and includes such as
 * /etc/virt-tap/policy.d/?.conf.
 * POLICY_QEMU reads a bridge.conf with the verdicts of qemu-bridge-helper 7.2, including its quirks: a line
 * of more than 4,095 characters is split into several, a bad line in the main file is fatal, and any failure
 * in an include is ignored. It differs only where the original is unsafe, and then refuses:
 *   - relative includes, which would be resolved in the caller's working directory;
 *   - files that a user other than root could have written;
 *   - includes that could not be read for lack of descriptors or memory, or because of an I/O error;
 *   - more than 4 MiB, 4,096 files or 64 levels of includes (the original goes on, or loops).
 * POLICY_STRICT is for policy.conf: anything unknown or unreadable is refused, except an include that the
 * caller may not read (EACCES), which is how to give a bridge to some users only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <net/if.h>

#include "identity.h"
#include "source.h"
#include "terms.h"

struct error;

enum policy_dialect { POLICY_QEMU, POLICY_STRICT };

struct policy_rule {
    bool deny;
    bool all;            /* every bridge; name is then "all" */
    char name[IFNAMSIZ]; /* the bridge */
    unsigned int file;   /* index into policy.files */
    unsigned long line;  /* from 1 */
    struct terms terms;
};

/* One file that was read. Owned; the terms of its rules point into the text. */
struct policy_file {
    char *path;
    char *text;
};

struct policy {
    enum policy_dialect dialect;
    struct policy_rule *rules;
    size_t rule_count;
    struct policy_file *files; /* all files read, in order; the first is the main one */
    size_t file_count;
    size_t bytes; /* read so far */
    bool absent;  /* nothing was read because there is no main file */
    /* Where reading failed: the rejected line; line 0: no line is at fault. */
    unsigned int wrong_file;
    unsigned long wrong_line;
};

/* Reads the rules of the file at path and of all files it includes. bridge: keep only the rules about this
 * bridge, and only check the syntax of others; NULL: keep all. Returns 0, or -1 and why not; nothing may then
 * be granted. The caller must call policy_free(out) in either case. */
int policy_read(struct policy *out, const char *path, enum policy_dialect dialect, const char *bridge,
                const struct policy_source *source, struct error *why);
void policy_free(struct policy *policy);
#define _cleanup_policy_ __attribute__((cleanup(policy_free)))

struct policy_match {
    bool allowed;
    const struct policy_rule *rule; /* the rule that decided; NULL: none matched, so the answer is no */
    char user[IDENTITY_NAME_SIZE];  /* the caller's account, which an allow in policy.conf requires; "": none
                                       (a rule with uid=), or not looked up */
};

/* Decides. A matching deny overrides every allow, wherever it is; of the allows, the first that matches
 * decides; without a matching rule, the answer is no. With POLICY_STRICT, an allow without uid= is only for
 * callers that have an account (identity.h); with POLICY_QEMU nobody is looked up. Returns 0; or -1 and why
 * not, if a user or group in a rule for that bridge cannot be looked up, or the caller has no account.
 * Depends on its arguments alone. */
int policy_match(struct policy_match *out, const struct policy *policy, const char *bridge,
                 const struct caller *caller, struct error *why);
