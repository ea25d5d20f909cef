/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "live.h"

#include "base/name.h"
#include "base/quote.h"
#include "net/port.h"
#include "net/portfilter.h"
#include "net/portlive.h"
#include "net/rtnl.h"
#include "policy/protect.h"

#include <errno.h>
#include <linux/if.h>
#include <signal.h>
#include <string.h>

struct bringing {
    struct rtnl *nl;
    struct live_tap *tap;
    struct binding binding;
    struct error *why;
};

/* Returns 0 if err is 0; otherwise -1 and why that step failed. */
static int end_step(const struct bringing *b, int err, const char *step)
{
    const char *name = b->tap->link.name;

    if (!err)
        return 0;
    return error_set(
        b->why, "cannot %s tap '%s', as %s requires: %s; `ip -d link show dev %s` shows how it is set up",
        step, name, b->tap->decision.rule, rtnl_problem(b->nl, err), quote(name).text);
}

/* Names the tap in what the helper's own checks say, which are about one tap only. Returns -1. */
static int name_tap(const struct bringing *b)
{
    const struct error cause = *b->why;

    return error_set(b->why, "tap '%s': %.1400s", b->tap->link.name, cause.text);
}

static int attach_filter(const struct bringing *b)
{
    struct error cause = {0};

    if (portfilter_attach(b->nl, b->tap->link.ifindex, &b->binding, &cause) == 0)
        return 0;
    return error_set(b->why, "cannot filter what tap '%s' sends, for mac=lock of %s: %s", b->tap->link.name,
                     b->tap->decision.rule, cause.text);
}

/* Looks whether the bridge's FDB has the guest's MAC at another port, or as an interface's own, in a VLAN of
 * the guest's: it is not taken from there, as the helper does not. */
static int look_for_others(const struct bringing *b)
{
    const struct live_tap *tap = b->tap;
    const struct vlans wanted = live_wanted_vlans(tap);
    struct port_address found;
    char mac[MAC_TEXT];

    for (unsigned int vlan = 0; vlan <= VLAN_MAX; vlan++) {
        if (vlan && !vlans_has(&tap->vlans, vlan) && !vlans_has(&wanted, vlan))
            continue;
        const int err = port_find_address(b->nl, tap->bridge.ifindex, tap->mac, vlan, &found);
        if (err && err != -ENOENT)
            return end_step(b, err, "look for the MAC of");
        if (!err && found.ifindex != tap->link.ifindex)
            return error_set(
                b->why,
                "cannot lock tap '%s' to %s, as %s requires: bridge '%s' has that MAC at another port; `bridge "
                "fdb show br %s` shows it; an address that was learned is forgotten some minutes after its last "
                "frame",
                tap->link.name, mac_print(mac, tap->mac), tap->decision.rule, tap->bridge.name,
                quote(tap->bridge.name).text);
    }
    return 0;
}

static int take_entry(const struct bringing *b)
{
    return end_step(b, port_add_address(b->nl, b->tap->link.ifindex, b->tap->mac, true), "lock");
}

/* What either of two sets of options restricts. */
static struct port_options tighter(const struct port_options *one, const struct port_options *other)
{
    struct port_options both = {
        .isolated = one->isolated || other->isolated,
        .locked = one->locked || other->locked,
        .learning = one->learning && other->learning,
        .flood = one->flood && other->flood,
        .guard = one->guard || other->guard,
        .router = one->router && other->router,
        .max_groups = one->max_groups,
    };

    if (!both.max_groups || (other->max_groups && other->max_groups < both.max_groups))
        both.max_groups = other->max_groups;
    return both;
}

/* Returns the VLANs that the port has to leave: also those in which it is untagged now, but is not to be, and
 * all if some are untagged one way only. */
static struct vlans vlans_to_leave(const struct live_tap *tap)
{
    const struct vlans *is = &tap->vlans, wanted = live_wanted_vlans(tap);
    struct vlans leave = {.untagged = 0};

    for (unsigned int vlan = 1; vlan <= VLAN_MAX; vlan++) {
        const bool changes = (vlan == is->untagged) != (vlan == wanted.untagged);
        if (vlans_has(is, vlan) && (!vlans_has(&wanted, vlan) || changes || tap->odd_vlans))
            vlans_add(&leave, vlan);
    }
    return leave;
}

static int leave_vlans(const struct bringing *b)
{
    const struct vlans leave = vlans_to_leave(b->tap);
    struct vlan_range range = {0};
    int err = 0;

    while (!err && vlans_next(&leave, &range))
        err = port_leave_vlans(b->nl, b->tap->link.ifindex, &range);
    return end_step(b, err, "change the VLANs of");
}

static int enter_vlans(const struct bringing *b)
{
    const struct vlans wanted = live_wanted_vlans(b->tap);

    if (!vlans_any(&wanted))
        return 0;
    return end_step(b, port_enter_vlans(b->nl, b->tap->link.ifindex, &wanted), "change the VLANs of");
}

/* With the BPDU guard that the port has had so far, which comes off last. again: a port that is in its VLANs,
 * and in the FDB. */
static int protect(const struct bringing *b, bool guard, bool again)
{
    struct decision terms = b->tap->decision;
    const struct port_grant grant = {
        .bridge = &b->tap->bridge, .terms = &terms, .binding = &b->binding, .again = again};

    terms.protection.guard = terms.protection.guard || guard;
    if (protect_port(b->nl, b->tap->link.ifindex, b->tap->link.name, &grant, b->why) < 0)
        return name_tap(b);
    return 0;
}

/* Without the lock, as long as the bridge does not know the guest's MAC at this port: it would cut the guest
 * off. */
static int set_port(const struct bringing *b, unsigned int differs, const struct port_options *wanted,
                    bool without_lock)
{
    struct port_options options = *wanted;

    if (!(differs & (LIVE_LOCK | LIVE_ISOLATED | LIVE_GUARD | LIVE_OPTIONS)))
        return 0;
    if (without_lock) {
        options.locked = false;
        options.learning = b->tap->link.port.learning;
        options.flood = b->tap->link.port.flood;
    }
    return end_step(b, port_set(b->nl, b->tap->link.ifindex, &options), "protect the port of");
}

/* Of a port on its bridge. Nothing here lets the guest send more than before, but in the VLANs that it is
 * moved to, where it may: the filter is replaced while the port is in none that only one of both rules
 * grants. The filter comes before the guest's MAC is looked for: the owner of two taps could give one the
 * other's MAC, and that one would never be bound. */
static int tighten(const struct bringing *b, unsigned int differs)
{
    const struct protection *protection = &b->tap->decision.protection;
    const struct port_options is = b->tap->link.port, wanted = protect_options(protection);
    const struct port_options both = tighter(&is, &wanted);
    const bool locks = protection->mac_lock;
    const bool moves = differs & LIVE_VLAN && b->tap->bridge.bridge.vlan_filtering;

    if (set_port(b, differs, &both, !is.locked) < 0 || (moves && leave_vlans(b) < 0))
        return -1;
    if (locks && (attach_filter(b) < 0 || look_for_others(b) < 0 || take_entry(b) < 0))
        return -1;
    if (set_port(b, differs, &both, false) < 0)
        return -1;
    if (moves && (enter_vlans(b) < 0 || (locks && take_entry(b) < 0)))
        return -1;
    return protect(b, is.guard && b->tap->bridge.bridge.kernel_stp, true); /* else the guard does nothing */
}

static int loosen(const struct bringing *b, unsigned int differs)
{
    const struct port_options wanted = protect_options(&b->tap->decision.protection);
    const int ifindex = b->tap->link.ifindex;
    const bool locks = b->tap->decision.protection.mac_lock;
    int err = 0;

    if (differs & (LIVE_LOCK | LIVE_ISOLATED | LIVE_GUARD | LIVE_OPTIONS))
        err = port_set(b->nl, ifindex, &wanted);
    if (!err && differs & LIVE_FILTER && !locks)
        err = portlive_drop_filter(b->nl, ifindex);
    if (!err && differs & LIVE_LOCK && !locks && b->tap->has_mac)
        err = portlive_drop_address(b->nl, ifindex, b->tap->mac);
    return end_step(b, err, "release");
}

/* In one message, as the helper does: with the MAC that the helper gave it, because a holder could have
 * chosen a neighbour's. */
static int join(const struct bringing *b)
{
    const struct live_tap *tap = b->tap;
    struct link_join what = {
        .master = tap->bridge.ifindex, .mtu = tap->link.mtu, .alias = tap->link.alias, .no_addrgen = true};

    memcpy(what.mac, tap->alias.mac, sizeof(what.mac));
    int err = link_join(b->nl, tap->link.ifindex, &what);
    if (err == -EAFNOSUPPORT) { /* no IPv6 on it */
        what.no_addrgen = false;
        err = link_join(b->nl, tap->link.ifindex, &what);
    }
    return end_step(b, err, "put back on its bridge");
}

/* Down, it can send nothing before it is protected. If it cannot be protected, it is taken off again. */
static int join_down(const struct bringing *b, unsigned int differs)
{
    const bool locks = b->tap->decision.protection.mac_lock;
    const int ifindex = b->tap->link.ifindex;

    if (locks && look_for_others(b) < 0)
        return -1;
    if (end_step(b, portlive_down(b->nl, ifindex), "set down") < 0)
        return -1;
    if (join(b) < 0 || protect(b, false, false) < 0 ||
        end_step(b, rtnl_talk(b->nl, link_up_message(ifindex)), "set up") < 0) {
        rtnl_talk(b->nl, link_master_message(ifindex, 0));
        if (!b->tap->link.master && b->tap->link.flags & IFF_UP)
            rtnl_talk(b->nl, link_up_message(ifindex));
        return -1;
    }
    if (!locks && differs & LIVE_FILTER)
        return end_step(b, portlive_drop_filter(b->nl, ifindex), "release");
    return 0;
}

/* Signals wait: a tap that is left down on its bridge looks like one that somebody has set down. */
static int put_back(const struct bringing *b, unsigned int differs)
{
    sigset_t all, before;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    const int err = join_down(b, differs);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return err;
}

/* Reads it back. What is left of the claims is no harm: a slot may not have been free. */
static int verify(const struct bringing *b, unsigned int *differs)
{
    unsigned int left = 0;
    char words[LIVE_WORDS];
    int err = live_refresh(b->tap, b->nl);

    if (!err)
        err = live_differs(b->nl, b->tap, &left);
    if (err)
        return end_step(b, err, "look at");
    *differs &= ~left;
    if (!(left & ~(unsigned int)LIVE_CLAIMS))
        return 0;
    live_describe(b->tap, left, words, sizeof(words));
    return error_set(
        b->why,
        "tap '%s' was changed as %s requires, but did not become so, or not for long: %s; `virt-tap show` shows it",
        b->tap->link.name, b->tap->decision.rule, words);
}

/* A filter of ours would take the place of what others have there, and leave the tap without it. */
static int look_for_judge(const struct bringing *b, unsigned int differs)
{
    const struct quoted quoted = quote(b->tap->link.name);
    enum portlive_judge found;

    if (!b->tap->decision.protection.mac_lock || !(differs & ~(unsigned int)LIVE_CLAIMS))
        return 0;
    if (end_step(b, portlive_find_judge(b->nl, b->tap->link.ifindex, &found), "look for filters of") < 0)
        return -1;
    if (found == PORTLIVE_QDISC)
        return error_set(
            b->why,
            "cannot filter what tap '%s' sends, for mac=lock of %s: something else limits that, as "
            "libvirt's <outbound> does; `tc qdisc show dev %s` shows it, and `virsh domiftune DOMAIN %s "
            "--outbound 0` takes libvirt's away",
            b->tap->link.name, b->tap->decision.rule, quoted.text, quoted.text);
    if (found == PORTLIVE_FILTERS)
        return error_set(
            b->why,
            "cannot filter what tap '%s' sends, for mac=lock of %s: it has other filters, and its port "
            "filter would decide in their place; `tc filter show dev %s ingress` shows them",
            b->tap->link.name, b->tap->decision.rule, quoted.text);
    return 0;
}

int live_bring_check(struct rtnl *nl, struct live_tap *tap, unsigned int differs, struct error *why)
{
    const struct bringing b = {
        .nl = nl, .tap = tap, .binding = protect_binding(&tap->decision, &tap->bridge, tap->mac), .why = why};

    if (look_for_judge(&b, differs) < 0)
        return -1;
    if (live_claims_check(nl, tap, why) < 0)
        return name_tap(&b);
    if (tap->decision.protection.mac_lock && differs & ~(unsigned int)LIVE_CLAIMS)
        return look_for_others(&b);
    return 0;
}

int live_bring(struct rtnl *nl, struct live_tap *tap, unsigned int *differs, struct error *why)
{
    const struct bringing b = {
        .nl = nl, .tap = tap, .binding = protect_binding(&tap->decision, &tap->bridge, tap->mac), .why = why};
    const unsigned int of_port = *differs & ~(unsigned int)(LIVE_PLACE | LIVE_CLAIMS);

    if (look_for_judge(&b, *differs) < 0)
        return -1;
    if (live_claims_add(nl, tap, why) < 0)
        return name_tap(&b);
    if (*differs & LIVE_PLACE && put_back(&b, *differs) < 0)
        return -1;
    if (!(*differs & LIVE_PLACE) && of_port && (tighten(&b, *differs) < 0 || loosen(&b, *differs) < 0))
        return -1;
    if (live_claims_drop(nl, tap, why) < 0)
        return -1;
    return verify(&b, differs);
}
