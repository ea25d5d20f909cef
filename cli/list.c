/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap list: the taps made by virt-tap, as reported by the kernel. Needs no privileges. */
#include "address.h"
#include "base/nat.h"
#include "base/text.h"
#include "bridge/json.h"
#include "bridge/portjson.h"
#include "bridge/table.h"
#include "net/links.h"
#include "net/rtnl.h"
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct list_options {
    bool json, verbose;
};

const struct option_entry list_options[] = {
    OPTION_JSON(struct list_options, json),
    OPTION_ANY("verbose", NULL,
               "with all addresses of guests that are known, as `virt-tap address` finds them",
               OPTION_IS_FLAG, struct list_options, verbose, 0, 0, 0, 'v', NULL),
    OPTION_END(struct list_options),
};

const char list_notes[] =
    "HELD is taken from the tap's carrier, which its holder can change. PROTECTION and VLAN are what the bridge\n"
    "enforces; CHANGED, what the tap's holder has changed: its MAC, its owner, its persistence. An OWNER in\n"
    "parentheses is the TUN owner of a plain device. MAC and ADDRESSES are what a guest under mac=lock is bound to\n"
    "(`virt-tap show` has all its addresses), with -v all addresses of the guest that are known; DROPPED, the frames\n"
    "that its port filter dropped. On a terminal, columns that do not fit are left out.\n";

enum { COLUMNS = 13, CELL_SIZE = TABLE_CELL, ADDRESSES_SHOWN = 4 };

static const struct table_column columns[COLUMNS] = {
    {"NAME", 0, false},    {"BRIDGE", 1, false},     {"OWNER", 2, false},      {"HELD", 6, false},
    {"QUEUES", 8, false},  {"PROTECTION", 3, false}, {"VLAN", 7, false},       {"CHANGED", 4, false},
    {"DROPPED", 4, false}, {"MAC", 10, false},       {"ADDRESSES", 11, false}, {"CLAIM", 9, false},
    {"DOMAIN", 5, true},
};

static void write_owner(const json_t *tap, char out[CELL_SIZE])
{
    char user[CELL_SIZE - 2];

    if (json_is_object(json_object_get(tap, "owner")))
        json_user(json_object_get(tap, "owner"), out, CELL_SIZE);
    else if (*json_user(json_object_get(tap, "tun_owner"), user, sizeof(user)))
        snprintf(out, CELL_SIZE, "(%s)", user);
}

static void write_numbers(const json_t *tap, char queues[CELL_SIZE], char vlan[CELL_SIZE])
{
    const int open = (int)json_integer_value(json_object_get(tap, "queues"));

    if (json_flag(tap, "multi_queue"))
        snprintf(queues, CELL_SIZE, "%d/many", open);
    else
        snprintf(queues, CELL_SIZE, "1");
    json_vlans(tap, vlan);
}

/* A table has room for one address, and the number of the others; with -v, for some more. */
static void write_addresses(const json_t *tap, char out[CELL_SIZE])
{
    const json_t *found = json_object_get(tap, "addresses");
    const json_t *list = found ? found : json_object_get(json_object_get(tap, "bound"), "ip");
    const size_t count = json_array_size(list), shown = found ? ADDRESSES_SHOWN : 1;
    char text[GUEST_TEXT];

    for (size_t i = 0; i < count && i < shown; i++) {
        const size_t length = strlen(out);
        const json_t *address = json_array_get(list, i);
        snprintf(out + length, CELL_SIZE - length, "%s%s", i ? "," : "",
                 found ? guest_text(address, text) : json_string_value(address));
    }
    if (count > shown)
        snprintf(out + strlen(out), CELL_SIZE - strlen(out), " +%zu", count - shown);
}

/* What a tap under mac=lock is bound to. */
static void write_lock(const json_t *tap, char mac[CELL_SIZE], char dropped[CELL_SIZE])
{
    const json_t *bound = json_object_get(tap, "bound"), *filter = json_object_get(tap, "filter");

    snprintf(mac, CELL_SIZE, "%s", json_text(bound, "mac"));
    if (json_flag(filter, "attached"))
        snprintf(dropped, CELL_SIZE, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json_object_get(filter, "dropped")));
    else if (json_is_object(filter))
        strcpy(dropped, "no filter");
}

static void write_bridge(const json_t *tap, char out[CELL_SIZE])
{
    const char *bridge = json_text(tap, "bridge");

    snprintf(out, CELL_SIZE, "%s%s", bridge, text_if(*bridge && nat_is_configured(bridge), " (NAT)"));
}

/* Adds one row, in the order of the columns. Returns 0 or -ENOMEM. */
static int add_row(struct table *table, const json_t *tap)
{
    char texts[COLUMNS][CELL_SIZE] = {""};

    snprintf(texts[0], CELL_SIZE, "%s", json_text(tap, "name"));
    write_bridge(tap, texts[1]);
    write_owner(tap, texts[2]);
    strcpy(texts[3], json_flag(tap, "held") ? "yes" : "no");
    write_numbers(tap, texts[4], texts[6]);
    json_words(json_object_get(tap, "protection"), texts[5], CELL_SIZE);
    json_words(json_object_get(tap, "changed"), texts[7], CELL_SIZE);
    write_lock(tap, texts[9], texts[8]);
    write_addresses(tap, texts[10]);
    snprintf(texts[11], CELL_SIZE, "%s", json_text(tap, "claim"));
    snprintf(texts[12], CELL_SIZE, "%s", json_domain(tap));
    return table_add(table, texts);
}

static int print(const json_t *taps)
{
    _cleanup_table_ struct table table = {.columns = columns, .count = COLUMNS};

    if (json_array_size(taps) == 0) {
        puts("No virt-tap taps.");
        return 0;
    }
    for (size_t i = 0; i < json_array_size(taps); i++)
        if (add_row(&table, json_array_get(taps, i)) < 0)
            return -ENOMEM;
    table_print(&table);
    return 0;
}

/* Adds one tap; sight NULL: without the addresses of its guest. Returns 0 or -ENOMEM. */
static int add_tap(const struct ports *ports, const struct guest_sight *sight, const struct link *tap,
                   json_t *taps)
{
    _cleanup_guest_addresses_ struct guest_addresses found = {.list = NULL};
    json_t *object = port_json(ports, tap);

    if (json_array_append_new(taps, object) < 0)
        return -ENOMEM;
    if (!sight)
        return 0;
    const int err = guest_find(sight, tap, &found);
    if (!err && json_object_set_new(object, "addresses", guest_json(sight, &found)) < 0)
        return -ENOMEM;
    return err;
}

/* Adds our taps; cards NULL: without the addresses of guests. Returns 0 or -errno. */
static int collect(struct rtnl *nl, const char *verb, const struct guest_cards *cards, json_t *taps)
{
    _cleanup_links_ struct links links = {.list = NULL};
    _cleanup_ports_ struct ports ports = {.vlans = NULL};
    _cleanup_guest_sight_ struct guest_sight sight = {.segments = NULL};
    int err = links_read(nl, NULL, &links);

    links_sort(&links);
    if (!err)
        err = ports_read(&ports, nl, &links);
    if (!err && cards)
        err = guest_sight_read(&sight, nl, &links, cards);
    guest_sight_report(&sight, verb);
    for (size_t i = 0; i < links.count && !err; i++)
        if (port_is_ours(&links.list[i]))
            err = add_tap(&ports, cards ? &sight : NULL, &links.list[i], taps);
    return err;
}

int list_run(const struct call *call)
{
    const struct list_options *options = call->options;
    _cleanup_cards_ struct guest_cards cards = {.list = NULL};
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    _cleanup_json_ json_t *taps = json_array();

    if (options->verbose)
        cards_ask(&cards, &(struct cards_request){.uri = NULL}, NULL);
    int err = rtnl_open(&nl);
    if (!err)
        err = collect(&nl, call->name, options->verbose ? &cards : NULL, taps);
    if (!err && options->json)
        return json_finish(json_incref(taps), 0, call->name);
    if (!err)
        err = print(taps);
    if (err)
        return complain(1, call->name, "cannot list the taps: %s", guest_sight_problem(err));
    return finish_output(0, call->name);
}
