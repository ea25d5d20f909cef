/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The IP firewall's policy for forwarded packets, read from the kernel. Needs CAP_NET_ADMIN. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* nftables (and iptables-nft): whether a base chain at the forward hook of IPv4 (if `ip4`) or IPv6 (if `ip6`)
 * has policy drop. Returns 1 with the chain in where, 0, or -errno. */
int firewall_nft_drops(bool ip4, bool ip6, char *where, size_t size);

/* iptables-legacy, or ip6tables-legacy (if `ip6`): whether chain FORWARD of table filter has policy DROP.
 * Returns 1, 0, or -errno. Does not cause a missing table to be created. */
int firewall_legacy_drops(bool ip6);
