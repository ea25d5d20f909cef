/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap bridge: the table of its verbs. */
#include "verbs.h"
#include "bridge.h"
#include "guard.h"

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
