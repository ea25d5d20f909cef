/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim.h"

#include "net/link.h"
#include "number.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

void claim_write(char out[CLAIM_SIZE], const struct claim *claim)
{
    snprintf(out, CLAIM_SIZE, CLAIM_PREFIX "%d.%u.%s%u", claim->bridge, claim->uid,
             claim->unlimited ? "x" : "", claim->slot);
}

bool claim_read(struct claim *out, const char *text)
{
    unsigned long bridge, uid, slot;
    char copy[CLAIM_SIZE], again[CLAIM_SIZE], *rest = copy;

    if (strlen(text) >= sizeof(copy) || strncmp(text, CLAIM_PREFIX, strlen(CLAIM_PREFIX)) != 0)
        return false;
    strcpy(copy, text + strlen(CLAIM_PREFIX));
    const char *first = strsep(&rest, "."), *second = rest ? strsep(&rest, ".") : "",
               *third = rest ? rest : "";
    const bool unlimited = *third == 'x';
    if (!number_parse(first, 1, INT_MAX, &bridge) || !number_parse(second, 0, UINT_MAX, &uid) ||
        !number_parse(third + unlimited, 0, UINT_MAX, &slot))
        return false;
    *out = (struct claim){(int)bridge, (uid_t)uid, unlimited, (unsigned int)slot};
    claim_write(again, out); /* as we write it, without leading zeros */
    return strcmp(again, text) == 0;
}

void claim_write_range(char out[CLAIM_SIZE], int bridge, uid_t first, uid_t last, unsigned int slot)
{
    snprintf(out, CLAIM_SIZE, "virt-tap-range.%d.%u-%u.%u", bridge, first, last, slot);
}

void claim_write_alias(char out[CLAIM_SIZE], const struct claim_alias *alias)
{
    const uint8_t *mac = alias->mac;

    snprintf(out, CLAIM_SIZE, "virt-tap uid=%u%s%s%s mac=%02x:%02x:%02x:%02x:%02x:%02x", alias->uid,
             alias->domain[0] ? " domain=" : "", alias->domain, alias->stays ? " stays" : "", mac[0], mac[1],
             mac[2], mac[3], mac[4], mac[5]);
}

/* One word behind the first; what it is not about stays as it is. */
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
    strcpy(copy, text);
    if (strcmp(strsep(&rest, " "), "virt-tap") != 0)
        return false;
    while (rest)
        if (!read_word(out, strsep(&rest, " ")))
            return false;
    claim_write_alias(again, out);
    return strcmp(again, text) == 0;
}
