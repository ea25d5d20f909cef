/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a guest's frames meet: devices, bridges and their uplinks, the firewall, and managers of the network.
 */
#pragma once

#include "base/name.h"
#include "probe.h"

#include <stdbool.h>

void network_devices_probe(const struct probe_context *context, struct findings *out);
void network_bridges_probe(const struct probe_context *context, struct findings *out);
void network_filter_probe(const struct probe_context *context, struct findings *out); /* as the caller */
void network_managers_probe(const struct probe_context *context, struct findings *out);

void network_limits_probe(const struct probe_context *context, struct findings *out);

#define NETWORK_PATH "/sys/class/net"

/* The file `what` of an interface in NETWORK_PATH: whether it is there, its first line, its number. */
bool network_has(const char *interface, const char *what);
bool network_text(const char *interface, const char *what, char *out, size_t size);
long network_number(const char *interface, const char *what, long fallback);

/* Whether that is a bridge whose MAC nobody has set, so that it takes the lowest of its ports': whoever holds
 * a tap on it can then change the host's own. The kernel tells by addr_assign_type (NET_ADDR_SET: set at its
 * making, or since, even to what it was; net/bridge/br_stp_if.c, br_stp_recalculate_bridge_id). */
bool network_bridge_mac_varies(const char *bridge);

/* The MAC to give it for good: the one that it has now; or, where that is no MAC, a random one. */
void network_bridge_mac(const char *bridge, char out[MAC_TEXT]);

/* Why /sys does not show the network of this process, as when another's is mounted there; NULL: it does. */
const char *network_sys_problem(void);
