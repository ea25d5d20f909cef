/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "cidr.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static unsigned int bits_of(int family)
{
    return family == AF_INET ? 32 : 128;
}

/* Returns whether all bits after the prefix are equal to `bit`: the network address or the broadcast
 * address. */
static bool host_part_is(const struct cidr *cidr, bool bit)
{
    for (unsigned int i = cidr->prefix; i < bits_of(cidr->family); i++)
        if ((cidr->bytes[i / 8] >> (7 - i % 8) & 1) != bit)
            return false;
    return true;
}

/* Returns whether an interface can have this address, and a host can be reached by it. */
static bool is_hosts(const struct cidr *cidr)
{
    const uint8_t *bytes = cidr->bytes;
    static const uint8_t zeros[15];

    if (cidr->family == AF_INET)
        return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224 &&
               (cidr->prefix > 30 || (!host_part_is(cidr, false) && !host_part_is(cidr, true)));
    return bytes[0] != 0xff && memcmp(bytes, zeros, sizeof(zeros)) != 0 &&
           !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) &&
           (cidr->prefix > 126 || !host_part_is(cidr, false));
}

const char *cidr_parse(const char *text, struct cidr *out)
{
    static const char expected[] = "an address with its prefix, as 10.66.0.1/24 or fd00::1/64";
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    unsigned long prefix;

    *out = (struct cidr){.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    if (!slash || (size_t)(slash - text) >= sizeof(address) ||
        !number_parse(slash + 1, 1, bits_of(out->family), &prefix))
        return expected;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (inet_pton(out->family, address, out->bytes) != 1)
        return expected;
    out->prefix = (uint8_t)prefix;
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
