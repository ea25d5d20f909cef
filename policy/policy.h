/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The rules of who may use which bridge, read from files and judged.
 *
 *     allow|deny BRIDGE|all [TERM...]
 *     include FILE
 *
 * Two dialects; only policy.conf has terms (terms.h) and includes like /etc/virt-tap/policy.d/?.conf.
 * POLICY_QEMU reads a bridge.conf with the verdicts of qemu-bridge-helper 7.2, its quirks included: lines of
 * more than 4,095 characters fall into several, a bad line in the main file is fatal, any other failure of an
 * include is passed over. It differs only where the original is unsafe; then this one refuses:
 *   - relative includes, which would be looked up where the caller happens to stand;
 *   - files that somebody else than root could have written;
 *   - includes that could not be read for want of descriptors or memory, or by an error of the disk;
 *   - more than 4 MiB, 4,096 files or 64 levels of includes (the original goes on, or round in circles).
 * POLICY_STRICT is for policy.conf: anything that is not understood or cannot be read is refused, but an
 * include that the caller may not read (EACCES), which is how one gives a bridge to some users only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

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

/* One that was read. Owned; the terms of its rules point into the text. */
struct policy_file {
    char *path;
    char *text;
};

struct policy {
    enum policy_dialect dialect;
    struct policy_rule *rules;
    size_t rule_count;
    struct policy_file *files; /* all that were read, in order; the first is the main one */
    size_t file_count;
    size_t bytes; /* read so far */
    bool absent;  /* nothing was read, for there is no main file */
    /* Where reading failed: the line that was not taken; line 0: none is to blame. */
    unsigned int wrong_file;
    unsigned long wrong_line;
};

/* Reads the rules of the file at path and of all that it includes. bridge: only those that are about it are
 * kept, of others it is seen only that they parse; NULL: all are. Returns 0, or -1 and why not: nothing may
 * then be granted. In both cases the caller must policy_free(out). */
int policy_read(struct policy *out, const char *path, enum policy_dialect dialect, const char *bridge,
                const struct policy_source *source, struct error *why);
void policy_free(struct policy *policy);
#define _cleanup_policy_ __attribute__((cleanup(policy_free)))

struct policy_match {
    bool allowed;
    const struct policy_rule *rule; /* that decided; NULL: none matched, and so the answer is no */
    char user[IDENTITY_NAME_SIZE];  /* the caller's account, which an allow of policy.conf requires; "": none,
                                     * by  a rule with uid=, or not asked for */
};

/* Decides: a deny that matches beats every allow, wherever it stands; of the allows the first that matches
 * decides; no rule, no bridge. Under POLICY_STRICT an allow without uid= is for callers with an account only
 * (identity.h); under POLICY_QEMU nobody is looked up. Returns 0; or -1 and why not, when nobody can tell
 * whom a rule of that bridge is about, or the caller has no account. A function of its arguments alone. */
int policy_match(struct policy_match *out, const struct policy *policy, const char *bridge,
                 const struct caller *caller, struct error *why);
