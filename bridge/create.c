/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap bridge create: options, comparison with an existing bridge, and bridges without an uplink. For
 * those with an uplink see move.h. */
#include "base/text.h"
#include "bridge.h"
#include "dhcp.h"
#include "move.h"
#include "net/link.h"
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIES = 20,                        /* attempts to complete a bridge that somebody else is changing */
    CONFIRM_MAX = 24 * 60 * 60 * 1000, /* a day */
    MTU_MIN = 68,                      /* IPv4's minimum */
    MTU_MAX = 65521,                   /* the limit of taps (drivers/net/tun.c), which need the same MTU */
};

struct create_options {
    const char *uplink;
    struct option_list addresses, probes;
    struct create_mac {
        bool given;
        uint8_t bytes[6];
    } mac;
    unsigned int mtu, confirm_ms;
    int stp; /* 0: not given; STP_ON; any other value: off */
    bool dhcp, vlan_filtering, ignore_dependents;
};

enum { STP_ON = 1 };

/* Accepts a MAC that a device may have: not all zeros, not a multicast address. */
static int take_mac(const char *verb, const char *option, const char *text, void *place)
{
    struct create_mac *mac = place;

    mac->given = mac_parse(text, mac->bytes) && mac_is_unicast(mac->bytes);
    if (mac->given)
        return 0;
    return complain(2, verb, "--%s: '%.32s' is not a MAC that a bridge may have, as in 52:54:00:12:34:56",
                    option, text);
}

int take_time(const char *verb, const char *option, const char *text, void *place)
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
    PROBE(struct create_options, probes),
    OPTION_FLAG("ignore-dependents", "even if rules or devices name NIC, which they would no longer match",
                struct create_options, ignore_dependents),
    OPTION_LIST("address", "CIDR", "give the bridge this address; may be repeated", struct create_options,
                addresses),
    OPTION_FLAG("dhcp", "have the host's DHCP client ask for an address of the bridge", struct create_options,
                dhcp),
    OPTION_NUMBER("mtu", "N", "bytes of a frame", struct create_options, mtu, MTU_MIN, MTU_MAX, 0),
    OPTION_CALL("mac", "MAC",
                "the bridge's own; default: the uplink's, or one of its own, which is the same each time",
                struct create_options, mac, take_mac),
    OPTION_CHOICE("stp", "on|off", "spanning tree, with the delays that it takes (off)",
                  struct create_options, stp),
    OPTION_FLAG("vlan-filtering", "a bridge that keeps VLANs apart", struct create_options, vlan_filtering),
    OPTION_END(struct create_options),
};

static int read_addresses(struct bridge_spec *spec, const char *verb, const struct option_list *texts)
{
    if (texts->count > BRIDGE_ADDRESSES_MAX)
        return complain(2, verb, "a bridge is given %d addresses at most", BRIDGE_ADDRESSES_MAX);
    for (size_t i = 0; i < texts->count; i++) {
        const char *expected = cidr_parse(texts->words[i], &spec->addresses[i]);
        if (expected)
            return complain(2, verb, "--address takes %s, not '%.64s'", expected, texts->words[i]);
    }
    spec->address_count = texts->count;
    return 0;
}

/* Parses the arguments. Returns 0 or an exit status. */
static int read_options(struct create *create, const struct call *call)
{
    const struct create_options *options = call->options;

    *create = (struct create){
        .name = call->words[0],
        .uplink = options->uplink,
        .spec = {.created = true, .mtu = options->mtu, .vlan_filtering = options->vlan_filtering},
        .has_mac = options->mac.given,
        .has_stp = options->stp != 0,
        .confirm_ms = options->confirm_ms ? options->confirm_ms : CONFIRM_DEFAULT,
        .probes = &options->probes,
        .dhcp = options->dhcp,
        .ignore_dependents = options->ignore_dependents};
    create->spec.stp = options->stp == STP_ON;
    if (create->spec.stp)
        create->spec.forward_delay = BRIDGE_DEFAULT_DELAY;
    memcpy(create->spec.mac, options->mac.bytes, sizeof(create->spec.mac));
    if (!ifname_valid(create->name))
        return complain(2, call->name,
                        "'%.64s' is not a name for an interface: 1 to 15 characters without / : %% or space",
                        create->name);
    strcpy(create->spec.name, create->name);
    const bool moves = options->probes.count > 0 || options->confirm_ms || options->ignore_dependents;
    if (moves && !options->uplink)
        return complain(2, call->name,
                        "--probe, --confirm-within and --ignore-dependents are for the move of an uplink: "
                        "name the NIC with --uplink");
    const int status = probe_check(call->name, &options->probes);
    if (status != 0)
        return status;
    return read_addresses(&create->spec, call->name, &options->addresses);
}

/* Returns a word for what differs between an existing bridge and the request, for the message, or NULL. */
static const char *difference(const struct view *view, const struct create *create,
                              const struct bridge_state *state)
{
    const struct link *uplink = links_by_name(&view->links, create->uplink);

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
    if (state->differs & BRIDGE_ADDRESSES)
        return "address";
    return NULL;
}

/* Refuses an address that another interface has, or in whose network it has one: the host would look for all
 * of that on the bridge. What is the uplink's moves to the bridge. */
static int judge_address(const char *verb, const struct cidr *wanted, const struct cidr *other,
                         const char *holder, bool moves)
{
    char text[CIDR_TEXT], other_text[CIDR_TEXT];
    struct cidr host = *other;

    cidr_print(wanted, text);
    cidr_print(other, other_text);
    if (other->family == wanted->family && memcmp(other->bytes, wanted->bytes, sizeof(other->bytes)) == 0)
        return complain(1, verb, "the address %s is there already, on '%s'%s", text, holder,
                        text_if(moves, ", and moves with it: leave it out"));
    host.prefix = (uint8_t)(8 * cidr_size(other->family));
    if (moves || cidr_is_link_local(other) || !cidr_overlap(wanted, &host))
        return 0;
    return complain(
        1, verb,
        "the network of %s has %s of '%s' in it, and what is reached there would be looked for on "
        "the bridge: choose another network, such as 10.66.0.1/24",
        text, other_text, holder);
}

static int refuse_taken_addresses(const struct view *view, const char *verb, const struct create *create,
                                  const struct messages *all)
{
    for (size_t i = 0; i < create->spec.address_count; i++)
        for (size_t k = 0; k < all->count; k++) {
            const struct cidr other = address_of(all->list[k]);
            const struct link *holder = links_by_index(&view->links, address_index(all->list[k]));
            const char *name = holder ? holder->name : "?";
            const bool moves = create->uplink && strcmp(name, create->uplink) == 0;
            if (judge_address(verb, &create->spec.addresses[i], &other, name, moves) != 0)
                return 1;
        }
    return 0;
}

/* Adds what an existing bridge of ours lacks. */
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
                                rtnl_problem(nl, err));
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

/* A bridge for guests only: their router advertisements must not configure the host. */
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
        rtnl_talk(&view->nl, link_delete_message(ifindex));
    if (status == 0 && create->dhcp)
        return dhcp_begin(verb, create->name);
    return status;
}

static int verify(struct view *view, const char *verb, const struct create *create,
                  struct bridge_state *state)
{
    const char *differs = difference(view, create, state);

    if (!state->link.is_bridge)
        return complain(1, verb, "the name '%s' is taken by something that is not a bridge: choose another",
                        create->name);
    if (strcmp(state->link.name, create->name) != 0)
        return complain(1, verb, "the name '%s' is taken, as an alternative one of '%s': choose another",
                        create->name, state->link.name);
    if (differs)
        return complain(1, verb, "the bridge '%s' is there, with another %s: change or delete it first",
                        create->name, differs);
    if (state->ours)
        return complete(&view->nl, verb, create, state);
    return 0;
}

/* Without --mac, and without an uplink to take it from, uses the MAC that this host derives from the
 * bridge's name. */
static int choose_mac(const char *verb, struct create *create)
{
    if (create->has_mac || create->uplink)
        return 0;
    const int err = bridge_host_mac(create->name, create->spec.mac);
    if (err == 0)
        return 0;
    return complain(1, verb,
                    "cannot choose a MAC, for /etc/machine-id cannot be read: %s; give one: --mac=MAC",
                    strerror(-err));
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
    if (create->uplink)
        return move_create(view, verb, create);
    return create_alone(view, verb, create);
}

int bridge_create(const struct call *call)
{
    _cleanup_view_ struct view view = {.links = {.count = 0}};
    struct create create;
    const int status = read_options(&create, call);

    if (status != 0)
        return status;
    if (view_open(&view, call->name, true) != 0)
        return 1;
    return create_or_verify(&view, call->name, &create);
}
