/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim.h"

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

void claim_write_alias(char *out, size_t size, uid_t uid, const char *domain)
{
    snprintf(out, size, CLAIM_ALIAS "%u%s%s", uid, *domain ? " domain=" : "", domain);
}

const char *claim_domain(const char *alias)
{
    const char *word =
        strncmp(alias, CLAIM_ALIAS, strlen(CLAIM_ALIAS)) == 0 ? strstr(alias, " domain=") : NULL;

    return word ? word + strlen(" domain=") : "";
}
