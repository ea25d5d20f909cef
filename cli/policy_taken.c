/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "policy.h"

#include "base/error.h"
#include "net/link.h"
#include "net/rtnl.h"
#include "policy/addresses.h"
#include "policy/claim.h"
#include "policy/decide.h"
#include "policy/protect.h"

static int check_mac(struct rtnl *nl, const struct link *bridge, const uint8_t *mac, struct error *why)
{
    char text[CLAIM_SIZE];
    struct link tap;

    claim_write_mac(text, bridge->name, mac);
    if (link_find(nl, text, &tap) == 0)
        return mac_refuse_claimed(bridge, text, why);
    return mac_look(nl, bridge, mac, why) > 0 ? -1 : 0;
}

int policy_taken(const struct link *bridge, const uint8_t *mac, const struct decision *decision,
                 struct error *why)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    const struct port_grant grant = {.bridge = bridge, .terms = decision};

    if (rtnl_open(&nl) < 0)
        return 0;
    if (mac && check_mac(&nl, bridge, mac, why) < 0)
        return -1;
    if (decision->addresses.count && addresses_check(&nl, &decision->addresses, mac, bridge, 0, why) < 0)
        return -1;
    return protect_check(&grant, why);
}
