/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap bridge delete: gives everything the bridge has back to its uplink, in the same batch that deletes
 * the bridge. */
#include "base/quote.h"
#include "base/text.h"
#include "move.h"
#include "nat.h"
#include "net/link.h"
#include "net/route.h"
#include "persist.h"
#include "portjson.h"
#include "state.h"
#include "sysctl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether the uplink had this address, with duplicate address detection off. */
static bool had_no_dad(const struct move *saved, const struct cidr *address)
{
    for (size_t i = 0; i < saved->addresses.count; i++) {
        const struct cidr other = address_of(saved->addresses.list[i]);
        if (cidr_equal(&other, address))
            return address_flags(saved->addresses.list[i]) & IFA_F_NODAD;
    }
    return false;
}

/* Removes the extra addresses given to `create` first, and with them their routes. The rest moves. */
static int drop_own(struct rtnl *nl, const struct link *bridge, const struct move *saved)
{
    _cleanup_batch_ struct batch batch = {.error = 0};

    for (size_t i = 0; i < saved->own_count; i++)
        batch_take(&batch, address_request(RTM_DELADDR, 0, bridge->ifindex, &saved->own[i]), EADDRNOTAVAIL);
    return batch_send(nl, &batch, NULL);
}

/* A move gives IFA_F_NODAD to all IPv6 addresses; only those keep it that had it before. */
static void restore_dad(const struct messages *addresses, const struct move *saved)
{
    for (size_t i = 0; i < addresses->count; i++) {
        const struct cidr address = address_of(addresses->list[i]);
        struct nlattr *flags = message_attr(addresses->list[i], sizeof(struct ifaddrmsg), IFA_FLAGS);
        if (!flags || address.family != AF_INET6 || had_no_dad(saved, &address))
            continue;
        const uint32_t value = nla_get_u32(flags) & ~(uint32_t)IFA_F_NODAD;
        memcpy(nla_data(flags), &value, sizeof(value));
    }
}

static int move_back(struct view *view, const char *verb, const struct link *bridge,
                     const struct link *uplink, const struct move *saved)
{
    const bool same = saved->uplink_index == uplink->ifindex;
    __attribute__((cleanup(move_free))) struct move move = {.uplink_index = uplink->ifindex,
                                                            .mtu = uplink->mtu,
                                                            .addr_gen_mode = bridge->addr_gen_mode,
                                                            .saved_at = move_clock()};

    strcpy(move.bridge, bridge->name);
    strcpy(move.uplink, uplink->name);
    strcpy(move.manager, saved->manager);
    if (same) {
        move.mtu = saved->mtu;
        move.addr_gen_mode = saved->addr_gen_mode;
    }
    int err = dhcp_find(bridge->name, &move.clients);
    if (err == 0)
        err = drop_own(&view->nl, bridge, saved);
    if (err == 0)
        err = move_read(&view->nl, bridge->ifindex, &move);
    if (err == 0) {
        restore_dad(&move.addresses, saved);
        if (!same) /* the NIC's own are those of a port since the host was started */
            sysctl_copy(bridge->name, uplink->name);
        err = move_restore(&move, bridge->ifindex);
    }
    if (err < 0)
        return complain(1, verb,
                        "cannot move everything back from '%s' to '%s': %s; `ip addr` and `ip route` show "
                        "what is there",
                        bridge->name, uplink->name, strerror(-err));
    return err;
}

/* Without an uplink to move them to, the host's routes to the outside must not go with the bridge. */
static int delete_alone(struct view *view, const char *verb, const struct link *bridge, const char *manager)
{
    _cleanup_messages_ struct messages routes = {.count = 0};
    struct move move = {.mover = 0};
    char note[PERSIST_NOTED];
    int err = routes_read(&view->nl, bridge->ifindex, &routes);

    for (size_t i = 0; err == 0 && i < routes.count; i++)
        if (route_is_default(routes.list[i]))
            return complain(
                1, verb,
                "the host's default route is through '%s', and it is not known which NIC had it before: say "
                "it with --uplink",
                bridge->name);
    strcpy(move.bridge, bridge->name);
    strcpy(move.manager, manager);
    *note = '\0';
    const bool detached = err < 0 || persist_detach(&move, note);
    if (err == 0)
        err = rtnl_talk(&view->nl, link_delete_message(bridge->ifindex));
    nat_stop(bridge->name);
    persist_reattach(&move, note);
    if (err < 0 && err != -ENODEV) /* the manager may have deleted it */
        return complain(1, verb, "cannot delete '%s': %s", bridge->name, strerror(-err));
    return !detached;
}

/* Finds the uplink: by option, by the saved state, by the alias of a bridge of ours, or, for a bridge that
 * its manager has made since the host was started, by the port that it has. Returns 0, also if there is none:
 * *out is NULL; or reports why not. */
static int find_uplink(const struct view *view, const char *verb, const struct link *bridge,
                       const struct move *saved, const char *option, const struct link **out)
{
    const char *name = saved->uplink;

    if (option) {
        *out = view_link(view, verb, option);
        if (*out && (*out)->master != bridge->ifindex)
            return complain(1, verb, "'%s' is not a port of '%s'", option, bridge->name);
        return *out == NULL;
    }
    if (!*name)
        name = port_alias_uplink(bridge);
    if (!name && *saved->manager)
        return persist_find_uplink(view, verb, bridge, out);
    *out = links_by_name(&view->links, name);
    if (*out && (*out)->master != bridge->ifindex)
        *out = NULL;
    return 0;
}

/* Guests run on: their taps are only on no bridge. */
static size_t count_taps(const struct view *view, const struct link *bridge)
{
    size_t count = 0;

    for (size_t i = 0; i < view->links.count; i++) {
        const struct link *port = &view->links.list[i];
        count += port->master == bridge->ifindex && strncmp(port->name, TAP_PREFIX, strlen(TAP_PREFIX)) == 0;
    }
    return count;
}

static int delete (struct view *view, const char *verb, const char *name, const char *option)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
    __attribute__((cleanup(move_free))) struct move saved = {.mover = 0};
    const struct link *bridge = view_bridge(view, verb, name), *uplink;
    const struct state_path path = state_path(name, PHASE_CONFIRMED);

    if (!bridge)
        return 1;
    if (strncmp(bridge->alias, ALIAS_VERSIONED, strlen(ALIAS_VERSIONED)) == 0)
        return complain(1, verb, "nothing was changed: '%s' was made by a later virt-tap; use that one",
                        name);
    if (state_refuse(verb, name) != 0)
        return 1;
    const char *why = state_load(name, PHASE_CONFIRMED, &saved);
    if (why && *why && !option)
        return complain(1, verb,
                        "nothing was changed: %s %s: name the NIC that gets everything back, with --uplink",
                        path.text, why);
    if (persist_check(verb, name, &record) != 0)
        return 1;
    const char *manager = persist_manager_of(&record);
    if (why && manager) /* no saved state after a reboot */
        strcpy(saved.manager, manager);
    struct cidr nat;
    const bool is_nat = nat_recorded(&record, &nat);
    const size_t taps = count_taps(view, bridge);
    int status = find_uplink(view, verb, bridge, &saved, option, &uplink);
    if (status == 0 && uplink)
        status = move_back(view, verb, bridge, uplink, &saved);
    else if (status == 0)
        status = delete_alone(view, verb, bridge, saved.manager);
    if (status != 0)
        return status;
    if (is_nat)
        nat_clean(verb, &record, &nat);
    unlink(path.text);
    if (taps > 0)
        complain(0, verb,
                 "%zu tap%s lost the bridge, and the guests there their network; once '%s' is made again: "
                 "virt-tap repair",
                 taps, text_if(taps != 1, "s"), name);
    if (record.count > 0 && !*saved.manager)
        complain(
            0, verb,
            "'%s' will come back at the next boot, because the files that `bridge persist` wrote are still "
            "there; to remove them: virt-tap bridge unpersist %s",
            name, quote(name).text);
    return 0;
}

struct delete_options {
    const char *uplink;
};

const struct option_entry bridge_delete_options[] = {
    OPTION_STRING("uplink", "NIC", "what to move it to; default: the NIC that create took it from",
                  struct delete_options, uplink),
    OPTION_END(struct delete_options),
};

int bridge_delete(const struct call *call)
{
    const struct delete_options *options = call->options;
    const char *name = call->words[0];
    _cleanup_view_ struct view view;

    if (view_open(&view, call->name, true) != 0)
        return 1;
    if (!links_by_name(&view.links, name)) /* already gone, as requested, never made, or misspelt */
        return nat_remove(call->name, name);
    return delete (&view, call->name, name, options->uplink);
}
