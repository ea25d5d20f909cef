/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What can be a bridge's uplink. */
#pragma once

#include "bridge.h"

/* Says why no NIC of this kind can be a bridge's uplink. Returns 0 when it can. */
int uplink_refuse_kind(const char *verb, const struct link *uplink);

/* Whether a line of what nft or iptables-save prints names the interface, by itself or by a pattern ("eth*",
 * "eth+"). Comments name nothing. */
bool uplink_in_rule(const char *line, const char *name);

/* Says why this NIC cannot become the bridge's uplink. Returns 0 when it can. */
int uplink_refuse(struct view *view, const char *verb, const struct create *create,
                  const struct link *uplink);
