/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap bridge add and remove: what only plugs and unplugs. */
#include "base/quote.h"
#include "bridge.h"
#include "net/link.h"

#include <getopt.h>
#include <linux/if_arp.h>
#include <string.h>

/* The two words of `add` and `remove`; no options but --help, which is answered already. */
static int two_words(int argc, char *argv[])
{
    static const struct option none[] = {{.name = NULL}};

    optind = 0;
    if (getopt_long(argc, argv, "", none, NULL) != -1)
        return 2;
    return argc - optind == 2 ? 0 : complain(2, argv[0], "takes a bridge and an interface; see --help");
}

/* Whether the interface may be plugged in without anything of the host's getting lost. */
static int may_join(struct view *view, const char *verb, const struct link *port, const struct link *bridge)
{
    struct messages addresses = {.count = 0};
    size_t own = 0;

    if (port->master) {
        const struct link *master = links_by_index(&view->links, port->master);
        return complain(1, verb, "'%s' is already part of '%s': take it out there first", port->name,
                        master ? master->name : "another device");
    }
    if (port->flags & IFF_LOOPBACK || strcmp(port->kind, "bridge") == 0 || port->type != ARPHRD_ETHER)
        return complain(1, verb, "'%s' cannot be a port of a bridge: it is %s", port->name,
                        port->flags & IFF_LOOPBACK          ? "the loopback"
                        : strcmp(port->kind, "bridge") == 0 ? "a bridge itself"
                                                            : "no Ethernet device");
    const int err = addresses_read(&view->nl, port->ifindex, &addresses);
    for (size_t i = 0; i < addresses.count; i++)
        own += !address_is_link_local(addresses.list[i]);
    messages_free(&addresses);
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

static int join(struct view *view, int argc, char *argv[])
{
    int status = two_words(argc, argv);
    if (status != 0 || (status = view_open(view, argv[0], true)) != 0)
        return status;
    const struct link *bridge = view_bridge(view, argv[0], argv[optind]);
    const struct link *port = bridge ? view_link(view, argv[0], argv[optind + 1]) : NULL;
    if (!port)
        return 1;
    if (port->master == bridge->ifindex)
        return 0;
    status = may_join(view, argv[0], port, bridge);
    if (status != 0)
        return status;
    struct batch batch = {.error = 0};
    batch_take(&batch, link_master_message(port->ifindex, bridge->ifindex), 0);
    batch_take(&batch, link_up_message(port->ifindex), 0);
    status = view_send(view, argv[0], &batch, "plug in", port->name);
    batch_free(&batch);
    return status;
}

int bridge_add(int argc, char *argv[])
{
    struct view view = {.links = {.count = 0}};
    const int status = join(&view, argc, argv);

    view_close(&view);
    return status;
}

static int leave(struct view *view, int argc, char *argv[])
{
    int status = two_words(argc, argv);
    if (status != 0 || (status = view_open(view, argv[0], true)) != 0)
        return status;
    const struct link *bridge = view_bridge(view, argv[0], argv[optind]);
    const struct link *port = bridge ? view_link(view, argv[0], argv[optind + 1]) : NULL;
    if (!port)
        return 1;
    if (port->master == 0)
        return 0;
    if (port->master != bridge->ifindex)
        return complain(1, argv[0], "'%s' is not a port of '%s'", port->name, bridge->name);
    struct batch batch = {.error = 0};
    batch_take(&batch, link_master_message(port->ifindex, 0), 0);
    status = view_send(view, argv[0], &batch, "unplug", port->name);
    batch_free(&batch);
    return status;
}

int bridge_remove(int argc, char *argv[])
{
    struct view view = {.links = {.count = 0}};
    const int status = leave(&view, argc, argv);

    view_close(&view);
    return status;
}
