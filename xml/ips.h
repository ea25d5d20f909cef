/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The IP addresses that are requested for a guest (--ip of virt-tap-helper), as a list in the metadata:
 * '10.66.1.5 2001:db8::5'. The helper decides which of them it gets. */
#pragma once

#include <stdbool.h>

enum { IPS_MAX = 64, IP_TEXT = 46 /* INET6_ADDRSTRLEN */ };

/* Whether this is an IP address, without a prefix. */
bool ip_valid(const char *text);

/* Splits a list, of addresses each after one space, into words. Returns their number; 0: it is not such a
 * list. */
unsigned int ips_split(const char *list, char words[IPS_MAX][IP_TEXT]);
