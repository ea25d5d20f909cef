/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "change.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool names(const char *word, const struct interface *interface, size_t number)
{
    char *end;

    if (interface->mac && strcasecmp(word, interface->mac) == 0)
        return true;
    return *word >= '1' && *word <= '9' && strtoul(word, &end, 10) == number && !*end;
}

bool wish_chooses(const struct wish *wish, const struct domain *domain, size_t index)
{
    for (size_t i = 0; i < wish->interface_count; i++)
        if (names(wish->interfaces[i], &domain->interfaces[index], index + 1))
            return true;
    return wish->interface_count == 0;
}

int change_begin(struct change *out, const struct domain *domain, const struct wish *wish, struct error *why)
{
    *out = (struct change){.notes = calloc(domain->interface_count + 1, sizeof(*out->notes))};
    if (!out->notes)
        return xml_fail(why, domain->doc.text, 0, "no memory");
    for (size_t i = 0; i < wish->interface_count; i++) {
        size_t j = 0;
        while (j < domain->interface_count && !names(wish->interfaces[i], &domain->interfaces[j], j + 1))
            j++;
        if (j == domain->interface_count)
            return document_fail(&domain->doc, domain->doc.nodes, why,
                                 "there is no interface '%.40s' among the %zu of this domain",
                                 wish->interfaces[i], domain->interface_count);
    }
    return 0;
}

void change_free(struct change *change)
{
    edits_free(&change->edits);
    free(change->notes);
    *change = (struct change){0};
}
