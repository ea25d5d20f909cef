/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a network device may be called, and its MAC. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

/* Of such characters are the names of our taps: none means anything to a shell. */
#define IFNAME_PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* Whether the kernel takes this as an interface's own name (net/core/dev.c, dev_valid_name), and it has
 * neither '%', which would make it a pattern, nor control characters. */
bool ifname_valid(const char *name);

/* Explains which names are valid, if this one is not; `option` is what it was given by. Returns 0, or -1 and
 * why not. */
int ifname_check(const char *option, const char *name, struct error *why);

enum { MAC_TEXT = 18 /* with a '\0' */ };

/* Reads six pairs of hexadecimal digits with ':' between. Returns whether it is that; mac is otherwise left
 * alone. */
bool mac_parse(const char *text, uint8_t mac[6]);

/* Writes it as mac_parse() reads it, in lower case. Returns out. */
const char *mac_print(char out[MAC_TEXT], const uint8_t mac[6]);

/* Whether a device may have it: neither multicast nor all zeros. */
bool mac_is_unicast(const uint8_t mac[6]);

/* Why a guest cannot have this MAC, as the end of "a guest cannot have ..."; NULL: it can. */
const char *mac_problem(const uint8_t mac[6]);
