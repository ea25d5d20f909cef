/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "addresses.h"

#include "base/error.h"
#include "claim.h"
#include "config.h"
#include "decide.h"
#include "net/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* As for a MAC, QEMU runs a helper with blanks in it by a shell. */
#define SAY_IP "--ip=ADDRESS (with QEMU: helper='" HELPER_PATH " --mac=MAC --ip=ADDRESS')"

bool addresses_parse(const char *text, struct address_list *out)
{
    for (out->count = 0; out->count < BINDING_ADDRESSES_MAX; text++) {
        struct cidr *network = &out->list[out->count];
        const size_t length = strcspn(text, ",");
        if (!cidr_parse_network(text, length, network) || !cidr_is_unicast(network))
            return false;
        for (size_t i = 0; i < out->count; i++)
            if (cidr_overlap(&out->list[i], network))
                return false;
        out->count++;
        text += length;
        if (!*text)
            return true;
    }
    return false;
}

int address_list_add(struct address_list *out, const char *value, struct error *why)
{
    const char *problem = NULL;
    struct cidr address;

    if (strchr(value, '/') || !cidr_parse_network(value, strlen(value), &address))
        problem = "that is not an IP address";
    else if (!cidr_is_unicast(&address))
        problem = "a guest cannot have a multicast, broadcast, loopback or reserved address";
    for (size_t i = 0; !problem && i < out->count; i++)
        if (cidr_equal(&out->list[i], &address))
            problem = "that address is given twice";
    if (!problem && out->count == BINDING_ADDRESSES_MAX)
        problem = "64 addresses are given already, the most that a guest can have";
    if (problem)
        return error_set(why, "--ip=%.64s: %s; give each of the guest's addresses once, as in --ip=10.66.1.5",
                         value, problem);
    out->list[out->count++] = address;
    return 0;
}

bool address_is_shared(const struct cidr *network)
{
    return network->prefix < 128 && cidr_is_link_local(network);
}

bool addresses_may_be_omitted(const struct terms *terms)
{
    return terms->ips && terms->quota == 1 &&
           (terms->user || (terms->uids.set && terms->uids.first == terms->uids.last));
}

static bool is_within(const struct address_list *networks, const struct cidr *address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (cidr_overlap(&networks->list[i], address))
            return true;
    return false;
}

static int check_asked(const struct decision *decision, const struct address_list *asked,
                       const struct address_list *networks, struct error *why)
{
    const struct terms *terms = &decision->match.rule->terms;
    char text[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < asked->count; i++) {
        inet_ntop(asked->list[i].family, asked->list[i].bytes, text, sizeof(text));
        if (!terms->protection.ip_lock)
            return error_set(why, "--ip=%s: %s does not lock addresses (ip=lock); leave --ip out", text,
                             decision->rule);
        if (terms->ips && !is_within(networks, &asked->list[i]))
            return error_set(why,
                             "--ip=%s: %s allows only addresses in ips=%.512s; give the guest one of those",
                             text, decision->rule, terms->ips);
    }
    return 0;
}

int addresses_decide(struct decision *out, const struct question *question, struct error *why)
{
    static const struct address_list none;
    const struct terms *terms = &out->match.rule->terms;
    const struct address_list *asked = question->addresses ? question->addresses : &none;
    struct address_list networks = {.count = 0};

    if (terms->ips)
        addresses_parse(terms->ips, &networks); /* valid: see terms.c */
    if (check_asked(out, asked, &networks, why) < 0)
        return -1;
    out->addresses = *asked;
    if (!asked->count && addresses_may_be_omitted(terms)) {
        out->addresses = networks;
        return 0;
    }
    if (!asked->count && question->tap && terms->protection.ip_lock)
        return error_set(why,
                         "%s locks the guest to its IP addresses (ip=lock); give each with " SAY_IP
                         "; `virt-tap policy explain --bridge=%s` shows which it can have",
                         out->rule, question->bridge);
    for (size_t i = 0; i < networks.count && out->addresses.count < BINDING_ADDRESSES_MAX; i++)
        if (address_is_shared(&networks.list[i]))
            out->addresses.list[out->addresses.count++] = networks.list[i];
    return 0;
}

/* What is looked for, and the first that was found. */
struct search {
    const struct address_list *addresses;
    const struct link *bridge;
    int tap;
    struct cidr other; /* the address that one of ours overlaps with */
    const char *problem;
};

/* Returns whether one of the addresses overlaps with search->other. */
static bool meets(const struct search *search)
{
    for (size_t i = 0; i < search->addresses->count; i++)
        if (!address_is_shared(&search->addresses->list[i]) &&
            cidr_overlap(&search->addresses->list[i], &search->other))
            return true;
    return false;
}

/* Likewise with the IPv4 or IPv6 address in an attribute (NULL: none), at that offset. */
static bool meets_attr(struct search *search, const struct nlattr *attr, int offset)
{
    const int length = attr ? nla_len(attr) - offset : 0;

    if (length != 4 && length != 16)
        return false;
    search->other =
        (struct cidr){.family = length == 4 ? AF_INET : AF_INET6, .prefix = (uint8_t)(8 * length)};
    memcpy(search->other.bytes, (const char *)nla_data(attr) + offset, (size_t)length);
    return meets(search);
}

/* Looks at the gateway among the attributes of a route or of one of its hops. */
static bool see_hop(struct search *search, const void *attrs, int length, int oif)
{
    return oif == search->bridge->ifindex &&
           (meets_attr(search, nla_find(attrs, length, RTA_GATEWAY), 0) ||
            meets_attr(search, nla_find(attrs, length, RTA_VIA), sizeof(struct rtvia)));
}

static int see_route(void *arg, struct nlmsghdr *answer)
{
    struct search *search = arg;
    const struct rtmsg *route = nlmsg_data(answer);
    const int header = sizeof(*route);
    const struct nlattr *oif = message_attr(answer, sizeof(*route), RTA_OIF);
    const struct nlattr *hops = message_attr(answer, sizeof(*route), RTA_MULTIPATH);

    search->problem = "it is this host's own (`ip address`)";
    if (route->rtm_type == RTN_LOCAL)
        return meets_attr(search, message_attr(answer, sizeof(*route), RTA_DST), 0);
    search->problem = "it is a gateway that this host uses there (`ip route`)";
    if (oif)
        return see_hop(search, nlmsg_attrdata(answer, header), nlmsg_attrlen(answer, header),
                       (int)nla_get_u32(oif));
    if (!hops)
        return 0;
    const struct rtnexthop *hop = nla_data(hops);
    for (int rest = nla_len(hops); RTNH_OK(hop, rest); hop = RTNH_NEXT(hop)) {
        if (see_hop(search, hop + 1, hop->rtnh_len - (int)sizeof(*hop), hop->rtnh_ifindex))
            return 1;
        rest -= (int)RTNH_ALIGN(hop->rtnh_len);
    }
    return 0;
}

static int see_claims(void *arg, struct nlmsghdr *answer)
{
    struct search *search = arg;
    const struct ifinfomsg *info = nlmsg_data(answer);
    struct nlattr *names = message_attr(answer, sizeof(*info), IFLA_PROP_LIST), *name;
    int rest;

    if (!names || info->ifi_index == search->tap)
        return 0;
    search->problem = "another tap there has it (`virt-tap list`)";
    nla_for_each_nested(name, names, rest)
    {
        if (claim_read_ip(&search->other, nla_data(name), search->bridge->name) && meets(search))
            return 1;
    }
    return 0;
}

/* Calls each() for what the kernel dumps until it returns nonzero. Returns that, 0, or -errno. */
static int look(struct rtnl *nl, struct search *search, int type,
                int (*each)(void *arg, struct nlmsghdr *answer))
{
    const struct ifinfomsg every = {.ifi_family = AF_UNSPEC}; /* struct rtmsg begins likewise */
    int err = -EAGAIN;

    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++)
        err = rtnl_ask(nl, rtnl_message(type, NLM_F_DUMP, &every, sizeof(every)), each, search);
    return err;
}

int addresses_check(struct rtnl *nl, const struct address_list *addresses, const struct link *bridge, int tap,
                    struct error *why)
{
    struct search search = {.addresses = addresses, .bridge = bridge, .tap = tap};
    char text[CIDR_TEXT];

    int err = look(nl, &search, RTM_GETROUTE, see_route);
    if (!err)
        err = look(nl, &search, RTM_GETLINK, see_claims);
    if (!err)
        return 0;
    if (err < 0)
        return error_set(why, "cannot find out who has the guest's IP addresses: %s; try again",
                         rtnl_problem(nl, err));
    cidr_print(&search.other, text);
    return error_set(why, "the guest cannot have %s on bridge '%s': %s; give it another by --ip=ADDRESS",
                     text, bridge->name, search.problem);
}
