/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The order of acts is the safety: until the caller holds the descriptor, our death, at any point, removes
 * the tap, because the kernel removes one that is not persistent with its last descriptor. What a tap's
 * holder can change (its persistence, TUN owner, MAC, carrier) is evidence of nothing; so the claim, an
 * alternative name that takes CAP_NET_ADMIN to set, is set before the tap is on any bridge. */
#include "grant.h"

#include "net/rtnl.h"
#include "net/tap.h"
#include "refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    CLAIM_SIZE = 128, /* ALTIFNAMSIZ */
    SMALL_NUMBERS = 8,
    NAME_TRIES = 32,
};

static int find_bridge(struct rtnl *nl, const char *name, struct link_info *bridge, struct refusal *why)
{
    const int err = link_get(nl, name, bridge);

    if (err == -ENODEV)
        return refuse(
            why,
            "there is no bridge '%s' on this host; an administrator can make it: ip link add %s type bridge "
            "&& ip link set %s up",
            name, name, name);
    if (err)
        return refuse(why, "cannot look at bridge '%s': %s %s", name, strerror(-err), nl->reason);
    if (strcmp(bridge->name, name) != 0) /* the policy was asked about a name, and a deny is of a name */
        return refuse(why, "'%s' is an alternative name of '%s'; ask for that", name, bridge->name);
    if (strcmp(bridge->kind, "bridge") != 0)
        return refuse(
            why, "'%s' is a network device, but not a bridge%s%s; `ip link show type bridge` lists bridges",
            name, bridge->kind[0] ? ": it is of type " : "", bridge->kind);
    return 0;
}

static int open_device(struct refusal *why)
{
    const int fd = tap_open();

    if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
        return refuse(why,
                      TAP_DEVICE " is missing: the kernel's tun module is not loaded, or this is a container "
                                 "without it; an administrator can type: modprobe tun");
    if (fd == -EACCES || fd == -EPERM)
        return refuse(why, TAP_DEVICE
                      " may not be opened by this user; an administrator can type: chmod 0666 " TAP_DEVICE
                      " (the usual mode: making a tap takes CAP_NET_ADMIN all the same)");
    if (fd < 0)
        return refuse(why, "cannot open " TAP_DEVICE ": %s", strerror(-fd));
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
    snprintf(name, IFNAMSIZ, "vt-%u", number);
}

static int make_tap(int fd, const struct grant *what, char name[IFNAMSIZ], struct refusal *why)
{
    int err = -EBUSY;

    if (what->name) {
        strcpy(name, what->name);
        err = tap_create(fd, name, what->vnet_hdr);
    }
    for (int nth = 0; !what->name && err == -EBUSY && nth < NAME_TRIES; nth++) {
        choose_name(nth, name);
        err = tap_create(fd, name, what->vnet_hdr);
    }
    if (err == -EOPNOTSUPP)
        return refuse(why,
                      "this kernel's tun device has no vnet headers, which were asked for (--use-vnet); use "
                      "another NIC model than virtio, or another kernel");
    if (err && what->name && (err == -EBUSY || err == -EEXIST || err == -EINVAL))
        return refuse(why, "the name '%s' is taken by another device; choose another --name", what->name);
    if (err)
        return refuse(why, "cannot make a tap: %s", strerror(-err));
    return 0;
}

static int fail_step(const struct rtnl *nl, const char *step, const struct granted *tap,
                     const struct grant *what, int err, struct refusal *why)
{
    const char *words = nl->reason[0] ? nl->reason : strerror(-err);

    if (err == -EXFULL)
        return refuse(
            why, "bridge '%s' is full: it has the 1,023 ports that the kernel allows; use another bridge",
            what->bridge);
    return refuse(why, "cannot %s tap %s for bridge '%s': %s", step, tap->name, what->bridge, words);
}

/* The claim says whose the tap is, whatever its holder does to it: unique in the namespace by the kernel's
 * own rule, longer than any name that a caller may choose. Kernels before 5.5 have no alternative names, and
 * do without. */
static int set_claim(struct rtnl *nl, const struct link_info *bridge, int ifindex, uid_t uid)
{
    char claim[CLAIM_SIZE];

    snprintf(claim, sizeof(claim), "virt-tap.%d.%u.x%d", bridge->ifindex, uid, ifindex);
    const int err = link_add_altname(nl, ifindex, claim);
    return err == -EOPNOTSUPP ? 0 : err;
}

static int join_bridge(struct rtnl *nl, const struct link_info *bridge, int ifindex, const uint8_t mac[6],
                       uid_t uid)
{
    char alias[64];
    struct link_join join = {
        .master = bridge->ifindex, .mtu = bridge->mtu, .alias = alias, .no_addrgen = true};

    snprintf(alias, sizeof(alias), "virt-tap uid=%u", uid);
    memcpy(join.mac, mac, sizeof(join.mac));
    join.mac[0] = 0xFE; /* a bridge without a MAC of its own takes its ports' lowest: not this one */
    int err = link_join(nl, ifindex, &join);
    if (err == -EAFNOSUPPORT) { /* no IPv6: switched off, or an MTU under 1,280 */
        join.no_addrgen = false;
        err = link_join(nl, ifindex, &join);
    }
    return err;
}

/* From a fresh tap to a port that is up. */
static int plug(struct rtnl *nl, const struct link_info *bridge, int ifindex, const struct granted *tap,
                const struct grant *what, struct refusal *why)
{
    uint8_t mac[6];
    int err = tap_set_owner(tap->fd, 0);

    if (!err)
        err = tap_get_mac(tap->fd, mac);
    if (err)
        return fail_step(nl, "prepare", tap, what, err, why);
    err = set_claim(nl, bridge, ifindex, what->uid);
    if (err)
        return fail_step(nl, "claim", tap, what, err, why);
    err = join_bridge(nl, bridge, ifindex, mac, what->uid);
    if (err)
        return fail_step(nl, "attach", tap, what, err, why);
    err = link_up(nl, ifindex);
    if (err)
        return fail_step(nl, "start", tap, what, err, why);
    err = tap_set_owner(tap->fd, what->uid);
    return err ? fail_step(nl, "hand over", tap, what, err, why) : 0;
}

static int grant_with(struct rtnl *nl, struct granted *out, const struct grant *what, struct refusal *why)
{
    struct link_info bridge;

    if (find_bridge(nl, what->bridge, &bridge, why) < 0)
        return -1;
    out->fd = open_device(why);
    if (out->fd < 0)
        return -1;
    if (make_tap(out->fd, what, out->name, why) < 0)
        return -1;
    const int ifindex = link_index(nl, out->name);
    if (ifindex < 0)
        return fail_step(nl, "find", out, what, ifindex, why);
    if (plug(nl, &bridge, ifindex, out, what, why) == 0)
        return 0;
    link_delete(nl, ifindex); /* by index: closing alone would leave it to others who might hold it */
    return -1;
}

int grant_tap(struct granted *out, const struct grant *what, struct refusal *why)
{
    struct rtnl nl;

    *out = (struct granted){.fd = -1};
    int err = rtnl_open(&nl);
    if (err)
        return refuse(why, "cannot speak to the kernel's network (rtnetlink): %s", strerror(-err));
    err = grant_with(&nl, out, what, why);
    rtnl_close(&nl);
    if (err && out->fd >= 0)
        close(out->fd);
    return err;
}
