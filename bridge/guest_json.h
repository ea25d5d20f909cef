/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The addresses of a guest as docs/interfaces.md describes them, and in words. */
#pragma once

#include "guest.h"

#include <jansson.h>

/* Returns an array of objects, one for each address; NULL: no memory. */
json_t *guest_json(const struct guest_sight *sight, const struct guest_addresses *addresses);

/* Writes an address of that array: an IPv6 link-local one with the interface that reaches it, as ping and ssh
 * take it. Returns out. */
enum { GUEST_TEXT = CIDR_TEXT + IFNAMSIZ };
const char *guest_text(const json_t *address, char out[GUEST_TEXT]);
