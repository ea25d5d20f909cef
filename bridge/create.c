/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * virt-tap bridge create: what is asked, whether it is there already, and a bridge without an uplink. With an
 * uplink see move.h. */
#include "bridge.h"
#include "dhcp.h"
#include "move.h"
#include "net/link.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIES = 20,                         /* to complete a bridge that somebody else changes meanwhile */
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

static int parse_address(struct bridge_spec *spec, const char *verb, const char *text)
{
    if (spec->address_count == BRIDGE_ADDRESSES_MAX)
        return complain(1, verb, "a bridge is given %d addresses at most", BRIDGE_ADDRESSES_MAX);
    const char *expected = cidr_parse(text, &spec->addresses[spec->address_count]);
    if (expected)
        return complain(1, verb, "--address takes %s, not '%.64s'", expected, text);
    spec->address_count++;
    return 0;
}

static int parse_mtu(struct create *create, const char *verb, const char *text)
{
    char *end;
    const unsigned long mtu = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || mtu < MTU_LEAST || mtu > MTU_MOST)
        return complain(1, verb, "'%.32s' is no MTU: %d to %d bytes", text, MTU_LEAST, MTU_MOST);
    create->spec.mtu = (unsigned int)mtu;
    return 0;
}

static int take_option(struct create *create, const char *verb, int option, const char *value)
{
    switch (option) {
    case 'u':
        create->uplink = value;
        return 0;
    case 'a':
        return parse_address(&create->spec, verb, value);
    case 'd':
        create->dhcp = true;
        return 0;
    case 'm':
        return parse_mtu(create, verb, value);
    case 's':
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
            return complain(2, verb, "--stp takes on or off, not '%.32s'", value);
        create->has_stp = true;
        create->spec.stp = strcmp(value, "on") == 0;
        create->spec.forward_delay = create->spec.stp ? BRIDGE_DEFAULT_DELAY : 0;
        return 0;
    case 'v':
        create->spec.vlan_filtering = true;
        return 0;
    case 'c':
        create->has_mac = mac_parse(value, create->spec.mac) && mac_is_unicast(create->spec.mac);
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

    *create = (struct create){.confirm_ms = CONFIRM_MS};
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
    strcpy(create->spec.name, create->name);
    return 0;
}

/* What of a bridge that exists is not as requested: a word for the message, or NULL. */
static const char *difference(const struct view *view, const struct create *create,
                              const struct bridge_state *state)
{
    const struct link *uplink = create->uplink ? links_by_name(&view->links, create->uplink) : NULL;

    if (create->uplink && (!uplink || uplink->master != state->link.ifindex))
        return "uplink";
    if (state->differs & BRIDGE_MTU)
        return "MTU";
    if (create->has_mac && state->differs & BRIDGE_MAC)
        return "MAC";
    if (create->has_stp && state->differs & BRIDGE_STP)
        return "STP";
    if (state->differs & BRIDGE_VLAN_FILTERING)
        return "VLAN filtering";
    return state->differs & BRIDGE_ADDRESSES ? "address" : NULL;
}

/* Of an address that the bridge is to get: whether somebody has it. Moving it from the uplink is no clash. */
static int refuse_taken_addresses(const struct view *view, const char *verb, const struct create *create,
                                  const struct messages *all)
{
    for (size_t i = 0; i < create->spec.address_count; i++)
        for (size_t k = 0; k < all->count; k++) {
            const struct cidr other = address_of(all->list[k]);
            const struct link *holder = links_by_index(&view->links, address_index(all->list[k]));
            char text[CIDR_TEXT];
            if (other.family != create->spec.addresses[i].family ||
                memcmp(other.bytes, create->spec.addresses[i].bytes, sizeof(other.bytes)) != 0)
                continue;
            cidr_print(&create->spec.addresses[i], text);
            return complain(1, verb, "the address %s is there already, on '%s'%s", text,
                            holder ? holder->name : "?",
                            create->uplink && holder && strcmp(holder->name, create->uplink) == 0
                                ? ", and moves with it: leave it out"
                                : "");
        }
    return 0;
}

/* Settles what of a bridge of ours is missing. */
static int complete(struct rtnl *nl, const char *verb, const struct create *create,
                    struct bridge_state *state)
{
    for (int tries = 0; tries < TRIES && state->differs & BRIDGE_COMPLETED; tries++) {
        for (unsigned int bit = 1; bit & BRIDGE_COMPLETED; bit <<= 1) {
            if (!(state->differs & bit))
                continue;
            const int err = bridge_complete(nl, &create->spec, state->link.ifindex, bit);
            if (err)
                return complain(1, verb, "cannot configure the bridge '%s': %s", create->name,
                                *nl->reason ? nl->reason : strerror(-err));
        }
        const int err = bridge_look(nl, &create->spec, state);
        if (err && err != -EAGAIN)
            return complain(1, verb, "cannot look at '%s': %s", create->name, strerror(-err));
        if (!err && !state->link.ifindex)
            return complain(1, verb, "'%s' disappeared while it was being set up", create->name);
    }
    if (state->differs & BRIDGE_COMPLETED)
        return complain(1, verb, "'%s' does not stay as it was set up: does somebody else manage it?",
                        create->name);
    return 0;
}

/* A bridge for guests only: no router advertisement of theirs may configure the host. */
static int create_alone(struct view *view, const char *verb, const struct create *create)
{
    _cleanup_batch_ struct batch batch = {.error = 0};
    struct bridge_state state = {.differs = 0};

    batch_take(&batch, bridge_message(&create->spec), 0);
    if (view_send(view, verb, &batch, "make the bridge", create->name) != 0)
        return 1;
    const int err = bridge_look(&view->nl, &create->spec, &state);
    if (err || !state.link.ifindex)
        return complain(1, verb, "'%s' disappeared while it was being set up", create->name);
    const int ifindex = state.link.ifindex;
    const int status = complete(&view->nl, verb, create, &state);
    if (status != 0)
        link_delete(&view->nl, ifindex);
    return status == 0 && create->dhcp ? dhcp_begin(verb, create->name) : status;
}

static int verify(struct view *view, const char *verb, const struct create *create,
                  struct bridge_state *state)
{
    const char *differs = difference(view, create, state);

    if (!state->link.is_bridge)
        return complain(1, verb, "the name '%s' is taken by something that is no bridge: choose another",
                        create->name);
    if (strcmp(state->link.name, create->name) != 0)
        return complain(1, verb, "the name '%s' is taken, as an alternative one of '%s': choose another",
                        create->name, state->link.name);
    if (differs)
        return complain(1, verb, "the bridge '%s' is there, with another %s: change or delete it first",
                        create->name, differs);
    return state->ours ? complete(&view->nl, verb, create, state) : 0;
}

/* Without --mac, and without an uplink whose MAC it takes: the one that this host gives a bridge of that
 * name.
 */
static int choose_mac(const char *verb, struct create *create)
{
    const int err = create->has_mac || create->uplink ? 0 : bridge_host_mac(create->name, create->spec.mac);

    return err ? complain(1, verb,
                          "cannot choose a MAC, for /etc/machine-id cannot be read: %s; give one: --mac=MAC",
                          strerror(-err))
               : 0;
}

static int create_or_verify(struct view *view, const char *verb, struct create *create)
{
    _cleanup_messages_ struct messages addresses = {.count = 0};
    struct bridge_state state;

    if (choose_mac(verb, create) != 0)
        return 1;
    int err = bridge_look(&view->nl, &create->spec, &state);
    if (!err)
        err = addresses_read(&view->nl, 0, &addresses);
    if (err)
        return complain(1, verb, "cannot read the interfaces and their addresses: %s", strerror(-err));
    if (state.link.ifindex)
        return verify(view, verb, create, &state);
    if (refuse_taken_addresses(view, verb, create, &addresses) != 0)
        return 1;
    return create->uplink ? move_create(view, verb, create) : create_alone(view, verb, create);
}

int bridge_create(int argc, char *argv[])
{
    struct create create;
    struct view view;
    int status = parse(&create, argc, argv);

    if (status != 0)
        return status;
    status = view_open(&view, argv[0], true);
    if (status == 0)
        status = create_or_verify(&view, argv[0], &create);
    view_close(&view);
    return status;
}
