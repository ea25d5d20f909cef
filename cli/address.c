/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap address: the addresses of guests, as far as this host knows them (bridge/guest.h). Needs no
 * privileges, and sends nothing to guests: only the guest agents are asked, through libvirt. */
#include "address.h"

#include "base/clock.h"
#include "bridge/json.h"
#include "bridge/portjson.h"
#include "bridge/table.h"
#include "verbs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

/* Agents are asked less often than the rest is read: each of them works for an answer. */
enum {
    WAIT_DEFAULT = 60,
    WAIT_MAX = 86400,
    STEP_MS = 300,
    STEP_MAX_MS = 2000,
    IDLE = 4,
    AGENTS_MS = 5000,
    DOMAINS_MAX = 256
};

struct address_options {
    bool json;
    unsigned int wait; /* seconds; 0: not at all; OPTION_NO_VALUE */
    const char *uri;
};

const struct option_entry address_options[] = {
    OPTION_JSON(struct address_options, json),
    OPTION_OPTIONAL_NUMBER("wait", "SECONDS",
                           "until there is an address, at most 60 seconds by default; a tap that is not\n"
                           "there yet is awaited, too",
                           struct address_options, wait, 1, WAIT_MAX),
    OPTION_LETTER('c', "connect", "URI",
                  "the libvirt whose guest agents are asked; by default qemu:///session, or as root\n"
                  "qemu:///system, if it has running guests",
                  struct address_options, uri),
    OPTION_END(struct address_options),
};

const char address_notes[] =
    "FROM says how this host knows an address: lock, the guest is locked to it (ip=lock); neighbour, it is in the\n"
    "host's neighbour table, with a MAC that the bridge has at that port; lease, a DHCP server of this host leased it\n"
    "to a MAC there; agent, the guest agent says so. Nothing is sent to the guest: one that has not talked to this\n"
    "host yet may have an address that is not known here. Without a name: all your taps, or as root everybody's.\n";

enum { COLUMNS = 6 };

static const struct table_column columns[COLUMNS] = {
    {"TAP", 0, false}, {"ADDRESS", 0, false}, {"FROM", 1, false},
    {"MAC", 2, false}, {"VLAN", 3, false},    {"DOMAIN", 4, true},
};

/* What is asked for, and what is known so far. */
struct request {
    const struct call *call;
    const struct address_options *options;
    const char *word; /* NULL: all taps */
    struct guest_cards cards;
    bool asked;        /* libvirt */
    bool reported;     /* what guest_sight_report() has to say */
    int64_t ask_again; /* clock_ms() */
    json_t *guests;    /* an array of look_json()'s */
    size_t found;      /* how many of these have an address */
    size_t reachable;  /* ... that others can use */
};

/* Adds one row; address NULL: the guest has none. Returns 0 or -ENOMEM. */
static int add_row(struct table *table, const json_t *guest, const json_t *address)
{
    char texts[COLUMNS][TABLE_CELL] = {""};
    const json_t *vlan = json_object_get(address, "vlan");

    snprintf(texts[0], TABLE_CELL, "%s", json_text(guest, "tap"));
    if (address) {
        guest_text(address, texts[1]);
        json_words(json_object_get(address, "sources"), texts[2], TABLE_CELL);
        snprintf(texts[3], TABLE_CELL, "%s", json_text(address, "mac"));
    }
    if (json_is_integer(vlan))
        snprintf(texts[4], TABLE_CELL, "%d", (int)json_integer_value(vlan));
    snprintf(texts[5], TABLE_CELL, "%s", json_domain(guest));
    return table_add(table, texts);
}

static int print(const json_t *guests)
{
    _cleanup_table_ struct table table = {.columns = columns, .count = COLUMNS};
    size_t i;
    json_t *guest;

    json_array_foreach(guests, i, guest)
    {
        const json_t *addresses = json_object_get(guest, "addresses");
        const size_t count = MAX(json_array_size(addresses), 1);
        for (size_t k = 0; k < count; k++)
            if (add_row(&table, guest, json_array_get(addresses, k)) < 0)
                return -ENOMEM;
    }
    table_print(&table);
    return 0;
}

/* Asks libvirt about those guests; count 0: about all. */
static void ask(struct request *request, const char *const *domains, size_t count)
{
    const struct cards_request asked = {.uri = request->options->uri, .domains = domains, .count = count};

    char reason[CARDS_REASON];

    cards_free(&request->cards);
    cards_ask(&request->cards, &asked, reason);
    if (request->options->uri && *reason && !request->asked)
        complain(0, request->call->name, "%s: %s", request->options->uri, reason);
    request->asked = true;
    request->ask_again = clock_ms() + AGENTS_MS;
}

/* Finds the taps as they are now, and asks libvirt about them, if it is time. *again: it was asked, so that
 * there is more to see. */
static int find_taps(struct request *request, const struct look *look, struct taps *taps, bool *again)
{
    const int err = look_taps(look, &request->cards, request->word, taps);

    *again = !err && (!request->asked || clock_ms() >= request->ask_again);
    if (!*again)
        return err;
    if (request->word && !taps->count)
        ask(request, &request->word, 1);
    else if (taps->count && taps->domain_count == taps->count && taps->count <= DOMAINS_MAX)
        ask(request, taps->domains, taps->domain_count);
    else
        ask(request, NULL, 0);
    return 0;
}

static int see(struct request *request, const struct look *look, const struct taps *taps)
{
    json_decref(request->guests);
    request->guests = json_array();
    request->found = request->reachable = 0;
    for (size_t i = 0; i < taps->count; i++) {
        bool reachable = false;
        json_t *guest = look_json(look, &taps->list[i], &reachable);
        if (json_array_append_new(request->guests, guest) < 0)
            return -ENOMEM;
        request->found += json_array_size(json_object_get(guest, "addresses")) > 0;
        request->reachable += reachable;
    }
    return 0;
}

/* Sees everything once. What libvirt says takes time, so the rest is read again after it has answered. */
static int look_once(struct request *request)
{
    bool again = false;
    int err = 0;

    do {
        _cleanup_look_ struct look look;
        _cleanup_taps_ struct taps taps = {.list = NULL};
        err = look_open(&look, &request->cards);
        if (!request->reported)
            guest_sight_report(&look.sight, request->call->name);
        request->reported = true;
        if (!err)
            err = find_taps(request, &look, &taps, &again);
        if (!err && !again)
            err = see(request, &look, &taps);
    } while (!err && again);
    return err;
}

static bool is_enough(const struct request *request)
{
    const size_t count = json_array_size(request->guests);

    if (request->word)
        return request->reachable > 0;
    return count > 0 && request->reachable == count;
}

static int look_until(struct request *request)
{
    unsigned int seconds = request->options->wait;

    if (seconds == OPTION_NO_VALUE)
        seconds = WAIT_DEFAULT;
    const int64_t end = clock_ms() + (int64_t)seconds * 1000;
    for (;;) {
        const int64_t began = clock_ms();
        const int err = look_once(request);
        const int64_t now = clock_ms(), left = end - now;
        if (err || left <= 0 || is_enough(request))
            return err;
        const int64_t step =
            MIN(MAX(STEP_MS, IDLE * (now - began)), STEP_MAX_MS); /* a big host takes longer */
        poll(NULL, 0, (int)MIN(left, step));
    }
}

/* Says why there is nothing, and what can be done. */
static int report_none(const struct request *request)
{
    const char *command = request->call->name, *word = request->word;

    if (!json_array_size(request->guests) && !word)
        return complain(1, command, "you have no taps of virt-tap; `virt-tap list` shows those of all users");
    if (!json_array_size(request->guests))
        return complain(
            1, command,
            "there is no tap '%.64s', and no running domain of that name or UUID with one; `virt-tap "
            "list` shows the taps, and --connect=URI names another libvirt",
            word);
    return complain(
        1, command,
        "no address of %.64s is known: no rule locks the guest to one, it has not talked to this host, no DHCP "
        "server of this host gave it a lease, and no guest agent has answered; wait with --wait, have it "
        "ping this host, install qemu-guest-agent in it, or give it an address with ip=lock",
        word ? word : "any guest");
}

int address_run(const struct call *call)
{
    struct request request = {.call = call, .options = call->options, .word = call->words[0]};
    int status = 0;

    if (request.options->uri && !*request.options->uri)
        return complain(2, call->name, "--connect requires the URI of a libvirt, such as qemu:///system");
    int err = look_until(&request);
    if (!err && request.found && !request.options->json)
        err = print(request.guests);
    if (err)
        status = complain(1, call->name, "cannot read the addresses of guests: %s", guest_sight_problem(err));
    else if (!request.found)
        status = report_none(&request);
    cards_free(&request.cards);
    if (!err && request.options->json)
        return json_finish(request.guests, status, call->name);
    json_decref(request.guests);
    return finish_output(status, call->name);
}
