/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The path of a guest's frames: devices, bridges and their uplinks, the firewall, and network managers. */
#pragma once

#include "base/name.h"
#include "probe.h"

#include <stdbool.h>

void network_devices_probe(const struct probe_context *context, struct findings *out);
void network_bridges_probe(const struct probe_context *context, struct findings *out);
void network_filter_probe(const struct probe_context *context, struct findings *out); /* runs as the caller */
void network_managers_probe(const struct probe_context *context, struct findings *out);

void network_limits_probe(const struct probe_context *context, struct findings *out);

#define NETWORK_PATH "/sys/class/net"

/* Access to an interface's file `what` in NETWORK_PATH: whether it exists, its first line, its number. */
bool network_has(const char *interface, const char *what);
bool network_text(const char *interface, const char *what, char *out, size_t size);
long network_number(const char *interface, const char *what, long fallback);

/* Whether this is a bridge without a fixed MAC, so that it takes the lowest MAC among its ports: whoever
 * holds a tap on it can then change the host's MAC. The kernel tells by addr_assign_type (NET_ADDR_SET: set
 * at creation or later, even to the same value; net/bridge/br_stp_if.c, br_stp_recalculate_bridge_id). */
bool network_bridge_mac_varies(const char *bridge);

/* Whether a first port would change the bridge's MAC, which would then be lost with that port: the bridge has
 * no port now, and no fixed MAC. Nothing may be tried on such a bridge. */
bool network_bridge_is_bare(const char *bridge);

/* The MAC to fix it to: the current one, or a random one if the current one is not a MAC. */
void network_bridge_mac(const char *bridge, char out[MAC_TEXT]);

/* Why /sys does not show this process's network, e.g. because another's is mounted there; NULL: it does. */
const char *network_sys_problem(void);
