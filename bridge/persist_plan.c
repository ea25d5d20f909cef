/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Reads what an interface has, for a plan: addresses and routes, and what of them no format can express. */
#include "base/array.h"
#include "base/cleanup.h"
#include "base/process.h"
#include "base/text.h"
#include "net/link.h"
#include "net/route.h"
#include "persist.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void persist_plan_free(struct persist_plan *plan)
{
    free(plan->addresses);
    free(plan->routes);
}

/* What no format but ifupdown's has a word for, the peer of an address, becomes a route. */
static int add_address(struct persist_plan *plan, const struct nlmsghdr *msg)
{
    struct cidr address = address_of(msg), peer = address;
    const struct nlattr *other = message_attr(msg, sizeof(struct ifaddrmsg), IFA_ADDRESS);
    struct persist_route route = {.family = address.family};

    if (other)
        memcpy(peer.bytes, nla_data(other), cidr_size(peer.family));
    const bool has_peer = !plan->managed && !cidr_equal(&peer, &address);
    if (has_peer)
        address.prefix = (uint8_t)(8 * cidr_size(address.family));
    cidr_print(&peer, route.to);
    if (has_peer && peer.prefix != address.prefix)
        persist_lose(plan, "the peer %s of an address", route.to);
    else if (has_peer && array_add(&plan->routes, &plan->route_count, &route, sizeof(route)) < 0)
        return -ENOMEM;
    return array_add(&plan->addresses, &plan->address_count, &address, sizeof(address));
}

void persist_lose(struct persist_plan *plan, const char *format, ...)
{
    const size_t length = strlen(plan->lost);
    va_list args;

    va_start(args, format);
    if (length + 2 < sizeof(plan->lost)) {
        if (length)
            strcpy(plan->lost + length, ", ");
        vsnprintf(plan->lost + strlen(plan->lost), sizeof(plan->lost) - strlen(plan->lost), format, args);
    }
    va_end(args);
}

void persist_look_beside(struct persist_plan *plan)
{
    const char *argv[16] = {"grep", "-rlsE"};
    _cleanup_free_ char *found = NULL;
    char pattern[sizeof("^([^#]*[^#A-Za-z0-9_.-])?([^A-Za-z0-9_.-]|$)") + IFNAMSIZ];
    size_t count = 2;

    if (!*plan->uplink || !plan->format->beside[0])
        return;
    snprintf(pattern, sizeof(pattern), "^([^#]*[^#A-Za-z0-9_.-])?%s([^A-Za-z0-9_.-]|$)", plan->uplink);
    argv[count++] = pattern;
    for (size_t i = 0; plan->format->beside[i]; i++)
        argv[count++] = plan->format->beside[i];
    if (process_capture(argv, false, PROCESS_QUERY_MS, &found) < 0 || !found)
        return;
    char *rest = found;
    for (const char *path; (path = strsep(&rest, "\n"));)
        if (*path)
            persist_lose(plan, "what %s says of '%s'", path, plan->uplink);
}

/* What a route can have beyond its destination, gateway and metric. */
static const struct {
    int type;
    const char *name;
} others[] = {{RTA_MULTIPATH, "several gateways"},
              {RTA_PREFSRC, "source address"},
              {RTA_METRICS, "MTU or other metrics"},
              {RTA_ENCAP, "encapsulation"},
              {RTA_VIA, "gateway of the other family"}};
enum { OTHERS = sizeof(others) / sizeof(others[0]) };

/* Whether a persist adds such a route to what the manager's own configuration has. */
static bool is_plain(const struct nlmsghdr *msg)
{
    const struct rtmsg *info = nlmsg_data(msg);

    for (size_t i = 0; i < OTHERS; i++)
        if (message_attr(msg, sizeof(*info), others[i].type))
            return false;
    return info->rtm_table == RT_TABLE_MAIN;
}

/* Whether an administrator, or a DHCP client's script, set the route; others come back by themselves. */
static bool is_configured(const struct persist_plan *plan, const struct nlmsghdr *msg)
{
    const struct rtmsg *info = nlmsg_data(msg);

    if (info->rtm_protocol != RTPROT_BOOT && info->rtm_protocol != RTPROT_STATIC &&
        info->rtm_protocol != RTPROT_UNSPEC)
        return false;
    if (plan->managed && info->rtm_protocol == RTPROT_STATIC && !(plan->repeated && is_plain(msg)))
        return false;
    return !plan->dhcp || info->rtm_family != AF_INET || info->rtm_dst_len != 0;
}

/* Says what of a route is more than its destination, gateway and metric. */
static void lose_attributes(struct persist_plan *plan, const struct nlmsghdr *msg, const char *to)
{
    const struct rtmsg *info = nlmsg_data(msg);

    for (size_t i = 0; i < OTHERS; i++)
        if (message_attr(msg, sizeof(*info), others[i].type))
            persist_lose(plan, "the %s of the route to %s", others[i].name, to);
    if (info->rtm_table != RT_TABLE_MAIN)
        persist_lose(plan, "a route to %s that is not in the table main", to);
}

/* Adds a route that an administrator set: of the main table, with at most one gateway, the only kind that
 * every manager can express. */
static int add_route(struct persist_plan *plan, const struct nlmsghdr *msg)
{
    const struct rtmsg *info = nlmsg_data(msg);
    const struct nlattr *gateway = message_attr(msg, sizeof(*info), RTA_GATEWAY);
    const struct nlattr *to = message_attr(msg, sizeof(*info), RTA_DST);
    const struct nlattr *metric = message_attr(msg, sizeof(*info), RTA_PRIORITY);
    struct cidr prefix = {.family = info->rtm_family, .prefix = info->rtm_dst_len};
    struct persist_route route = {.family = info->rtm_family, .onlink = info->rtm_flags & RTNH_F_ONLINK};

    if (!is_configured(plan, msg))
        return 0;
    if (to)
        memcpy(prefix.bytes, nla_data(to), (size_t)nla_len(to));
    if (to)
        cidr_print(&prefix, route.to);
    else
        strcpy(route.to, "default");
    lose_attributes(plan, msg, route.to);
    if (info->rtm_table != RT_TABLE_MAIN || message_attr(msg, sizeof(*info), RTA_MULTIPATH))
        return 0;
    if (gateway)
        inet_ntop(info->rtm_family, nla_data(gateway), route.via, sizeof(route.via));
    if (metric)
        route.metric = *(const uint32_t *)nla_data(metric);
    return array_add(&plan->routes, &plan->route_count, &route, sizeof(route));
}

/* Whether one of the static addresses is in the same network as the gateway. */
static bool is_near(const struct persist_plan *plan, const struct persist_route *route)
{
    struct cidr gateway = {.family = route->family, .prefix = route->family == AF_INET ? 32 : 128};

    if (inet_pton(route->family, route->via, gateway.bytes) != 1)
        return true;
    for (size_t i = 0; i < plan->address_count; i++)
        if (cidr_overlap(&gateway, &plan->addresses[i]))
            return true;
    return route->family == AF_INET6 && gateway.bytes[0] == 0xfe && (gateway.bytes[1] & 0xc0) == 0x80;
}

/* Gateways outside of all networks, as at many hosters, are only accepted if the route says so. Of networks
 * that DHCP gives nothing is known. */
static void mark_onlink(struct persist_plan *plan)
{
    for (size_t i = 0; i < plan->route_count; i++)
        if (!plan->dhcp && !is_near(plan, &plan->routes[i]))
            plan->routes[i].onlink = true;
}

/* Whether the address is one that NetworkManager took from router advertisements, which may last for ever. */
static bool is_managers(const struct persist_plan *plan, const struct nlmsghdr *msg)
{
    return plan->managed && address_of(msg).family == AF_INET6 && address_flags(msg) & IFA_F_NOPREFIXROUTE;
}

/* Notes the interface identifier of an address from router advertisements: the bridge would make itself
 * another one, unless it is made from the MAC. */
static void note_token(struct persist_plan *plan, const struct nlmsghdr *msg)
{
    struct cidr address = address_of(msg);
    char token[INET6_ADDRSTRLEN];

    if (address.family != AF_INET6 || address.prefix != 64 || address_is_link_local(msg) ||
        address_flags(msg) & (IFA_F_PERMANENT | IFA_F_TEMPORARY))
        return;
    memset(address.bytes, 0, 8);
    inet_ntop(AF_INET6, address.bytes, token, sizeof(token));
    if (*plan->token && strcmp(plan->token, token) != 0)
        plan->many_tokens = true;
    strcpy(plan->token, token);
}

/* A DHCP-assigned IPv4 address is recognized by its lifetime, which takes CAP_NET_ADMIN to set, not by
 * processes, which anybody can start. IPv6 addresses with a lifetime also come from router advertisements,
 * and come back without being configured. */
static int read_addresses(struct view *view, const struct link *holder, struct persist_plan *plan)
{
    _cleanup_messages_ struct messages all = {.count = 0};
    int err = addresses_read(&view->nl, holder->ifindex, &all);

    for (size_t i = 0; err == 0 && i < all.count; i++) {
        const struct nlmsghdr *msg = all.list[i];
        const struct cidr address = address_of(msg);
        note_token(plan, msg);
        if (!(address_flags(msg) & IFA_F_PERMANENT) || persist_networkd_leased(holder->name, &address))
            plan->dhcp |= address.family == AF_INET;
        else if (!address_is_link_local(msg) && !is_managers(plan, msg))
            err = add_address(plan, msg);
    }
    return err;
}

int persist_read_network(struct view *view, const struct link *holder, struct persist_plan *plan)
{
    _cleanup_messages_ struct messages routes = {.count = 0};
    int err = read_addresses(view, holder, plan);

    if (err == 0)
        err = routes_read(&view->nl, holder->ifindex, &routes);
    for (size_t i = 0; err == 0 && i < routes.count; i++)
        err = add_route(plan, routes.list[i]);
    mark_onlink(plan);
    return err;
}

void persist_ifupdown_lease(FILE *out, const struct persist_plan *plan, const char *client)
{
    static const char start[] = "/var/lib/dhcp/dhclient", end[] = ".leases";
    const char *from = plan->uplink, *to = plan->bridge;

    fprintf(
        out,
        "    pre-up test -e %s%s.%s%s || sed 's/\"%s\"/\"%s\"/' %s%s.%s%s >%s%s.%s%s 2>/dev/null || true\n",
        start, client, to, end, from, to, start, client, from, end, start, client, to, end);
}

bool persist_any_file(const char *pattern)
{
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};

    return glob(pattern, GLOB_BRACE, NULL, &found) == 0;
}
