/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * May they? The policy files, read and applied to one request. */
#pragma once

#include "terms.h"

struct caller;
struct policy;
struct refusal;
struct request;

/* What was allowed, and on which terms. */
struct judgement {
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
int judge_read_policy(struct policy *out, const char *bridge, struct refusal *why);

/* Reads the policy as this process, and judges. Returns 0, or -1 and why not. */
int judge(struct judgement *out, const struct request *request, const struct caller *caller,
          struct refusal *why);
