/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The IP addresses that bind a guest (ip=lock): which ones a rule grants; and that nobody else has them, or
 * its MAC. */
#pragma once

#include "net/binding.h"

struct decision;
struct error;
struct link;
struct question;
struct rtnl;
struct terms;

struct address_list {
    struct cidr list[BINDING_ADDRESSES_MAX];
    size_t count;
};

/* Parses the value of ips=: networks of unicast addresses, separated by commas, of which none is within
 * another. Returns whether it is valid, and not more than fit. */
bool addresses_parse(const char *text, struct address_list *out);

/* Adds the value of one --ip: a unicast address. Returns 0, or -1 and why not. */
int address_list_add(struct address_list *out, const char *value, struct error *why);

/* Returns whether --ip may be left out: the networks in ips= are for one tap only, and all bind it. */
bool addresses_may_be_omitted(const struct terms *terms);

/* Returns whether a network is of link-local addresses, of which each guest takes one at random: guests share
 * it, and it is neither claimed nor checked. */
bool address_is_shared(const struct cidr *network);

/* Decides which addresses bind the guest under out->protection, by its rule. Returns 0, or -1 and why not. */
int addresses_decide(struct decision *out, const struct question *question, struct error *why);

/* Checks that none of them, nor the one that follows from the guest's MAC (NULL: unknown), is this host's
 * own, a gateway that it uses through the bridge, or another tap's there than `tap` (an ifindex; 0: any):
 * claimed, or following from its MAC. Whoever makes a tap claims first, so that of two whose networks overlap
 * one at least sees the other. Returns 0, or -1 and why not. */
int addresses_check(struct rtnl *nl, const struct address_list *addresses, const uint8_t *mac,
                    const struct link *bridge, int tap, struct error *why);

/* Says that another tap of ours there was made for that MAC, whatever its holder has done to the tap's own
 * MAC since: it has the claim to it (claim.h). Returns -1. */
int mac_refuse_claimed(const struct link *bridge, const char *claim, struct error *why);

/* Looks whether a MAC is local on the bridge: the host's, an uplink's, one whose last five bytes follow 0xFE
 * on a port, as on libvirt's taps; or that of an interface on top of the bridge. Returns 0; 1 and whose it
 * is; or -errno. */
int mac_look(struct rtnl *nl, const struct link *bridge, const uint8_t guest[6], struct error *why);
