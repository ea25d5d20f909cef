/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "vlans.h"

#include <stdio.h>

bool vlans_print(const struct vlans *vlans, char text[VLANS_TEXT])
{
    struct vlan_range range = {0};
    int length = 0, count = 0;

    for (text[0] = '\0'; vlans_next(vlans, &range); count++) {
        if (count == VLANS_RANGES_MAX)
            return false;
        length += sprintf(text + length, count ? ",%u" : "%u", range.first);
        if (range.last > range.first)
            length += sprintf(text + length, "-%u", range.last);
    }
    return true;
}
