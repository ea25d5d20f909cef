/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mapping.h"

#include "net/rtnl.h"
#include "net/taps.h"
#include "policy/claim.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char *find_bridge(void *data, bool network, const char *theirs)
{
    return bridges_map(data, network, theirs);
}

bool mapping_is_own(const struct tap_state *tap, const struct domain *domain)
{
    struct claim claim;
    struct claim_alias alias;

    return domain->uuid && claim_read(&claim, tap->altname) && claim.uid == getuid() &&
           claim_read_alias(&alias, tap->alias) && strcasecmp(alias.domain, domain->uuid) == 0;
}

static bool is_taken(void *data, const struct domain *domain, const char *dev)
{
    struct tap_state tap = {0};
    struct rtnl nl;
    int err;

    (void)data;
    if (if_nametoindex(dev) == 0)
        return false;
    err = rtnl_open(&nl);
    if (!err)
        err = taps_find(&nl, CLAIM_PREFIX, dev, &tap);
    rtnl_close(&nl);
    return err != -ENODEV && (err || !mapping_is_own(&tap, domain));
}

struct wish mapping_wish(struct bridges *bridges)
{
    return (struct wish){.find_bridge = find_bridge, .is_taken = is_taken, .data = bridges};
}
