/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The leases of DHCP servers on this host: dnsmasq's own, those of libvirt's and NetworkManager's dnsmasq,
 * and systemd-networkd's. A lease says what the server gave to a MAC, not where that MAC is now.
 *
 * A file is only read if nobody but root and the server's own account can have written it: neither it nor a
 * folder on its path belongs to, or is writable by, anybody else, and none of them is a symbolic link. Host
 * names and client ids, which guests choose, are not looked at. A lease of IPv6 that the server stored
 * without a MAC is left out: the MAC in a DUID is often that of the machine that the guest was cloned from.
 */
#pragma once

#include "net/cidr.h"

#include <net/if.h>
#include <stdbool.h>

struct lease {
    char bridge[IFNAMSIZ]; /* the only interface that the server serves; "": unknown */
    uint8_t mac[6];
    struct cidr address; /* a single one */
};

enum { LEASES_MAX = 128 * 1024, LEASES_FILE_MIB = 32 };

struct leases {
    struct lease *list;
    size_t count;
    char *cut; /* a file that is longer than LEASES_FILE_MIB, or with which there are more than LEASES_MAX:
                  what is too much is left out; NULL: none */
};

/* Appends the leases in force of the servers that may serve that bridge alone, or, with NULL, of those whose
 * file does not say which. Files that are not there, cannot be read by this user or trusted, or have another
 * format, are as if they were empty. Returns 0 or -ENOMEM; the caller must leases_free(out) in either case.
 */
int leases_read(struct leases *out, const char *bridge);
void leases_free(struct leases *leases);

/* Sorts them by address, which leases_find() requires: that returns the first lease of that address (*count:
 * how many there are). Guests may have as many as a server has addresses. */
void leases_sort(struct leases *leases);
const struct lease *leases_find(const struct leases *leases, const struct cidr *address, size_t *count);

/* Parse the content of a file, of which all bytes may be hostile: lines of dnsmasq, or JSON of libvirt or
 * networkd. now: in seconds since 1970. Return 0 or -ENOMEM. */
int leases_parse_lines(struct leases *out, const char *bridge, const char *text, long long now);
int leases_parse_json(struct leases *out, const char *bridge, const char *text, size_t size, long long now);
