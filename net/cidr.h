/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * An IP address with its prefix length: an interface's, or a network. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct cidr {
    int family; /* AF_INET, AF_INET6; 0: none */
    uint8_t bytes[16];
    uint8_t prefix; /* bits */
};

/* Bytes of an address of that family. */
static inline size_t cidr_size(int family)
{
    return family == AF_INET ? 4 : 16;
}

enum { CIDR_TEXT = 64 }; /* size of cidr_print()'s buffer */

/* Parses ADDRESS/PREFIX, with nothing before or after it: a unicast address that a host can have. Returns
 * NULL if valid; otherwise what it must be, for a message "takes ..., not ...". */
const char *cidr_parse(const char *text, struct cidr *out);
/* Parses ADDRESS/PREFIX, or ADDRESS for that one alone, of that many bytes. Returns whether it is valid. */
bool cidr_parse_any(const char *text, size_t length, struct cidr *out);
/* Parses a network of that many bytes: ADDRESS/PREFIX without bits after its prefix, or ADDRESS for that one
 * alone. Returns whether it is valid. */
bool cidr_parse_network(const char *text, size_t length, struct cidr *out);

/* Returns whether every address of the network may be a host's: none is multicast, broadcast, loopback,
 * reserved, unspecified, or IPv4 written as IPv6. */
bool cidr_is_unicast(const struct cidr *cidr);
bool cidr_is_link_local(const struct cidr *cidr); /* of IPv6 */

/* Returns the link-local address of IPv6 that follows from a MAC (RFC 4291, appendix A). */
struct cidr cidr_link_local(const uint8_t mac[6]);

void cidr_print(const struct cidr *cidr, char text[CIDR_TEXT]);
bool cidr_equal(const struct cidr *one, const struct cidr *other);

/* Returns whether one of the two networks contains the other; or with some of a list. */
bool cidr_overlap(const struct cidr *one, const struct cidr *other);
bool cidr_overlap_any(const struct cidr *one, const struct cidr *others, size_t count);
