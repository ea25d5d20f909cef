/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "cidr.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Returns whether all bits after the prefix are `bit`: the network's or the broadcast address. */
static bool host_part_is(const struct cidr *cidr, bool bit)
{
    for (unsigned int i = cidr->prefix; i < 8 * cidr_size(cidr->family); i++)
        if ((cidr->bytes[i / 8] >> (7 - i % 8) & 1) != bit)
            return false;
    return true;
}

bool cidr_is_unicast(const struct cidr *cidr)
{
    static const struct cidr others[] = {
        {AF_INET, {0}, 8},   /* this network */
        {AF_INET, {127}, 8}, /* loopback */
        {AF_INET, {224}, 3}, /* multicast, reserved, broadcast */
        {AF_INET6, {0}, 80}, /* unspecified, loopback, IPv4 in IPv6 */
        {AF_INET6, {0xff}, 8},
    };

    return !cidr_overlap_any(cidr, others, sizeof(others) / sizeof(others[0]));
}

bool cidr_is_link_local(const struct cidr *cidr)
{
    return cidr->family == AF_INET6 && cidr->bytes[0] == 0xfe && (cidr->bytes[1] & 0xc0) == 0x80;
}

struct cidr cidr_link_local(const uint8_t mac[6])
{
    return (struct cidr){
        AF_INET6, {0xFE, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]}, 128};
}

/* Returns whether an interface can have this address, and a host can be reached by it. */
static bool is_hosts(const struct cidr *cidr)
{
    struct cidr host = *cidr;

    host.prefix = (uint8_t)(8 * cidr_size(cidr->family));
    if (!cidr_is_unicast(&host) || cidr_is_link_local(&host))
        return false;
    if (cidr->family == AF_INET)
        return cidr->prefix > 30 || (!host_part_is(cidr, false) && !host_part_is(cidr, true));
    return cidr->prefix > 126 || !host_part_is(cidr, false);
}

bool cidr_parse_any(const char *text, size_t length, struct cidr *out)
{
    char copy[CIDR_TEXT], *prefix = copy;
    unsigned long bits;

    if (length >= sizeof(copy))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *out = (struct cidr){.family = strchr(copy, ':') ? AF_INET6 : AF_INET};
    bits = 8 * cidr_size(out->family);
    strsep(&prefix, "/");
    if (inet_pton(out->family, copy, out->bytes) != 1 || (prefix && !number_parse(prefix, 0, bits, &bits)))
        return false;
    out->prefix = (uint8_t)bits;
    return true;
}

bool cidr_parse_network(const char *text, size_t length, struct cidr *out)
{
    return cidr_parse_any(text, length, out) && host_part_is(out, false);
}

const char *cidr_parse(const char *text, struct cidr *out)
{
    if (!cidr_parse_any(text, strlen(text), out) || !strchr(text, '/') || !out->prefix)
        return "an address with its prefix, as 10.66.0.1/24 or fd00::1/64";
    if (!is_hosts(out))
        return "the address of a host, neither its network's nor broadcast, multicast, loopback or link-local";
    return NULL;
}

void cidr_print(const struct cidr *cidr, char text[CIDR_TEXT])
{
    char address[INET6_ADDRSTRLEN];

    inet_ntop(cidr->family, cidr->bytes, address, sizeof(address));
    snprintf(text, CIDR_TEXT, "%s/%u", address, cidr->prefix);
}

bool cidr_equal(const struct cidr *one, const struct cidr *other)
{
    return one->family == other->family && one->prefix == other->prefix &&
           memcmp(one->bytes, other->bytes, sizeof(one->bytes)) == 0;
}

bool cidr_overlap(const struct cidr *one, const struct cidr *other)
{
    const unsigned int prefix = one->prefix < other->prefix ? one->prefix : other->prefix;
    const unsigned int whole = prefix / 8, rest = prefix % 8;

    if (one->family != other->family || memcmp(one->bytes, other->bytes, whole) != 0)
        return false;
    return rest == 0 || (one->bytes[whole] ^ other->bytes[whole]) >> (8 - rest) == 0;
}

bool cidr_overlap_any(const struct cidr *one, const struct cidr *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cidr_overlap(one, &others[i]))
            return true;
    return false;
}
