/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap-bridge: the verbs bridge and show, run by virt-tap as a separate program (cli/program.h). */
#include "verbs.h"

static const struct verb verbs[] = {
    {.name = "bridge",
     .arguments = "create|delete|confirm|add|remove|show|persist|unpersist ...",
     .summary = "bridges of the host",
     .verbs = &bridge_command},
    {.name = "show",
     .arguments = "[BRIDGE] [--json|--dot]",
     .summary = "the picture: bridges and what is plugged in",
     .notes = bridge_show_notes,
     .options = bridge_show_options,
     .max = 1,
     .act = bridge_show},
};

static const struct command program = {"Bridges of the host.", verbs, sizeof(verbs) / sizeof(verbs[0])};

int main(int argc, char *argv[])
{
    return command_main(&program, argc, argv);
}
