/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The claims of a live tap that depend on the policy: its slots in quotas, and its addresses. The claim to
 * its MAC stays whatever the policy says. */
#pragma once

#include <stdbool.h>

struct error;
struct live_tap;
struct rtnl;

/* Returns whether an allowed tap has other claims than its decision gives it. */
bool live_claims_differ(const struct live_tap *tap);

/* Looks whether the addresses that are new to the tap are somebody else's, as live_claims_add() would.
 * Returns 0, or -1 and whose one is. */
int live_claims_check(struct rtnl *nl, const struct live_tap *tap, struct error *why);

/* Claims addresses that are new to the tap and that nobody else has, and slots within the quotas; a slot
 * beyond a quota would not count. Returns 0, or -1 and why not, with no address claimed. */
int live_claims_add(struct rtnl *nl, struct live_tap *tap, struct error *why);

/* Gives up addresses that do not bind the tap any more. Returns 0, or -1 and why not. */
int live_claims_drop(struct rtnl *nl, const struct live_tap *tap, struct error *why);
