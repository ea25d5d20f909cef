/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/error.h"
#include "check.h"
#include "net/link.h"
#include "net/links.h"
#include "net/rtnl.h"
#include "policy/declared.h"

#include <fnmatch.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_SIZE = 128 };

/* Bridges that programs make for guests or containers of their own: Docker, LXC, LXD, Incus, CNI, Podman,
 * libvirt. */
static bool is_of_program(const char *bridge)
{
    static const char *const patterns[] = {
        "docker*",  "br-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*",
        "lxcbr*",   "lxdbr*",
        "incusbr*", "cni*",
        "podman*",  "virbr*"};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        if (fnmatch(patterns[i], bridge, 0) == 0)
            return true;
    return false;
}

/* Whether a port is something other than a tap. */
static bool has_uplink(const struct links *links, const struct link *bridge)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->list[i].master == bridge->ifindex && !links->list[i].is_tun)
            return true;
    return false;
}

enum rank { LIKELY, POSSIBLE, OF_PROGRAM, RANKS }; /* whether guests are meant to be on it */

static enum rank rank_of(const struct links *links, const struct link *bridge)
{
    if (is_of_program(bridge->name))
        return OF_PROGRAM;
    return has_uplink(links, bridge) ? LIKELY : POSSIBLE;
}

static void add(struct check_bridges *list, const char *name, bool declared)
{
    if (list->count >= CHECK_BRIDGES_MAX)
        return;
    snprintf(list->names[list->count], IFNAMSIZ, "%.15s", name);
    list->declared[list->count++] = declared;
}

static void add_declared(struct check_bridges *list, const char *only)
{
    _cleanup_bridges_ struct bridges bridges = {.count = 0};
    struct error why;

    if (bridges_read(&bridges, &why) < 0)
        return;
    for (size_t i = 0; i < bridges.count; i++) {
        const char *name = bridges.entries[i].is.name;
        if (!if_nametoindex(name) && (!only || strcmp(name, only) == 0))
            add(list, name, true);
    }
}

/* From one list of the kernel's: in /sys, a tap that a user deletes meanwhile looks like an uplink, so that a
 * bridge could be of one rank at first and of another then, and be left out. */
static void add_all(struct check_bridges *list)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    _cleanup_links_ struct links links = {.count = 0};

    if (rtnl_open(&nl) < 0 || links_read(&nl, NULL, &links) < 0)
        links.count = 0;
    links_sort(&links);
    for (enum rank rank = LIKELY; rank < RANKS; rank++) {
        for (size_t i = 0; i < links.count; i++)
            if (links.list[i].is_bridge && rank_of(&links, &links.list[i]) == rank)
                add(list, links.list[i].name, false);
        if (rank == POSSIBLE)
            add_declared(list, NULL);
    }
}

void check_list_bridges(struct check_bridges *out, const char *asked)
{
    *out = (struct check_bridges){.count = 0};
    if (!asked)
        add_all(out);
    else
        add_declared(out, asked);
    if (asked && out->count == 0)
        add(out, asked, false);
}

void check_report_others(const struct check_bridges *list, size_t chosen, struct findings *out)
{
    char names[NAMES_SIZE] = "";

    if (list->count < 2 || out->count == 0)
        return;
    for (size_t i = 0; i < list->count; i++) {
        const size_t length = strlen(names);
        if (i == chosen)
            continue;
        if (length + IFNAMSIZ + sizeof(", ...") > sizeof(names)) {
            strcat(names, ", ...");
            break;
        }
        sprintf(names + length, "%s%s", length ? ", " : "", list->names[i]);
    }
    finding_add_fixable(out, CHECK_BRIDGES, list->names[chosen == 0], "the verdict is about %s, not about %s",
                        list->names[chosen], names);
}
