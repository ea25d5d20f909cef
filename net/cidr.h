/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * An IP address of an interface with the length of its prefix. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cidr {
    int family; /* AF_INET, AF_INET6; 0: none */
    uint8_t bytes[16];
    uint8_t prefix; /* bits */
};

enum { CIDR_TEXT = 64 }; /* room for cidr_print() */

/* Reads ADDRESS/PREFIX, with nothing before or after it: a unicast address by which a host can be reached.
 * Returns NULL; or what it must be, for a message "takes ..., not ...". */
const char *cidr_parse(const char *text, struct cidr *out);
void cidr_print(const struct cidr *cidr, char text[CIDR_TEXT]);
bool cidr_equal(const struct cidr *one, const struct cidr *other);

/* Whether one of the two networks contains the other. */
bool cidr_overlap(const struct cidr *one, const struct cidr *other);
