/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Tells a bridge whose guests reach out by the host's address from others. */
#pragma once

#include <stdbool.h>

/* Whether the host's configuration gives guests on this bridge NAT: by networkd, NetworkManager (whose
 * dnsmasq has this pid file: nm-dnsmasq-manager.c), or the unit of `bridge persist --nat`, also one that
 * runs on after its files are gone. Needs no privilege; what cannot be read counts as no NAT. */
bool nat_is_configured(const char *bridge);
