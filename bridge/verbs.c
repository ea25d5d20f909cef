/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap-bridge: the verbs bridge and show, run by virt-tap as a separate program (cli/program.h). */
#include "bridge.h"

#include <stdint.h>

static const struct verb verbs[] = {
    {.name = "create",
     .arguments = "NAME [OPTION...]",
     .summary = "make a bridge, and move the host's network to it from an uplink",
     .options = bridge_create_options,
     .min = 1,
     .max = 1,
     .act = bridge_create},
    {.name = "delete",
     .arguments = "NAME [--uplink=NIC]",
     .summary = "remove a bridge, and move the host's network back to its uplink",
     .options = bridge_delete_options,
     .min = 1,
     .max = 1,
     .act = bridge_delete},
    {.name = "confirm",
     .arguments = "NAME",
     .summary = "keep what create --uplink has changed",
     .min = 1,
     .max = 1,
     .act = bridge_confirm},
    {.name = "add",
     .arguments = "NAME INTERFACE...",
     .summary = "plug interfaces without addresses into a bridge",
     .min = 2,
     .max = SIZE_MAX,
     .act = bridge_add},
    {.name = "remove",
     .arguments = "NAME INTERFACE...",
     .summary = "unplug interfaces",
     .min = 2,
     .max = SIZE_MAX,
     .act = bridge_remove},
    {.name = "show",
     .arguments = "[NAME] [--json|--dot] | --drops=TAP [--for=TIME] [--json]",
     .summary = "bridges, their ports, who owns them, and what protects them",
     .notes = bridge_show_notes,
     .options = bridge_show_options,
     .max = 1,
     .act = bridge_show},
    {.name = "status",
     .arguments = "[NAME] [--json]",
     .summary = "what bridges wait for, and whether they are made again at each boot",
     .notes = bridge_status_notes,
     .options = bridge_status_options,
     .max = 1,
     .act = bridge_status},
    {.name = "persist",
     .arguments = "NAME [OPTION...]",
     .summary = "write the configuration that makes the bridge again at each start",
     .options = bridge_persist_options,
     .min = 1,
     .max = 1,
     .act = bridge_persist},
    {.name = "unpersist",
     .arguments = "NAME",
     .summary = "take back what persist has written",
     .min = 1,
     .max = 1,
     .act = bridge_unpersist},
    {.name = "guard",
     .arguments = "NAME",
     .summary = "put everything back unless it is confirmed; started by create, not by you",
     .min = 1,
     .max = 1,
     .act = bridge_guard},
};

static const struct command bridge_command = {"Bridges of the host, and the uplinks that they take over.",
                                              verbs, sizeof(verbs) / sizeof(verbs[0])};

static const struct verb all_verbs[] = {
    {.name = "bridge",
     .arguments = "create|delete|confirm|add|remove|show|status|persist|unpersist ...",
     .summary = "bridges of the host",
     .verbs = &bridge_command},
    {.name = "show",
     .arguments = "[BRIDGE] [--json|--dot] | --drops=TAP [--for=TIME] [--json]",
     .summary = "the picture: bridges and what is plugged in",
     .notes = bridge_show_notes,
     .options = bridge_show_options,
     .max = 1,
     .act = bridge_show},
};

static const struct command program = {"Bridges of the host.", all_verbs,
                                       sizeof(all_verbs) / sizeof(all_verbs[0])};

int main(int argc, char *argv[])
{
    return command_main(&program, argc, argv);
}
