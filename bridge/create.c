/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap bridge create: what is asked, whether it is there already, and a bridge without an uplink. With an
 * uplink see move.h. */
#include "bridge.h"
#include "dhcp.h"
#include "move.h"
#include "net/link.h"
#include "net/switch.h"
#include "sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONFIRM_MAX = 24 * 60 * 60 * 1000, /* a day */
    MTU_MIN = 68,                      /* IPv4's */
    MTU_MAX = 65535,                   /* the kernel's, of a bridge */
};

struct create_options {
    const char *uplink;
    struct option_list addresses;
    struct create_mac {
        bool given;
        uint8_t bytes[6];
    } mac;
    unsigned int mtu, confirm_ms;
    int stp; /* 0: not given, STP_ON, or another: off */
    bool dhcp, vlan_filtering, ignore_dependents;
};

enum { STP_ON = 1 };

/* Takes one that a device of its own may have: not all zeros, not a multicast address. */
static int take_mac(const char *verb, const char *option, const char *text, void *place)
{
    static const uint8_t zeros[6];
    struct create_mac *mac = place;

    mac->given =
        mac_parse(text, mac->bytes) && !(mac->bytes[0] & 1) && memcmp(mac->bytes, zeros, sizeof(zeros)) != 0;
    if (mac->given)
        return 0;
    return complain(1, verb, "--%s: '%.32s' is not a MAC that a bridge may have", option, text);
}

int take_confirm_within(const char *verb, const char *option, const char *text, void *place)
{
    static const struct {
        const char *name;
        unsigned int ms;
    } units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}};
    char *end = NULL;
    const unsigned long value = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;

    for (size_t i = 0; value > 0 && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].name) == 0 && value <= CONFIRM_MAX / units[i].ms) {
            *(unsigned int *)place = (unsigned int)value * units[i].ms;
            return 0;
        }
    return complain(2, verb, "--%s: '%.32s' is not a time, such as 60s; a day at most", option, text);
}

const struct option_entry bridge_create_options[] = {
    OPTION_STRING("uplink", "NIC", "plug NIC in and move its addresses and routes to the bridge",
                  struct create_options, uplink),
    CONFIRM_WITHIN(struct create_options, confirm_ms),
    OPTION_FLAG("ignore-dependents", "even if rules or devices name NIC, which they would no longer match",
                struct create_options, ignore_dependents),
    OPTION_LIST("address", "CIDR", "give the bridge this address; may be repeated", struct create_options,
                addresses),
    OPTION_FLAG("dhcp", "have the host's DHCP client ask for an address of the bridge", struct create_options,
                dhcp),
    OPTION_NUMBER("mtu", "N", "bytes of a frame", struct create_options, mtu, MTU_MIN, MTU_MAX, 0),
    OPTION_CALL("mac", "MAC", "the bridge's own; default: the uplink's, or a random one that stays",
                struct create_options, mac, take_mac),
    OPTION_CHOICE("stp", "on|off", "spanning tree, with the delays that it takes (off)",
                  struct create_options, stp),
    OPTION_FLAG("vlan-filtering", "a bridge that keeps VLANs apart", struct create_options, vlan_filtering),
    OPTION_END(struct create_options),
};

static int read_addresses(struct create *create, const char *verb, const struct option_list *texts)
{
    create->addresses = calloc(texts->count + 1, sizeof(*create->addresses));
    if (!create->addresses)
        return complain(1, verb, "no memory");
    for (size_t i = 0; i < texts->count; i++)
        if (!cidr_parse(texts->words[i], &create->addresses[i]))
            return complain(1, verb, "'%.64s' is not an address with a prefix length, such as 192.0.2.1/24",
                            texts->words[i]);
    create->address_count = texts->count;
    return 0;
}

/* What is asked for. Returns 0 or an exit status; create->addresses is the caller's to free. */
static int read_options(struct create *create, const struct call *call)
{
    const struct create_options *options = call->options;

    *create = (struct create){.name = call->words[0],
                              .uplink = options->uplink,
                              .mtu = options->mtu,
                              .stp = options->stp ? options->stp == STP_ON : -1,
                              .confirm_ms = options->confirm_ms ? options->confirm_ms : CONFIRM_MS,
                              .has_mac = options->mac.given,
                              .dhcp = options->dhcp,
                              .vlan_filtering = options->vlan_filtering,
                              .ignore_dependents = options->ignore_dependents};
    memcpy(create->mac, options->mac.bytes, sizeof(create->mac));
    if (!ifname_valid(create->name))
        return complain(1, call->name,
                        "'%.64s' is not a name for an interface: 1 to 15 characters without / : %% or space",
                        create->name);
    return read_addresses(create, call->name, &options->addresses);
}

static bool has_address(const struct messages *all, int ifindex, const struct cidr *cidr)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct cidr other = address_of(all->list[i]);
        if (address_index(all->list[i]) == ifindex && cidr_equal(&other, cidr))
            return true;
    }
    return false;
}

/* What of a bridge that is there is not as asked: a word for the message, or NULL. */
static const char *difference(const struct view *view, const struct create *create, const struct link *bridge,
                              const struct messages *addresses)
{
    const struct link *uplink = create->uplink ? links_by_name(&view->links, create->uplink) : NULL;

    if (create->uplink && (!uplink || uplink->master != bridge->ifindex))
        return "uplink";
    if (create->mtu && create->mtu != bridge->mtu)
        return "MTU";
    if (create->has_mac && memcmp(create->mac, bridge->mac, sizeof(bridge->mac)) != 0)
        return "MAC";
    if (create->stp >= 0 && create->stp != bridge->bridge.stp)
        return "STP";
    if (create->vlan_filtering && !bridge->bridge.vlan_filtering)
        return "VLAN filtering";
    for (size_t i = 0; i < create->address_count; i++)
        if (!has_address(addresses, bridge->ifindex, &create->addresses[i]))
            return "address";
    return NULL;
}

/* Of an address that the bridge is to get: whether somebody has it. Moving it from the uplink is no clash. */
static int refuse_taken_addresses(const struct view *view, const char *verb, const struct create *create,
                                  const struct messages *all)
{
    for (size_t i = 0; i < create->address_count; i++)
        for (size_t k = 0; k < all->count; k++) {
            const struct cidr other = address_of(all->list[k]);
            const struct link *holder = links_by_index(&view->links, address_index(all->list[k]));
            char text[CIDR_TEXT];
            if (other.family != create->addresses[i].family ||
                memcmp(other.bytes, create->addresses[i].bytes, sizeof(other.bytes)) != 0)
                continue;
            cidr_print(&create->addresses[i], text);
            return complain(1, verb, "the address %s is there already, on '%s'%s", text,
                            holder ? holder->name : "?",
                            create->uplink && holder && strcmp(holder->name, create->uplink) == 0
                                ? ", and moves with it: leave it out"
                                : "");
        }
    return 0;
}

/* A bridge for guests only: no router advertisement of theirs may configure the host. */
static int create_alone(struct view *view, const char *verb, const struct create *create)
{
    struct switch_options options = {.name = create->name,
                                     .mac = create->mac,
                                     .mtu = create->mtu,
                                     .stp = create->stp == 1,
                                     .vlan_filtering = create->vlan_filtering};
    uint8_t mac[6];
    struct batch batch = {.error = 0};

    if (!create->has_mac) {
        if (switch_random_mac(mac) < 0)
            return complain(1, verb, "the kernel gives no random numbers");
        options.mac = mac;
    }
    switch_new(&batch, &options);
    int status = view_send(view, verb, &batch, "make the bridge", create->name);
    batch_free(&batch);
    if (status != 0)
        return status;
    const int ifindex = link_index(&view->nl, create->name);
    sysctl_set("ipv6", "conf", create->name, "accept_ra", "0");
    sysctl_set("ipv6", "conf", create->name, "autoconf", "0");
    for (size_t i = 0; i < create->address_count; i++)
        address_new(&batch, ifindex, &create->addresses[i]);
    switch_up(&batch, ifindex);
    status = ifindex < 0 ? complain(1, verb, "'%s' disappeared while it was being set up", create->name)
                         : view_send(view, verb, &batch, "configure the bridge", create->name);
    batch_free(&batch);
    if (status != 0 && ifindex > 0)
        link_delete(&view->nl, ifindex);
    if (status == 0 && create->dhcp)
        status = dhcp_begin(verb, create->name);
    return status;
}

static int create_or_verify(struct view *view, const char *verb, const struct create *create)
{
    struct messages addresses = {.count = 0};
    const struct link *there = links_by_name(&view->links, create->name);
    int status = addresses_read(&view->nl, 0, &addresses);

    if (status < 0)
        status = complain(1, verb, "cannot read the addresses: %s", strerror(-status));
    else if (there && strcmp(there->kind, "bridge") != 0)
        status = complain(1, verb, "the name '%s' is taken by something that is not a bridge: choose another",
                          create->name);
    else if (there && difference(view, create, there, &addresses))
        status = complain(1, verb, "the bridge '%s' is there, with another %s: change or delete it first",
                          create->name, difference(view, create, there, &addresses));
    else if (!there)
        status = refuse_taken_addresses(view, verb, create, &addresses);
    messages_free(&addresses);
    if (status != 0 || there)
        return status;
    if (create->uplink)
        return move_create(view, verb, create);
    return create_alone(view, verb, create);
}

int bridge_create(const struct call *call)
{
    struct create create;
    struct view view;
    int status = read_options(&create, call);

    if (status == 0) {
        status = view_open(&view, call->name, true);
        if (status == 0)
            status = create_or_verify(&view, call->name, &create);
        view_close(&view);
    }
    free(create.addresses);
    return status;
}
