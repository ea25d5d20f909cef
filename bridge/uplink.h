/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Which NICs can be a bridge's uplink. */
#pragma once

#include "bridge.h"

/* Returns 0 if a NIC of this kind can be a bridge's uplink; otherwise reports why not. */
int uplink_refuse_kind(const char *verb, const struct link *uplink);

/* Returns 0 if the NIC is not part of a bridge, a bond or the like; otherwise reports of which. */
int uplink_refuse_master(const struct view *view, const char *verb, const struct link *uplink);

/* Returns who manages the interface, "NetworkManager" or "systemd-networkd", or NULL: neither. */
const char *uplink_manager(int ifindex);

/* Returns whether a line printed by nft or iptables-save names the interface, literally or by a pattern
 * ("eth*", "eth+"). Comments are ignored. */
bool uplink_in_rule(const char *line, const char *name);

/* Returns whether one of the patterns (fnmatch(3)), separated by blanks, tabs or semicolons, is for the
 * interface. */
bool uplink_in_patterns(const char *patterns, const char *name);

/* Returns 0 if no firewall rule in the kernel names the NIC, and no device is on top of it that would keep it
 * from becoming a port, as a macvlan does; otherwise reports which do, and would have to name the bridge.
 * Requires root. */
int uplink_refuse_at_boot(const struct view *view, const char *verb, const char *uplink, const char *bridge);

/* Returns 0 if this NIC can become the bridge's uplink; otherwise reports why not. */
int uplink_refuse(struct view *view, const char *verb, const struct create *create,
                  const struct link *uplink);
