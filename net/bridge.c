/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "bridge.h"

#include "address.h"
#include "base/closing.h"
#include "base/hash.h"
#include "rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    TICKS = 100,         /* per second in IFLA_BR_FORWARD_DELAY (USER_HZ) */
    HOST_ID_LENGTH = 32, /* hexadecimal digits */
};

/* Reads the start of a small file. Returns the length, or -errno. */
static ssize_t read_start(const char *path, char *out, size_t size)
{
    _cleanup_close_ const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    const ssize_t length = read(fd, out, size);
    if (length < 0)
        return -errno;
    return length;
}

/* Unique to this host: systemd's machine ID; or, if there is none (Alpine) or none yet, the boot ID, which no
 * bridge outlives. The ID's 128 secret bits cannot be recovered from the MAC: only 64 remain after the first
 * hash_bytes(), and 40 go into the MAC. */
int bridge_host_mac(const char *name, uint8_t mac[6])
{
    char id[64];
    ssize_t length = read_start("/etc/machine-id", id, sizeof(id));

    if (length == -ENOENT || (length >= 0 && length < HOST_ID_LENGTH))
        length = read_start("/proc/sys/kernel/random/boot_id", id, sizeof(id));
    if (length < 0)
        return (int)length;
    uint64_t state = hash_bytes(HASH_START, id, (size_t)length);
    state = hash_bytes(state, name, strlen(name));
    state ^= state >> 32; /* the last bytes affect only the high bits */
    mac[0] = 0x02;        /* locally administered */
    for (size_t i = 1; i < 6; i++)
        mac[i] = (uint8_t)(state >> 8 * (i - 1));
    return 0;
}

struct search {
    const struct bridge_spec *spec;
    int ifindex;
    unsigned int missing; /* bits from BRIDGE_ADDRESS */
};

static int see_address(void *arg, struct nlmsghdr *answer)
{
    const struct cidr address = address_of(answer);
    struct search *search = arg;

    for (size_t i = 0; i < search->spec->address_count; i++)
        if (address_index(answer) == search->ifindex && cidr_equal(&address, &search->spec->addresses[i]))
            search->missing &= ~((unsigned int)BRIDGE_ADDRESS << i);
    return 0;
}

static int find_missing_addresses(struct rtnl *nl, const struct bridge_spec *spec, struct bridge_state *state)
{
    const struct ifaddrmsg every = {.ifa_family = AF_UNSPEC};
    struct search search = {.spec = spec, .ifindex = state->link.ifindex};
    int err = -EAGAIN;

    if (!spec->address_count)
        return 0;
    for (int tries = 0; err == -EAGAIN && tries < DUMP_TRIES; tries++) {
        search.missing = BRIDGE_ADDRESS * ((1U << spec->address_count) - 1);
        err =
            rtnl_ask(nl, rtnl_message(RTM_GETADDR, NLM_F_DUMP, &every, sizeof(every)), see_address, &search);
    }
    state->differs |= search.missing;
    return err;
}

static const char *alias_of(const struct bridge_spec *spec)
{
    return spec->created ? BRIDGE_CREATED_ALIAS : BRIDGE_ALIAS;
}

static unsigned int compare(const struct link *link, const struct bridge_spec *spec)
{
    const struct bridge_settings *is = &link->bridge;
    unsigned int differs = 0;

    if (strcmp(link->alias, alias_of(spec)) != 0)
        differs |= BRIDGE_NO_ALIAS;
    if (link->takes_advertisements)
        differs |= BRIDGE_RA;
    if (spec->mtu && link->mtu != spec->mtu)
        differs |= BRIDGE_MTU;
    if (is->knows_learned && is->max_learned == 0) /* another limit was set on purpose */
        differs |= BRIDGE_LEARNED;
    if (!(link->flags & IFF_UP))
        differs |= BRIDGE_DOWN;
    if (!link->has_mac || memcmp(link->mac, spec->mac, sizeof(spec->mac)) != 0)
        differs |= BRIDGE_MAC;
    if (is->stp != spec->stp)
        differs |= BRIDGE_STP;
    if (is->forward_delay != TICKS * spec->forward_delay)
        differs |= BRIDGE_FORWARD_DELAY;
    if (spec->vlan_filtering && !is->vlan_filtering)
        differs |= BRIDGE_VLAN_FILTERING;
    return differs;
}

int bridge_look(struct rtnl *nl, const struct bridge_spec *spec, struct bridge_state *out)
{
    *out = (struct bridge_state){.ours = false};
    const int err = link_find(nl, spec->name, &out->link);
    if (err == -ENODEV)
        return 0;
    if (err)
        return err;
    out->differs = compare(&out->link, spec);
    out->ours = !(out->differs & BRIDGE_NO_ALIAS) ||
                (!out->link.alias[0] && !(out->differs & BRIDGE_MAC) && out->differs & BRIDGE_DOWN);
    return find_missing_addresses(nl, spec, out);
}

/* The MTU is not included: the kernel does not regard an MTU given here as set by the user, and resets the
 * bridge to 1,500 when its last port is removed (net/bridge/br_if.c, br_mtu_auto_adjust). */
struct nl_msg *bridge_message(const struct bridge_spec *spec)
{
    struct nl_msg *msg = rtnl_link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);

    msg = rtnl_put_text(msg, IFLA_IFNAME, spec->name);
    msg = rtnl_put(msg, IFLA_ADDRESS, spec->mac, sizeof(spec->mac));
    struct nlattr *info = rtnl_nest(msg, IFLA_LINKINFO);
    msg = rtnl_put_text(msg, IFLA_INFO_KIND, "bridge");
    struct nlattr *data = rtnl_nest(msg, IFLA_INFO_DATA);
    msg = rtnl_put_u32(msg, IFLA_BR_FORWARD_DELAY, TICKS * spec->forward_delay);
    msg = rtnl_put_u32(msg, IFLA_BR_STP_STATE, spec->stp);
    msg = rtnl_put_u32(msg, BRIDGE_FDB_MAX_LEARNED, BRIDGE_LEARNED_MAX);
    if (spec->vlan_filtering)
        msg = rtnl_put_u8(msg, IFLA_BR_VLAN_FILTERING, 1);
    rtnl_nest_end(msg, data);
    rtnl_nest_end(msg, info);
    return msg;
}

int bridge_set_option(struct rtnl *nl, int ifindex, int type, uint32_t value)
{
    struct nl_msg *msg = rtnl_link_message(RTM_NEWLINK, 0, ifindex, 0);
    struct nlattr *info = rtnl_nest(msg, IFLA_LINKINFO);

    msg = rtnl_put_text(msg, IFLA_INFO_KIND, "bridge");
    struct nlattr *data = rtnl_nest(msg, IFLA_INFO_DATA);
    msg = rtnl_put_u32(msg, type, value);
    rtnl_nest_end(msg, data);
    rtnl_nest_end(msg, info);
    return rtnl_talk(nl, msg);
}

static int refuse_advertisements(const char *name)
{
    static const char *const keys[] = {"accept_ra", "autoconf"};
    char path[64 + IFNAMSIZ];

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", name, keys[i]);
        _cleanup_close_ const int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return errno == ENOENT ? -ENODEV : -errno; /* removed with the bridge or its IPv6 */
        if (write(fd, "0", 1) != 1)
            return -errno;
    }
    return 0;
}

int bridge_complete(struct rtnl *nl, const struct bridge_spec *spec, int ifindex, unsigned int difference)
{
    int err = -EINVAL;

    nl->reason[0] = '\0';
    switch (difference) {
    case BRIDGE_NO_ALIAS:
        return rtnl_talk(nl, link_alias_message(ifindex, alias_of(spec)));
    case BRIDGE_RA:
        return refuse_advertisements(spec->name);
    case BRIDGE_MTU:
        return rtnl_talk(nl, link_mtu_message(ifindex, spec->mtu));
    case BRIDGE_LEARNED:
        return bridge_set_option(nl, ifindex, BRIDGE_FDB_MAX_LEARNED, BRIDGE_LEARNED_MAX);
    case BRIDGE_DOWN:
        return rtnl_talk(nl, link_up_message(ifindex));
    default:
        break;
    }
    for (size_t i = 0; i < spec->address_count; i++)
        if (difference == (unsigned int)BRIDGE_ADDRESS << i)
            err = rtnl_talk(
                nl, address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, &spec->addresses[i]));
    if (err == -EEXIST)
        return 0;
    return err;
}
