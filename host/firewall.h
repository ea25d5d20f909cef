/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What the host's firewall does to the frames of a bridge. Needs CAP_NET_ADMIN. */
#pragma once

#include "firewall_frames.h"

#include <stdbool.h>
#include <stddef.h>

/* Sends a frame of each kind from one new tap on the bridge to another, and tells which ones arrive. Nothing
 * else of the bridge is touched: the frames are unicast and their target is in the FDB, so that no other port
 * sees them; the taps have its MTU, and no MAC lower than its own; and they end with the process that holds
 * them, even if it is killed. For their time (some milliseconds) the bridge has two more ports, and a
 * carrier; connection tracking may remember the frames for two minutes.
 *
 * Fills in `arrived` and returns NULL, or returns why nothing was sent, until the next strerror(3): the
 * bridge is down; it runs STP, so that a new port does not forward; or the first port would change its MAC.
 */
const char *firewall_try(const char *bridge, bool arrived[FRAME_KINDS]);

/* Whether the text of a firewall's rules names a port of the bridge, to which the trial's result may
 * not apply: by its own name, or by a pattern (vnet+, vnet*) that does not match the taps as well. The rules
 * are those that nft and the iptables-save family print, without comments. firewall_names_port() returns 1
 * and the port's name, 0, or -1: they could not be read in time; it reads them once. */
int firewall_names_port(const char *bridge, char port[16]);
bool firewall_text_names(const char *rules, const char *port);

/* nftables (and iptables-nft): a base chain with policy drop that sees bridged frames: of family inet or
 * bridge, or of ip or ip6 if all of IPv4 or IPv6 is lost. Returns 1 with the chain in where
 * (HOOK FAMILY TABLE CHAIN, as in fix_firewall.h), 0, or -errno. */
int firewall_nft_drops(const bool arrived[FRAME_KINDS], char *where, size_t size);

/* iptables-legacy, or ip6tables-legacy (if `ip6`): whether chain FORWARD of table filter has policy DROP.
 * Returns 1, 0, or -errno. Does not cause a missing table to be created. */
int firewall_legacy_drops(bool ip6);
