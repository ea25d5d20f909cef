/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Claims: alternative names of a tap that record its owner and the guest MAC it was made for, out of its
 * holder's reach. Only CAP_NET_ADMIN can set one. The kernel keeps each unique in the network namespace and
 * removes it with the device. A claim never clashes with an interface name that a caller may choose, since
 * those begin with TAP_PREFIX. Claims give the bridge's name, not its ifindex, so that a recreated bridge is
 * the same bridge to quotas and to whatever puts its ports back.
 *   virt-tap.BRIDGE.UID.SLOT
 *     The owner, and which of the taps that the quota allows this is. Without a quota, SLOT is xN, where N
 *     is the tap's own ifindex.
 *   virt-tap-mac.BRIDGE.MAC
 *     The guest's MAC: twelve hexadecimal digits in lower case.
 *   virt-tap-ip.BRIDGE.ADDRESS[-PREFIX]
 *     An IP address that the guest is bound to (ip=lock): eight hexadecimal digits in lower case, or 32; with
 *     the number of bits after a '-', a whole network. */
#pragma once

#include "net/cidr.h"
#include "net/link.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLAIM_PREFIX LINK_CLAIM_PREFIX
#define CLAIM_MAC_PREFIX "virt-tap-mac."
#define CLAIM_IP_PREFIX "virt-tap-ip."

enum { CLAIM_SIZE = 128 /* ALTIFNAMSIZ */, CLAIM_DOMAIN_SIZE = 37 };

struct claim {
    char bridge[IFNAMSIZ];
    uid_t uid;
    bool unlimited;    /* made without a quota; the slot is then the tap's own ifindex */
    unsigned int slot; /* within the quota */
};

void claim_write(char out[CLAIM_SIZE], const struct claim *claim);

/* Reads what claim_write() writes. Returns whether the text is exactly that. */
bool claim_read(struct claim *out, const char *text);

/* Writes the claim to a guest's MAC on a bridge. */
void claim_write_mac(char out[CLAIM_SIZE], const char *bridge, const uint8_t mac[6]);

/* Writes the claim to an IP address or network on a bridge. */
void claim_write_ip(char out[CLAIM_SIZE], const char *bridge, const struct cidr *address);

/* Reads what claim_write_ip() writes. Returns whether the text is exactly that, for that bridge. */
bool claim_read_ip(struct cidr *out, const char *text, const char *bridge);

/* Writes the claim for a range of uids that share a quota (uid=FIRST-LAST), set beside the owner's. */
void claim_write_range(char out[CLAIM_SIZE], const char *bridge, uid_t first, uid_t last, unsigned int slot);

enum { CLAIM_ALIAS_SIZE = 192 };

/* What the caller asked for beyond the rule; from CLAIM_ASKS_SERVE on the bits of SERVE_ (binding.h). */
enum { CLAIM_ASKS_ISOLATED = 1 << 0, CLAIM_ASKS_MAC = 1 << 1, CLAIM_ASKS_IP = 1 << 2, CLAIM_ASKS_SERVE = 3 };

/* The contents of the alias, for people, for cleanup and for whoever judges the tap again: `virt-tap v=1
 * uid=1000 domain=UUID stays asks=isolated,mac mac=fe:54:00:12:34:56`. Only CAP_NET_ADMIN can change it, so
 * comparing the tap with it shows what a holder has changed since. */
struct claim_alias {
    uid_t uid;
    char domain[CLAIM_DOMAIN_SIZE]; /* UUID; "": not made for a domain */
    bool stays;                     /* made persistent by virt-tap, not later by its holder */
    unsigned int asks;              /* CLAIM_ASKS_ */
    uint8_t mac[6];                 /* the tap's own */
};

void claim_write_alias(char out[CLAIM_ALIAS_SIZE], const struct claim_alias *alias);

/* Reads what claim_write_alias() writes. Returns whether the text is that. */
bool claim_read_alias(struct claim_alias *out, const char *text);

/* Whether it has another version or words that this one does not know: a later virt-tap made that tap. */
bool claim_alias_is_later(const char *text);
