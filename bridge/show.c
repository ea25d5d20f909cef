/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap show, virt-tap bridge show: the host's bridges as a tree, as JSON or for Graphviz. Everything is
 * read once into JSON, from which the other two forms are made. */
#include "base/nat.h"
#include "base/printable.h"
#include "base/quote.h"
#include "base/terminal.h"
#include "base/text.h"
#include "bridge.h"
#include "drops.h"
#include "json.h"
#include "portjson.h"
#include "table.h"

#include <jansson.h>
#include <linux/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum form { TREE, JSON, DOT };
enum { DROPS_MS = 10000 };

struct show_options {
    int form;          /* enum form */
    const char *drops; /* the tap; NULL: the picture */
    unsigned int for_ms;
};

const struct option_entry bridge_show_options[] = {
    OPTION_SET("json", "for programs", struct show_options, form, JSON),
    OPTION_SET("dot", "for Graphviz", struct show_options, form, DOT),
    OPTION_STRING("drops", "TAP", "instead: what TAP's port filter drops, and why, seen for a while (root)",
                  struct show_options, drops),
    OPTION_ANY("for", "TIME", "how long --drops looks (10s)", OPTION_IS_CALL, struct show_options, for_ms, 0,
               0, 0, 0, take_time),
    OPTION_END(struct show_options),
};

const char bridge_show_notes[] =
    "A tap's owner is known from the claim that its maker gave it. CHANGED is what its holder has changed since:\n"
    "its MAC, its TUN owner, its persistence; its holder also controls its carrier. A tap that virt-tap did not\n"
    "make has no claim, only a TUN owner. Below a tap under mac=lock: the MAC and the IP addresses that its guest is\n"
    "bound to, and how many frames its port filter dropped.\n";

/* Everything that is read, once each. */
struct sight {
    struct ports ports;
    struct messages addresses;
};

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

static json_t *bridge_picture(const struct sight *sight, const struct link *bridge)
{
    const struct links *links = sight->ports.links;
    json_t *ports = json_array();

    for (size_t i = 0; i < links->count; i++)
        if (links->list[i].master == bridge->ifindex)
            json_array_append_new(ports, port_json(&sight->ports, &links->list[i]));
    return json_pack("{s:o, s:b, s:o, s:i, s:b, s:b, s:b, s:o, s:o}", "name", text_json(bridge->name), "up",
                     (bridge->flags & IFF_UP) != 0, "mac", mac_json(bridge), "mtu", (int)bridge->mtu, "stp",
                     bridge->bridge.stp, "vlan_filtering", bridge->bridge.vlan_filtering, "nat",
                     nat_is_configured(bridge->name), "addresses",
                     addresses_of(&sight->addresses, bridge->ifindex), "ports", ports);
}

/* A line in pieces, which goes on below itself rather than beyond the terminal. */
struct line {
    unsigned int width;           /* of the terminal; 0: unlimited */
    size_t used, indent_width;    /* columns */
    const char *indent, *between; /* what begins each further line; what precedes the next piece */
};

/* On the next line if this one has no room for it; there without the indent, if that leaves none. */
static void put(struct line *line, const char *text, size_t length)
{
    const size_t width = table_width(text, length), between = strlen(line->between);
    const bool indents = line->indent_width + width < line->width;

    if (line->width && line->used + between + width + 1 > line->width && line->used > line->indent_width) {
        printf("%s\n%s%.*s", text_if(*line->between == ',', ","), text_if(indents, line->indent), (int)length,
               text);
        line->used = width + (indents ? line->indent_width : 0);
    } else {
        printf("%s%.*s", line->between, (int)length, text);
        line->used += between + width;
    }
}

static void add_piece(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A piece that is too long for a line is divided at blanks and behind commas. */
static void add_piece(struct line *line, const char *format, ...)
{
    char piece[512];
    va_list args;

    va_start(args, format);
    printable_format(piece, sizeof(piece), format, args);
    va_end(args);
    const bool whole = !line->width || table_width(piece, strlen(piece)) < line->width;
    for (const char *part = piece; *part;) {
        const size_t length = whole ? strlen(part) : strcspn(part, " ,") + (part[strcspn(part, " ,")] == ',');
        put(line, part, length);
        part += length;
        line->between = text_if(*part == ' ', " ");
        part += *part == ' ';
    }
    line->between = ", ";
}

static void add_protection(struct line *line, const json_t *port)
{
    char words[JSON_VLANS_SIZE];

    if (*json_words(json_object_get(port, "protection"), words, sizeof(words))) {
        line->between = " ";
        add_piece(line, "[%s]", words);
    }
    if (*json_vlans(port, words))
        add_piece(line, "vlan %s", words);
}

static void add_changed(struct line *line, const json_t *port)
{
    char words[64];

    if (!*json_words(json_object_get(port, "changed"), words, sizeof(words)))
        return;
    line->between = " ";
    terminal_color(text_if(terminal_has_color(), "\033[33m"));
    add_piece(line, "CHANGED %s", words);
    terminal_color(text_if(terminal_has_color(), "\033[0m"));
}

static void begin_line(struct line *line, const char *between)
{
    fputs(line->indent, stdout);
    line->used = line->indent_width;
    line->between = between;
}

static void print_filter_lost(struct line line, const char *name)
{
    char command[sizeof("sudo virt-tap repair ") + QUOTE_SIZE];

    snprintf(command, sizeof(command), "sudo virt-tap repair %s", quote(name).text);
    begin_line(&line, "");
    terminal_color(text_if(terminal_has_color(), "\033[33m"));
    add_piece(&line, "its port filter is gone or changed:");
    line.between = " ";
    add_piece(&line, "%s", command);
    terminal_color(text_if(terminal_has_color(), "\033[0m"));
    putchar('\n');
}

/* Prints what a port under mac=lock is bound to, below its own line. */
static void print_lock(const json_t *port, struct line line)
{
    const json_t *bound = json_object_get(port, "bound"), *filter = json_object_get(port, "filter");
    const bool lost = json_is_object(filter) && !json_flag(filter, "attached");
    json_t *address;
    size_t i;

    if (!json_is_object(bound))
        return;
    begin_line(&line, "");
    add_piece(&line, "bound to");
    line.between = " ";
    if (*json_text(bound, "mac"))
        add_piece(&line, "%s", json_text(bound, "mac"));
    json_array_foreach(json_object_get(bound, "ip"), i, address)
        add_piece(&line, "%s", json_string_value(address));
    if (json_is_object(filter) && !lost)
        add_piece(&line, "frames dropped: %" JSON_INTEGER_FORMAT,
                  json_integer_value(json_object_get(filter, "dropped")));
    putchar('\n');
    if (lost)
        print_filter_lost(line, json_text(port, "name"));
}

static void print_port(const json_t *port, bool last, unsigned int width)
{
    static const char *const marks[2][2] = {{"|-", "`-"}, {"├─", "└─"}};
    static const char *const bars[2][2] = {{"|    ", "     "}, {"│    ", "     "}};
    const bool utf8 = terminal_has_utf8();
    const char *domain = json_domain(port);
    struct line line = {.width = width, .indent = bars[utf8][last], .indent_width = 5, .between = ""};
    char user[256];

    printf("%s %-15s ", marks[utf8][last], json_text(port, "name"));
    line.used = 3 + 15 + 1;
    if (*json_user(json_object_get(port, "owner"), user, sizeof(user)))
        add_piece(&line, "%s of %s", json_text(port, "role"), user);
    else if (*json_user(json_object_get(port, "tun_owner"), user, sizeof(user)))
        add_piece(&line, "%s without a claim, TUN owner %s", json_text(port, "role"), user);
    else
        add_piece(&line, "%s", json_text(port, "role"));
    if (*domain)
        add_piece(&line, "domain %s", domain);
    add_piece(&line, "%s", json_flag(port, "carrier") ? json_text(port, "state") : "no carrier");
    add_protection(&line, port);
    add_changed(&line, port);
    putchar('\n');
    print_lock(port, line);
}

static void print_bridge(const json_t *bridge, unsigned int width)
{
    struct line line = {.width = width, .indent = "     ", .indent_width = 5, .between = "  "};
    const char *name = json_text(bridge, "name");
    json_t *address;
    size_t i;

    terminal_color(text_if(terminal_has_color(), "\033[1m"));
    printf("%s", name);
    terminal_color(text_if(terminal_has_color(), "\033[0m"));
    line.used = table_width(name, strlen(name));
    add_piece(&line, "%s", json_flag(bridge, "up") ? "up" : "down");
    add_piece(&line, "mtu %d", (int)json_integer_value(json_object_get(bridge, "mtu")));
    if (json_flag(bridge, "stp"))
        add_piece(&line, "stp");
    if (json_flag(bridge, "vlan_filtering"))
        add_piece(&line, "vlan filtering");
    if (json_flag(bridge, "nat"))
        add_piece(&line, "NAT");
    json_array_foreach(json_object_get(bridge, "addresses"), i, address)
        add_piece(&line, "%s", json_string_value(address));
    putchar('\n');
}

static void print_tree(const json_t *bridges)
{
    const unsigned int width = terminal_width();
    size_t i, k;
    json_t *bridge, *port;

    json_array_foreach(bridges, i, bridge)
    {
        const json_t *ports = json_object_get(bridge, "ports");
        print_bridge(bridge, width);
        json_array_foreach(ports, k, port) print_port(port, k + 1 == json_array_size(ports), width);
    }
    if (json_array_size(bridges) == 0)
        puts("No bridges. `virt-tap bridge create br0` makes one.");
}

static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++)
        printf("%s%c", text_if(strchr("\"\\", *text), "\\"), *text);
    putchar('"');
}

/* A node of the graph, or with `to` an edge. */
static void print_item(const char *name, const char *to, const char *attributes)
{
    fputs("  ", stdout);
    print_quoted(name);
    if (to) {
        fputs(" -- ", stdout);
        print_quoted(to);
    }
    puts(attributes);
}

static void print_dot(const json_t *bridges)
{
    size_t i, k;
    json_t *bridge, *port;

    puts("graph \"virt-tap\" {\n  rankdir=LR;");
    json_array_foreach(bridges, i, bridge)
    {
        print_item(json_text(bridge, "name"), NULL, " [shape=box, style=bold];");
        json_array_foreach(json_object_get(bridge, "ports"), k, port)
        {
            const char *name = json_text(port, "name");
            if (strcmp(json_text(port, "role"), "uplink") == 0)
                print_item(name, NULL, " [shape=house];");
            else
                print_item(name, NULL, " [shape=ellipse];");
            print_item(json_text(bridge, "name"), name, ";");
            if (*json_domain(port))
                print_item(name, json_domain(port), " [style=dashed];");
        }
    }
    puts("}");
}

static int picture(struct view *view, const char *verb, const char *name, json_t **out)
{
    _cleanup_ports_ struct ports ports = {.vlans = NULL};
    _cleanup_messages_ struct messages addresses = {.list = NULL};
    const struct link *only = name ? view_bridge(view, verb, name) : NULL;

    if (name && !only)
        return 1;
    int err = addresses_read(&view->nl, 0, &addresses);
    if (!err)
        err = ports_read(&ports, &view->nl, &view->links);
    if (err)
        return complain(1, verb, "cannot read the host's addresses and taps: %s", strerror(-err));
    const struct sight sight = {ports, addresses};
    *out = json_array();
    for (size_t i = 0; i < view->links.count; i++) {
        const struct link *link = &view->links.list[i];
        if (strcmp(link->kind, "bridge") == 0 && (!only || only == link) &&
            json_array_append_new(*out, bridge_picture(&sight, link)) < 0)
            return complain(1, verb, "no memory");
    }
    return 0;
}

static int print_picture(const char *verb, json_t *bridges, enum form form)
{
    if (form == JSON)
        return json_finish(json_pack("{s:O}", "bridges", bridges), 0, verb);
    if (form == TREE)
        print_tree(bridges);
    else
        print_dot(bridges);
    return finish_output(0, verb);
}

int bridge_show(const struct call *call)
{
    const struct show_options *options = call->options;
    _cleanup_view_ struct view view = {.links = {.count = 0}};
    _cleanup_json_ json_t *bridges = NULL;

    if (!options->drops && options->for_ms)
        return complain(2, call->name, "--for is how long --drops=TAP looks, which is missing");
    if (options->drops && (options->form == DOT || call->count))
        return complain(2, call->name, "--drops is about one tap: leave %s out",
                        call->count ? "BRIDGE" : "--dot");
    if (options->drops)
        return drops_show(call->name, options->drops, options->for_ms ? options->for_ms : DROPS_MS,
                          options->form == JSON);
    if (view_open(&view, call->name, false) != 0 || picture(&view, call->name, call->words[0], &bridges) != 0)
        return 1;
    return print_picture(call->name, bridges, (enum form)options->form);
}
