/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "mapping.h"

#include "net/rtnl.h"
#include "policy/claim.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *find_bridge(void *data, bool network, const char *theirs)
{
    return maps_find(data, network, theirs);
}

bool mapping_is_own(const struct link *tap, const struct domain *domain)
{
    struct claim claim;
    struct claim_alias alias;

    return domain->uuid && claim_read(&claim, tap->altname) && claim.uid == getuid() &&
           claim_read_alias(&alias, tap->alias) && strcasecmp(alias.domain, domain->uuid) == 0;
}

static bool is_taken(void *data, const struct domain *domain, const char *dev)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct link tap;

    (void)data;
    if (if_nametoindex(dev) == 0)
        return false;
    int err = rtnl_open(&nl);
    if (!err)
        err = link_find_tap(&nl, dev, &tap);
    return err != -ENODEV && (err || !mapping_is_own(&tap, domain));
}

struct wish mapping_wish(struct maps *maps)
{
    return (struct wish){.find_bridge = find_bridge, .is_taken = is_taken, .data = maps};
}
