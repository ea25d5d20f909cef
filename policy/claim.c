/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "claim.h"

#include "base/number.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define ALIAS_BEGIN "virt-tap v=1 "

void claim_write(char out[CLAIM_SIZE], const struct claim *claim)
{
    snprintf(out, CLAIM_SIZE, CLAIM_PREFIX "%s.%u.%s%u", claim->bridge, claim->uid,
             claim->unlimited ? "x" : "", claim->slot);
}

/* Parses from the right, since a bridge's name may contain dots. */
bool claim_read(struct claim *out, const char *text)
{
    unsigned long uid, slot;
    char copy[CLAIM_SIZE], again[CLAIM_SIZE];

    if (strlen(text) >= sizeof(copy) || strncmp(text, CLAIM_PREFIX, strlen(CLAIM_PREFIX)) != 0)
        return false;
    strcpy(copy, text + strlen(CLAIM_PREFIX));
    char *last = strrchr(copy, '.');
    if (!last)
        return false;
    *last++ = '\0';
    char *middle = strrchr(copy, '.');
    if (!middle)
        return false;
    *middle++ = '\0';
    const bool unlimited = *last == 'x';
    if (!ifname_valid(copy) || !number_parse(middle, 0, UINT_MAX, &uid) ||
        !number_parse(last + unlimited, 0, UINT_MAX, &slot))
        return false;
    *out = (struct claim){.uid = (uid_t)uid, .unlimited = unlimited, .slot = (unsigned int)slot};
    strcpy(out->bridge, copy);
    claim_write(again, out); /* exactly as we write it, without leading zeros */
    return strcmp(again, text) == 0;
}

void claim_write_mac(char out[CLAIM_SIZE], const char *bridge, const uint8_t mac[6])
{
    snprintf(out, CLAIM_SIZE, CLAIM_MAC_PREFIX "%s.%02x%02x%02x%02x%02x%02x", bridge, mac[0], mac[1], mac[2],
             mac[3], mac[4], mac[5]);
}

void claim_write_range(char out[CLAIM_SIZE], const char *bridge, uid_t first, uid_t last, unsigned int slot)
{
    snprintf(out, CLAIM_SIZE, "virt-tap-range.%s.%u-%u.%u", bridge, first, last, slot);
}

void claim_write_alias(char out[CLAIM_SIZE], const struct claim_alias *alias)
{
    const char *domain = "", *stays = "";
    char mac[MAC_TEXT];

    if (alias->domain[0])
        domain = " domain=";
    if (alias->stays)
        stays = " stays";
    snprintf(out, CLAIM_SIZE, ALIAS_BEGIN "uid=%u%s%s%s mac=%s", alias->uid, domain, alias->domain, stays,
             mac_print(mac, alias->mac));
}

/* Parses one word; fields that it does not set are unchanged. */
static bool read_word(struct claim_alias *out, const char *word)
{
    unsigned long uid = 0;

    if (strcmp(word, "stays") == 0)
        return out->stays = true;
    if (strncmp(word, "mac=", 4) == 0)
        return mac_parse(word + 4, out->mac);
    if (strncmp(word, "domain=", 7) == 0 && strlen(word + 7) < sizeof(out->domain))
        return strcpy(out->domain, word + 7);
    if (strncmp(word, "uid=", 4) != 0 || !number_parse(word + 4, 0, UINT_MAX, &uid))
        return false;
    out->uid = (uid_t)uid;
    return true;
}

bool claim_read_alias(struct claim_alias *out, const char *text)
{
    char copy[CLAIM_SIZE], again[CLAIM_SIZE], *rest = copy;

    *out = (struct claim_alias){.stays = false};
    if (strlen(text) >= sizeof(copy))
        return false;
    if (strncmp(text, ALIAS_BEGIN, strlen(ALIAS_BEGIN)) != 0)
        return false;
    strcpy(copy, text + strlen(ALIAS_BEGIN));
    while (rest)
        if (!read_word(out, strsep(&rest, " ")))
            return false;
    claim_write_alias(again, out);
    return strcmp(again, text) == 0;
}
