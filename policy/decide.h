/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Decides a question by the policy in force. */
#pragma once

#include "policy.h"

#include <stdint.h>

struct link;

/* What somebody wants. */
struct question {
    const char *bridge;
    bool tap;           /* a tap on it; else only the bridge */
    const char *name;   /* the tap's; NULL: any */
    const uint8_t *mac; /* the guest's; NULL: not told */
    unsigned int vlan;  /* 0: none */
    bool isolated;
};

/* What is granted. */
struct decision {
    struct policy_match match; /* what decided, also if it is a no; points into the policy */
    bool unknown;              /* it is a no because nobody can tell whom a rule is about */
    unsigned int quota;    /* taps of the caller's on that bridge at once; 0: as many as there are ports */
    struct uid_range uids; /* whose quota that is too, together */
    unsigned int mtu;      /* bytes; 0: the bridge's */
    struct protection protection;
    char rule[256]; /* FILE:LINE of the rule that allowed it, for people; cut if need be */
};

/* Reads what the policy in force says of the bridge: the administrator's own file, strictly; QEMU's, with
 * QEMU's verdicts, only where the first does not exist, also after the other was read. Where files have just
 * been put into or taken from a folder that decides this, waits until that is over. Returns and leaves to
 * free as policy_read() does. */
int policy_load(struct policy *out, const char *bridge, struct error *why);

/* Returns 0: yes; or -1 and why not. */
int policy_decide(struct decision *out, const struct policy *policy, const struct question *question,
                  const struct caller *caller, struct error *why);

/* Whether there is a bridge.conf whose rules do not count because policy.conf, which was read, does not
 * include it. */
bool policy_shadows(const struct policy *policy);

/* Refuses what no bridge of a question can be called; `option` is what its name was given by. Returns 0, or
 * -1 and why not. */
int policy_check_bridge(const char *option, const char *name, struct error *why);

/* Finds the bridge that the policy was asked about: by its own name, for a deny is of a name, and would not
 * match an alternative one. Returns 0, or -1 and why not. */
int policy_find_bridge(struct link *out, const char *name, struct error *why);
