/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Commands that make a firewall pass a bridge's frames. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Where a bridge's frames are dropped, as text that a finding is about: BRIDGE HOOK FAMILY TABLE CHAIN. HOOK
 * is the kernel's number (NF_INET_FORWARD); FAMILY one of nftables, or FIX_LEGACY4, FIX_LEGACY6. Without a
 * chain, TABLE and CHAIN are "-". */
#define FIX_LEGACY4 "iptables-legacy"
#define FIX_LEGACY6 "ip6tables-legacy"

/* Writes the command that accepts the bridge's frames in that chain. Returns whether there is one: every word
 * must be plain. */
bool fix_firewall_accept(const char *about, char *out, size_t size);

/* Whether the frames bypass what drops them if br_netfilter passes them to no IP firewall. */
bool fix_firewall_bypasses(const char *about);
