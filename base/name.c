/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "name.h"

#include "error.h"

#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ifname_valid(const char *name)
{
    const size_t length = strnlen(name, IFNAMSIZ);

    if (length == 0 || length >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c <= ' ' || *c == 0x7f || *c == 0xa0 || *c == '/' || *c == ':' || *c == '%')
            return false;
    return true;
}

bool mac_parse(const char *text, uint8_t mac[6])
{
    if (strlen(text) != MAC_TEXT - 1)
        return false;
    for (size_t i = 0; text[i]; i++) {
        const bool is_digit = isxdigit((unsigned char)text[i]);
        if (i % 3 == 2 && text[i] != ':')
            return false;
        if (i % 3 != 2 && !is_digit)
            return false;
    }
    for (size_t i = 0; i < 6; i++)
        mac[i] = (uint8_t)strtoul(text + 3 * i, NULL, 16);
    return true;
}

const char *mac_print(char out[MAC_TEXT], const uint8_t mac[6])
{
    snprintf(out, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return out;
}

static bool is_zero(const uint8_t mac[6])
{
    static const uint8_t zero[6];

    return memcmp(mac, zero, sizeof(zero)) == 0;
}

bool mac_is_unicast(const uint8_t mac[6])
{
    return !(mac[0] & 1) && !is_zero(mac);
}

const char *mac_problem(const uint8_t mac[6])
{
    if (mac[0] & 1)
        return "a multicast address";
    if (is_zero(mac))
        return "the address of all zeros";
    if (mac[0] == 0xFE) /* see choose_mac() in helper/grant.c; libvirt refuses it too */
        return "an address that begins with fe, as those of the host's ends of taps do";
    return NULL;
}

int ifname_check(const char *option, const char *name, struct error *why)
{
    if (ifname_valid(name))
        return 0;
    return error_set(
        why,
        "%s'%.64s' is not a name that an interface can have: 1 to %d characters, without blanks, '/', ':' and "
        "'%%', and not '.' or '..'; `ip link` shows the names of this host",
        option, name, IFNAMSIZ - 1);
}
