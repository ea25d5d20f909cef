/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A domain's tap as a command line of virt-tap-helper: the hooks and `virt-tap domain attach` make the same.
 */
#pragma once

#include "base/vlans.h"
#include "domain.h"
#include "ips.h"

enum { UUID_LENGTH = 36, TAP_WORDS_MAX = 12 + IPS_MAX };

/* The words are in the other fields, so the struct cannot be copied. */
struct tap_words {
    const char *argv[TAP_WORDS_MAX + 1]; /* "create" and its options; ends with NULL */
    char bridge[sizeof("--bridge=") + NAME_SIZE], name[sizeof("--name=") + NAME_SIZE];
    char domain[sizeof("--domain=") + UUID_LENGTH], mac[sizeof("--mac=") + 17];
    char vlan[sizeof("--vlan=") + VLANS_TEXT], native[sizeof("--native=4094")];
    char ips[IPS_MAX][sizeof("--ip=") + IP_TEXT];
    char lock[sizeof("--lock=mac")], serve[sizeof("--serve=dhcp,dhcpv6,ra")];
};

/* Sets the words that create the tap of an interface, which has one. The UUID has UUID_LENGTH characters.
 * Returns 0, or -1 and why. */
int tap_words_set(struct tap_words *out, const char *uuid, const struct interface *interface,
                  struct error *why);
