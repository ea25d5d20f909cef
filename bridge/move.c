/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "move.h"
#include "base/cleanup.h"
#include "base/quote.h"
#include "net/link.h"
#include "net/route.h"
#include "persist.h"
#include "probe.h"
#include "state.h"
#include "sysctl.h"
#include "uplink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROBE_S = 40 };

static int collect(struct view *view, const struct create *create, const struct link *uplink,
                   struct move *move)
{
    const size_t size = create->spec.address_count * sizeof(*move->own);

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
    move->own = malloc(size + 1);
    if (!move->own)
        return -ENOMEM;
    if (size > 0)
        memcpy(move->own, create->spec.addresses, size);
    move->own_count = create->spec.address_count;
    return move_read(&view->nl, uplink->ifindex, move);
}

/* Formats the gateway of a route request. */
static void print_gateway(const struct nlmsghdr *msg, char text[INET6_ADDRSTRLEN])
{
    const struct rtmsg *route = msg ? nlmsg_data(msg) : NULL;
    const struct nlattr *gateway = msg ? message_attr(msg, sizeof(*route), RTA_GATEWAY) : NULL;

    strcpy(text, "?");
    if (gateway)
        inet_ntop(route->rtm_family, nla_data(gateway), text, INET6_ADDRSTRLEN);
}

/* The kernel keeps routes that it would no longer accept, such as one through a gateway whose subnet has no
 * address any more. Moving would lose such a route, so ask beforehand. Returns 0 or reports which. */
static int refuse_stale_routes(struct view *view, const char *verb, const struct move *move)
{
    const struct route_target same = {.from = move->uplink_index, .to = move->uplink_index, .only_ask = true};
    _cleanup_batch_ struct batch batch = {.error = 0};
    char gateway[INET6_ADDRSTRLEN];
    size_t failed = 0;

    routes_add(&batch, &move->routes, &same);
    const int err = batch_send(&view->nl, &batch, &failed);
    if (err == 0)
        return 0;
    print_gateway(failed < batch.requests.count ? batch.requests.list[failed] : NULL, gateway);
    return complain(
        1, verb,
        "nothing was changed: a route of '%s' through %s could not be set again (%s): `ip route show table all "
        "dev %s` and -6 show it; remove it, or fix what it needs",
        move->uplink, gateway, strerror(-err), quote(move->uplink).text);
}

/* Creates the bridge itself, down, without what the uplink still has. */
static int make_bridge(struct view *view, const char *verb, const struct create *create,
                       const struct link *uplink)
{
    struct bridge_spec spec = create->spec;
    _cleanup_batch_ struct batch batch = {.error = 0};

    if (!create->has_mac)
        memcpy(spec.mac, uplink->mac, sizeof(spec.mac));
    batch_take(&batch, bridge_message(&spec), 0);
    const int status = view_send(view, verb, &batch, "make the bridge", create->name);
    if (status == 0)
        sysctl_copy(uplink->name, create->name);
    return status;
}

/* All in one batch: the host is offline only for as long as the kernel takes to process it. */
static int move_to_bridge(struct view *view, const char *verb, const struct create *create,
                          const struct move *move)
{
    const int bridge = link_index(&view->nl, create->name);
    const struct address_target addresses = {.ifindex = bridge, .from = move->uplink, .to = create->name};
    const struct route_target routes = {.from = move->uplink_index, .to = bridge};
    _cleanup_batch_ struct batch batch = {.error = 0};
    char alias[64];

    if (bridge < 0)
        return complain(1, verb, "'%s' disappeared while it was being set up", create->name);
    snprintf(alias, sizeof(alias), UPLINK_ALIAS "%s", move->uplink);
    batch_take(&batch, link_alias_message(bridge, alias), 0);
    if (create->spec.mtu)
        batch_take(&batch, link_mtu_message(move->uplink_index, create->spec.mtu), 0);
    if (move->addr_gen_mode >= 0) /* the addresses it would generate are among those being moved */
        batch_take(&batch, link_addr_gen_mode_message(bridge, IN6_ADDR_GEN_MODE_NONE), 0);
    batch_take(&batch, link_up_message(move->uplink_index), 0);
    batch_take(&batch, link_master_message(move->uplink_index, bridge), 0);
    /* With its port, it has a carrier at once. Without, it drops what is sent until the kernel has seen to
     * that (net/core/link_watch.c), the first question for the gateway's MAC as well, and the next comes
     * after 1 s. */
    batch_take(&batch, link_up_message(bridge), 0);
    if (move->addr_gen_mode >= 0)
        batch_take(&batch, link_addr_gen_mode_message(move->uplink_index, IN6_ADDR_GEN_MODE_NONE), 0);
    addresses_remove(&batch, &move->addresses);
    routes_remove(&batch, &move->routes, &move->addresses);
    addresses_add(&batch, &move->addresses, &addresses);
    for (size_t i = 0; i < create->spec.address_count; i++)
        batch_take(
            &batch,
            address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, bridge, &create->spec.addresses[i]), 0);
    routes_add(&batch, &move->routes, &routes);
    neighbours_add(&batch, &move->neighbours, bridge);
    if (move->addr_gen_mode >= 0)
        batch_take(&batch, link_addr_gen_mode_message(bridge, move->addr_gen_mode), 0);
    return view_send(view, verb, &batch, "move the network to", create->name);
}

static void restore(const char *verb, struct move *move)
{
    if (state_advance(move->bridge, PHASE_MOVING, PHASE_RESTORING) < 0)
        return; /* the guard restores it */
    const int err = move_restore(move, 0);
    if (err < 0)
        complain(1, verb, "restoring '%s' failed too: %s", move->uplink, strerror(-err));
}

static int await_confirmation(const char *verb, const struct move *move)
{
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
    const double seconds = move->confirm_ms / 1000.0;
    char line[64];

    if (!isatty(STDIN_FILENO)) {
        printf("'%s' now has the network of '%s'. Unless you confirm within %g s, everything is restored:\n"
               "  virt-tap bridge confirm %s\n",
               move->bridge, move->uplink, seconds, quote(move->bridge).text);
        return finish_output(0, verb);
    }
    printf(
        "'%s' now has the network of '%s'. Press Enter within %g s to keep it, or everything is restored: ",
        move->bridge, move->uplink, seconds);
    fflush(stdout);
    if (poll(&wait, 1, (int)move->confirm_ms) > 0 && read(STDIN_FILENO, line, sizeof(line)) > 0 &&
        state_advance(move->bridge, PHASE_MOVED, PHASE_CONFIRMED) == 0)
        return finish_output(0, verb);
    putchar('\n');
    fflush(stdout);
    return complain(1, verb, "'%s' was not confirmed: '%s' is being restored", move->bridge, move->uplink);
}

/* An address from DHCP expires if no client renews it. */
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

/* Phase 3, with the guard running: done by us, by the manager, or by both. */
static int act(struct view *view, const char *verb, const struct create *create, const struct link *uplink,
               struct move *move)
{
    const struct manager *manager = create->manager;

    if (!manager || !manager->owns_move) {
        if (make_bridge(view, verb, create, uplink) != 0 || move_to_bridge(view, verb, create, move) != 0)
            return 1;
    }
    if (manager && manager->apply(manager->context, verb) != 0)
        return 1;
    if (!manager || !manager->owns_move)
        dhcp_move(&move->clients, move->uplink, move->bridge);
    return 0;
}

/* How long the bridge may take to reach what the uplink did: a port of a switch with spanning tree opens
 * after half a minute, a manager may still wait for DHCP. The guard ends all at confirm_ms. */
static int probe_seconds(const struct create *create, const struct move *move)
{
    const int left = (int)move->confirm_ms / 1000 - (move_clock() - move->saved_at) - 1;

    if (left < 1)
        return 1; /* a busy machine needs some time to answer at all */
    if (create->manager || left < PROBE_S)
        return left;
    return PROBE_S;
}

/* Phases 3 and 4. Closes `lock`. */
static int act_guarded(struct view *view, const char *verb, const struct create *create,
                       const struct link *uplink, struct move *move, const struct probe *probe, int lock)
{
    _cleanup_close_ int held = lock;
    int status = act(view, verb, create, uplink, move);

    if (status == 0)
        status = probe_after(view, verb, move, probe, probe_seconds(create, move));
    if (status != 0) {
        restore(verb, move);
        return status;
    }
    if (state_advance(move->bridge, PHASE_MOVING, PHASE_MOVED) < 0)
        return complain(1, verb, "timed out before the move finished; '%s' is being restored", move->uplink);
    close(take_fd(&held));
    if (create->dhcp && move->clients.count == 0)
        status = dhcp_begin(verb, create->name);
    else if (!create->manager)
        warn_without_client(verb, move);
    if (status == 0)
        return await_confirmation(verb, move);
    return status;
}

int move_check(struct view *view, const char *verb, const struct create *create)
{
    const struct link *uplink = view_link(view, verb, create->uplink);

    if (!uplink || uplink_refuse(view, verb, create, uplink) != 0)
        return 1;
    return state_refuse(verb, create->name);
}

int move_create(struct view *view, const char *verb, const struct create *create)
{
    __attribute__((cleanup(move_free))) struct move move = {.mover = 0};
    const struct link *uplink = links_by_name(&view->links, create->uplink);
    struct probe probe;

    if (move_check(view, verb, create) != 0)
        return 1;
    const int err = collect(view, create, uplink, &move);
    if (err == 0 && probe_before(view, verb, create->probes, &move, &probe) != 0)
        return 1;
    if (err == 0 && refuse_stale_routes(view, verb, &move) != 0)
        return 1;
    _cleanup_close_ int lock = err == 0 ? state_save(&move) : err;
    if (lock < 0)
        return complain(1, verb,
                        "nothing was changed: the state of '%s' cannot be saved in " STATE_FOLDER ": %s",
                        uplink->name, strerror(-lock));
    const int status = guard_start(verb, create->name);
    if (status != 0)
        return status;
    return act_guarded(view, verb, create, uplink, &move, &probe, take_fd(&lock));
}
