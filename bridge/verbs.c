/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap bridge: the table of its verbs, those that only plug and unplug, and what all share. */
#include "base/quote.h"
#include "bridge.h"
#include "move.h"
#include "net/link.h"
#include "net/switch.h"

#include <errno.h>
#include <getopt.h>
#include <linux/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int view_open(struct view *view, const char *verb, bool needs_root)
{
    *view = (struct view){.links = {.count = 0}};
    if (needs_root && geteuid() != 0)
        return complain(1, verb, "this changes the host's network, which takes root: use sudo");
    int err = rtnl_open(&view->nl);
    if (err == 0)
        err = links_read(&view->nl, &view->links);
    return err == 0 ? 0 : complain(1, verb, "cannot ask the kernel for its interfaces: %s", strerror(-err));
}

void view_close(struct view *view)
{
    links_free(&view->links);
    rtnl_close(&view->nl);
}

const struct link *view_link(const struct view *view, const char *verb, const char *name)
{
    const struct link *link = links_by_name(&view->links, name);

    if (!link)
        complain(1, verb, "there is no interface '%.64s'; `ip link` lists those that there are", name);
    return link;
}

const struct link *view_bridge(const struct view *view, const char *verb, const char *name)
{
    const struct link *link = links_by_name(&view->links, name);

    if (!link)
        complain(1, verb, "there is no bridge '%.64s'; `virt-tap bridge show` lists those that there are",
                 name);
    else if (strcmp(link->kind, "bridge") == 0)
        return link;
    else
        complain(1, verb, "'%s' is not a bridge; `virt-tap bridge show` lists those that there are", name);
    return NULL;
}

int view_send(struct view *view, const char *verb, const struct batch *batch, const char *what,
              const char *name)
{
    const int err = batch_send(&view->nl, batch, NULL);

    if (err == 0)
        return 0;
    if (err == -EXFULL)
        return complain(1, verb, "cannot %s '%s': a bridge has 1,023 ports, and all are taken", what, name);
    return complain(1, verb, "cannot %s '%s': %s%s%s%s", what, name, strerror(-err),
                    *view->nl.reason ? " (" : "", view->nl.reason, *view->nl.reason ? ")" : "");
}

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
    switch_join(&batch, port->ifindex, bridge->ifindex);
    switch_up(&batch, port->ifindex);
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
    switch_join(&batch, port->ifindex, 0);
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

static const struct verb verbs[] = {
    {.name = "create",
     .arguments = "NAME [OPTION...]",
     .summary = "make a bridge, and move the host's network to it from an uplink",
     .options =
         "  --uplink NIC            plug NIC in and move its addresses and routes to the bridge\n"
         "  --confirm-within TIME   put everything back unless confirmed in that time (60s)\n"
         "  --ignore-dependents     even if rules or devices name NIC, which they would no longer match\n"
         "  --address CIDR          give the bridge this address; may be given again\n"
         "  --dhcp                  have the host's DHCP client ask for an address of the bridge\n"
         "  --mtu N                 bytes\n"
         "  --mac MAC               the bridge's own; otherwise the uplink's, or a random one that stays\n"
         "  --stp on|off            spanning tree, with the delays that it takes (off)\n"
         "  --vlan-filtering        a bridge that keeps VLANs apart\n",
     .run = bridge_create},
    {.name = "delete",
     .arguments = "NAME [--uplink NIC]",
     .summary = "remove a bridge, and move the host's network back to its uplink",
     .options = "  --uplink NIC  what to move it to; otherwise what create took it from\n",
     .run = bridge_delete},
    {.name = "confirm",
     .arguments = "NAME",
     .summary = "keep what create --uplink has changed",
     .run = bridge_confirm},
    {.name = "add",
     .arguments = "NAME INTERFACE",
     .summary = "plug an interface without addresses into a bridge",
     .run = bridge_add},
    {.name = "remove", .arguments = "NAME INTERFACE", .summary = "unplug an interface", .run = bridge_remove},
    {.name = "show",
     .arguments = "[NAME] [--json|--dot]",
     .summary = "bridges, what is plugged into them, whose it is, and what protects it",
     .options = bridge_show_options,
     .run = bridge_show},
    {.name = "persist",
     .arguments = "NAME [OPTION...]",
     .summary = "write the configuration that makes the bridge again at each start",
     .options =
         "  --uplink NIC      of a bridge that is not there yet\n"
         "  --format FORMAT   auto (who manages this host), networkd, networkmanager, netplan or ifupdown\n"
         "  --print           show what would be written\n"
         "  --apply           and have it done at once, of a bridge that is not there yet\n"
         "  --confirm-within TIME  with --apply: put everything back unless confirmed in that time (60s)\n",
     .run = bridge_persist},
    {.name = "unpersist",
     .arguments = "NAME",
     .summary = "take back what persist has written",
     .run = bridge_unpersist},
    {.name = "guard",
     .arguments = "NAME",
     .summary = "puts everything back unless it is confirmed; create starts it, not you",
     .run = bridge_guard},
};

const struct command bridge_command = {"Bridges of the host, and the uplinks that they take over.", verbs,
                                       sizeof(verbs) / sizeof(verbs[0])};
