/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Bridges on demand: one that is declared (policy/declared.h) and missing is made; one that somebody began to
 * make and did not finish is finished by whoever comes next. No lock: each step is one act of the kernel's
 * that fails or changes nothing when it was done before. They stay, whoever asked for them. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct error;

struct ondemand {
    const char *bridge; /* which the policy has allowed */
    const char *rule;   /* by what; for the system's log */
    uid_t uid;          /* to whom; likewise */
};

/* Sees to it that the bridge is there and whole, if bridges.conf declares it; what is not declared is left
 * alone. To be called without the capability effective; raises it around what must be made, and only then.
 * A declared bridge that somebody else has made is used as it is, with a word in the system's log when it
 * differs. Returns 0 and whether each of its ports is to be isolated, or -1 and why not. */
int ondemand_bridge(const struct ondemand *asked, bool *isolate_ports, struct error *why);
