/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names and MACs of network interfaces, as text. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

/* Of such characters are the names of our taps: none means anything to a shell. */
#define IFNAME_PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* Whether the kernel would take this as an interface's own name (net/core/dev.c, dev_valid_name), and neither
 * '%', which it would take as a pattern, nor control characters are in it. */
bool ifname_valid(const char *name);

/* Explains which names are valid, if this one is not; `option` is what it was given by. Returns 0, or -1 and
 * why not. */
int ifname_check(const char *option, const char *name, struct error *why);

/* Reads a MAC, six pairs of hexadecimal digits with ':' between. Returns whether it is one; mac is else left
 * alone. */
bool mac_parse(const char *text, uint8_t mac[6]);

/* Whether it can be one device's: neither a group's nor all zeros. */
bool mac_is_unicast(const uint8_t mac[6]);
