/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a tap's claim and alias tell unprivileged programs about it. */
#pragma once

#include "claim.h"

/* The alias of the plain devices that `virt-tap tap create` makes for root: no claim, no policy. */
#define CLAIM_PLAIN_ALIAS "virt-tap plain"

/* Returns whether somebody has a queue of the tap attached, as far as can be seen: see carrier in
 * struct link. */
bool claim_is_held(const struct link *tap);

/* One of our taps: its owner, and what its holder has changed since. TUNSETOWNER, TUNSETPERSIST,
 * TUNSETCARRIER and SIOCSIFHWADDR need no capability on an open descriptor (drivers/net/tun.c,
 * __tun_chr_ioctl), so nothing that they set identifies a tap's owner. */
struct claimed_tap {
    uid_t uid;
    bool claimed; /* known from the claim; otherwise, on kernels without alternative names, from the alias */
    char domain[CLAIM_DOMAIN_SIZE]; /* UUID; "": not made for a domain */
    bool mac_changed, owner_changed, persistence_changed;
};

/* Reads the claim and alias of a tap that links_read() found. Returns whether it is one of ours. */
bool claim_read_tap(struct claimed_tap *out, const struct link *tap);

/* Returns whether this is a persistent tap of ours that nobody holds, as far as can be seen
 * (claim_is_held()). If so, fills in claim and alias; with alias->domain set, the tap is an orphan unless
 * that domain is running. */
bool claim_is_unused(const struct link *tap, struct claim *claim, struct claim_alias *alias);

/* Reads what claim_write_mac() writes. Returns whether the text is exactly that, for that bridge. */
bool claim_read_mac(uint8_t out[6], const char *text, const char *bridge);
