/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The claim: an alternative name of a tap that says whose it is, whatever its holder does to it. Only
 * CAP_NET_ADMIN can set one; it is unique in the namespace by the kernel's own rule, never an interface's own
 * name that a caller may choose (those begin with vt-), and gone with the device. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CLAIM_PREFIX "virt-tap."

enum { CLAIM_SIZE = 128 /* ALTIFNAMSIZ */, CLAIM_DOMAIN_SIZE = 37 };

struct claim {
    int bridge; /* ifindex at that time */
    uid_t uid;
    bool unlimited;    /* made under no quota: the slot is then the tap's own ifindex */
    unsigned int slot; /* of those that the quota has */
};

void claim_write(char out[CLAIM_SIZE], const struct claim *claim);

/* Reads what claim_write() writes. Returns whether it is that, to the letter. */
bool claim_read(struct claim *out, const char *text);

/* The claim of a range of uids, beside the one of the tap's owner: the quota that they share
 * (uid=FIRST-LAST). */
void claim_write_range(char out[CLAIM_SIZE], int bridge, uid_t first, uid_t last, unsigned int slot);

/* What the alias says, for people and for what cleans up: `virt-tap uid=1000 domain=UUID stays
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
