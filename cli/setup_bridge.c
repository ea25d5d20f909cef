/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The bridge in the plan of virt-tap setup: one that is there; or one that `virt-tap bridge persist` makes,
 * on the NIC of the default route, or without a NIC, by NAT. */
#include "base/cleanup.h"
#include "base/name.h"
#include "base/nat.h"
#include "base/process.h"
#include "base/text.h"
#include "host/fix.h"
#include "host/network.h"
#include "net/link.h"
#include "net/links.h"
#include "net/rtnl.h"
#include "setup.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The interface of the default route with the least metric, of one family; "": none. Returns whether it could
 * be asked for. */
static bool find_route(const char *family, char out[IFNAMSIZ])
{
    _cleanup_free_ char *text = NULL;
    long long best = -1;

    *out = '\0';
    const int status = process_query(&text, "ip", family, "-j", "route", "show", "default");
    if (status != 0 || !text)
        return status >= 0;
    json_t *const routes = json_loads(text, 0, NULL), *route;
    size_t i;
    json_array_foreach(routes, i, route)
    {
        const char *device = json_string_value(json_object_get(route, "dev"));
        const long long metric = json_integer_value(json_object_get(route, "metric"));
        if (device && ifname_valid(device) && (best < 0 || metric < best)) {
            best = metric;
            strcpy(out, device);
        }
    }
    json_decref(routes);
    return true;
}

static bool find_default(char out[IFNAMSIZ])
{
    return find_route("-4", out) && (*out || find_route("-6", out));
}

int setup_count_taps(const char *bridge)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    _cleanup_links_ struct links links = {.count = 0};
    int count = 0;

    if (rtnl_open(&nl) < 0 || links_read(&nl, NULL, &links) < 0)
        return -1;
    const struct link *master = links_by_name(&links, bridge);
    for (size_t i = 0; master && i < links.count; i++)
        count += links.list[i].is_tun && links.list[i].master == master->ifindex;
    return count;
}

static bool is_wireless(const char *nic)
{
    return network_has(nic, "phy80211") || network_has(nic, "wireless");
}

/* Whether what `bridge persist` says names an option of its own that setup does not have. */
static bool names_option(const char *reason)
{
    static const char *const options[] = {"--format", "--lossy", "--ignore-dependents"};

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (strstr(reason, options[i]))
            return true;
    return false;
}

/* Moves the NIC under the guard. A person confirms on the terminal; without one, what `bridge persist` has
 * found out must do: the host reaches its gateway through the bridge. */
static int move(const struct setup *setup, const struct step *step)
{
    char words[64];

    if (setup_run_own(step->words) != 0)
        return 1;
    if (isatty(STDIN_FILENO))
        return 0;
    snprintf(words, sizeof(words), "virt-tap bridge confirm %s", setup->bridge);
    return setup_run_own(words);
}

/* What `bridge persist --nat` lacks, if that is a package (bridge/nat.c). Returns whether it is one. */
static bool plan_packages(struct setup *setup, const char *reason)
{
    char line[256];

    if (!strstr(reason, "(package ") || !fix_install_nat(line, sizeof(line)))
        return false;
    setup_add_packages(setup, "dnsmasq and nftables, which NAT takes", line, true);
    return true;
}

/* Returns why `bridge persist` refuses: what it says last. */
static const char *reason_of(char *output)
{
    static const char name[] = "virt-tap bridge persist: ", nothing[] = "nothing was changed: ";

    for (char *found = output; found && (found = strstr(found, name));)
        output = found += strlen(name);
    if (output && strncmp(output, nothing, strlen(nothing)) == 0)
        output += strlen(nothing);
    return process_reason(output);
}

/* Asks `bridge persist` whether it can do that, when what it takes is installed. If not, adds a step that
 * says why. */
static bool can_persist(struct setup *setup, const char *title, const char *options)
{
    char words[256];
    _cleanup_free_ char *output = NULL;

    snprintf(words, sizeof(words), "virt-tap bridge persist %s%s --print", setup->bridge, options);
    const int status = setup_query(words, true, &output);
    const char *reason = status < 0 ? "`virt-tap bridge persist` did not end" : reason_of(output);
    if (status == 0 || plan_packages(setup, reason))
        return true;
    if (names_option(reason))
        setup_add(
            setup, STEP_CANNOT, title,
            "%s; that is an option of `virt-tap bridge persist %s%s`: run that with it, and then setup again",
            reason, setup->bridge, options);
    else
        setup_add(setup, STEP_CANNOT, title, "%s", reason);
    return false;
}

/* record: the word of the line for it. */
static void plan_persist(struct setup *setup, const char *title, const char *options, const char *record)
{
    if (!can_persist(setup, title, options))
        return;
    struct step *step =
        setup_add(setup, STEP_TO_DO, title, "virt-tap bridge persist %s%s", setup->bridge, options);
    if (step && strstr(options, "--uplink"))
        step->act = move;
    step_record(setup, step, "%s %s", record, setup->bridge);
}

static void nat_options(const struct setup *setup, char out[128])
{
    snprintf(out, 128, " --nat%s%.64s --apply", text_if(*text_or(setup->nat, ""), "="),
             text_or(setup->nat, ""));
}

/* A bridge that is persisted already: by NAT, and with that network? */
static void plan_persisted_nat(struct setup *setup, const char *title)
{
    char options[128];

    nat_options(setup, options);
    if (can_persist(setup, title, options))
        setup_add(setup, STEP_SO, title, NULL);
}

static void plan_nat(struct setup *setup, const char *because)
{
    char options[128], title[256];

    nat_options(setup, options);
    snprintf(title, sizeof(title), "bridge %s, by whose address guests reach out (NAT)%s%s", setup->bridge,
             text_if(*because, ": "), because);
    plan_persist(setup, title, options, "bridge");
}

static void plan_uplink(struct setup *setup, const char *nic)
{
    char options[64], title[256];

    snprintf(options, sizeof(options), " --uplink=%s --apply", nic);
    snprintf(title, sizeof(title),
             "bridge %s with the NIC %s and its addresses, those from DHCP included, again at each start",
             setup->bridge, nic);
    plan_persist(setup, title, options, "bridge");
}

/* Whether `bridge create` made it, and only that: docs/interfaces.md has the aliases. */
static bool is_for_now(const struct link *bridge)
{
    static const char uplink[] = "virt-tap uplink=";

    return !setup_is_persisted(bridge->name) && (strcmp(bridge->alias, "virt-tap created") == 0 ||
                                                 strncmp(bridge->alias, uplink, strlen(uplink)) == 0);
}

/* Returns why a bridge that is there cannot be the one; NULL: it can. */
static const char *refuse_existing(const struct setup *setup, const struct links *links,
                                   const struct link *bridge)
{
    const struct link *uplink = links_by_name(links, setup->uplink);

    if (!setup_bridge_is_plain(bridge->name))
        return "but its name needs quotes, or is a word of the policy's: rename it, or choose another with "
               "--bridge";
    if (setup_is_moving(bridge->name))
        return "but is not confirmed, so that it goes within a minute: wait for that, or confirm it as `virt-tap bridge status` says";
    if (strcmp(bridge->kind, "bridge") != 0)
        return "and is no bridge: choose another name with --bridge";
    if (setup->uplink && (!uplink || uplink->master != bridge->ifindex))
        return "but that NIC is not one of its ports: choose another name with --bridge, or see `virt-tap "
               "bridge add`";
    if (setup->nat && !setup_is_persisted(bridge->name))
        return "and not by `bridge persist --nat`: choose another name with --bridge";
    return NULL;
}

static void plan_existing(struct setup *setup, const struct links *links, const struct link *bridge)
{
    const char *refusal = refuse_existing(setup, links, bridge);
    char title[128];

    snprintf(title, sizeof(title), "%s %s exists",
             strcmp(bridge->kind, "bridge") == 0 ? "bridge" : "the interface", bridge->name);
    if (refusal) {
        setup_add(setup, STEP_CANNOT, title, "%s", refusal);
    } else if (setup->nat) {
        plan_persisted_nat(setup, title);
    } else if (is_for_now(bridge)) {
        snprintf(title, sizeof(title), "bridge %s is made again at each start", bridge->name);
        plan_persist(setup, title, "", "persist");
    } else {
        setup_add(setup, STEP_SO, title, NULL);
    }
}

/* Returns why the bridge has no NIC ("": that was asked for); NULL: it has one. */
static const char *why_nat(const struct setup *setup, const struct link *way)
{
    if (setup->nat)
        return "";
    if (setup->uplink)
        return NULL;
    if (!way)
        return "no NIC has this host's default route";
    if (is_wireless(way->name))
        return "this host is on Wi-Fi, where an access point drops guests' frames";
    return NULL;
}

/* Whether a bridge that setup made is what is asked for now. */
static bool is_wanted(const struct setup *setup, const struct links *links, const struct link *made)
{
    const struct link *uplink = links_by_name(links, setup->uplink);

    if (!made || strcmp(made->kind, "bridge") != 0 || (setup->nat && !nat_is_configured(made->name)))
        return false;
    return !setup->uplink || (uplink && uplink->master == made->ifindex);
}

/* The bridge to take if none is named: that of the default route `way`, if nothing is asked for, or else one
 * that setup made before, the last of several. NULL: a new one. */
static const struct link *choose_bridge(const struct setup *setup, const struct links *links,
                                        const struct link *way)
{
    static const char word[] = "bridge ";

    if (!setup->nat && !setup->uplink && way && strcmp(way->kind, "bridge") == 0)
        return way;
    for (size_t i = setup->record.count; i-- > 0;) {
        const char *line = setup->record.lines[i];
        if (strncmp(line, word, strlen(word)) != 0)
            continue;
        const struct link *made = links_by_name(links, line + strlen(word));
        if (is_wanted(setup, links, made))
            return made;
    }
    return NULL;
}

void setup_plan_bridge(struct setup *setup)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    _cleanup_links_ struct links links = {.count = 0};
    char route[IFNAMSIZ];

    if (!find_default(route) && !*setup->bridge && !setup->uplink && !setup->nat) {
        setup_add(
            setup, STEP_CANNOT, "a bridge",
            "the program ip, which tells the default route, cannot be run: install the package iproute2 "
            "(Fedora: iproute), or name the NIC: --uplink=NIC");
        return;
    }
    if (rtnl_open(&nl) < 0 || links_read(&nl, NULL, &links) < 0) {
        setup_add(setup, STEP_CANNOT, "a bridge", "the kernel does not list this host's interfaces");
        return;
    }
    const struct link *way = links_by_name(&links, route);
    const struct link *there = *setup->bridge ? NULL : choose_bridge(setup, &links, way);
    if (there)
        strcpy(setup->bridge, there->name);
    const char *nat = why_nat(setup, way);
    if (!*setup->bridge)
        strcpy(setup->bridge, nat ? "br-nat" : "br0");
    const struct link *bridge = links_by_name(&links, setup->bridge);
    if (bridge)
        plan_existing(setup, &links, bridge);
    else if (nat)
        plan_nat(setup, nat);
    else
        plan_uplink(setup, text_or(setup->uplink, route));
}
