/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap show, virt-tap bridge show: the host's bridges as a tree, as JSON or for Graphviz. Everything is
 * read once into JSON, from which the other two forms are made. */
#include "base/name.h"
#include "bridge.h"
#include "policy/claimed.h"
#include "verbs.h"

#include <ctype.h>
#include <jansson.h>
#include <linux/if.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum form { TREE, JSON, DOT };

struct show_options {
    int form; /* enum form */
};

const struct option_entry bridge_show_options[] = {
    OPTION_SET("json", "for programs", struct show_options, form, JSON),
    OPTION_SET("dot", "for Graphviz", struct show_options, form, DOT),
    OPTION_END(struct show_options),
};

const char bridge_show_notes[] =
    "A tap's owner is known from the claim that its maker gave it. CHANGED is what its holder has changed since:\n"
    "its MAC, its TUN owner, whether it stays; its holder also controls its carrier. A tap that virt-tap did not\n"
    "make has no claim, only a TUN owner.\n";

/* Everything that is read, once each. */
struct sight {
    const struct links *links;
    struct messages addresses;
};

/* Names and aliases are whatever somebody gave the kernel: anything but plain text becomes '?'. */
static json_t *plain(const char *text)
{
    char copy[512];
    size_t i;

    for (i = 0; i < sizeof(copy) - 1 && text[i]; i++)
        copy[i] = (char)(isprint((unsigned char)text[i]) ? text[i] : '?');
    copy[i] = '\0';
    return json_string(copy);
}

static json_t *mac_text(const struct link *link)
{
    char text[MAC_TEXT];

    return link->has_mac ? json_string(mac_print(text, link->mac)) : json_null();
}

static json_t *addresses_of(const struct messages *all, int ifindex)
{
    json_t *list = json_array();
    char text[CIDR_TEXT];

    for (size_t i = 0; i < all->count; i++) {
        const struct cidr cidr = address_of(all->list[i]);
        if (address_index(all->list[i]) != ifindex || address_is_link_local(all->list[i]))
            continue;
        cidr_print(&cidr, text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

/* The uplink of a bridge whose alias was written by `create --uplink`, or null. */
static json_t *uplink_of(const struct link *bridge)
{
    const char *name = view_alias_uplink(bridge);

    return name ? plain(name) : json_null();
}

static json_t *protection_of(const struct link *port)
{
    json_t *list = json_array();

    if (port->port.isolated)
        json_array_append_new(list, json_string("isolated"));
    if (port->port.locked)
        json_array_append_new(list, json_string("mac-locked"));
    if (port->port.guard)
        json_array_append_new(list, json_string("bpdu-guard"));
    if (!port->port.learning)
        json_array_append_new(list, json_string("no-learning"));
    if (!port->port.flood)
        json_array_append_new(list, json_string("no-flooding"));
    return list;
}

static json_t *user_of(uid_t uid)
{
    const struct passwd *user = getpwuid(uid);

    return json_pack("{s:I, s:o}", "uid", (json_int_t)uid, "name", user ? plain(user->pw_name) : json_null());
}

/* Adds the owner, according to the claim. The holder of a tap can set the TUN owner at will, so that is only
 * shown for taps without a claim, under that name. */
static void add_owner(json_t *picture, const struct link *port)
{
    struct claimed_tap claim;

    if (!port->is_tun)
        return;
    if (!claim_read_tap(&claim, port)) {
        if (port->tun.owner != UINT32_MAX)
            json_object_set_new(picture, "tun_owner", user_of(port->tun.owner));
        return;
    }
    json_object_set_new(picture, "owner", user_of(claim.uid));
    if (*claim.domain)
        json_object_set_new(picture, "domain", plain(claim.domain));
    json_object_set_new(picture, "changed",
                        json_pack("{s:b, s:b, s:b}", "mac", claim.mac_changed, "owner", claim.owner_changed,
                                  "persistence", claim.persistence_changed));
}

static const char *role_of(const struct link *port)
{
    if (strcmp(port->kind, "tun") == 0)
        return "tap";
    return *port->kind ? "port" : "uplink";
}

static json_t *port_picture(const struct link *port)
{
    static const char *const states[] = {"disabled", "listening", "learning", "forwarding", "blocking"};
    const char *state = port->port_state >= 0 && port->port_state < 5 ? states[port->port_state] : "unknown";
    json_t *picture = json_pack(
        "{s:o, s:s, s:s, s:b, s:s, s:o, s:i, s:n, s:n, s:n, s:n, s:o}", "name", plain(port->name), "role",
        role_of(port), "kind", *port->kind ? port->kind : "hardware", "carrier",
        (port->flags & IFF_LOWER_UP) != 0, "state", state, "mac", mac_text(port), "mtu", (int)port->mtu,
        "owner", "tun_owner", "domain", "changed", "protection", protection_of(port));

    add_owner(picture, port);
    return picture;
}

static json_t *bridge_picture(const struct sight *sight, const struct link *bridge)
{
    const struct links *links = sight->links;
    json_t *ports = json_array();

    for (size_t i = 0; i < links->count; i++)
        if (links->list[i].master == bridge->ifindex)
            json_array_append_new(ports, port_picture(&links->list[i]));
    return json_pack("{s:o, s:b, s:o, s:i, s:b, s:b, s:o, s:o, s:o}", "name", plain(bridge->name), "up",
                     (bridge->flags & IFF_UP) != 0, "mac", mac_text(bridge), "mtu", (int)bridge->mtu, "stp",
                     bridge->bridge.stp, "vlan_filtering", bridge->bridge.vlan_filtering, "uplink",
                     uplink_of(bridge), "addresses", addresses_of(&sight->addresses, bridge->ifindex),
                     "ports", ports);
}

/* The port named as uplink in the bridge's alias is the uplink, whatever kind of device it is. */
static void mark_uplink(json_t *bridge)
{
    const char *uplink = json_string_value(json_object_get(bridge, "uplink"));
    size_t i;
    json_t *port;

    json_array_foreach(json_object_get(bridge, "ports"), i,
                       port) if (uplink && strcmp(uplink, json_string_value(json_object_get(port, "name"))) ==
                                               0) json_object_set_new(port, "role", json_string("uplink"));
    json_object_del(bridge, "uplink");
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_words(const json_t *list, const char *before, const char *after)
{
    size_t i;
    json_t *word;

    json_array_foreach(list, i, word) printf("%s%s", i == 0 ? before : ", ", json_string_value(word));
    if (json_array_size(list) > 0)
        fputs(after, stdout);
}

static void print_user(const char *before, const json_t *user)
{
    const char *name = json_string_value(json_object_get(user, "name"));

    if (name)
        printf("%s%s", before, name);
    else if (json_is_object(user))
        printf("%suid %" JSON_INTEGER_FORMAT, before, json_integer_value(json_object_get(user, "uid")));
}

static void print_changed(const json_t *changed)
{
    static const struct {
        const char *key, *word;
    } all[] = {{"mac", "mac"}, {"owner", "owner"}, {"persistence", "stays"}};
    const char *before = " CHANGED ";

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (!json_is_true(json_object_get(changed, all[i].key)))
            continue;
        printf("%s%s", before, all[i].word);
        before = ",";
    }
}

static void print_port(const json_t *port, bool last)
{
    printf("%s %-15s %s", last ? "└─" : "├─", text_of(port, "name"), text_of(port, "role"));
    print_user(" of ", json_object_get(port, "owner"));
    print_user(" without a claim, TUN owner ", json_object_get(port, "tun_owner"));
    if (json_is_string(json_object_get(port, "domain")))
        printf(", domain %s", text_of(port, "domain"));
    printf(", %s", json_is_true(json_object_get(port, "carrier")) ? text_of(port, "state") : "no carrier");
    print_words(json_object_get(port, "protection"), " [", "]");
    print_changed(json_object_get(port, "changed"));
    putchar('\n');
}

static void print_tree(const json_t *bridges)
{
    size_t i, k;
    json_t *bridge, *port;

    json_array_foreach(bridges, i, bridge)
    {
        const json_t *ports = json_object_get(bridge, "ports");
        printf("%s  %s, mtu %d%s%s", text_of(bridge, "name"),
               json_is_true(json_object_get(bridge, "up")) ? "up" : "down",
               (int)json_integer_value(json_object_get(bridge, "mtu")),
               json_is_true(json_object_get(bridge, "stp")) ? ", stp" : "",
               json_is_true(json_object_get(bridge, "vlan_filtering")) ? ", vlan filtering" : "");
        print_words(json_object_get(bridge, "addresses"), ", ", "");
        putchar('\n');
        json_array_foreach(ports, k, port) print_port(port, k + 1 == json_array_size(ports));
    }
}

static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++)
        printf("%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    putchar('"');
}

static void print_dot(const json_t *bridges)
{
    size_t i, k;
    json_t *bridge, *port;

    puts("graph \"virt-tap\" {\n  rankdir=LR;");
    json_array_foreach(bridges, i, bridge)
    {
        fputs("  ", stdout);
        print_quoted(text_of(bridge, "name"));
        puts(" [shape=box, style=bold];");
        json_array_foreach(json_object_get(bridge, "ports"), k, port)
        {
            const bool uplink = strcmp(text_of(port, "role"), "uplink") == 0;
            fputs("  ", stdout);
            print_quoted(text_of(port, "name"));
            printf(" [shape=%s];\n  ", uplink ? "house" : "ellipse");
            print_quoted(text_of(bridge, "name"));
            fputs(" -- ", stdout);
            print_quoted(text_of(port, "name"));
            puts(";");
            if (!json_is_string(json_object_get(port, "domain")))
                continue;
            fputs("  ", stdout);
            print_quoted(text_of(port, "name"));
            fputs(" -- ", stdout);
            print_quoted(text_of(port, "domain"));
            puts(" [style=dashed];");
        }
    }
    puts("}");
}

static int picture(struct view *view, const char *verb, const char *name, json_t **out)
{
    struct sight sight = {.links = &view->links};
    const struct link *only = name ? view_bridge(view, verb, name) : NULL;

    if (name && !only)
        return 1;
    const int err = addresses_read(&view->nl, 0, &sight.addresses);
    if (err == 0)
        *out = json_array();
    for (size_t i = 0; err == 0 && i < view->links.count; i++) {
        const struct link *link = &view->links.list[i];
        if (strcmp(link->kind, "bridge") != 0 || (only && only != link))
            continue;
        json_t *bridge = bridge_picture(&sight, link);
        mark_uplink(bridge);
        json_array_append_new(*out, bridge);
    }
    messages_free(&sight.addresses);
    return err == 0 ? 0 : complain(1, verb, "cannot read the host's addresses and taps: %s", strerror(-err));
}

static int print_picture(const char *verb, json_t *bridges, enum form form)
{
    if (form == TREE) {
        print_tree(bridges);
    } else if (form == DOT) {
        print_dot(bridges);
    } else {
        json_t *all = json_pack("{s:O}", "bridges", bridges);
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
    }
    return finish_output(0, verb);
}

int bridge_show(const struct call *call)
{
    const struct show_options *options = call->options;
    struct view view;
    json_t *bridges = NULL;
    int status = view_open(&view, call->name, false);

    if (status == 0)
        status = picture(&view, call->name, call->words[0], &bridges);
    view_close(&view);
    if (status == 0)
        status = print_picture(call->name, bridges, (enum form)options->form);
    json_decref(bridges);
    return status;
}
