/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap bridge add and remove: these only attach and detach ports. */
#include "base/quote.h"
#include "bridge.h"
#include "net/link.h"

#include <linux/if_arp.h>
#include <string.h>

/* Returns why the interface cannot be a port, or NULL. */
static const char *unfit(const struct link *port)
{
    if (port->flags & IFF_LOOPBACK)
        return "the loopback";
    if (strcmp(port->kind, "bridge") == 0)
        return "a bridge itself";
    if (port->type == ARPHRD_ETHER)
        return NULL;
    return "not an Ethernet device";
}

/* Checks that the host loses nothing when the interface becomes a port. Returns 0, or 1 and reports why. */
static int may_join(struct view *view, const char *verb, const struct link *port, const struct link *bridge)
{
    _cleanup_messages_ struct messages addresses = {.count = 0};
    size_t own = 0;

    if (port->master) {
        const struct link *master = links_by_index(&view->links, port->master);
        return complain(1, verb, "'%s' is already part of '%s': take it out there first", port->name,
                        master ? master->name : "another device");
    }
    if (unfit(port))
        return complain(1, verb, "'%s' cannot be a port of a bridge: it is %s", port->name, unfit(port));
    const int err = addresses_read(&view->nl, port->ifindex, &addresses);
    for (size_t i = 0; i < addresses.count; i++)
        own += !address_is_link_local(addresses.list[i]);
    if (err < 0)
        return complain(1, verb, "cannot read the addresses of '%s': %s", port->name, strerror(-err));
    if (own > 0)
        return complain(
            1, verb,
            "'%s' has addresses, which a port of '%s' could not use: make a bridge that takes them over, "
            "`virt-tap bridge create NAME --uplink %s`",
            port->name, bridge->name, quote(port->name).text);
    return 0;
}

static int join(struct view *view, const char *verb, const struct link *bridge, const struct link *port)
{
    _cleanup_batch_ struct batch batch = {.error = 0};

    if (port->master == bridge->ifindex)
        return 0;
    if (may_join(view, verb, port, bridge) != 0)
        return 1;
    batch_take(&batch, link_master_message(port->ifindex, bridge->ifindex), 0);
    batch_take(&batch, link_up_message(port->ifindex), 0);
    return view_send(view, verb, &batch, "plug in", port->name);
}

static int leave(struct view *view, const char *verb, const struct link *bridge, const struct link *port)
{
    _cleanup_batch_ struct batch batch = {.error = 0};

    if (port->master == 0)
        return 0;
    if (port->master != bridge->ifindex)
        return complain(1, verb, "'%s' is not a port of '%s'", port->name, bridge->name);
    batch_take(&batch, link_master_message(port->ifindex, 0), 0);
    return view_send(view, verb, &batch, "unplug", port->name);
}

/* Acts on the bridge and the interface that the two arguments name. */
static int change(const struct call *call, int (*act)(struct view *view, const char *verb,
                                                      const struct link *bridge, const struct link *port))
{
    _cleanup_view_ struct view view;

    if (view_open(&view, call->name, true) != 0)
        return 1;
    const struct link *bridge = view_bridge(&view, call->name, call->words[0]);
    if (!bridge)
        return 1;
    const struct link *port = view_link(&view, call->name, call->words[1]);
    if (!port)
        return 1;
    return act(&view, call->name, bridge, port);
}

int bridge_add(const struct call *call)
{
    return change(call, join);
}

int bridge_remove(const struct call *call)
{
    return change(call, leave);
}
