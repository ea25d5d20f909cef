/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ifname.h"

#include "error.h"

#include <ctype.h>
#include <net/if.h>
#include <string.h>

bool ifname_valid(const char *name)
{
    const size_t length = strnlen(name, IFNAMSIZ);

    if (length == 0 || length >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c <= ' ' || *c == 0x7f || *c == 0xa0 || strchr("/:%", *c))
            return false;
    return true;
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

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return found ? (int)(found - digits) : -1;
}

bool mac_parse(const char *text, uint8_t mac[6])
{
    uint8_t bytes[6];

    if (strlen(text) != 17)
        return false;
    for (size_t i = 0; i < 6; i++) {
        const int high = digit(text[3 * i]), low = digit(text[3 * i + 1]);
        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
            return false;
        bytes[i] = (uint8_t)(16 * high + low);
    }
    memcpy(mac, bytes, sizeof(bytes));
    return true;
}

bool mac_is_unicast(const uint8_t mac[6])
{
    static const uint8_t none[6];

    return !(mac[0] & 1) && memcmp(mac, none, sizeof(none)) != 0;
}
