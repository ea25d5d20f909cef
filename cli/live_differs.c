/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "live.h"

#include "base/text.h"
#include "net/port.h"
#include "net/portlive.h"
#include "net/portread.h"
#include "net/rtnl.h"
#include "policy/protect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { RANGES_SHOWN = 8 /* of VLANs */ };

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

    for (unsigned int vlan = 0; vlan <= VLAN_MAX; vlan++) {
        if (vlan && !vlans_has(&tap->vlans, vlan))
            continue;
        const int err = port_find_address(nl, tap->bridge.ifindex, tap->mac, vlan, &found);
        if (err && err != -ENOENT)
            return err;
        if (err || found.ifindex != tap->link.ifindex || found.local || !found.static_ || !found.sticky)
            *differs |= LIVE_ENTRY;
    }
    return 0;
}

struct vlans live_wanted_vlans(const struct live_tap *tap)
{
    const struct bridge_settings *bridge = &tap->bridge.bridge;
    struct vlans wanted = tap->decision.vlans;

    if (!vlans_any(&wanted) && bridge->vlan_filtering && bridge->default_vlan) {
        vlans_add(&wanted, bridge->default_vlan);
        wanted.untagged = bridge->default_vlan;
    }
    return wanted;
}

static bool has_its_vlans(const struct live_tap *tap)
{
    const struct vlans wanted = live_wanted_vlans(tap);

    if (!tap->bridge.bridge.vlan_filtering)
        return !vlans_any(&wanted);
    return !tap->odd_vlans && memcmp(&tap->vlans, &wanted, sizeof(wanted)) == 0;
}

int live_differs(struct rtnl *nl, struct live_tap *tap, unsigned int *out)
{
    const bool locks = tap->decision.protection.mac_lock;
    const struct binding binding = protect_binding(&tap->decision, &tap->bridge, tap->mac);
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
    *out |= compare_options(tap, filter.attached);
    if (!has_its_vlans(tap))
        *out |= LIVE_VLAN;
    if (locks)
        return compare_entries(nl, tap, out);
    return 0;
}

static void append(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *out, size_t size, const char *format, ...)
{
    const size_t length = strlen(out);
    va_list args;

    va_start(args, format);
    vsnprintf(out + length, size - length, format, args);
    va_end(args);
}

/* Begins with what comes next in the list. */
#define add(out, size, ...) (append(out, size, "%s", text_if(*(out), ", ")), append(out, size, __VA_ARGS__))

/* Writes VLANs as a rule has them, behind a blank, of which there may be too many to write all. */
static void append_vlans(const struct vlans *vlans, char *out, size_t size)
{
    struct vlan_range range = {0};
    unsigned int count = 0;

    while (vlans_next(vlans, &range)) {
        if (count++ >= RANGES_SHOWN)
            continue;
        append(out, size, "%c%u", count > 1 ? ',' : ' ', range.first);
        if (range.last > range.first)
            append(out, size, "-%u", range.last);
    }
    if (count > RANGES_SHOWN)
        append(out, size, " +%u", count - RANGES_SHOWN);
    if (vlans_tagged(vlans) && vlans->untagged)
        append(out, size, " native=%u", vlans->untagged);
    else if (vlans_tagged(vlans))
        append(out, size, " native=none");
}

static void add_vlans(const struct live_tap *tap, char *out, size_t size)
{
    const struct vlans wanted = live_wanted_vlans(tap);

    add(out, size, "%sVLAN%s", text_if(!vlans_any(&wanted), "no "), text_if(vlans_tagged(&wanted), "s"));
    append_vlans(&wanted, out, size);
    if (!tap->bridge.bridge.vlan_filtering || !vlans_any(&tap->vlans))
        return;
    append(out, size, " instead of");
    append_vlans(&tap->vlans, out, size);
    if (tap->odd_vlans)
        append(out, size, ", some untagged one way only");
}

const char *live_word(unsigned int differs, unsigned int nth)
{
    static const struct {
        unsigned int bit;
        const char *word;
    } words[] = {{LIVE_PLACE, "bridge"}, {LIVE_LOCK, "mac=lock"}, {LIVE_ISOLATED, "isolated"},
                 {LIVE_GUARD, "guard"},  {LIVE_FILTER, "filter"}, {LIVE_VLAN, "vlan"},
                 {LIVE_OPTIONS, "port"}, {LIVE_ENTRY, "fdb"},     {LIVE_CLAIMS, "claims"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (differs & words[i].bit && nth-- == 0)
            return words[i].word;
    return NULL;
}

void live_describe(const struct live_tap *tap, unsigned int differs, char *out, size_t size)
{
    const struct protection *protection = &tap->decision.protection;
    const char *no_lock = text_if(!protection->mac_lock, "no ");

    *out = '\0';
    if (differs & LIVE_PLACE)
        add(out, size, "on bridge '%s' again", tap->claim.bridge);
    if (differs & LIVE_LOCK)
        add(out, size, "%smac=lock", no_lock);
    if (differs & LIVE_ISOLATED)
        add(out, size, "%sisolated", protection->isolated ? "" : "not ");
    if (differs & LIVE_GUARD)
        add(out, size, "%sguard", text_if(!protection->guard, "no "));
    if (differs & LIVE_FILTER)
        add(out, size, "%sport filter", no_lock);
    if (differs & LIVE_VLAN)
        add_vlans(tap, out, size);
    if (differs & LIVE_LOCK) /* which includes these */
        differs &= ~(unsigned int)(LIVE_OPTIONS | LIVE_ENTRY);
    if (differs & LIVE_OPTIONS)
        add(out, size, "port options");
    if (differs & LIVE_ENTRY)
        add(out, size, "FDB entry");
    if (differs & LIVE_CLAIMS)
        add(out, size, "claims");
}
