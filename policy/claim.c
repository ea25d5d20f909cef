/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "claim.h"

#include "base/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIAS_VERSIONED "virt-tap v="
#define ALIAS_BEGIN ALIAS_VERSIONED "1 "

void claim_write(char out[CLAIM_SIZE], const struct claim *claim)
{
    snprintf(out, CLAIM_SIZE, CLAIM_PREFIX "%s.%u.%s%u", claim->bridge, claim->uid,
             claim->unlimited ? "x" : "", claim->slot);
}

/* Parses from the right, since a bridge's name may contain dots. */
bool claim_read(struct claim *out, const char *text)
{
    char copy[CLAIM_SIZE], again[CLAIM_SIZE];
    const char *bridge = copy + strlen(CLAIM_PREFIX);

    if (strlen(text) >= sizeof(copy))
        return false;
    strcpy(copy, text);
    char *slot = strrchr(copy, '.');
    if (!slot)
        return false;
    *slot++ = '\0';
    char *uid = strrchr(copy, '.');
    if (!uid)
        return false;
    *uid++ = '\0';
    if (strncmp(copy, CLAIM_PREFIX, strlen(CLAIM_PREFIX)) != 0 || !ifname_valid(bridge))
        return false;
    *out = (struct claim){.uid = (uid_t)strtoul(uid, NULL, 10), .unlimited = *slot == 'x'};
    out->slot = (unsigned int)strtoul(slot + out->unlimited, NULL, 10);
    strcpy(out->bridge, bridge);
    claim_write(again, out); /* only exactly as we write it is it one */
    return strcmp(again, text) == 0;
}

void claim_write_mac(char out[CLAIM_SIZE], const char *bridge, const uint8_t mac[6])
{
    snprintf(out, CLAIM_SIZE, CLAIM_MAC_PREFIX "%s.%02x%02x%02x%02x%02x%02x", bridge, mac[0], mac[1], mac[2],
             mac[3], mac[4], mac[5]);
}

void claim_write_ip(char out[CLAIM_SIZE], const char *bridge, const struct cidr *address)
{
    static const char digits[] = "0123456789abcdef";
    const size_t size = cidr_size(address->family);
    char *end = out + sprintf(out, CLAIM_IP_PREFIX "%s.", bridge); /* CLAIM_SIZE has room for any */

    for (size_t i = 0; i < size; i++) { /* sprintf() for each byte took 1 % of a start */
        *end++ = digits[address->bytes[i] >> 4];
        *end++ = digits[address->bytes[i] & 15];
    }
    *end = '\0';
    if (address->prefix < 8 * size)
        sprintf(end, "-%u", address->prefix);
}

/* Without writing it again, as claim_read() does: a host may have thousands, all read for each guest. */
bool claim_read_ip(struct cidr *out, const char *text, const char *bridge)
{
    static const char hex[] = "0123456789abcdef";
    const size_t begin = strlen(CLAIM_IP_PREFIX), end = begin + strlen(bridge);

    if (strncmp(text, CLAIM_IP_PREFIX, begin) != 0 || strncmp(text + begin, bridge, end - begin) != 0 ||
        text[end] != '.')
        return false;
    const char *digits = text + end + 1;
    const size_t length = strspn(digits, hex);
    unsigned long prefix = 4 * length;
    if (length != 8 && length != 32)
        return false;
    if (digits[length] && (digits[length] != '-' || digits[length + 1] == '0' ||
                           !number_parse(digits + length + 1, 1, prefix - 1, &prefix)))
        return false;
    *out = (struct cidr){.family = length == 8 ? AF_INET : AF_INET6, .prefix = (uint8_t)prefix};
    for (size_t i = 0; i < length; i++)
        out->bytes[i / 2] = (uint8_t)(out->bytes[i / 2] << 4 | (strchr(hex, digits[i]) - hex));
    return true;
}

void claim_write_range(char out[CLAIM_SIZE], const char *bridge, uid_t first, uid_t last, unsigned int slot)
{
    snprintf(out, CLAIM_SIZE, "virt-tap-range.%s.%u-%u.%u", bridge, first, last, slot);
}

static const char *const asks_words[] = {"isolated", "mac", "ip", "dhcp", "dhcpv6", "ra"};
enum { ASKS_WORDS = sizeof(asks_words) / sizeof(asks_words[0]) };

void claim_write_alias(char out[CLAIM_ALIAS_SIZE], const struct claim_alias *alias)
{
    const char *between = " asks=";
    char mac[MAC_TEXT];

    snprintf(out, CLAIM_ALIAS_SIZE, ALIAS_BEGIN "uid=%u", alias->uid);
    if (alias->domain[0])
        strcat(strcat(out, " domain="), alias->domain);
    if (alias->stays)
        strcat(out, " stays");
    for (unsigned int i = 0; i < ASKS_WORDS; i++)
        if (alias->asks & 1U << i) {
            strcat(strcat(out, between), asks_words[i]);
            between = ",";
        }
    strcat(strcat(out, " mac="), mac_print(mac, alias->mac));
}

/* Returns the bits of the words from there to the next blank; what it does not know is none. */
static unsigned int read_asks(const char *text)
{
    unsigned int asks = 0;

    for (size_t length; *text && *text != ' '; text += length + (text[length] == ',')) {
        length = strcspn(text, ", ");
        for (unsigned int i = 0; i < ASKS_WORDS; i++)
            if (strlen(asks_words[i]) == length && strncmp(text, asks_words[i], length) == 0)
                asks |= 1U << i;
    }
    return asks;
}

bool claim_read_alias(struct claim_alias *out, const char *text)
{
    static const char begin[] = ALIAS_BEGIN "uid=", domain[] = " domain=", asks[] = " asks=", mac[] = " mac=";
    const char *of_domain = strstr(text, domain), *of_asks = strstr(text, asks), *of_mac = strstr(text, mac);
    char again[CLAIM_ALIAS_SIZE];

    *out = (struct claim_alias){.stays = strstr(text, " stays ")};
    if (strncmp(text, begin, strlen(begin)) != 0)
        return false;
    if (!of_mac || !mac_parse(of_mac + strlen(mac), out->mac))
        return false;
    out->uid = (uid_t)strtoul(text + strlen(begin), NULL, 10);
    if (of_domain)
        snprintf(out->domain, sizeof(out->domain), "%s", of_domain + strlen(domain));
    out->domain[strcspn(out->domain, " ")] = '\0';
    if (of_asks)
        out->asks = read_asks(of_asks + strlen(asks));
    claim_write_alias(again, out);
    return strcmp(again, text) == 0;
}

bool claim_alias_is_later(const char *text)
{
    struct claim_alias alias;

    return strncmp(text, ALIAS_VERSIONED, strlen(ALIAS_VERSIONED)) == 0 && !claim_read_alias(&alias, text);
}
