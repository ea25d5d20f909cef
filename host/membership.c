/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "membership.h"
#include "base/quote.h"

#include <grp.h>
#include <stdio.h>
#include <string.h>

enum { GROUPS_MAX = 1024 };

enum membership membership(const struct user *user, gid_t gid)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;

    if (user_has_group(user, gid))
        return MEMBERSHIP_YES;
    if (!user->in_passwd || getgrouplist(user->name, user->gid, groups, &count) < 0)
        return MEMBERSHIP_NO;
    for (int i = 0; i < count; i++)
        if (groups[i] == gid)
            return MEMBERSHIP_RELOGIN;
    return MEMBERSHIP_NO;
}

void membership_group_name(gid_t gid, char *out, size_t size)
{
    const struct group *entry = getgrgid(gid);

    if (entry)
        quote_into(entry->gr_name, out, size);
    if (!entry || strcmp(out, entry->gr_name) != 0)
        snprintf(out, size, "%u", gid);
}
