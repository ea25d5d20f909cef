/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "vlans.h"

#include <string.h>

/* Reads a number and moves behind it. Returns 0 if it is not that of a VLAN. */
static unsigned int take_vlan(const char **text)
{
    unsigned int vlan = 0;

    for (; **text >= '0' && **text <= '9' && vlan <= VLAN_MAX; ++*text)
        vlan = 10 * vlan + (unsigned int)(**text - '0');
    if (vlan > VLAN_MAX)
        return 0;
    return vlan;
}

/* Adds what the list begins with, and moves behind it. Returns NULL, or what it must be. */
static const char *take_range(struct vlans *out, const char **list)
{
    const unsigned int first = take_vlan(list);
    unsigned int last = first;

    if (**list == '-') {
        ++*list;
        last = take_vlan(list);
        if (last && last <= first)
            return "ranges that end after they begin, as in 200-210";
    }
    if (!first || !last || (**list && **list != ','))
        return "VLANs from 1 to 4094, as in 100 or 100,200-210";
    for (unsigned int vlan = first; vlan <= last; vlan++) {
        if (vlans_has(out, vlan))
            return "VLANs that are each given once, as in 100,200-210";
        vlans_add(out, vlan);
    }
    return NULL;
}

const char *vlans_parse(struct vlans *out, const char *list, const char *native)
{
    const char *at = list, *problem = NULL;
    int count = 0;

    *out = (struct vlans){.untagged = 0};
    if (!list)
        return NULL;
    for (; !(problem = take_range(out, &at)) && *at; at++)
        if (++count == VLANS_RANGES_MAX)
            return "at most 64 VLANs and ranges of them";
    if (problem)
        return problem;
    if (!native)
        native = strpbrk(list, ",-") ? "none" : list;
    if (strcmp(native, "none") == 0)
        return NULL;
    out->untagged = take_vlan(&native);
    if (*native || !vlans_has(out, out->untagged))
        return "none, or one of its VLANs";
    return NULL;
}

bool vlans_next(const struct vlans *vlans, struct vlan_range *range)
{
    unsigned int vlan = range->last + 1;

    while (vlan <= VLAN_MAX && !vlans_has(vlans, vlan))
        vlan++;
    range->first = vlan;
    while (vlan <= VLAN_MAX && vlans_has(vlans, vlan))
        range->last = vlan++;
    return range->first <= VLAN_MAX;
}

bool vlans_tagged(const struct vlans *vlans)
{
    struct vlans others = *vlans;

    others.bits[vlans->untagged / 32] &= ~(1U << vlans->untagged % 32);
    for (unsigned int i = 0; i < sizeof(others.bits) / sizeof(*others.bits); i++)
        if (others.bits[i])
            return true;
    return false;
}

bool vlans_include(const struct vlans *vlans, const struct vlans *asked)
{
    uint32_t others = 0;

    for (unsigned int i = 0; i < sizeof(vlans->bits) / sizeof(*vlans->bits); i++)
        others |= asked->bits[i] & ~vlans->bits[i];
    return !others && (vlans_tagged(vlans) || !vlans_tagged(asked));
}
