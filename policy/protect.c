/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "protect.h"

#include "base/error.h"
#include "base/quote.h"
#include "decide.h"
#include "net/bridge.h"
#include "net/port.h"
#include "net/portfilter.h"
#include "net/rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

/* The number of multicast groups that a protected port may be in: one for each IPv6 address of the guest, and
 * a few more (mDNS, SSDP, LLMNR). A bridge that reaches its own limit, 4,096 by default, disables snooping
 * for good, so that limit is raised to the sum for all of its 1,023 ports. Up to Linux 6.18 at least, a join
 * refused by the port's limit leaves an empty entry behind, which counts (__br_multicast_add_group): until
 * that is fixed, the bridge's limit is the number of joins that a hostile guest needs. */
enum { PORT_GROUPS = 64, BRIDGE_GROUPS = 65536 };
enum { VLAN_IDS = 4095 }; /* 0 to 4,094 */

struct protecting {
    struct rtnl *nl;
    int ifindex;
    const char *tap;
    const struct port_grant *what;
    struct error *why;
};

static const char *origin(const struct protecting *p, const char *term)
{
    if (p->what->terms->lock_asked && strcmp(term, "mac=lock") == 0)
        return "the request (--lock)";
    return p->what->terms->rule;
}

static int fail(const struct protecting *p, const char *term, int err)
{
    return error_set(p->why,
                     "cannot apply %s of %s to tap %s on bridge '%s': %s; nothing is granted without it",
                     term, origin(p, term), p->tap, p->what->bridge->name, rtnl_problem(p->nl, err));
}

static int cannot(const struct protecting *p, const char *term, const char *needs)
{
    return error_set(p->why,
                     "%s of %s is not possible on bridge '%s': it requires %s; nothing is granted without it",
                     term, origin(p, term), p->what->bridge->name, needs);
}

int protect_check(const struct port_grant *what, struct error *why)
{
    const struct protecting p = {.what = what, .why = why};
    const char *bridge = what->bridge->name;
    char needs[128 + QUOTE_SIZE];

    if (what->terms->protection.guard && !what->bridge->bridge.kernel_stp) {
        snprintf(needs, sizeof(needs), "a bridge that runs STP (ip link set dev %s type bridge stp_state 1)",
                 quote(bridge).text);
        return cannot(&p, "guard=yes", needs);
    }
    if (vlans_any(&what->terms->vlans) && !what->bridge->bridge.vlan_filtering) {
        snprintf(needs, sizeof(needs),
                 "a bridge and a kernel that filter VLANs (ip link set dev %s type bridge vlan_filtering 1)",
                 quote(bridge).text);
        return cannot(&p, "vlan=", needs);
    }
    return 0;
}

/* Returns whether others are protected from the port by more than the STP guard. */
static bool is_confined(const struct protection *wanted)
{
    return wanted->isolated || wanted->mac_lock;
}

static int raise_bridge_groups(const struct protecting *p)
{
    const struct link *bridge = p->what->bridge;
    int err = 0;

    if (bridge->bridge.max_groups < BRIDGE_GROUPS)
        err = bridge_set_option(p->nl, bridge->ifindex, IFLA_BR_MCAST_HASH_MAX, BRIDGE_GROUPS);
    if (err)
        return fail(p, "the bridge's limit of multicast groups", err);
    return 0;
}

struct binding protect_binding(struct decision *terms, const struct link *bridge, const uint8_t mac[6])
{
    struct binding binding = {.ip_lock = terms->protection.ip_lock,
                              .serve = terms->protection.serve,
                              .addresses = terms->addresses.list,
                              .address_count = terms->addresses.count,
                              .vlans = terms->vlans,
                              .vlan_protocol = bridge->bridge.vlan_protocol,
                              .egress = terms->egress.list,
                              .egress_count = terms->egress.count};

    memcpy(binding.mac, mac, sizeof(binding.mac));
    if (terms->protection.guard)
        binding.serve |= SERVE_STP;
    return binding;
}

struct port_options protect_options(const struct protection *wanted)
{
    return (struct port_options){
        .isolated = wanted->isolated,
        .locked = wanted->mac_lock,
        .learning = !wanted->mac_lock,
        .flood = !wanted->mac_lock,
        .guard = wanted->guard,
        .router = !is_confined(wanted),
        .max_groups = is_confined(wanted) ? PORT_GROUPS : 0,
    };
}

static int set_options(const struct protecting *p)
{
    const struct port_options wanted = protect_options(&p->what->terms->protection);
    struct link port;
    int err = port_set(p->nl, p->ifindex, &wanted);

    if (!err)
        err = link_get(p->nl, p->ifindex, &port);
    if (err)
        return fail(p, "the protection", err);
    const struct port_options got = port.port;
    if (got.isolated != wanted.isolated)
        return cannot(p, "isolated=yes", "Linux 4.18 or newer");
    if (got.locked != wanted.locked)
        return cannot(p, "mac=lock", "Linux 5.18 or newer");
    if (got.guard != wanted.guard || got.learning != wanted.learning || got.flood != wanted.flood ||
        (got.router && !wanted.router) ||
        (got.knows_groups && got.max_groups != wanted.max_groups)) /* otherwise, virt-tap check reports it */
        return fail(p, "the protection", -EIO);
    if (got.knows_groups && wanted.max_groups)
        return raise_bridge_groups(p);
    return 0;
}

/* A new port is in the bridge's default VLAN. */
static int set_vlans(const struct protecting *p)
{
    const struct vlan_range all = {1, VLAN_MAX};
    int err = port_leave_vlans(p->nl, p->ifindex, &all);

    if (!err)
        err = port_enter_vlans(p->nl, p->ifindex, &p->what->terms->vlans);
    if (err)
        return fail(p, "vlan=", err);
    return 0;
}

/* In the port's VLANs: on a new port, those granted or the bridge's default. */
static int deny_vlan_router(const struct protecting *p)
{
    struct vlans vlans = p->what->terms->vlans;
    struct vlan_range range = {0};
    int err = 0;

    if (!p->what->bridge->bridge.vlan_filtering || !p->what->bridge->bridge.vlan_snooping)
        return 0;
    if (!vlans_any(&vlans) && p->what->bridge->bridge.default_vlan)
        vlans_add(&vlans, p->what->bridge->bridge.default_vlan);
    while (!err && vlans_next(&vlans, &range))
        err = port_deny_vlan_router(p->nl, p->ifindex, &range);
    if (err)
        return fail(p, "no multicast router in its VLANs", err);
    return 0;
}

/* Whether the bridge knows the guest's MAC at other ports only because it has learned it there: nobody has
 * set it. In any VLAN, since the port may be in several. */
static bool is_learned(const struct protecting *p)
{
    const unsigned int vlans = p->what->bridge->bridge.vlan_filtering ? VLAN_IDS : 1;
    struct port_address found;

    for (unsigned int vlan = 0; vlan < vlans; vlan++) {
        const int err =
            port_find_address(p->nl, p->what->bridge->ifindex, p->what->binding->mac, vlan, &found);
        if (err ? err != -ENOENT : found.ifindex != p->ifindex && (found.local || found.static_))
            return false;
    }
    return true;
}

/* An address that another port has is not taken from it, with one exception: root's own guest may come from
 * another host, whose frames the bridge has learned from at its uplink (a live migration). */
static int lock_mac(const struct protecting *p)
{
    const uint8_t *mac = p->what->binding->mac;
    struct port_address found;
    int err = port_add_address(p->nl, p->ifindex, mac, false);

    if (err == -EEXIST && p->what->takes_learned && is_learned(p))
        err = port_add_address(p->nl, p->ifindex, mac, true);
    if (err == -EEXIST)
        return error_set(
            p->why,
            "--mac: bridge '%s' already has that MAC at another port, perhaps of a guest that left in the last "
            "minutes; `bridge fdb show br %s` shows it; give the guest another MAC, or wait",
            p->what->bridge->name, quote(p->what->bridge->name).text);
    if (!err)
        err = port_find_address(p->nl, p->what->bridge->ifindex, mac, 0, &found);
    if (!err && !(found.ifindex == p->ifindex && found.static_ && found.sticky))
        err = -EIO;
    if (err)
        return fail(p, "mac=lock", err);
    return 0;
}

/* Binds what the guest sends. The bridge's own lock stays: it keeps others from taking the guest's MAC. */
static int filter_port(const struct protecting *p)
{
    struct error cause = {0};

    if (portfilter_attach(p->nl, p->ifindex, p->what->binding, &cause) == 0)
        return 0;
    return error_set(p->why,
                     "cannot filter what tap %s sends, for mac=lock of %s: %s; nothing is granted without it",
                     p->tap, origin(p, "mac=lock"), cause.text);
}

int protect_port(struct rtnl *nl, int ifindex, const char *tap, const struct port_grant *what,
                 struct error *why)
{
    const struct protection *wanted = &what->terms->protection;
    const bool confined = is_confined(wanted), has_vlans = vlans_any(&what->terms->vlans);
    const struct protecting p = {.nl = nl, .ifindex = ifindex, .tap = tap, .what = what, .why = why};

    if (!wanted->guard && !has_vlans && !confined)
        return 0;
    if (protect_check(what, why) < 0)
        return -1;
    if ((confined || wanted->guard) && set_options(&p) < 0)
        return -1;
    if (has_vlans && !what->again && set_vlans(&p) < 0)
        return -1;
    if (confined && deny_vlan_router(&p) < 0)
        return -1;
    if (!wanted->mac_lock)
        return 0;
    if (!what->again && lock_mac(&p) < 0)
        return -1;
    return filter_port(&p);
}
