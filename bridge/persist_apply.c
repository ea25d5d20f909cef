/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The table of all formats; and how the host's network manager is made to apply what persist has written, or
 * to release it. */
#include "base/cleanup.h"
#include "base/process.h"
#include "base/text.h"
#include "nat.h"
#include "net/link.h"
#include "persist.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 8, WAIT_MS = 15000, STEP_MS = 100, DETACH_MS = 30 * 1000 };

static const char restoring[] = "virt-tap bridge";

static const struct persist_format formats[] = {
    {.name = "networkd",
     .folder = "/etc/systemd/network/",
     .beside = {"/etc/networkd-dispatcher"},
     .inspect = persist_networkd_inspect,
     .write = persist_networkd,
     .then = "networkctl reload",
     .owns_move = true,
     .apply = {"networkctl reload", "networkctl reconfigure %u"},
     .reattach = {"networkctl reload", "networkctl reconfigure %u"}},
    {.name = "networkmanager",
     .folder = "/etc/NetworkManager/",
     .beside = {"/etc/NetworkManager/dispatcher.d", "/etc/NetworkManager/conf.d",
                "/etc/NetworkManager/NetworkManager.conf"},
     .inspect = persist_networkmanager_inspect,
     .write = persist_networkmanager,
     .then = "nmcli connection reload && nmcli connection up virt-tap-%b",
     .owns_move = true,
     .apply = {"nmcli connection reload", "nmcli connection up virt-tap-%b",
               "nmcli connection up virt-tap-%b-uplink"},
     .release = {"-nmcli connection reload"},
     .note = "/etc/NetworkManager/system-connections/virt-tap-%b-uplink.nmconnection",
     /* When its port's profile goes, NetworkManager may make up one for the NIC as it finds it (1.42), and
      * would connect it by that one. */
     .reuse = {"nmcli connection up %n"},
     .reattach = {"nmcli device connect %u"}},
    {.name = "netplan",
     .folder = "/etc/netplan/",
     .beside = {"/etc/networkd-dispatcher", "/etc/NetworkManager/dispatcher.d", "/etc/NetworkManager/conf.d"},
     .inspect = persist_netplan_inspect,
     .write = persist_netplan,
     .then = "netplan try",
     .owns_move = true,
     .apply = {"netplan apply"},
     .reattach = {"netplan apply"}},
    {.name = "ifupdown",
     .folder = "/etc/network/",
     .beside = {"/etc/network/if-pre-up.d", "/etc/network/if-up.d", "/etc/network/if-down.d",
                "/etc/network/if-post-down.d", "/etc/dhcp", "/etc/dhcpcd.conf"},
     .write = persist_ifupdown,
     .check = persist_ifupdown_check,
     .then = "ifup %b",
     .apply = {"ifup %b"},
     .detach = {"-ifdown --force %b"}},
    {.name = "dnsmasq",
     .folder = "/etc/systemd/system/",
     .write = nat_write_unit,
     .then = "systemctl daemon-reload && systemctl start virt-tap-nat-%b",
     .apply = {"systemctl daemon-reload", "systemctl restart virt-tap-nat-%b"},
     .detach = {"-systemctl stop virt-tap-nat-%b"},
     .release = {"-systemctl daemon-reload"}},
};

const struct persist_format *persist_find_format(const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

void persist_expand(const char *command, const char *bridge, const char *uplink, const char *note,
                    char out[PERSIST_COMMAND])
{
    size_t used = 0;

    for (; *command && used + PERSIST_NOTED < PERSIST_COMMAND; command++) {
        if (*command != '%')
            out[used++] = *command;
        else if (*++command == 'b')
            used += strlen(strcpy(out + used, bridge));
        else if (*command == 'n')
            used += strlen(strcpy(out + used, note));
        else
            used += strlen(strcpy(out + used, uplink));
    }
    out[used] = '\0';
}

/* Returns 0 or reports why not; 0 in any case if the command starts with "-". */
static int run(const char *verb, const char *command, const char *bridge, const char *uplink,
               const char *note)
{
    char line[PERSIST_COMMAND], words[PERSIST_COMMAND], *rest = words;
    const char *argv[WORDS_MAX + 1] = {NULL};
    _cleanup_free_ char *output = NULL;
    const bool may_fail = *command == '-';

    persist_expand(command + may_fail, bridge, uplink, note, line);
    strcpy(words, line);
    for (size_t i = 0; i < WORDS_MAX && rest; i++)
        argv[i] = strsep(&rest, " ");
    if (!may_fail) { /* it may take minutes */
        printf("running `%s`\n", line);
        fflush(stdout);
    }
    const int status = process_capture(argv, true, may_fail ? DETACH_MS : PROCESS_MANAGER_MS, &output);
    if (status == 0 || may_fail)
        return 0;
    if (status == -ETIMEDOUT)
        return complain(
            1, verb,
            "`%s` did not finish within %d minutes and was killed; run it yourself to see what it "
            "waits for, such as a DHCP server that does not answer",
            line, PROCESS_MANAGER_MS / 60000);
    if (status < 0)
        return complain(1, verb, "cannot run `%s`: %s", line, strerror(-status));
    return complain(1, verb, "`%s` failed: %.200s", line, process_reason(output));
}

/* Runs commands up to the NULL that ends each list of `formats`. */
static int run_all(const char *verb, const char *const commands[], const char *bridge, const char *uplink,
                   const char *note)
{
    for (size_t i = 0; commands[i]; i++)
        if ((*uplink || (!strstr(commands[i], "%u") && !strstr(commands[i], "-uplink"))) &&
            run(verb, commands[i], bridge, uplink, note) != 0)
            return 1;
    return 0;
}

/* Whether the uplink is a port of the bridge. Managers report success before they are done. */
static bool is_there(const struct persist_plan *plan)
{
    _cleanup_view_ struct view view;

    if (view_read(&view) < 0)
        return false;
    const struct link *bridge = links_by_name(&view.links, plan->bridge);
    const struct link *uplink = links_by_name(&view.links, plan->uplink);
    return bridge && uplink && uplink->master == bridge->ifindex;
}

int persist_tell(const char *verb, const struct persist_plan *plan)
{
    return run_all(verb, plan->format->apply, plan->bridge, plan->uplink, "");
}

void persist_limit(const struct persist_plan *plan)
{
    _cleanup_view_ struct view view;

    if (view_read(&view) < 0)
        return;
    const struct link *bridge = links_by_name(&view.links, plan->bridge);
    if (bridge && bridge->bridge.knows_learned && bridge->bridge.max_learned == 0)
        bridge_set_option(&view.nl, bridge->ifindex, BRIDGE_FDB_MAX_LEARNED, plan->max_learned);
}

int persist_apply(const char *verb, const struct persist_plan *plan)
{
    const struct persist_format *format = plan->format;

    if (persist_tell(verb, plan) != 0)
        return 1;
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        if (is_there(plan)) {
            persist_limit(plan);
            return 0;
        }
        poll(NULL, 0, STEP_MS);
    }
    return complain(1, verb, "%s has not made '%s' a port of '%s' in %d s", format->name, plan->uplink,
                    plan->bridge, WAIT_MS / 1000);
}

/* Reads what was noted of the NIC before the files that say it are gone. */
static void read_note(const struct persist_format *format, const struct move *move, char note[PERSIST_NOTED])
{
    char path[PERSIST_COMMAND], text[16384];

    if (!format->note)
        return;
    persist_expand(format->note, move->bridge, move->uplink, "", path);
    if (text_read(path, text, sizeof(text)) > 0)
        text_value(text, PERSIST_NOTE, note, PERSIST_NOTED);
}

bool persist_detach(const struct move *move, char note[PERSIST_NOTED])
{
    const struct persist_format *format = persist_find_format(move->manager);

    *note = '\0';
    if (!format)
        return true;
    read_note(format, move, note);
    run_all(restoring, format->detach, move->bridge, move->uplink, note);
    /* NetworkManager, told only after the bridge was deleted, sometimes makes it again from a profile that it
     * then forgets (1.42: in 1 of 20 on a busy machine), with the host's addresses and routes. */
    const bool removed = persist_undo(restoring, move->bridge, true) >= 0;
    run_all(restoring, format->release, move->bridge, move->uplink, note);
    return removed;
}

void persist_reattach(const struct move *move, const char *note)
{
    const struct persist_format *format = persist_find_format(move->manager);

    if (format && (!*note || run_all(restoring, format->reuse, move->bridge, move->uplink, note) != 0))
        run_all(restoring, format->reattach, move->bridge, move->uplink, note);
}

const char *persist_manager_of(const struct persist_files *record)
{
    for (size_t i = 0; record->count > 0 && i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strncmp(record->list[0].path, formats[i].folder, strlen(formats[i].folder)) == 0)
            return formats[i].name;
    return NULL;
}
