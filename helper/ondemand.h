/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Bridges on demand: a bridge that is declared (policy/declared.h) and missing is made, and one that another
 * caller left unfinished is completed. No lock is needed: each step is one kernel request, which fails or
 * changes nothing if it has been done before. The bridges stay, whoever asked for them. */
#pragma once

#include <stdbool.h>

struct error;
struct rtnl;

/* Ensures that the bridge exists and is complete if bridges.conf declares it; others are left alone. `rule`
 * is the rule that allowed it to the caller, for the system log. Must be called without the capability
 * effective; raises it only around what has to be made. One that somebody else made is used as it is, and any
 * difference logged. Returns 0 and whether each of its ports is to be isolated, or -1 and why not. */
int ondemand_bridge(struct rtnl *nl, const char *bridge, const char *rule, bool *isolate_ports,
                    struct error *why);
