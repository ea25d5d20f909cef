/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a guest's frames meet: devices, bridges and their uplinks, the firewall, and managers of the network.
 */
#pragma once

#include "probe.h"

void network_devices_probe(const struct probe_context *context, struct findings *out);
void network_bridges_probe(const struct probe_context *context, struct findings *out);
void network_filter_probe(const struct probe_context *context, struct findings *out); /* as the caller */
void network_managers_probe(const struct probe_context *context, struct findings *out);

/* Why /sys does not show the network of this process, as when another's is mounted there; NULL: it does. */
const char *network_sys_problem(void);
