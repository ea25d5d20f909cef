/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Safety comes from the order of the steps. Until the caller has the descriptor, our death at any point
 * removes the tap, because the kernel removes a tap that is not persistent with its last descriptor. What a
 * tap's holder can change (its persistence, owner, MAC, carrier) proves nothing; the claim, an alternative
 * name that only CAP_NET_ADMIN can set (claim.h), is therefore set before the tap is on any bridge. */
#include "grant.h"

#include "base/error.h"
#include "base/quote.h"
#include "config.h"
#include "net/rtnl.h"
#include "net/tap.h"
#include "policy/claim.h"
#include "policy/decide.h"
#include "policy/protect.h"
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    SMALL_NUMBERS = 8,
    NAME_TRIES = 32,
};

int grant_open_device(struct error *why)
{
    const int fd = tap_open();

    if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
        return error_set(why, TAP_DEVICE
                         " is missing: the kernel's tun module is not loaded, or this is a container "
                         "without it; an administrator can type: modprobe tun");
    if (fd == -EACCES || fd == -EPERM)
        return error_set(why, TAP_DEVICE
                         " may not be opened by this user; an administrator can type: chmod 0666 " TAP_DEVICE
                         " (the usual mode: creating a tap still requires CAP_NET_ADMIN)");
    if (fd < 0)
        return error_set(why, "cannot open " TAP_DEVICE ": %s", strerror(-fd));
    return fd;
}

/* Writes the nth name to try. Small numbers are friendlier, but the kernel's own search for the lowest one (a
 * name with "%d") looks at every device on the host: with 1,000 taps, half the time of a start. */
static void choose_name(int nth, char name[IFNAMSIZ])
{
    unsigned int number = (unsigned int)nth;

    if (nth >= SMALL_NUMBERS && getrandom(&number, sizeof(number), 0) == sizeof(number))
        number %= 100000000;
    snprintf(name, IFNAMSIZ, TAP_PREFIX "%u", number);
}

/* Makes the device. QEMU always requests vnet headers of its helper, and then looks whether the descriptor
 * has them (net/tap.c, tap_probe_vnet_hdr): it can do without. */
static int make_tap(struct rtnl *nl, struct grant *g, struct error *why)
{
    const char *asked = g->request->name;
    struct tap_kind kind = g->request->kind;
    int err = -EBUSY;

    kind.vnet_hdr = kind.vnet_hdr && !g->terms->protection.no_vnet;
    for (int nth = 0; err == -EBUSY && nth < (asked ? 1 : NAME_TRIES); nth++) {
        if (asked)
            strcpy(g->name, asked);
        else
            choose_name(nth, g->name);
        err = newtap_create(nl, &g->fd, g->name, kind, NULL);
    }
    g->ifindex = err;
    if (err > 0)
        return 0;
    if (err == -EAGAIN || err == -EPERM)
        return error_set(
            why,
            "another user took tap '%s' while it was being made, so it was deleted; try again, or "
            "find out who: `fuser -v " TAP_DEVICE "`",
            g->name);
    if (asked && (err == -EBUSY || err == -EEXIST || err == -EINVAL))
        return error_set(
            why,
            "the name '%s' is taken by another device; choose another --name; `ip -d link show dev %s` "
            "shows what it is",
            asked, quote(asked).text);
    return error_set(
        why, "cannot make a tap: %s; is " TAP_DEVICE " the kernel's? (`ls -l " TAP_DEVICE "`: 10, 200)",
        strerror(-err));
}

static bool stays(const struct grant *g)
{
    return g->request->verb == REQUEST_CREATE;
}

static int end_step(const struct rtnl *nl, const struct grant *g, const char *step, int err,
                    struct error *why)
{
    const char *bridge = g->bridge->name;

    if (!err)
        return 0;
    if (err == -EXFULL)
        return error_set(
            why, "bridge '%s' is full: it has the 1,023 ports that the kernel allows; use another bridge",
            bridge);
    return error_set(why,
                     "cannot %s tap %s for bridge '%s': %s; `ip -d link show dev %s` shows how it is set up",
                     step, g->name, bridge, rtnl_problem(nl, err), quote(bridge).text);
}

/* Sets the claim, which also enforces the quota: each of N slots can be taken only once, so that two
 * concurrent callers never both get the last one. Without a quota, the slot is one that is always free: the
 * tap's own index. Before Linux 5.5 there are no alternative names: a tap without a quota that goes with its
 * holder has no claim. */
static int set_claim(struct rtnl *nl, const struct grant *g, struct error *why)
{
    const unsigned int quota = g->terms->quota;
    struct claim claim = {.uid = getuid(), .unlimited = !quota};
    char text[CLAIM_SIZE];
    int err;

    if (claim.unlimited)
        claim.slot = (unsigned int)g->ifindex;
    strcpy(claim.bridge, g->bridge->name);
    do {
        claim_write(text, &claim);
        err = link_add_altnames(nl, g->ifindex, text, CLAIM_SIZE, 1);
    } while (err == -EEXIST && ++claim.slot < quota);
    if (quota && err == -EEXIST)
        return error_set(
            why,
            "uid %u has as many taps on bridge '%s' as %s allows (quota=%u); end a guest, see `virt-tap list`, or ask "
            "the administrator for a larger quota",
            getuid(), claim.bridge, g->terms->rule, quota);
    if (err == -EOPNOTSUPP && (quota || stays(g)))
        return error_set(why, "%s requires alternative interface names: Linux 5.5 or newer",
                         quota ? "a quota (in policy.conf each rule has one)" : "a persistent tap");
    if (err == -EOPNOTSUPP)
        return 0;
    return end_step(nl, g, "claim", err, why);
}

/* Likewise for the quota that all callers of a rule with uid=FIRST-LAST share. */
static int claim_range(struct rtnl *nl, const struct grant *g, struct error *why)
{
    const struct decision *terms = g->terms;
    const struct uid_range *uids = &terms->uids;
    char text[CLAIM_SIZE];
    int err = -EEXIST;

    if (!uids->set)
        return 0;
    for (unsigned int slot = 0; err == -EEXIST && slot < terms->quota; slot++) {
        claim_write_range(text, g->bridge->name, uids->first, uids->last, slot);
        err = link_add_altnames(nl, g->ifindex, text, CLAIM_SIZE, 1);
    }
    if (err == -EEXIST)
        return error_set(
            why,
            "uids %u to %u together have as many taps on bridge '%s' as %s allows (quota=%u); end a guest, or "
            "ask the administrator for a larger quota",
            uids->first, uids->last, g->bridge->name, terms->rule, terms->quota);
    return end_step(nl, g, "claim", err, why);
}

/* Refuses a MAC that somebody else on the bridge has. */
static int claim_mac(struct rtnl *nl, const struct grant *g, struct error *why)
{
    char text[CLAIM_SIZE];

    claim_write_mac(text, g->bridge->name, g->request->mac);
    int err = link_add_altnames(nl, g->ifindex, text, CLAIM_SIZE, 1);
    if (err == -EEXIST)
        return mac_refuse_claimed(g->bridge, text, why);
    if (err && err != -EOPNOTSUPP)
        return end_step(nl, g, "claim a MAC for", err, why);
    err = mac_look(nl, g->bridge, g->request->mac, why);
    if (err > 0)
        return -1;
    return end_step(nl, g, "look for the MAC of", err, why);
}

/* Claims the addresses that bind the guest; the check then names who has one of them. */
static int claim_addresses(struct rtnl *nl, const struct grant *g, struct error *why)
{
    const struct address_list *addresses = &g->terms->addresses;
    char texts[BINDING_ADDRESSES_MAX][CLAIM_SIZE];
    size_t count = 0;

    for (size_t i = 0; i < addresses->count; i++)
        if (!address_is_shared(&addresses->list[i]))
            claim_write_ip(texts[count++], g->bridge->name, &addresses->list[i]);
    const int err = link_add_altnames(nl, g->ifindex, texts[0], CLAIM_SIZE, count);
    if (addresses_check(nl, addresses, g->request->mac, g->bridge, g->ifindex, why) < 0)
        return -1;
    return end_step(nl, g, "claim an IP address for", err, why);
}

/* The host's end of a guest's link gets the guest's MAC with 0xFE as its first byte, as in libvirt
 * (virNetDevTapCreateInBridgePort), or a random one if the guest's is unknown. No guest's MAC begins with
 * 0xFE (request.c), so neither its own guest nor a neighbour has the same one. A bridge without a fixed MAC
 * takes the lowest of its ports': not this one, because of 0xFE, unless all its ports are taps. Then ours
 * must not be lower; two ports may have the same MAC (net/bridge/br_fdb.c, fdb_add_local). */
static int choose_mac(uint8_t mac[6], const struct grant *g)
{
    if (g->request->has_mac)
        memcpy(mac, g->request->mac, 6);
    else if (getrandom(mac, 6, 0) < 0)
        return -errno;
    mac[0] = 0xFE;
    if (memcmp(mac, g->bridge->mac, 6) < 0)
        memcpy(mac, g->bridge->mac, 6);
    return 0;
}

static int join_bridge(struct rtnl *nl, const struct grant *g, struct error *why)
{
    const struct request *request = g->request;
    struct claim_alias note = {
        .uid = getuid(), .stays = stays(g), .asks = request->serve << CLAIM_ASKS_SERVE};
    char alias[CLAIM_ALIAS_SIZE];
    struct link_join join = {
        .master = g->bridge->ifindex, .mtu = g->bridge->mtu, .alias = alias, .no_addrgen = true};

    if (g->terms->mtu)
        join.mtu = g->terms->mtu;
    int err = choose_mac(join.mac, g);
    memcpy(note.mac, join.mac, sizeof(note.mac));
    strcpy(note.domain, request->domain);
    if (request->isolated)
        note.asks |= CLAIM_ASKS_ISOLATED;
    if (request->lock_mac)
        note.asks |= CLAIM_ASKS_MAC;
    if (request->lock_ip)
        note.asks |= CLAIM_ASKS_IP;
    claim_write_alias(alias, &note);
    if (!err)
        err = link_join(nl, g->ifindex, &join);
    if (err == -EAFNOSUPPORT) { /* no IPv6: disabled, or an MTU below 1,280 */
        join.no_addrgen = false;
        err = link_join(nl, g->ifindex, &join);
    }
    return end_step(nl, g, "attach", err, why);
}

/* Takes a new tap to a port that is up. */
static int plug(struct rtnl *nl, const struct grant *g, struct error *why)
{
    const struct port_grant port = {
        .bridge = g->bridge, .terms = g->terms, .binding = g->binding, .takes_learned = getuid() == 0};
    /* A single-queue tap is the caller's from the start, since nobody else can attach to it; later, this call
     * would wait for the rtnl lock, which the kernel then holds for work left over from setting the link up.
     * A multi-queue tap is root's until it is complete, or the caller could attach too early. */
    int err = 0;

    if (!g->request->kind.multi_queue)
        err = tap_set(g->fd, TUNSETOWNER, getuid());
    if (err)
        return end_step(nl, g, "prepare", err, why);
    if (set_claim(nl, g, why) < 0 || claim_range(nl, g, why) < 0)
        return -1;
    if (g->request->has_mac && claim_mac(nl, g, why) < 0)
        return -1;
    if (g->terms->addresses.count && claim_addresses(nl, g, why) < 0)
        return -1;
    if (join_bridge(nl, g, why) < 0 || protect_port(nl, g->ifindex, g->name, &port, why) < 0)
        return -1;
    err = rtnl_talk(nl, link_up_message(g->ifindex));
    if (!err && g->request->kind.multi_queue)
        err = tap_set(g->fd, TUNSETOWNER, getuid());
    return end_step(nl, g, "start", err, why);
}

int grant_tap(struct rtnl *nl, struct grant *g, struct error *why)
{
    g->fd = grant_open_device(why);
    if (g->fd < 0)
        return -1;
    if (make_tap(nl, g, why) == 0 && plug(nl, g, why) == 0)
        return 0;
    /* By index: merely closing it would leave it to others who might hold it. */
    if (g->ifindex > 0)
        rtnl_talk(nl, link_delete_message(g->ifindex));
    if (g->fd >= 0)
        close(g->fd);
    return -1;
}
