/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * `virt-tap bridge persist --nat`: a bridge without an uplink, whose guests get addresses from the host and
 * reach the outside by its address. The host's manager does it, or a unit of ours with dnsmasq and nftables.
 */
#pragma once

#include "persist.h"

#define NAT_MARK " --nat=" /* in the first line of the first file that is written for such a bridge */

/* NetworkManager stops nft after a second (nm-firewall-utils.c), which on a slow host would be spent on
 * loading what its rules for a shared connection are made of: they are loaded before. */
#define NAT_MODULES "nft_chain_nat", "nft_masq", "nft_ct", "nft_reject_ipv4"

/* Returns who can make a NAT bridge, of that name ("auto": whoever manages this host), or NULL after
 * reporting why nobody can. */
const struct persist_format *nat_format(const char *verb, const char *name);

/* Chooses the networks. text: of --nat; "": the one that it has by its record, or the first that is free.
 * Returns 0 or reports why not. */
int nat_plan(struct view *view, const char *verb, const char *text, struct persist_plan *plan);

/* Whether what is recorded is a NAT bridge, and its address. */
bool nat_recorded(const struct persist_files *record, struct cidr *address);

/* The network that the address is in. */
struct cidr nat_network(const struct cidr *address);

/* One of the rules that Docker's chain DOCKER-USER needs: what follows `iptables -I DOCKER-USER`. */
enum { NAT_DOCKER_RULES = 2 };
void nat_docker_rule(int number, const char *bridge, char rule[PERSIST_COMMAND]);

/* Refuses what would make a bridge without NAT of one that is persisted with it. Returns 0 or 1. */
int nat_refuse(const char *verb, const char *bridge);

/* Finds a network of IPv4 in a text of any form that overlaps this one; those larger than min_prefix do not
 * count. Returns whether there is one. */
bool nat_text_overlaps(const char *text, const struct cidr *network, uint8_t min_prefix, struct cidr *found);

/* As write() of struct persist_format: a unit, with what dnsmasq and nft read. */
int nat_write_unit(const struct persist_plan *plan, struct persist_files *files, struct error *why);

/* Adds what the host needs beside its manager: forwarding, and what firewalld and Docker are told. */
void nat_write_host(const struct persist_plan *plan, struct persist_files *files);

/* Makes the bridge by what was written, and waits until it works; or takes all back, and reports why. Returns
 * 0 or 1. */
int nat_apply(const char *verb, const struct persist_plan *plan);

/* After the bridge and its files are gone: takes back what nat_apply() told others than Docker. The record is
 * that of before. */
void nat_clean(const char *verb, const struct persist_files *record, const struct cidr *address);

/* Stops a unit of ours whose files are gone already, and takes back what Docker was told. */
void nat_stop(const char *bridge);

/* Removes all of what nat_apply() makes that is there, as after a failure, or when it or bridge_delete() was
 * killed: there may be no bridge, or no record. Returns 0, or reports why not. */
int nat_remove(const char *verb, const char *bridge);
