/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The claim: an alternative name of a tap that says whose it is, whatever its holder does to it. Only
 * CAP_NET_ADMIN can set one; it is unique in the namespace by the kernel's own rule, never an interface's own
 * name that a caller may choose (those begin with vt-), and gone with the device. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CLAIM_PREFIX "virt-tap."
#define CLAIM_ALIAS "virt-tap uid="

enum { CLAIM_SIZE = 128 /* ALTIFNAMSIZ */ };

struct claim {
    int bridge; /* ifindex at that time */
    uid_t uid;
    bool unlimited;    /* made under no quota: the slot is then the tap's own ifindex */
    unsigned int slot; /* of those that the quota has */
};

void claim_write(char out[CLAIM_SIZE], const struct claim *claim);

/* Reads what claim_write() writes. Returns whether it is that, to the letter. */
bool claim_read(struct claim *out, const char *text);

/* The alias that repeats it for people. domain: a UUID; "": of none. */
void claim_write_alias(char *out, size_t size, uid_t uid, const char *domain);

/* The domain's UUID in such an alias; "" when there is none in it. Points into alias. */
const char *claim_domain(const char *alias);
