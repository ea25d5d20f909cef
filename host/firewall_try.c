/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/clock.h"
#include "config.h"
#include "firewall.h"
#include "net/bpf.h"
#include "net/link.h"
#include "net/port.h"
#include "net/rtnl.h"
#include "net/tap.h"
#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { WAIT_MS = 400 /* the bridge delivers at once, but a rule may queue frames to a program */ };

struct tap {
    int fd;
    int ifindex;
};

static void cleanup_tap(const struct tap *tap)
{
    cleanup_close(&tap->fd);
}

/* Makes a tap that is not a port yet. Returns 0 or -errno; the caller owns tap->fd in either case. */
static int make_tap(struct rtnl *nl, const char *name, struct tap *tap)
{
    tap->fd = tap_open();
    if (tap->fd < 0)
        return tap->fd;
    tap->ifindex = newtap_create(nl, &tap->fd, name, (struct tap_kind){.tun = false}, NULL);
    if (tap->ifindex < 0)
        return tap->ifindex;
    if (fcntl(tap->fd, F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

/* Has a tap receive only frames from that MAC: a guest that floods the bridge would fill its queue, and the
 * firewall would be blamed for what it then loses. */
static int receive_only(const struct tap *tap, const uint8_t mac[6])
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ETH_ALEN),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bpf_word(mac), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ETH_ALEN + 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bpf_word(mac + 2), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    return tap_set(tap->fd, TUNATTACHFILTER, (unsigned long)&program);
}

/* The tap is named like virt-tap's own, so that rules for those apply to it. */
static int plug_tap(struct rtnl *nl, const struct link *bridge, char side, const struct frame_ends *ends,
                    struct tap *tap)
{
    const uint32_t mark = ends->mark;
    struct link_join join = {.master = bridge->ifindex, .mtu = bridge->mtu, .no_addrgen = true};
    uint8_t mac[6] = {0xfe, 0xff, 0xff, (uint8_t)(mark >> 16), (uint8_t)(mark >> 8), (uint8_t)side};
    char name[IFNAMSIZ];

    snprintf(name, sizeof(name), TAP_PREFIX "%c%06x", side, mark & 0xffffff);
    if (memcmp(mac, bridge->mac, sizeof(mac)) < 0) /* a lower one would become the bridge's */
        memcpy(mac, bridge->mac, sizeof(mac));
    memcpy(join.mac, mac, sizeof(mac));
    join.alias = "virt-tap check";
    int err = make_tap(nl, name, tap);
    if (!err)
        err = receive_only(tap, ends->source_mac);
    if (!err)
        err = link_join(nl, tap->ifindex, &join);
    join.no_addrgen = false; /* no IPv6 in this kernel, or an MTU too small for it */
    if (err == -EAFNOSUPPORT)
        err = link_join(nl, tap->ifindex, &join);
    if (err)
        return err;
    return rtnl_talk(nl, link_up_message(tap->ifindex));
}

/* The two highest host addresses of the bridge's network: a rule may ask whether the source is reachable
 * through the bridge. Without one: TEST-NET-1 (RFC 5737). */
static void choose_addresses(const char *bridge, struct frame_ends *ends)
{
    struct ifaddrs *all = NULL;
    uint32_t last = 0xc00002ff, own = 0;

    if (getifaddrs(&all) < 0)
        all = NULL;
    for (const struct ifaddrs *at = all; at && !own; at = at->ifa_next) {
        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET || strcmp(at->ifa_name, bridge) != 0)
            continue;
        const void *address = at->ifa_addr, *netmask = at->ifa_netmask;
        const uint32_t mask = ntohl(((const struct sockaddr_in *)netmask)->sin_addr.s_addr);
        if (~mask < 7) /* too small for two others */
            continue;
        own = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
        last = own | ~mask;
    }
    if (all)
        freeifaddrs(all);
    last -= last - 1 == own;
    ends->source.s_addr = htonl(--last);
    last -= last - 1 == own;
    ends->target.s_addr = htonl(--last);
}

/* IPv6 by link-local addresses, which every bridge with IPv6 has a route for. */
static int choose_ends(const char *bridge, struct frame_ends *ends)
{
    uint8_t random[8];

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return -EIO;
    memcpy(&ends->mark, random, sizeof(ends->mark));
    memcpy(ends->source_mac, random + 2, 6);
    ends->source_mac[0] = 0x52; /* QEMU's */
    memcpy(ends->target_mac, ends->source_mac, 6);
    ends->target_mac[5] ^= 1;
    ends->source6 = (struct in6_addr){.s6_addr = {0xfe, 0x80, [8] = 0x50}};
    memcpy(ends->source6.s6_addr + 10, ends->source_mac, 6);
    ends->target6 = ends->source6;
    ends->target6.s6_addr[15] ^= 1;
    choose_addresses(bridge, ends);
    return 0;
}

static void receive(int fd, const struct frame_ends *ends, bool arrived[FRAME_KINDS])
{
    const int64_t end = clock_ms() + WAIT_MS;
    uint8_t frame[2048];

    for (int64_t left; !frames_arrived(arrived, 0, FRAME_KINDS - 1) && (left = end - clock_ms()) > 0;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, (int)left) <= 0)
            continue;
        const ssize_t size = read(fd, frame, sizeof(frame));
        const int kind = size > 0 ? frame_read(frame, (size_t)size, ends) : -1;
        if (kind >= 0)
            arrived[kind] = true;
    }
}

static int exchange(int from, int to, const struct frame_ends *ends, bool arrived[FRAME_KINDS])
{
    uint8_t frame[FRAME_SIZE];

    for (int kind = 0; kind < FRAME_KINDS; kind++) {
        const size_t size = frame_write(frame, (enum frame_kind)kind, ends);
        arrived[kind] = false;
        if (write(from, frame, size) != (ssize_t)size)
            return -errno;
    }
    receive(to, ends, arrived);
    return 0;
}

static int try_bridge(struct rtnl *nl, const struct link *bridge, bool arrived[FRAME_KINDS])
{
    __attribute__((cleanup(cleanup_tap))) struct tap from = {.fd = -1}, to = {.fd = -1};
    struct frame_ends ends = {.mark = 0};

    int err = choose_ends(bridge->name, &ends);
    if (err)
        return err;
    err = plug_tap(nl, bridge, 'a', &ends, &from);
    if (err)
        return err;
    err = plug_tap(nl, bridge, 'b', &ends, &to);
    if (err)
        return err;
    err = port_add_address(nl, to.ifindex, ends.target_mac, false);
    if (err)
        return err;
    return exchange(from.fd, to.fd, &ends, arrived);
}

static const char *obstacle(const struct link *bridge)
{
    if (!(bridge->flags & IFF_UP))
        return "it is down";
    if (bridge->bridge.stp)
        return "it runs STP, so a new port does not forward yet";
    if (bridge->bridge.vlan_filtering && bridge->bridge.default_vlan == 0)
        return "it filters VLANs, and its new ports are in none";
    if (network_bridge_is_bare(bridge->name))
        return "it has no port and no fixed MAC, and would take the MAC of the first one";
    return NULL;
}

const char *firewall_try(const char *bridge, bool arrived[FRAME_KINDS])
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct link link;

    int err = rtnl_open(&nl);
    if (!err)
        err = link_find(&nl, bridge, &link);
    if (err)
        return strerror(-err);
    const char *reason = obstacle(&link);
    if (reason)
        return reason;
    err = try_bridge(&nl, &link, arrived);
    if (err)
        return strerror(-err);
    return NULL;
}
