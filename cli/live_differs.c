/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "live.h"

#include "live_claims.h"
#include "net/port.h"
#include "net/portfilter.h"
#include "net/portlive.h"
#include "net/rtnl.h"
#include "policy/protect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_on_bridge(const struct live_tap *tap)
{
    return tap->bridge.ifindex && tap->link.is_port && tap->link.master == tap->bridge.ifindex;
}

/* What root has set on a port that is not protected, and that a rule does not protect, stays. */
static unsigned int compare_options(const struct live_tap *tap, bool filtered)
{
    const struct protection *protection = &tap->decision.protection;
    const struct port_options wanted = protect_options(protection), is = tap->link.port;
    const bool ours =
        wanted.locked || wanted.isolated || wanted.guard || is.locked || is.isolated || is.guard || filtered;
    unsigned int differs = 0;

    if (wanted.locked != is.locked)
        differs |= LIVE_LOCK;
    if (wanted.isolated != is.isolated)
        differs |= LIVE_ISOLATED;
    if (wanted.guard != is.guard)
        differs |= LIVE_GUARD;
    if (ours && (wanted.learning != is.learning || wanted.flood != is.flood || wanted.router != is.router ||
                 (is.knows_groups && wanted.max_groups != is.max_groups)))
        differs |= LIVE_OPTIONS;
    return differs;
}

/* Without VLANs a bridge uses the entry without one; with them, those of the port's VLANs. */
static int compare_entries(struct rtnl *nl, const struct live_tap *tap, unsigned int *differs)
{
    struct port_address found;

    for (unsigned int vlan = 0; vlan < LIVE_VLANS; vlan++) {
        if (vlan && !tap->vlans[vlan])
            continue;
        const int err = port_find_address(nl, tap->bridge.ifindex, tap->mac, vlan, &found);
        if (err && err != -ENOENT)
            return err;
        if (err || found.ifindex != tap->link.ifindex || found.local || !found.static_ || !found.sticky)
            *differs |= LIVE_ENTRY;
    }
    return 0;
}

static unsigned int compare_vlans(const struct live_tap *tap)
{
    const unsigned int wanted = tap->decision.protection.vlan;
    unsigned int count = 0;

    if (!tap->bridge.bridge.vlan_filtering) {
        if (wanted)
            return LIVE_VLAN;
        return 0;
    }
    for (unsigned int vlan = 1; vlan < LIVE_VLANS; vlan++)
        count += tap->vlans[vlan];
    if (!wanted && tap->vlan != tap->bridge.bridge.default_vlan)
        return LIVE_VLAN;
    if (wanted && (tap->vlan != wanted || count != 1))
        return LIVE_VLAN;
    return 0;
}

int live_differs(struct rtnl *nl, struct live_tap *tap, unsigned int *out)
{
    const bool locks = tap->decision.protection.mac_lock;
    const struct binding binding = protect_binding(&tap->decision, tap->mac);
    struct portfilter_state filter;
    const int err = portfilter_read(nl, tap->link.ifindex, &binding, &filter);

    *out = live_claims_differ(tap) ? LIVE_CLAIMS : 0;
    if (err)
        return err;
    if (locks ? !filter.bound : filter.attached)
        *out |= LIVE_FILTER;
    if (!is_on_bridge(tap)) {
        *out |= LIVE_PLACE;
        return 0;
    }
    *out |= compare_options(tap, filter.attached) | compare_vlans(tap);
    if (locks)
        return compare_entries(nl, tap, out);
    return 0;
}

static const struct {
    unsigned int bit;
    const char *words;
} names[] = {
    {LIVE_OPTIONS, "port options"},
    {LIVE_ENTRY, "FDB entry"},
    {LIVE_CLAIMS, "claims"},
};

static void add(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(char *out, size_t size, const char *format, ...)
{
    const char *between = *out ? ", " : "";
    const size_t length = strlen(out);
    va_list args;

    snprintf(out + length, size - length, "%s", between);
    va_start(args, format);
    vsnprintf(out + strlen(out), size - strlen(out), format, args);
    va_end(args);
}

static void add_vlan(const struct live_tap *tap, char *out, size_t size)
{
    unsigned int vlan = tap->decision.protection.vlan;

    if (!vlan)
        vlan = tap->bridge.bridge.default_vlan;
    if (tap->vlan && tap->vlan != vlan)
        add(out, size, "VLAN %u instead of %u", vlan, tap->vlan);
    else
        add(out, size, "VLAN %u", vlan);
}

void live_describe(const struct live_tap *tap, unsigned int differs, char *out, size_t size)
{
    const struct protection *protection = &tap->decision.protection;
    static const char no[] = "no ";

    *out = '\0';
    if (differs & LIVE_PLACE)
        add(out, size, "on bridge '%s' again", tap->claim.bridge);
    if (differs & LIVE_LOCK)
        add(out, size, "%smac=lock", protection->mac_lock ? "" : no);
    if (differs & LIVE_ISOLATED)
        add(out, size, "%sisolated", protection->isolated ? "" : "not ");
    if (differs & LIVE_GUARD)
        add(out, size, "%sguard", protection->guard ? "" : no);
    if (differs & LIVE_FILTER)
        add(out, size, "%sport filter", protection->mac_lock ? "" : no);
    if (differs & LIVE_VLAN)
        add_vlan(tap, out, size);
    if (differs & LIVE_LOCK) /* which includes these */
        differs &= ~(unsigned int)(LIVE_OPTIONS | LIVE_ENTRY);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (differs & names[i].bit)
            add(out, size, "%s", names[i].words);
}
