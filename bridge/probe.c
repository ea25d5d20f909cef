/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "probe.h"

#include "base/clock.h"
#include "base/process.h"
#include "net/addresses.h"
#include "net/link.h"
#include "net/neighbour.h"
#include "net/route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { BEFORE_MS = 1000, BEFORE_ALL_MS = 5000, PING_MS = 3000, STEP_MS = 100, TELL_MS = 2000 };

int probe_check(const char *verb, const struct option_list *addresses)
{
    struct in6_addr bytes;

    for (size_t i = 0; i < addresses->count; i++)
        if (inet_pton(AF_INET, addresses->words[i], &bytes) != 1 &&
            inet_pton(AF_INET6, addresses->words[i], &bytes) != 1)
            return complain(2, verb, "--probe takes an IPv4 or IPv6 address, not '%.64s'",
                            addresses->words[i]);
    return 0;
}

/* Returns 0 if the address answers ping(8). */
static int ping(const char *address)
{
    const char *const argv[] = {"ping", "-c", "1", "-W", "1", address, NULL};

    return process_capture(argv, false, PING_MS, NULL);
}

static bool gateway_of(const struct nlmsghdr *msg, struct cidr *out)
{
    const struct rtmsg *route = nlmsg_data(msg);
    const struct nlattr *gateway = message_attr(msg, sizeof(*route), RTA_GATEWAY);

    if (!route_is_default(msg) || !gateway)
        return false;
    *out = (struct cidr){.family = route->rtm_family};
    memcpy(out->bytes, nla_data(gateway), (size_t)nla_len(gateway));
    return true;
}

static bool has(const struct probe *probe, const struct cidr *gateway)
{
    for (size_t i = 0; i < probe->gateway_count; i++)
        if (cidr_equal(&probe->gateways[i], gateway))
            return true;
    return false;
}

int probe_before(struct view *view, const char *verb, const struct option_list *addresses,
                 const struct move *move, struct probe *out)
{
    struct cidr gateway;

    *out = (struct probe){.addresses = addresses};
    for (size_t i = 0; i < addresses->count; i++) {
        const int status = ping(addresses->words[i]);
        if (status == -ENOENT)
            return complain(1, verb,
                            "--probe takes the program ping, which is not installed: install iputils-ping");
        if (status != 0)
            return complain(1, verb, "nothing was changed: '%s' does not answer a ping even before the move",
                            addresses->words[i]);
    }
    /* Anybody on the wire can advertise any number of routers that do not exist. */
    const int64_t end = clock_ms() + BEFORE_ALL_MS;
    for (size_t i = 0; i < move->routes.count && out->gateway_count < PROBE_GATEWAYS_MAX && clock_ms() < end;
         i++)
        if (gateway_of(move->routes.list[i], &gateway) && !has(out, &gateway) &&
            neighbour_answers(&view->nl, move->uplink_index, &gateway, BEFORE_MS))
            out->gateways[out->gateway_count++] = gateway;
    return 0;
}

/* Whether the host can answer and send: without an address, a gateway may answer although the host cannot be
 * reached; without the route, nothing else can be. */
static bool uses(struct rtnl *nl, int ifindex, const struct cidr *gateway)
{
    _cleanup_messages_ struct messages addresses = {.count = 0}, routes = {.count = 0};
    bool has_address = false, has_route = false;
    struct cidr found;

    addresses_read(nl, ifindex, &addresses);
    for (size_t i = 0; i < addresses.count; i++)
        has_address = has_address || address_of(addresses.list[i]).family == gateway->family;
    routes_read(nl, ifindex, &routes);
    for (size_t i = 0; i < routes.count; i++)
        has_route = has_route || (gateway_of(routes.list[i], &found) && cidr_equal(&found, gateway));
    return has_address && has_route;
}

/* Returns whether all is reached; otherwise `missing` is what is not, for a person. */
static bool reached(struct view *view, const struct move *move, const struct probe *probe, char missing[128])
{
    const int bridge = link_index(&view->nl, move->bridge);
    char text[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < probe->gateway_count; i++) {
        const struct cidr *gateway = &probe->gateways[i];
        inet_ntop(gateway->family, gateway->bytes, text, sizeof(text));
        snprintf(missing, 128, "the gateway %s", text);
        if (bridge < 0 || !uses(&view->nl, bridge, gateway) ||
            !neighbour_answers(&view->nl, bridge, gateway, STEP_MS))
            return false;
    }
    for (size_t i = 0; i < probe->addresses->count; i++) {
        snprintf(missing, 128, "%s", probe->addresses->words[i]);
        if (ping(probe->addresses->words[i]) != 0)
            return false;
    }
    return true;
}

int probe_after(struct view *view, const char *verb, const struct move *move, const struct probe *probe,
                int seconds)
{
    const int64_t begun = clock_ms();
    bool told = false;
    char missing[128];

    while (!reached(view, move, probe, missing)) {
        const int64_t waited = clock_ms() - begun;
        if (waited >= seconds * 1000)
            return complain(1, verb,
                            "%s is not reached through '%s', as it was through '%s': everything is restored",
                            missing, move->bridge, move->uplink);
        if (waited >= TELL_MS && !told)
            told = complain(1, verb, "waiting until %s is reached through '%s'", missing, move->bridge);
        poll(NULL, 0, STEP_MS);
    }
    return 0;
}
