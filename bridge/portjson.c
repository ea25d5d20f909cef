/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "portjson.h"

#include "base/name.h"
#include "base/printable.h"
#include "base/text.h"
#include "bridge.h"
#include "net/links.h"
#include "net/portread.h"
#include "net/rtnl.h"
#include "policy/claimed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANGES_SHOWN = 8 /* of VLANs */ };

static void see_vlans(void *arg, int ifindex, const struct vlan_range *range, unsigned int flags)
{
    const struct ports *ports = arg;
    const struct link *port = links_by_index(ports->links, ifindex);

    if (!port)
        return;
    struct vlans *vlans = &ports->vlans[port - ports->links->list];
    if (flags & BRIDGE_VLAN_INFO_PVID)
        vlans->untagged = range->first;
    for (unsigned int vlan = range->first; !(flags & BRIDGE_VLAN_INFO_UNTAGGED) && vlan <= range->last;
         vlan++)
        vlans_add(vlans, vlan);
}

/* A kernel with VLAN filtering gives every port a VLAN, but only enforces it on a bridge that filters. */
static void forget_unfiltered(struct ports *ports)
{
    for (size_t i = 0; i < ports->links->count; i++) {
        const struct link *bridge = links_by_index(ports->links, ports->links->list[i].master);
        if (!bridge || !bridge->bridge.vlan_filtering)
            ports->vlans[i] = (struct vlans){.untagged = 0};
    }
}

int ports_read(struct ports *out, struct rtnl *nl, const struct links *links)
{
    *out = (struct ports){.links = links,
                          .vlans = calloc(links->count + 1, sizeof(*out->vlans)),
                          .locks = calloc(links->count + 1, sizeof(*out->locks)),
                          .users = json_object()};
    if (!out->vlans || !out->locks || !out->users)
        return -ENOMEM;
    int err = port_each_vlans(nl, 0, see_vlans, out);
    if (err)
        return err;
    forget_unfiltered(out);
    err = port_locks_read(out->locks, nl, links);
    if (err)
        return err;
    return domain_names_read(&out->names);
}

void ports_free(struct ports *ports)
{
    for (size_t i = 0; ports->locks && i < ports->links->count; i++) {
        json_decref(ports->locks[i].bound);
        json_decref(ports->locks[i].filter);
    }
    free(ports->locks);
    free(ports->vlans);
    json_decref(ports->users);
    domain_names_free(&ports->names);
}

json_t *text_json(const char *text)
{
    json_t *exact = json_string(text);
    char *copy = exact ? NULL : strdup(text);

    if (!copy)
        return exact;
    printable_mask(copy);
    exact = json_string(copy);
    free(copy);
    return exact;
}

json_t *text_json_or_null(const char *text)
{
    if (*text)
        return text_json(text);
    return json_null();
}

json_t *mac_json(const struct link *link)
{
    char text[MAC_TEXT];

    if (link->has_mac)
        return json_string(mac_print(text, link->mac));
    return json_null();
}

static json_t *user_json(const struct ports *ports, uid_t uid)
{
    char key[sizeof("4294967295")];

    snprintf(key, sizeof(key), "%u", uid);
    if (!json_object_get(ports->users, key)) {
        const struct passwd *user = getpwuid(uid);
        json_object_set_new(ports->users, key, user ? text_json(user->pw_name) : json_null());
    }
    return json_pack("{s:I, s:O}", "uid", (json_int_t)uid, "name", json_object_get(ports->users, key));
}

static void add_word(json_t *list, bool wanted, const char *word)
{
    if (wanted)
        json_array_append_new(list, json_string(word));
}

/* In the words of virt-tap-policy(5); mac=lock includes the last two. */
static json_t *protection_json(const struct link *port)
{
    json_t *list = json_array();

    if (!port->is_port)
        return list;
    add_word(list, port->port.isolated, "isolated");
    add_word(list, port->port.locked, "mac=lock");
    add_word(list, port->port.guard, "guard");
    add_word(list, !port->port.learning && !port->port.locked, "no-learning");
    add_word(list, !port->port.flood && !port->port.locked, "no-flooding");
    return list;
}

json_t *tagged_json(const struct vlans *vlans)
{
    struct vlan_range range = {0};
    json_t *list = json_array();

    while (vlans_next(vlans, &range))
        json_array_append_new(list, range.last > range.first ? json_sprintf("%u-%u", range.first, range.last)
                                                             : json_sprintf("%u", range.first));
    return list;
}

const char *port_alias_uplink(const struct link *bridge)
{
    const size_t length = sizeof(UPLINK_ALIAS) - 1;

    if (strncmp(bridge->alias, UPLINK_ALIAS, length) == 0)
        return bridge->alias + length;
    return NULL;
}

bool port_may_be_uplink(const struct link *port)
{
    return !*port->kind /* hardware */ || text_has_word("bond team vlan", port->kind);
}

/* The uplink is the port that the alias of its bridge names, whatever kind of device it is, or one that may
 * be. */
static const char *role_of(const struct ports *ports, const struct link *port)
{
    const struct link *bridge = links_by_index(ports->links, port->master);
    const char *uplink = bridge ? port_alias_uplink(bridge) : NULL;

    if (uplink && strcmp(uplink, port->name) == 0)
        return "uplink";
    if (port->is_tun)
        return port->tun.kind.tun ? "tun" : "tap";
    if (port_may_be_uplink(port))
        return "uplink";
    return "port";
}

bool port_is_ours(const struct link *tap)
{
    struct claimed_tap claim;

    return tap->is_tun && (claim_read_tap(&claim, tap) || strcmp(tap->alias, CLAIM_PLAIN_ALIAS) == 0);
}

/* Adds whose tap it is, according to the claim. The holder of a tap can set the TUN owner at will, so that is
 * only shown for taps without a claim, under that name. */
static void add_owner(json_t *object, const struct ports *ports, const struct link *tap)
{
    struct claimed_tap claim;

    if (!claim_read_tap(&claim, tap)) {
        if (tap->tun.owner != UINT32_MAX)
            json_object_set_new(object, "tun_owner", user_json(ports, tap->tun.owner));
        return;
    }
    json_object_set_new(object, "owner", user_json(ports, claim.uid));
    json_object_set_new(object, "domain", text_json_or_null(claim.domain));
    json_object_set_new(object, "domain_name",
                        text_json_or_null(domain_names_find(&ports->names, claim.uid, claim.domain)));
    json_object_set_new(object, "claim", text_json_or_null(text_if(claim.claimed, tap->altname)));
    json_object_set_new(object, "changed",
                        json_pack("{s:b, s:b, s:b}", "mac", claim.mac_changed, "owner", claim.owner_changed,
                                  "persistence", claim.persistence_changed));
}

static void add_tap(json_t *object, const struct ports *ports, const struct link *tap)
{
    const bool held = claim_is_held(tap), multi_queue = tap->tun.kind.multi_queue;
    const int queues = multi_queue ? (int)tap->tun.queues : (int)held;
    json_t *facts = json_pack("{s:b, s:b, s:i, s:b, s:b}", "held", held, "multi_queue", multi_queue, "queues",
                              queues, "vnet_hdr", tap->tun.kind.vnet_hdr, "persistent", tap->tun.persist);

    json_object_update(object, facts);
    json_decref(facts);
    add_owner(object, ports, tap);
}

json_t *port_json(const struct ports *ports, const struct link *port)
{
    static const char *const states[] = {"disabled", "listening", "learning", "forwarding", "blocking"};
    const bool known = port->is_port && port->port_state >= 0 && port->port_state < 5;
    const struct link *bridge = links_by_index(ports->links, port->master);
    const size_t place = (size_t)(port - ports->links->list);
    const struct vlans *vlans = &ports->vlans[place];
    json_t *object = json_pack(
        "{s:o, s:i, s:s, s:s, s:o, s:o, s:i, s:b, s:s?, s:n, s:n, s:n, s:n, s:n, s:n, s:o, s:o, s:o, s:O?, "
        "s:O?, s:n, s:n, s:n, s:n, s:n}",
        "name", text_json(port->name), "ifindex", port->ifindex, "role", role_of(ports, port), "kind",
        *port->kind ? port->kind : "hardware", "bridge", text_json_or_null(bridge ? bridge->name : ""), "mac",
        mac_json(port), "mtu", (int)port->mtu, "carrier", (port->flags & IFF_LOWER_UP) != 0, "state",
        known ? states[port->port_state] : NULL, "owner", "tun_owner", "domain", "domain_name", "claim",
        "changed", "protection", protection_json(port), "vlan",
        vlans->untagged ? json_integer((json_int_t)vlans->untagged) : json_null(), "tagged",
        tagged_json(vlans), "bound", ports->locks[place].bound, "filter", ports->locks[place].filter, "held",
        "multi_queue", "queues", "vnet_hdr", "persistent");

    if (object && port->is_tun)
        add_tap(object, ports, port);
    return object;
}

const char *json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (text)
        return text;
    return "";
}

bool json_flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static void append(char *out, size_t size, const char *word)
{
    const size_t length = strlen(out);

    snprintf(out + length, size - length, "%s%s", text_if(length, ","), word);
}

const char *json_words(const json_t *all, char *out, size_t size)
{
    const char *key;
    json_t *value;
    size_t i;

    *out = '\0';
    json_array_foreach(all, i, value) append(out, size, json_string_value(value));
    json_object_foreach((json_t *)(uintptr_t)all, key, value) if (json_is_true(value)) append(out, size, key);
    return out;
}

const char *json_vlans(const json_t *port, char out[JSON_VLANS_SIZE])
{
    const json_t *vlan = json_object_get(port, "vlan"), *tagged = json_object_get(port, "tagged");
    const size_t count = json_array_size(tagged);
    size_t i;
    json_t *range;

    *out = '\0';
    if (json_is_integer(vlan))
        snprintf(out, JSON_VLANS_SIZE, "%d", (int)json_integer_value(vlan));
    json_array_foreach(tagged, i, range)
    {
        const size_t length = strlen(out);
        const char *between = text_if(length, ", tagged ");
        if (i > 0)
            between = ",";
        else if (!length)
            between = "tagged ";
        if (i < RANGES_SHOWN)
            snprintf(out + length, JSON_VLANS_SIZE - length, "%s%s", between, json_string_value(range));
    }
    if (count > RANGES_SHOWN)
        snprintf(out + strlen(out), JSON_VLANS_SIZE - strlen(out), " +%zu", count - RANGES_SHOWN);
    return out;
}

const char *json_user(const json_t *user, char *out, size_t size)
{
    const char *name = json_string_value(json_object_get(user, "name"));

    if (name)
        snprintf(out, size, "%s", name);
    else if (json_is_object(user))
        snprintf(out, size, "uid %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(user, "uid")));
    else
        *out = '\0';
    return out;
}

const char *json_domain(const json_t *port)
{
    const char *name = json_text(port, "domain_name");

    if (*name)
        return name;
    return json_text(port, "domain");
}

static json_t *sources_json(unsigned int sources)
{
    json_t *list = json_array();

    for (unsigned int i = 0; i < GUEST_SOURCES; i++)
        if (sources & 1U << i)
            json_array_append_new(list, json_string(guest_source_word(1U << i)));
    return list;
}

static json_t *address_json(const struct guest_sight *sight, const struct guest_address *found)
{
    const struct link *link = links_by_index(sight->links, found->ifindex);
    char text[INET6_ADDRSTRLEN] = "", mac[MAC_TEXT];

    inet_ntop(found->address.family, found->address.bytes, text, sizeof(text));
    return json_pack(
        "{s:s, s:o, s:o, s:s?, s:o}", "address", text, "interface", text_json_or_null(link ? link->name : ""),
        "vlan", found->vlan ? json_integer((json_int_t)found->vlan) : json_null(), "mac",
        found->has_mac ? mac_print(mac, found->mac) : NULL, "sources", sources_json(found->sources));
}

json_t *guest_json(const struct guest_sight *sight, const struct guest_addresses *addresses)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < addresses->count; i++)
        if (json_array_append_new(list, address_json(sight, &addresses->list[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

const char *guest_text(const json_t *address, char out[GUEST_TEXT])
{
    const char *text = json_text(address, "address"), *interface = json_text(address, "interface");

    if (strncmp(text, "fe80:", 5) == 0 && *interface)
        snprintf(out, GUEST_TEXT, "%.46s%%%.15s", text, interface);
    else
        snprintf(out, GUEST_TEXT, "%.46s", text);
    return out;
}
