/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "move.h"
#include "guard.h"
#include "state.h"
#include "uplink.h"

#include "base/quote.h"
#include "net/link.h"
#include "net/route.h"
#include "persist.h"
#include "sysctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *own_addresses(const struct create *create)
{
    json_t *list = json_array();
    char text[CIDR_TEXT];

    for (size_t i = 0; i < create->spec.address_count; i++) {
        cidr_print(&create->spec.addresses[i], text);
        if (json_array_append_new(list, json_string(text)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* data: the struct move. Without memory for one, there are none: move->settings is NULL from then on. */
static void keep_setting(void *data, const struct sysctl *setting)
{
    struct move *move = data;

    if (!setting->carried || !move->settings)
        return;
    if (json_array_append_new(move->settings, json_pack("[s, s, s, s]", setting->family, setting->group,
                                                        setting->key, setting->value)) == 0)
        return;
    json_decref(move->settings);
    move->settings = NULL;
}

static void give_settings(const json_t *settings, const char *interface)
{
    const char *family, *group, *key, *value;
    size_t i;
    json_t *setting;

    json_array_foreach(settings, i,
                       setting) if (json_unpack(setting, "[s, s, s, s]", &family, &group, &key, &value) == 0)
        sysctl_set(family, group, interface, key, value);
}

static int collect(struct view *view, const struct create *create, const struct link *uplink,
                   struct move *move)
{
    *move = (struct move){.uplink_index = uplink->ifindex,
                          .mtu = uplink->mtu,
                          .addr_gen_mode = uplink->addr_gen_mode,
                          .confirm_ms = create->confirm_ms,
                          .saved_at = move_clock(),
                          .mover = getpid()};
    strcpy(move->bridge, create->name);
    strcpy(move->uplink, uplink->name);
    if (create->manager)
        strcpy(move->manager, create->manager->name);
    const int err = dhcp_find(uplink->name, &move->clients);
    if (err < 0)
        return err;
    move->own = own_addresses(create);
    move->settings = json_array();
    sysctl_differing(uplink->name, keep_setting, move);
    if (!move->own || !move->settings)
        return -ENOMEM;
    return move_read(&view->nl, uplink->ifindex, move);
}

/* The kernel keeps routes that it would not take today, such as one through a gateway whose subnet has no
 * address any more. Such a one would be lost on the way, so it is found out before. Returns 0 or says which.
 */
static int refuse_stale_routes(struct view *view, const char *verb, const struct move *move)
{
    const struct route_target same = {.from = move->uplink_index, .to = move->uplink_index, .only_ask = true};
    struct batch batch = {.error = 0};
    size_t failed = 0;

    routes_add(&batch, &move->routes, &same);
    const int err = batch_send(&view->nl, &batch, &failed);
    if (err < 0) {
        const struct nlmsghdr *msg = failed < batch.requests.count ? batch.requests.list[failed] : NULL;
        const struct rtmsg *route = msg ? nlmsg_data(msg) : NULL;
        const struct nlattr *gateway = msg ? message_attr(msg, sizeof(*route), RTA_GATEWAY) : NULL;
        char text[INET6_ADDRSTRLEN] = "?";
        if (gateway)
            inet_ntop(route->rtm_family, nla_data(gateway), text, sizeof(text));
        complain(
            1, verb,
            "nothing is changed, for a route of '%s' through %s could not be set again (%s): `ip route show table "
            "all dev %s` and -6 have it; remove it, or mend what it needs",
            move->uplink, text, strerror(-err), quote(move->uplink).text);
    }
    batch_free(&batch);
    return err < 0;
}

/* The bridge itself, down, with everything but what is the uplink's still. */
static int make_bridge(struct view *view, const char *verb, const struct create *create,
                       const struct link *uplink, const struct move *move)
{
    struct bridge_spec spec = create->spec;
    struct batch batch = {.error = 0};

    if (!create->has_mac)
        memcpy(spec.mac, uplink->mac, sizeof(spec.mac));
    batch_take(&batch, bridge_message(&spec), 0);
    const int status = view_send(view, verb, &batch, "make the bridge", create->name);
    batch_free(&batch);
    if (status == 0)
        give_settings(move->settings, create->name);
    return status;
}

/* Everything at once: what is away is away for as long as the kernel needs for this one batch. */
static int move_to_bridge(struct view *view, const char *verb, const struct create *create, struct move *move)
{
    const int bridge = link_index(&view->nl, create->name);
    const struct address_target addresses = {.ifindex = bridge, .from = move->uplink, .to = create->name};
    const struct route_target routes = {.from = move->uplink_index, .to = bridge, .learnt_behind = true};
    struct batch batch = {.error = 0};
    char alias[64];

    if (bridge < 0)
        return complain(1, verb, "'%s' is gone again", create->name);
    snprintf(alias, sizeof(alias), "virt-tap uplink=%s", move->uplink);
    batch_take(&batch, link_alias_message(bridge, alias), 0);
    if (create->spec.mtu)
        batch_take(&batch, link_mtu_message(move->uplink_index, create->spec.mtu), 0);
    if (move->addr_gen_mode >= 0) /* the addresses that it would make are among those that move */
        batch_take(&batch, link_addr_gen_mode_message(bridge, IN6_ADDR_GEN_MODE_NONE), 0);
    batch_take(&batch, link_up_message(bridge), 0);
    batch_take(&batch, link_up_message(move->uplink_index), 0);
    batch_take(&batch, link_master_message(move->uplink_index, bridge), 0);
    if (move->addr_gen_mode >= 0)
        batch_take(&batch, link_addr_gen_mode_message(move->uplink_index, IN6_ADDR_GEN_MODE_NONE), 0);
    addresses_remove(&batch, &move->addresses);
    routes_remove(&batch, &move->routes, &move->addresses);
    addresses_add(&batch, &move->addresses, &addresses);
    for (size_t i = 0; i < create->spec.address_count; i++)
        batch_take(&batch, address_new_message(bridge, &create->spec.addresses[i]), 0);
    routes_add(&batch, &move->routes, &routes);
    neighbours_add(&batch, &move->neighbours, bridge);
    if (move->addr_gen_mode >= 0)
        batch_take(&batch, link_addr_gen_mode_message(bridge, move->addr_gen_mode), 0);
    const int status = view_send(view, verb, &batch, "move the network to", create->name);
    batch_free(&batch);
    return status;
}

static void put_back(const char *verb, struct move *move)
{
    const struct origin origin = {move->uplink, move->uplink_index};
    char path[64];

    if (state_advance(move->bridge, PHASE_MOVING, PHASE_RESTORING) < 0)
        return; /* the guard does */
    const int err = move_restore(move, &origin);
    if (err < 0)
        complain(1, verb, "putting '%s' back failed too: %s", move->uplink, strerror(-err));
    state_path(path, move->bridge, PHASE_RESTORING);
    unlink(path);
}

static int await_confirmation(const char *verb, const struct move *move)
{
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[64];

    if (!isatty(STDIN_FILENO)) {
        printf("'%s' has the network of '%s' now. Unless you confirm within %g s, everything is put back:\n"
               "  virt-tap bridge confirm %s\n",
               move->bridge, move->uplink, move->confirm_ms / 1000.0, quote(move->bridge).text);
        return finish_output(0, verb);
    }
    printf(
        "'%s' has the network of '%s' now. Press Enter within %g s to keep it, or everything is put back: ",
        move->bridge, move->uplink, move->confirm_ms / 1000.0);
    fflush(stdout);
    if (poll(&wait, 1, (int)move->confirm_ms) > 0 && read(STDIN_FILENO, line, sizeof(line)) > 0 &&
        state_advance(move->bridge, PHASE_MOVED, PHASE_CONFIRMED) == 0)
        return finish_output(0, verb);
    putchar('\n');
    fflush(stdout);
    return complain(1, verb, "'%s' was not confirmed: '%s' gets everything back", move->bridge, move->uplink);
}

/* What DHCP has given goes with its lifetime, if nobody asks for more. */
static void warn_without_client(const char *verb, const struct move *move)
{
    char text[CIDR_TEXT];

    for (size_t i = 0; move->clients.count == 0 && i < move->addresses.count; i++) {
        const struct cidr cidr = address_of(move->addresses.list[i]);
        if (cidr.family != AF_INET || address_flags(move->addresses.list[i]) & IFA_F_PERMANENT)
            continue;
        cidr_print(&cidr, text);
        complain(0, verb,
                 "warning: %s will expire, since no DHCP client of root's was found for '%s' (see "
                 "virt-tap-bridge(8)); start one for '%s'",
                 text, move->uplink, move->bridge);
        return;
    }
}

/* Phases 3 and 4, with the guard there. */
static int act(struct view *view, const char *verb, const struct create *create, const struct link *uplink,
               struct move *move, int lock)
{
    const bool by_us = !create->manager || !create->manager->moves_itself;
    int status = by_us ? make_bridge(view, verb, create, uplink, move) : 0;

    if (status == 0 && by_us)
        status = move_to_bridge(view, verb, create, move);
    if (status == 0 && create->manager)
        status = create->manager->take(create->manager->context, verb);
    if (status != 0) {
        put_back(verb, move);
        close(lock);
        return status;
    }
    if (by_us)
        dhcp_move(&move->clients, move->uplink, move->bridge);
    if (state_advance(move->bridge, PHASE_MOVING, PHASE_MOVED) < 0)
        status = complain(1, verb, "the guard was faster: '%s' gets everything back", move->uplink);
    close(lock);
    if (status == 0 && create->dhcp && move->clients.count == 0)
        status = dhcp_begin(verb, create->name);
    else if (status == 0 && !create->manager)
        warn_without_client(verb, move);
    return status == 0 ? await_confirmation(verb, move) : status;
}

int move_create(struct view *view, const char *verb, const struct create *create)
{
    const struct link *uplink = view_link(view, verb, create->uplink);
    struct move move = {.mover = 0};

    if (!uplink)
        return 1;
    int status = uplink_refuse(view, verb, create, uplink);
    if (status != 0)
        return status;
    if (state_in_progress(create->name))
        return complain(1, verb, "a move to '%s' is not confirmed yet: `virt-tap bridge confirm %s`, or wait",
                        create->name, quote(create->name).text);
    const int err = collect(view, create, uplink, &move);
    if (err == 0 && refuse_stale_routes(view, verb, &move) != 0) {
        move_free(&move);
        return 1;
    }
    const int lock = err == 0 ? state_save(&move) : err;
    if (lock < 0)
        status = complain(1, verb,
                          "nothing is changed, for the state of '%s' cannot be saved in " STATE_FOLDER ": %s",
                          uplink->name, strerror(-lock));
    else
        status = guard_start(verb, create->name);
    if (status == 0)
        status = act(view, verb, create, uplink, &move, lock);
    else if (lock >= 0)
        close(lock);
    move_free(&move);
    return status;
}
