/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The table of all formats. */
#include "base/cleanup.h"
#include "base/process.h"
#include "base/text.h"
#include "persist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a program accepts the installed files. A program that is not installed accepts them. */
static int ask(const char *verb, const char *program, const char *word)
{
    _cleanup_free_ char *output = NULL;
    const int status =
        process_capture((const char *[]){program, word, NULL}, true, PROCESS_QUERY_MS, &output);

    if (status == 0 || status == -ENOENT)
        return 0;
    if (status == -ETIMEDOUT)
        return complain(1, verb,
                        "nothing was changed: `%s %s` did not finish within %d s and was killed; run it "
                        "yourself to see what it waits for, then try again",
                        program, word, PROCESS_QUERY_MS / 1000);
    return complain(1, verb, "nothing was changed: %s rejects it: %.300s", program, process_reason(output));
}

/* Asks ifupdown what it will do: bring the bridge up, and give its port no address. */
static int check_ifupdown(const char *verb, const struct persist_plan *plan)
{
    _cleanup_free_ char *port = NULL, *automatic = NULL;

    if (ask(verb, "ifquery", plan->bridge) != 0)
        return 1;
    process_capture((const char *[]){"ifquery", plan->uplink, NULL}, false, PROCESS_QUERY_MS, &port);
    if (port && (strncmp(port, "address:", 8) == 0 || strstr(port, "\naddress:")))
        return complain(1, verb,
                        "nothing was changed: ifupdown would still give '%s' an address (`ifquery %s`)",
                        plan->uplink, plan->uplink);
    const int status = process_capture((const char *[]){"ifquery", "--list", "-a", NULL}, false,
                                       PROCESS_QUERY_MS, &automatic);
    if (status == -ENOENT || (automatic && text_has_word(automatic, plan->bridge)))
        return 0;
    return complain(
        1, verb,
        "nothing was changed: ifupdown does not read what was written for '%s' (`ifquery --list -a`)",
        plan->bridge);
}

static const struct persist_format formats[] = {
    {.name = "networkd",
     .inspect = persist_networkd_inspect,
     .write = persist_networkd,
     .then = "networkctl reload",
     .owns_move = true,
     .apply = {"networkctl reload", "networkctl reconfigure %u"},
     .reattach = {"networkctl reload", "networkctl reconfigure %u"}},
    {.name = "networkmanager",
     .inspect = persist_networkmanager_inspect,
     .write = persist_networkmanager,
     .then = "nmcli connection reload && nmcli connection up virt-tap-",
     .then_name = true,
     .owns_move = true,
     .apply = {"nmcli connection reload", "nmcli connection up virt-tap-%b",
               "nmcli connection up virt-tap-%b-uplink"},
     .reattach = {"nmcli connection reload", "nmcli device connect %u"}},
    {.name = "netplan",
     .write = persist_netplan,
     .then = "netplan try",
     .owns_move = true,
     .apply = {"netplan apply"},
     .reattach = {"netplan apply"}},
    {.name = "ifupdown",
     .write = persist_ifupdown,
     .check = check_ifupdown,
     .then = "ifup ",
     .then_name = true,
     .apply = {"ifup %b"},
     .detach = {"ifdown --force %b"}},
};
enum { FORMAT_COUNT = sizeof(formats) / sizeof(formats[0]) };

const struct persist_format *persist_find_format(const char *name)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}
