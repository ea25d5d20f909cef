/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap: the command for users and administrators. It has no privileges of its own. */
#include "config.h"
#include "program.h"
#include "verbs.h"

#include <limits.h>
#include <stdio.h>

static int version(const struct call *call)
{
    puts("virt-tap " VERSION);
    return finish_output(0, call->name);
}

static const struct verb verbs[] = {
    {.name = "check",
     .arguments = "[AREA...] [--user=NAME] [--bridge=NAME] [--json | --report | --fix [--apply]] [--strict]",
     .summary = "test whether this host and this user can run KVM guests on a bridge",
     .notes = check_notes,
     .options = check_options,
     .max = UINT_MAX,
     .act = check_run},
    {.name = "setup",
     .arguments = "[USER...] [--uplink=NIC | --nat[=CIDR]] [--hooks] [--broker] | --undo",
     .summary = "make this host ready for the guests of these users, or take that back",
     .notes = setup_notes,
     .options = setup_options,
     .max = UINT_MAX,
     .act = setup_run},
    {.name = "bridge",
     .arguments = "create|delete|confirm|add|remove|show|status|persist|unpersist ...",
     .summary = "bridges of the host",
     .program = "virt-tap-bridge",
     .start = program_start},
    {.name = "show",
     .arguments = "[BRIDGE] [--json|--dot]",
     .summary = "the picture: bridges and what is plugged in",
     .program = "virt-tap-bridge",
     .start = program_start},
    {.name = "hooks",
     .arguments = "enable|disable|status",
     .summary = "have libvirt's domains make and remove their own taps",
     .verbs = &hooks_command},
    {.name = "broker",
     .arguments = "enable|disable|status",
     .summary = "taps for QEMU under -sandbox on, in containers and in Flatpak",
     .verbs = &broker_command},
    {.name = "tap", .arguments = "create|delete ...", .summary = "taps that stay", .verbs = &tap_command},
    {.name = "list",
     .arguments = "[-v] [--json]",
     .summary = "every tap that virt-tap made",
     .notes = list_notes,
     .options = list_options,
     .act = list_run},
    {.name = "address",
     .arguments = "[DOMAIN|TAP] [--wait[=SECONDS]] [--json]",
     .summary = "the addresses of guests, and how this host knows them",
     .notes = address_notes,
     .options = address_options,
     .max = 1,
     .act = address_run},
    {.name = "policy", .arguments = "VERB", .summary = "who may use which bridge", .verbs = &policy_command},
    {.name = "repair",
     .arguments = "[--dry-run] [--json] [TAP|BRIDGE]",
     .summary = "put taps back on their bridges, with their protection",
     .notes = repair_notes,
     .options = repair_options,
     .max = 1,
     .act = repair_run},
    {.name = "gc",
     .arguments = "[--all] [--dry-run] [--wait=SECONDS]",
     .summary = "remove taps that were left behind",
     .notes = gc_notes,
     .options = gc_options,
     .act = gc_run},
    {.name = "version", .summary = "the version of virt-tap", .act = version},
    {.name = "domain",
     .arguments = "VERB",
     .summary = "convert libvirt's domains to taps, and back",
     .program = "virt-tap-domain",
     .start = program_start},
    {.name = "xml",
     .arguments = "VERB",
     .summary = "convert files of libvirt's domains to taps, and back",
     .program = "virt-tap-xml",
     .start = program_start},
};

static const struct command virt_tap = {
    "A place on the host's bridges for the QEMU and libvirt guests of ordinary users.", verbs,
    sizeof(verbs) / sizeof(verbs[0])};

int main(int argc, char *argv[])
{
    return command_main(&virt_tap, argc, argv);
}
