/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "move.h"
#include "net/link.h"
#include "net/route.h"
#include "persist.h"
#include "state.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int move_read(struct rtnl *nl, int ifindex, struct move *move)
{
    const int err = addresses_read(nl, ifindex, &move->addresses);
    if (err < 0)
        return err;
    const int failed = routes_read(nl, ifindex, &move->routes);
    if (failed < 0)
        return failed;
    return neighbours_read(nl, ifindex, &move->neighbours);
}

/* Another interface may have the name by now: never delete what is not ours. */
static void delete_bridge(const struct links *links, const struct move *move, struct batch *batch)
{
    const struct link *bridge = links_by_name(links, move->bridge);

    if (bridge && strcmp(bridge->kind, "bridge") == 0 && bridge->ifindex != move->uplink_index)
        batch_take(batch, link_delete_message(bridge->ifindex), ENODEV);
}

/* All in one batch, so that the host is offline for as short a time as possible. */
static int send_all(struct view *view, const struct move *move, const struct move *present, int bridge)
{
    const uint32_t elapsed = (uint32_t)(move_clock() - move->saved_at);
    struct route_target routes = {.from = move->uplink_index, .to = move->uplink_index, .elapsed = elapsed};
    struct address_target addresses = {
        .ifindex = move->uplink_index, .from = move->uplink, .to = move->uplink, .elapsed = elapsed};
    _cleanup_batch_ struct batch batch = {.error = 0};

    if (bridge) {
        routes.from = bridge;
        addresses.from = move->bridge;
    }
    delete_bridge(&view->links, move, &batch);
    if (move->addr_gen_mode >= 0)
        batch_take(&batch, link_addr_gen_mode_message(move->uplink_index, IN6_ADDR_GEN_MODE_NONE), 0);
    addresses_remove(&batch, &present->addresses);
    routes_remove(&batch, &present->routes, &present->addresses);
    batch_take(&batch, link_mtu_message(move->uplink_index, move->mtu), 0);
    addresses_add(&batch, &move->addresses, &addresses);
    routes_add(&batch, &move->routes, &routes);
    neighbours_add(&batch, &move->neighbours, move->uplink_index);
    addresses.replace = true;
    addresses_add(&batch, &move->addresses, &addresses);
    if (move->addr_gen_mode >= 0)
        batch_take(&batch, link_addr_gen_mode_message(move->uplink_index, move->addr_gen_mode), 0);
    return batch_send(&view->nl, &batch, NULL);
}

static int restore(const struct move *move, int bridge)
{
    __attribute__((cleanup(move_free))) struct move present = {.mover = 0};
    _cleanup_view_ struct view view;

    int err = view_read(&view);
    if (err < 0)
        return err;
    if (!links_by_index(&view.links, move->uplink_index))
        return -ENODEV;
    err = move_read(&view.nl, move->uplink_index, &present);
    if (err < 0)
        return err;
    err = send_all(&view, move, &present, bridge);
    dhcp_move(&move->clients, move->bridge, move->uplink);
    return err;
}

int move_restore(const struct move *move, int bridge)
{
    char note[PERSIST_NOTED];
    const bool detached = persist_detach(move, note);
    int err = restore(move, bridge);

    /* A manager that takes the NIC back meanwhile has no IPv6 there at first (disable_ipv6: the kernel
     * refuses addresses with EACCES, net/ipv6/addrconf.c), and gives it the addresses itself once it is told.
     */
    if (err == -EACCES && *move->manager)
        err = 0;
    persist_reattach(move, note);
    unlink(state_path(move->bridge, PHASE_RESTORING).text);
    if (err < 0)
        return err;
    return !detached;
}
