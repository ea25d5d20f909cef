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
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONFIRM_MOST = 24 * 60 * 60 * 1000, /* a day */
    MTU_LEAST = 68,
    MTU_MOST = 65535, /* IPv4's least, and what the kernel gives a bridge at most */
};

unsigned int confirm_parse(const char *text)
{
    static const struct {
        const char *name;
        unsigned int ms;
    } units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}};
    char *end;

    if (*text < '0' || *text > '9')
        return 0;
    const unsigned long value = strtoul(text, &end, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].name) == 0)
            return value <= CONFIRM_MOST / units[i].ms ? (unsigned int)value * units[i].ms : 0;
    return 0;
}

static int parse_address(struct create *create, const char *verb, const char *text)
{
    struct cidr *more = reallocarray(create->addresses, create->address_count + 1, sizeof(*more));

    if (!more)
        return complain(1, verb, "out of memory");
    create->addresses = more;
    if (!cidr_parse(text, &more[create->address_count]))
        return complain(1, verb, "'%.64s' is no address with a prefix length, such as 192.0.2.1/24", text);
    create->address_count++;
    return 0;
}

static int parse_mtu(struct create *create, const char *verb, const char *text)
{
    char *end;
    const unsigned long mtu = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || mtu < MTU_LEAST || mtu > MTU_MOST)
        return complain(1, verb, "'%.32s' is no MTU: %d to %d bytes", text, MTU_LEAST, MTU_MOST);
    create->mtu = (unsigned int)mtu;
    return 0;
}

static int take_option(struct create *create, const char *verb, int option, const char *value)
{
    switch (option) {
    case 'u':
        create->uplink = value;
        return 0;
    case 'a':
        return parse_address(create, verb, value);
    case 'd':
        create->dhcp = true;
        return 0;
    case 'm':
        return parse_mtu(create, verb, value);
    case 's':
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
            return complain(2, verb, "--stp takes on or off, not '%.32s'", value);
        create->stp = strcmp(value, "on") == 0;
        return 0;
    case 'v':
        create->vlan_filtering = true;
        return 0;
    case 'c':
        create->has_mac = mac_parse(value, create->mac) && mac_is_unicast(create->mac);
        return create->has_mac ? 0 : complain(1, verb, "'%.32s' is no MAC that a bridge may have", value);
    case 'w':
        create->confirm_ms = confirm_parse(value);
        return create->confirm_ms
                   ? 0
                   : complain(2, verb, "'%.32s' is no time, such as 60s; a day at most", value);
    case 'i':
        create->ignore_dependents = true;
        return 0;
    default:
        return 2;
    }
}

static int parse(struct create *create, int argc, char *argv[])
{
    static const struct option options[] = {{"uplink", required_argument, NULL, 'u'},
                                            {"address", required_argument, NULL, 'a'},
                                            {"dhcp", no_argument, NULL, 'd'},
                                            {"mtu", required_argument, NULL, 'm'},
                                            {"stp", required_argument, NULL, 's'},
                                            {"vlan-filtering", no_argument, NULL, 'v'},
                                            {"mac", required_argument, NULL, 'c'},
                                            {"confirm-within", required_argument, NULL, 'w'},
                                            {"ignore-dependents", no_argument, NULL, 'i'},
                                            {.name = NULL}};

    *create = (struct create){.stp = -1, .confirm_ms = CONFIRM_MS};
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        const int status = take_option(create, argv[0], option, optarg);
        if (status != 0)
            return status;
    }
    if (argc - optind != 1)
        return complain(2, argv[0], "takes the name of one bridge; see --help");
    create->name = argv[optind];
    if (!ifname_valid(create->name))
        return complain(1, argv[0],
                        "'%.64s' is no name for an interface: 1 to 15 characters without / : %% or space",
                        create->name);
    return 0;
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
    status = ifindex < 0 ? complain(1, verb, "'%s' is gone again", create->name)
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
        status = complain(1, verb, "the name '%s' is taken by something that is no bridge: choose another",
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

int bridge_create(int argc, char *argv[])
{
    struct create create;
    struct view view;
    int status = parse(&create, argc, argv);

    if (status == 0) {
        status = view_open(&view, argv[0], true);
        if (status == 0)
            status = create_or_verify(&view, argv[0], &create);
        view_close(&view);
    }
    free(create.addresses);
    return status;
}
