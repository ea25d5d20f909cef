/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim.h"

#include <stdio.h>
#include <string.h>

void claim_write(char out[CLAIM_SIZE], const struct claim *claim)
{
    snprintf(out, CLAIM_SIZE, CLAIM_PREFIX "%d.%u.%s%u", claim->bridge, claim->uid,
             claim->unlimited ? "x" : "", claim->slot);
}

bool claim_read(struct claim *out, const char *text)
{
    char again[CLAIM_SIZE];

    *out = (struct claim){.unlimited = false};
    if (sscanf(text, CLAIM_PREFIX "%d.%u.%u", &out->bridge, &out->uid, &out->slot) != 3) {
        out->unlimited = true;
        if (sscanf(text, CLAIM_PREFIX "%d.%u.x%u", &out->bridge, &out->uid, &out->slot) != 3)
            return false;
    }
    claim_write(again, out); /* sscanf() takes more than was written: signs, blanks, numbers too large */
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
