/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap bridge delete: gives everything the bridge has back to its uplink, in the same batch that deletes
 * the bridge. */
#include "base/quote.h"
#include "move.h"
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
    struct batch batch = {.error = 0};

    for (size_t i = 0; i < saved->own_count; i++)
        batch_take(&batch, address_request(RTM_DELADDR, 0, bridge->ifindex, &saved->own[i]), EADDRNOTAVAIL);
    const int err = batch_send(nl, &batch, NULL);
    batch_free(&batch);
    return err;
}

static int take_addresses(struct rtnl *nl, const struct link *bridge, const struct move *saved,
                          struct messages *out)
{
    struct messages all = {.count = 0};
    int err = addresses_read(nl, bridge->ifindex, &all);

    for (size_t i = 0; err == 0 && i < all.count; i++) {
        const struct cidr address = address_of(all.list[i]);
        struct nlattr *flags = message_attr(all.list[i], sizeof(struct ifaddrmsg), IFA_FLAGS);
        if (flags && address.family == AF_INET6 && !had_no_dad(saved, &address)) {
            const uint32_t value = nla_get_u32(flags) & ~(uint32_t)IFA_F_NODAD;
            memcpy(nla_data(flags), &value, sizeof(value));
        }
        err = messages_add(out, all.list[i]);
    }
    messages_free(&all);
    return err;
}

static int move_back(struct view *view, const char *verb, const struct link *bridge,
                     const struct link *uplink, const struct move *saved)
{
    const struct origin origin = {bridge->name, bridge->ifindex};
    const bool same = saved->uplink_index == uplink->ifindex;
    struct move move = {.uplink_index = uplink->ifindex,
                        .mtu = same ? saved->mtu : uplink->mtu,
                        .addr_gen_mode = same ? saved->addr_gen_mode : bridge->addr_gen_mode,
                        .saved_at = move_clock()};

    strcpy(move.bridge, bridge->name);
    strcpy(move.uplink, uplink->name);
    strcpy(move.manager, saved->manager);
    int err = dhcp_find(bridge->name, &move.clients);
    if (err == 0)
        err = drop_own(&view->nl, bridge, saved);
    if (err == 0)
        err = take_addresses(&view->nl, bridge, saved, &move.addresses);
    if (err == 0)
        err = routes_read(&view->nl, bridge->ifindex, &move.routes);
    if (err == 0)
        err = neighbours_read(&view->nl, bridge->ifindex, &move.neighbours);
    if (err == 0 && !same) /* the NIC's own are those of a port since the host was started */
        sysctl_copy(bridge->name, uplink->name);
    if (err == 0)
        err = move_restore(&move, &origin);
    move_free(&move);
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
    struct move move = {.mover = 0};
    bool way_out = false;
    int err = routes_read(&view->nl, bridge->ifindex, &move.routes);

    for (size_t i = 0; i < move.routes.count; i++)
        way_out = way_out || route_is_default(move.routes.list[i]);
    move_free(&move);
    if (err == 0 && way_out)
        return complain(
            1, verb,
            "the host's default route is through '%s', and it is not known which NIC had it before: say it "
            "with --uplink",
            bridge->name);
    strcpy(move.bridge, bridge->name);
    strcpy(move.manager, manager);
    const bool detached = err < 0 || persist_detach(&move);
    if (err == 0)
        err = link_delete(&view->nl, bridge->ifindex);
    persist_reattach(&move);
    if (err < 0 && err != -ENODEV) /* the manager may have deleted it */
        return complain(1, verb, "cannot delete '%s': %s", bridge->name, strerror(-err));
    return !detached;
}

/* Finds the uplink: by option, by the saved state, by the alias of a bridge of ours, or, for a bridge that
 * its manager has made since the host was started, by the port that it has. On NULL sets *status, to 0 if
 * there is none. */
static const struct link *find_uplink(const struct view *view, const char *verb, const struct link *bridge,
                                      const struct move *saved, const char *option, int *status)
{
    const char *name = option;

    if (!name)
        name = *saved->uplink ? saved->uplink : port_alias_uplink(bridge);
    const struct link *uplink = links_by_name(&view->links, name);

    *status = 0;
    if (!name && *saved->manager) {
        *status = persist_find_uplink(view, verb, bridge, &uplink);
        return uplink;
    }
    if (!name || (!option && (!uplink || uplink->master != bridge->ifindex)))
        return NULL;
    if (!uplink)
        *status =
            complain(1, verb, "there is no interface '%.64s'; `ip link` lists those that there are", name);
    else if (uplink->master != bridge->ifindex)
        *status = complain(1, verb, "'%s' is not a port of '%s'", name, bridge->name);
    if (*status == 0)
        return uplink;
    return NULL;
}

/* The manager that made the bridge, which is in no saved state after a reboot. */
static void find_manager(struct move *saved, bool known, const struct persist_files *record)
{
    const char *manager = known ? NULL : persist_manager_of(record);

    if (manager)
        strcpy(saved->manager, manager);
}

static int delete (struct view *view, const char *verb, const char *name, const char *option)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
    __attribute__((cleanup(move_free))) struct move saved = {.mover = 0};
    const struct link *bridge = view_bridge(view, verb, name);
    char path[64];

    if (!bridge)
        return 1;
    if (state_in_progress(name))
        return complain(1, verb,
                        "the move to '%s' is not confirmed yet: `virt-tap bridge confirm %s`, or wait", name,
                        quote(name).text);
    const char *why = state_load(name, PHASE_CONFIRMED, &saved);
    state_path(path, name, PHASE_CONFIRMED);
    if (why && *why && !option)
        return complain(1, verb,
                        "nothing was changed: %s %s: name the NIC that gets everything back, with --uplink",
                        path, why);
    if (persist_check(verb, name, &record) != 0)
        return 1;
    find_manager(&saved, why == NULL, &record);
    int status;
    const struct link *uplink = find_uplink(view, verb, bridge, &saved, option, &status);
    if (status == 0)
        status = uplink ? move_back(view, verb, bridge, uplink, &saved)
                        : delete_alone(view, verb, bridge, saved.manager);
    if (status == 0)
        unlink(path);
    if (status == 0 && record.count > 0 && !*saved.manager)
        complain(
            0, verb,
            "'%s' will come back at the next boot, because the files that `bridge persist` wrote are still "
            "there; to remove them: virt-tap bridge unpersist %s",
            name, quote(name).text);
    return status;
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
    struct view view;
    int status = view_open(&view, call->name, true);

    if (status == 0 && links_by_name(&view.links, name)) /* otherwise it is already gone, as requested */
        status = delete (&view, call->name, name, options->uplink);
    view_close(&view);
    return status;
}
