/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "links.h"

#include <stdlib.h>
#include <string.h>

const struct link *links_by_name(const struct links *links, const char *name)
{
    for (size_t i = 0; name && i < links->count; i++)
        if (strcmp(links->list[i].name, name) == 0)
            return &links->list[i];
    return NULL;
}

const struct link *links_by_index(const struct links *links, int ifindex)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->list[i].ifindex == ifindex)
            return &links->list[i];
    return NULL;
}

static int by_name(const void *one, const void *other)
{
    const struct link *a = one, *b = other;

    return strverscmp(a->name, b->name);
}

void links_sort(struct links *links)
{
    if (links->count)
        qsort(links->list, links->count, sizeof(*links->list), by_name);
}
