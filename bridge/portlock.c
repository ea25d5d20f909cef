/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "portjson.h"

#include "net/links.h"
#include "net/portread.h"
#include "net/rtnl.h"
#include "policy/claimed.h"

#include <errno.h>
#include <string.h>

struct reading {
    struct port_lock *locks;
    const struct links *links;
};

static bool is_locked(const struct link *tap, struct claim *claim)
{
    return tap->is_tun && tap->is_port && tap->port.locked && claim_read(claim, tap->altname);
}

/* Prints an address as --ip= takes it, or a network as ips= does. */
static json_t *address_json(const struct cidr *address)
{
    char text[CIDR_TEXT];

    cidr_print(address, text);
    if (address->prefix == 8 * cidr_size(address->family))
        *strchr(text, '/') = '\0';
    return json_string(text);
}

/* Takes the MAC and the addresses from the claims among a tap's alternative names. */
static json_t *read_claims(struct nlattr *names, const char *bridge)
{
    json_t *mac = json_null(), *ip = json_array();
    struct nlattr *name;
    struct cidr address;
    uint8_t bytes[6];
    char text[MAC_TEXT];
    int rest;

    nla_for_each_nested(name, names, rest)
    {
        if (claim_read_mac(bytes, nla_data(name), bridge)) {
            json_decref(mac); /* of a second claim that root added */
            mac = json_string(mac_print(text, bytes));
        } else if (claim_read_ip(&address, nla_data(name), bridge)) {
            json_array_append_new(ip, address_json(&address));
        }
    }
    return json_pack("{s:o, s:o}", "mac", mac, "ip", ip);
}

static int see_names(void *arg, struct nlmsghdr *answer)
{
    const struct reading *r = arg;
    const struct ifinfomsg *info = nlmsg_data(answer);
    const struct link *tap = links_by_index(r->links, info->ifi_index);
    struct nlattr *names = message_attr(answer, sizeof(*info), IFLA_PROP_LIST);
    struct claim claim;

    if (!tap || !names || !is_locked(tap, &claim))
        return 0;
    struct port_lock *lock = &r->locks[tap - r->links->list];
    json_decref(lock->bound); /* of a dump that was inconsistent */
    lock->bound = read_claims(names, claim.bridge);
    if (lock->bound)
        return 0;
    return -ENOMEM;
}

static json_t *read_filter(struct rtnl *nl, int ifindex)
{
    struct portfilter_state state;

    if (portfilter_read(nl, ifindex, NULL, &state) < 0)
        return NULL;
    return json_pack("{s:b, s:I}", "attached", state.attached, "dropped", (json_int_t)state.dropped);
}

int port_locks_read(struct port_lock *out, struct rtnl *nl, const struct links *links)
{
    struct reading r = {.locks = out, .links = links};
    struct claim claim;
    bool any = false;
    int err = -EAGAIN;

    for (size_t i = 0; i < links->count; i++) {
        if (!is_locked(&links->list[i], &claim))
            continue;
        any = true;
        out[i].filter = read_filter(nl, links->list[i].ifindex);
    }
    if (!any)
        return 0;
    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++)
        err = rtnl_ask(nl, links_question("tun"), see_names, &r);
    return err;
}
