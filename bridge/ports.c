/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap bridge add and remove: these only attach and detach ports. */
#include "base/quote.h"
#include "bridge.h"
#include "net/link.h"
#include "net/portlive.h"
#include "net/rtnl.h"

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

    if (port->master == bridge->ifindex)
        return 0;
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

static int may_leave(struct view *view, const char *verb, const struct link *port, const struct link *bridge)
{
    (void)view;
    if (port->master == 0 || port->master == bridge->ifindex)
        return 0;
    return complain(1, verb, "'%s' is not a port of '%s'", port->name, bridge->name);
}

/* What one of the two verbs does with each interface. */
struct change {
    /* Returns 0, or 1 and reports why it is refused. */
    int (*may)(struct view *view, const char *verb, const struct link *port, const struct link *bridge);
    bool joins;
    const char *word;
};

static int act(struct view *view, const char *verb, const struct change *change, const struct link *port,
               const struct link *bridge)
{
    _cleanup_batch_ struct batch batch = {.error = 0};
    const int master = change->joins ? bridge->ifindex : 0;

    if (port->master == master)
        return 0;
    batch_take(&batch, link_master_message(port->ifindex, master), 0);
    if (change->joins)
        batch_take(&batch, link_up_message(port->ifindex), 0);
    return view_send(view, verb, &batch, change->word, port->name);
}

/* As the interface was in the view. What fails now is left: the message is about what failed before. */
static void undo(struct view *view, const struct change *change, const struct link *port)
{
    rtnl_talk(&view->nl, link_master_message(port->ifindex, port->master));
    if (change->joins && !(port->flags & IFF_UP))
        portlive_down(&view->nl, port->ifindex);
}

/* Acts on the bridge that the first argument names, and on the interfaces that the others name, once none of
 * them is refused: all, or none. */
static int run(const struct call *call, const struct change *change)
{
    _cleanup_view_ struct view view;

    if (view_open(&view, call->name, true) != 0)
        return 1;
    const struct link *bridge = view_bridge(&view, call->name, call->words[0]);
    if (!bridge)
        return 1;
    for (size_t i = 1; i < call->count; i++) {
        const struct link *port = view_link(&view, call->name, call->words[i]);
        if (!port || change->may(&view, call->name, port, bridge) != 0)
            return 1;
    }
    for (size_t i = 1; i < call->count; i++) {
        const struct link *port = view_link(&view, call->name, call->words[i]);
        if (act(&view, call->name, change, port, bridge) == 0)
            continue;
        for (; i > 0; i--)
            undo(&view, change, view_link(&view, call->name, call->words[i]));
        return 1;
    }
    return 0;
}

int bridge_add(const struct call *call)
{
    static const struct change change = {may_join, true, "plug in"};

    return run(call, &change);
}

int bridge_remove(const struct call *call)
{
    static const struct change change = {may_leave, false, "unplug"};

    return run(call, &change);
}
