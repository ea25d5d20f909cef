/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Claims: alternative names of a tap that say whose it is and for whom it speaks, whatever its holder does to
 * it. Only CAP_NET_ADMIN can set one; each is unique in the namespace by the kernel's own rule, never an
 * interface's own name that a caller may choose (those begin with TAP_PREFIX), and gone with the device. They
 * name the bridge, not its ifindex, so that a bridge made again is the same to quotas and to whatever puts
 * its ports back.
 *
 *   virt-tap.BRIDGE.UID.SLOT   whose it is, and which of the taps that the quota allows; xN: under no quota,
 * where N is the tap's own ifindex virt-tap-mac.BRIDGE.MAC    the guest's MAC, twelve hexadecimal digits in
 * lower case */
#pragma once

#include "net/link.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLAIM_PREFIX LINK_CLAIM_PREFIX
#define CLAIM_MAC_PREFIX "virt-tap-mac."

enum { CLAIM_SIZE = 128 /* ALTIFNAMSIZ */, CLAIM_DOMAIN_SIZE = 37 };

struct claim {
    char bridge[IFNAMSIZ];
    uid_t uid;
    bool unlimited;    /* made under no quota: the slot is then the tap's own ifindex */
    unsigned int slot; /* of those that the quota has */
};

void claim_write(char out[CLAIM_SIZE], const struct claim *claim);

/* Reads what claim_write() writes. Returns whether it is that, to the letter. */
bool claim_read(struct claim *out, const char *text);

/* The claim to a guest's MAC on a bridge. */
void claim_write_mac(char out[CLAIM_SIZE], const char *bridge, const uint8_t mac[6]);

/* The claim of a range of uids, beside the one of the tap's owner: the quota that they share
 * (uid=FIRST-LAST). */
void claim_write_range(char out[CLAIM_SIZE], const char *bridge, uid_t first, uid_t last, unsigned int slot);

/* What the alias says, for people and for what cleans up: `virt-tap v=1 uid=1000 domain=UUID stays
 * mac=fe:54:00:12:34:56`. Only CAP_NET_ADMIN can change it, so that what a holder has changed since shows
 * against it. */
struct claim_alias {
    uid_t uid;
    char domain[CLAIM_DOMAIN_SIZE]; /* UUID; "": made for none */
    bool stays;                     /* made to stay, and not by its holder afterwards */
    uint8_t mac[6];                 /* the tap's own */
};

void claim_write_alias(char out[CLAIM_SIZE], const struct claim_alias *alias);

/* Reads what claim_write_alias() writes. Returns whether it is that. */
bool claim_read_alias(struct claim_alias *out, const char *text);

/* A tap of ours: whose it is, and what its holder has changed since. The holder of a descriptor needs no
 * capability for TUNSETOWNER, TUNSETPERSIST, TUNSETCARRIER and SIOCSIFHWADDR (drivers/net/tun.c,
 * __tun_chr_ioctl), so that none of what these set says whose a tap is. */
struct claimed_tap {
    uid_t uid;
    bool claimed; /* by the claim; otherwise, on kernels without alternative names, by the alias */
    char domain[CLAIM_DOMAIN_SIZE]; /* UUID; "": made for none */
    bool mac_changed, owner_changed, persistence_changed;
};

/* Reads claim and alias of a tap that links_read() found. Returns whether it is ours. */
bool claim_read_tap(struct claimed_tap *out, const struct link *tap);

/* Whether it is a tap of ours that outlasts its maker and that nobody holds, as far as it shows
 * (link_is_held()): with alias->domain it is an orphan unless that domain runs. Fills in claim and alias if
 * so. */
bool claim_is_unused(const struct link *tap, struct claim *claim, struct claim_alias *alias);
