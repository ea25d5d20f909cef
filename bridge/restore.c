/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "move.h"
#include "net/link.h"
#include "net/route.h"
#include "persist.h"

#include <errno.h>
#include <string.h>

int move_read(struct rtnl *nl, int ifindex, struct move *move)
{
    int err = addresses_read(nl, ifindex, &move->addresses);

    if (err == 0)
        err = routes_read(nl, ifindex, &move->routes);
    if (err == 0)
        err = neighbours_read(nl, ifindex, &move->neighbours);
    return err;
}

/* Gone is also the name of another interface: never delete what is not ours. */
static void delete_bridge(const struct links *links, const struct move *move, struct batch *batch)
{
    const struct link *bridge = links_by_name(links, move->bridge);

    if (bridge && strcmp(bridge->kind, "bridge") == 0 && bridge->ifindex != move->uplink_index)
        batch_take(batch, link_delete_message(bridge->ifindex), ENODEV);
}

int move_restore(struct move *move, const struct origin *origin)
{
    const long elapsed = move_clock() - move->saved_at;
    const struct route_target routes = {.from = origin->ifindex,
                                        .to = move->uplink_index,
                                        .elapsed = (uint32_t)elapsed,
                                        .learnt_behind = true};
    struct address_target addresses = {.ifindex = move->uplink_index,
                                       .from = origin->name,
                                       .to = move->uplink,
                                       .elapsed = (uint32_t)elapsed};
    struct move present = {.mover = 0};
    struct batch batch = {.error = 0};
    struct view view = {.links = {.count = 0}};

    persist_leave(move);
    int err = rtnl_open(&view.nl);
    if (err == 0)
        err = links_read(&view.nl, NULL, &view.links);
    if (err == 0 && !links_by_index(&view.links, move->uplink_index))
        err = -ENODEV;
    if (err == 0)
        err = move_read(&view.nl, move->uplink_index, &present);
    if (err == 0) {
        delete_bridge(&view.links, move, &batch);
        if (move->addr_gen_mode >= 0)
            batch_take(&batch, link_addr_gen_mode_message(move->uplink_index, IN6_ADDR_GEN_MODE_NONE), 0);
        addresses_remove(&batch, &present.addresses);
        routes_remove(&batch, &present.routes, &present.addresses);
        batch_take(&batch, link_mtu_message(move->uplink_index, move->mtu), 0);
        addresses_add(&batch, &move->addresses, &addresses);
        routes_add(&batch, &move->routes, &routes);
        neighbours_add(&batch, &move->neighbours, move->uplink_index);
        addresses.replace = true;
        addresses_add(&batch, &move->addresses, &addresses);
        if (move->addr_gen_mode >= 0)
            batch_take(&batch, link_addr_gen_mode_message(move->uplink_index, move->addr_gen_mode), 0);
        err = batch_send(&view.nl, &batch, NULL);
        dhcp_move(&move->clients, move->bridge, move->uplink);
    }
    batch_free(&batch);
    move_free(&present);
    view_close(&view);
    persist_return(move);
    return err;
}
