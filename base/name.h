/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Names and MACs of network devices. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

/* The characters in the names of our taps: none is special to a shell. */
#define IFNAME_PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* Returns whether the kernel accepts this as an interface's own name (net/core/dev.c, dev_valid_name), and it
 * contains neither '%', which would make it a pattern, nor control characters. */
bool ifname_valid(const char *name);

/* Returns 0, or -1 and which names are valid if this one is not; `option` gave it. */
int ifname_check(const char *option, const char *name, struct error *why);

enum { MAC_TEXT = 18 /* including the '\0' */ };

/* Parses six pairs of hexadecimal digits separated by ':'. Returns whether it is valid; if not, mac stays. */
bool mac_parse(const char *text, uint8_t mac[6]);

/* Writes the MAC as mac_parse() reads it, in lower case. Returns out. */
const char *mac_print(char out[MAC_TEXT], const uint8_t mac[6]);

/* Returns whether a device may have this MAC: it is neither multicast nor all zeros. */
bool mac_is_unicast(const uint8_t mac[6]);

/* Returns why a guest cannot have this MAC, as the end of "a guest cannot have ..."; NULL: it can. */
const char *mac_problem(const uint8_t mac[6]);
