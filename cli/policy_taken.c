/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "policy.h"

#include "base/error.h"
#include "net/link.h"
#include "net/port.h"
#include "net/rtnl.h"
#include "policy/addresses.h"
#include "policy/claim.h"
#include "policy/decide.h"
#include "policy/protect.h"

#include <net/if.h>
#include <string.h>

/* As the helper's claim_mac() does. */
static int check_mac(struct rtnl *nl, const struct link *bridge, const uint8_t *asked, struct error *why)
{
    static const char *const roles[] = {"has that MAC itself", "speaks for a guest with that MAC"};
    struct port_address found;
    struct link tap;
    uint8_t mac[6];
    char text[CLAIM_SIZE], name[IFNAMSIZ] = "?";

    memcpy(mac, asked, sizeof(mac));
    claim_write_mac(text, bridge->name, mac);
    if (link_find(nl, text, &tap) == 0)
        return error_set(
            why,
            "--mac: another tap on bridge '%s' has that MAC; `virt-tap list` shows the taps; give the "
            "guest another",
            bridge->name);
    if (memcmp(mac, bridge->mac, sizeof(mac)) == 0)
        return error_set(
            why, "--mac: on bridge '%s', interface '%s' has that MAC itself; give the guest another MAC",
            bridge->name, bridge->name);
    for (int i = 0; i < 2; i++, mac[0] = 0xFE) {
        if (port_find_address(nl, bridge->ifindex, mac, 0, &found) != 0 || !found.local)
            continue;
        if_indextoname((unsigned int)found.ifindex, name);
        return error_set(why, "--mac: on bridge '%s', interface '%s' %s; give the guest another MAC",
                         bridge->name, name, roles[i]);
    }
    if (port_is_on_top(nl, bridge->ifindex, asked) > 0)
        return error_set(
            why,
            "--mac: an interface on top of bridge '%s' has that MAC (a macvlan); give the guest another MAC",
            bridge->name);
    return 0;
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
