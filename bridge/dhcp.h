/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The host's own DHCP client, which must ask on the interface that has the address. A client is moved by
 * ending it in a way that it cannot answer by giving the address up, and starting it again with the other
 * interface in its words. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* The clients of this network namespace that name the interface: a list of {"exe": PATH, "argv": [...]},
 * owned by the caller. dhclient, dhcpcd and udhcpc are known. */
json_t *dhcp_clients(const char *interface);

/* Ends those of them that run, and starts them again for the interface `to`. */
void dhcp_move(const json_t *clients, const char *from, const char *to);

/* Starts whichever client the host has for the interface. Returns 0, or 1 with the reason said. */
int dhcp_begin(const char *verb, const char *interface);
