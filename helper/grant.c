/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The order of acts is the safety: until the caller holds the descriptor, our death, at any point, removes
 * the tap, because the kernel removes one that is not persistent with its last descriptor. What a tap's
 * holder can change (its persistence, TUN owner, MAC, carrier) is evidence of nothing; so the claim, an
 * alternative name that takes CAP_NET_ADMIN to set (claim.h), is set before the tap is on any bridge. */
#include "grant.h"

#include "base/error.h"
#include "base/quote.h"
#include "config.h"
#include "net/newtap.h"
#include "net/port.h"
#include "net/rtnl.h"
#include "policy/claim.h"
#include "policy/decide.h"
#include "protect.h"

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
                         " (the usual mode: making a tap takes CAP_NET_ADMIN all the same)");
    if (fd < 0)
        return error_set(why, "cannot open " TAP_DEVICE ": %s", strerror(-fd));
    return fd;
}

/* Writes the name to try, the nth time. Small numbers are nicest; but the kernel's own search for the lowest
 * (a name with "%d") looks at every device of the host: with 1,000 taps, that alone took half the time of a
 * start. */
static void choose_name(int nth, char name[IFNAMSIZ])
{
    unsigned int number = (unsigned int)nth;

    if (nth >= SMALL_NUMBERS && getrandom(&number, sizeof(number), 0) == sizeof(number))
        number %= 100000000;
    snprintf(name, IFNAMSIZ, TAP_PREFIX "%u", number);
}

/* Returns its ifindex, or -1 and why not. */
static int make_tap(struct rtnl *nl, struct granted *out, const struct grant *what, struct error *why)
{
    int err = -EBUSY;

    if (what->name) {
        strcpy(out->name, what->name);
        err = newtap_create(nl, &out->fd, out->name, what->kind, NULL);
    }
    for (int nth = 0; !what->name && err == -EBUSY && nth < NAME_TRIES; nth++) {
        choose_name(nth, out->name);
        err = newtap_create(nl, &out->fd, out->name, what->kind, NULL);
    }
    if (err > 0)
        return err;
    if (err == -EAGAIN || err == -EPERM)
        return error_set(
            why,
            "another user took tap '%s' while it was being made, so it was deleted; try again, or "
            "find out who: `fuser -v " TAP_DEVICE "`",
            out->name);
    if (err == -EOPNOTSUPP)
        return error_set(
            why,
            "this kernel's tun device has no vnet headers, or no queues, which were asked for; use another NIC model than virtio, one queue, or another kernel");
    if (what->name && (err == -EBUSY || err == -EEXIST || err == -EINVAL))
        return error_set(
            why,
            "the name '%s' is taken by another device; choose another --name; `ip -d link show dev %s` "
            "tells what it is",
            what->name, quote(what->name).text);
    return error_set(
        why, "cannot make a tap: %s; is " TAP_DEVICE " the kernel's? (`ls -l " TAP_DEVICE "`: 10, 200)",
        strerror(-err));
}

static int fail_step(const struct rtnl *nl, const char *step, const struct granted *tap,
                     const struct grant *what, int err, struct error *why)
{
    const char *words = nl->reason[0] ? nl->reason : strerror(-err);

    if (err == -EXFULL)
        return error_set(
            why, "bridge '%s' is full: it has the 1,023 ports that the kernel allows; use another bridge",
            what->bridge->name);
    return error_set(why,
                     "cannot %s tap %s for bridge '%s': %s; `ip -d link show dev %s` shows how it is set up",
                     step, tap->name, what->bridge->name, words, quote(what->bridge->name).text);
}

/* It is the quota, too: of N slots each can be had once, so that two callers at the same time never both get
 * the last. Without a quota the slot is a free one in any case: the tap's own number. Kernels before 5.5 have
 * no alternative names; a tap without a quota that goes with its holder does without. */
static int set_claim(struct rtnl *nl, int ifindex, const struct granted *tap, const struct grant *what,
                     struct error *why)
{
    const unsigned int quota = what->terms->quota;
    struct claim claim = {.uid = what->uid, .unlimited = !quota, .slot = quota ? 0 : (unsigned int)ifindex};
    char text[CLAIM_SIZE];
    int err;

    strcpy(claim.bridge, what->bridge->name);
    do {
        claim_write(text, &claim);
        err = link_add_altname(nl, ifindex, text);
    } while (err == -EEXIST && ++claim.slot < quota);
    if (quota && err == -EEXIST)
        return error_set(
            why,
            "uid %u has as many taps on bridge '%s' as %s allows (quota=%u); end a guest, see `virt-tap list`, or ask "
            "the administrator for a larger quota",
            what->uid, what->bridge->name, what->terms->rule, quota);
    if (err == -EOPNOTSUPP && (quota || what->stays))
        return error_set(why, "%s takes alternative names of interfaces: Linux 5.5 or newer",
                         quota ? "a quota (in policy.conf each rule has one)" : "a tap that stays");
    return err && err != -EOPNOTSUPP ? fail_step(nl, "claim", tap, what, err, why) : 0;
}

/* The quota that all callers of a rule's uid=FIRST-LAST share: likewise. */
static int claim_range(struct rtnl *nl, int ifindex, const struct granted *tap, const struct grant *what,
                       struct error *why)
{
    const struct uid_range *uids = &what->terms->uids;
    char text[CLAIM_SIZE];
    int err = uids->set ? -EEXIST : 0;

    for (unsigned int slot = 0; err == -EEXIST && slot < what->terms->quota; slot++) {
        claim_write_range(text, what->bridge->name, uids->first, uids->last, slot);
        err = link_add_altname(nl, ifindex, text);
    }
    if (err == -EEXIST)
        return error_set(
            why,
            "uids %u to %u together have as many taps on bridge '%s' as %s allows (quota=%u); end a guest, or "
            "ask the administrator for a larger quota",
            uids->first, uids->last, what->bridge->name, what->terms->rule, what->terms->quota);
    return err ? fail_step(nl, "claim", tap, what, err, why) : 0;
}

/* Nobody gets a MAC that another tap of ours on that bridge speaks for, whatever its holder has done to the
 * tap's own MAC since: that is what the claim is for. Nor one that is local on the bridge: the host's, an
 * uplink's, or one whose last five bytes a port has behind 0xFE, as libvirt gives its taps the guest's. */
static int claim_mac(struct rtnl *nl, int ifindex, const struct granted *tap, const struct grant *what,
                     struct error *why)
{
    struct port_address found;
    uint8_t mac[6];
    char text[CLAIM_SIZE], name[IFNAMSIZ];

    memcpy(mac, what->guest_mac, sizeof(mac));
    claim_write_mac(text, what->bridge->name, mac);
    int err = link_add_altname(nl, ifindex, text);
    if (err == -EEXIST)
        return error_set(
            why,
            "--mac: another tap on bridge '%s' has that MAC; `virt-tap list` shows the taps; give the "
            "guest another",
            what->bridge->name);
    if (err && err != -EOPNOTSUPP)
        return fail_step(nl, "claim a MAC for", tap, what, err, why);
    if (memcmp(mac, what->bridge->mac, sizeof(mac)) == 0) /* also where its entry was flushed */
        return error_set(
            why, "--mac: on bridge '%s', interface '%s' has that MAC itself; give the guest another MAC",
            what->bridge->name, what->bridge->name);
    for (int i = 0; i < 2; i++, mac[0] = 0xFE) {
        err = port_find_address(nl, what->bridge->ifindex, mac, &found);
        if (err == -ENOENT || err == -EOPNOTSUPP || (!err && !found.local))
            continue;
        if (err)
            return fail_step(nl, "look for the MAC of", tap, what, err, why);
        return error_set(why, "--mac: on bridge '%s', interface '%s' %s; give the guest another MAC",
                         what->bridge->name, if_indextoname((unsigned int)found.ifindex, name) ? name : "?",
                         i == 0 ? "has that MAC itself" : "speaks for a guest with that MAC");
    }
    return 0;
}

/* The host's end of a guest's cable has the guest's MAC with 0xFE for its first byte, as libvirt does it
 * (virNetDevTapCreateInBridgePort); not known, a random one. No guest's begins so (request.c): neither its
 * own guest nor a neighbour has the same. A bridge whose MAC is not fixed takes the lowest of its ports':
 * with 0xFE not this one, unless it has taps only. Then ours must not be lower than theirs; the bridge's
 * kernel does not mind that two ports have one (net/bridge/br_fdb.c, fdb_add_local). */
static void choose_mac(uint8_t mac[6], const struct grant *what)
{
    if (what->guest_mac)
        memcpy(mac, what->guest_mac, 6);
    mac[0] = 0xFE;
    if (memcmp(mac, what->bridge->mac, 6) < 0)
        memcpy(mac, what->bridge->mac, 6);
}

static int join_bridge(struct rtnl *nl, int ifindex, const uint8_t mac[6], const struct grant *what)
{
    struct claim_alias note = {.uid = what->uid, .stays = what->stays};
    char alias[CLAIM_SIZE];
    struct link_join join = {
        .master = what->bridge->ifindex, .mtu = what->bridge->mtu, .alias = alias, .no_addrgen = true};

    if (what->terms->mtu)
        join.mtu = what->terms->mtu;
    memcpy(join.mac, mac, sizeof(join.mac));
    choose_mac(join.mac, what);
    memcpy(note.mac, join.mac, sizeof(note.mac));
    strcpy(note.domain, what->domain);
    claim_write_alias(alias, &note);
    int err = link_join(nl, ifindex, &join);
    if (err == -EAFNOSUPPORT) { /* no IPv6: switched off, or an MTU under 1,280 */
        join.no_addrgen = false;
        err = link_join(nl, ifindex, &join);
    }
    return err;
}

/* From a fresh tap to a port that is up. */
static int plug(struct rtnl *nl, int ifindex, const struct granted *tap, const struct grant *what,
                struct error *why)
{
    uint8_t mac[6];
    /* Of one queue: the caller's from the first, for nobody can attach to it, and later this takes the
     * kernel's rtnl lock, which it then holds itself for the work that setting the link up leaves to do. Of
     * several: root's until it is whole, or the caller could attach before it is bridged. */
    int err = what->kind.multi_queue ? 0 : tap_set_owner(tap->fd, what->uid);

    if (!err)
        err = tap_get_mac(tap->fd, mac);
    if (err)
        return fail_step(nl, "prepare", tap, what, err, why);
    if (set_claim(nl, ifindex, tap, what, why) < 0 || claim_range(nl, ifindex, tap, what, why) < 0)
        return -1;
    if (what->guest_mac && claim_mac(nl, ifindex, tap, what, why) < 0)
        return -1;
    err = join_bridge(nl, ifindex, mac, what);
    if (err)
        return fail_step(nl, "attach", tap, what, err, why);
    if (protect_port(nl, ifindex, tap->name, what, why) < 0)
        return -1;
    err = link_up(nl, ifindex);
    if (!err && what->kind.multi_queue)
        err = tap_set_owner(tap->fd, what->uid);
    return err ? fail_step(nl, "start", tap, what, err, why) : 0;
}

int grant_tap(struct rtnl *nl, struct granted *out, const struct grant *what, struct error *why)
{
    *out = (struct granted){.fd = grant_open_device(why)};
    if (out->fd < 0)
        return -1;
    const int ifindex = make_tap(nl, out, what, why);
    int err = ifindex < 0 ? -1 : plug(nl, ifindex, out, what, why);
    if (err && ifindex > 0)
        link_delete(nl, ifindex); /* by index: closing alone would leave it to others who might hold it */
    if (err && out->fd >= 0)
        close(out->fd);
    return err;
}
