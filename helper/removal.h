/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Removes taps that virt-tap made. Asks neither the policy nor the bridge: otherwise removing a rule would
 * leave its taps behind for ever. */
#pragma once

#include <stdbool.h>

struct error;
struct rtnl;
struct link;
struct links;
struct request;

/* Finds the taps to remove; must be called without the capability effective. By name, the tap must exist and
 * be the caller's; by domain alone, finds all of the caller's, which may be none. Root may remove anybody's
 * taps, but not by domain: anybody may give their domain the UUID of another, so a UUID only selects the
 * caller's own. Returns 0, or -1 and why not. The caller must call links_free(taps) in either case. */
int removal_find(const struct request *request, struct links *taps, struct error *why);

/* Removes one tap by its ifindex, if it is still the one that was found (net/tapdelete.h) and, without force,
 * nobody holds it; CAP_NET_ADMIN must be effective now, and have been when nl was opened. Returns 0, or -1
 * and why not, with nothing changed. */
int removal_delete(struct rtnl *nl, const struct link *tap, bool force, struct error *why);
