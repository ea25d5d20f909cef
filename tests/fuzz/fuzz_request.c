/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Command lines of any bytes: the input, cut at each '\0', is argv; an empty input is an empty argv. */
#include "base/error.h"
#include "base/vlans.h"
#include "fuzz.h"
#include "helper/request.h"
#include "net/link.h"
#include "policy/terms.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MOST = 80, ROOM = 4096 };

struct words {
    char *argv[WORDS_MOST + 1];
    char *copies[WORDS_MOST]; /* what the words were */
    size_t count;
};

/* Each word has an allocation of exactly its size, so that AddressSanitizer sees what is read beyond it. */
static void words_cut(struct words *out, const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;

    *out = (struct words){.count = 0};
    while (at < end && out->count < WORDS_MOST) {
        const size_t length = strnlen(at, (size_t)(end - at));
        out->argv[out->count] = strndup(at, length);
        out->copies[out->count] = strndup(at, length);
        hold(out->argv[out->count] && out->copies[out->count]);
        out->count++;
        at += length + 1;
    }
}

static void words_free(struct words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        free(words->argv[i]);
        free(words->copies[i]);
    }
}

static bool inside(const struct words *words, const char *text)
{
    for (size_t i = 1; i < words->count; i++)
        if (text >= words->argv[i] && text <= words->argv[i] + strlen(words->argv[i]))
            return true;
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* In any order, since options may be turned around. */
static bool same_addresses(const struct address_list *a, const struct address_list *b)
{
    size_t found = 0;

    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            found += cidr_equal(&a->list[i], &b->list[j]);
    return a->count == b->count && found == a->count;
}

static bool same_request(const struct request *a, const struct request *b)
{
    return a->verb == b->verb && same_text(a->bridge, b->bridge) && same_text(a->name, b->name) &&
           a->fd == b->fd && a->kind.vnet_hdr == b->kind.vnet_hdr &&
           a->kind.multi_queue == b->kind.multi_queue && a->has_mac == b->has_mac &&
           memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && strcmp(a->domain, b->domain) == 0 &&
           a->has_owner == b->has_owner && a->owner == b->owner && a->force == b->force &&
           a->isolated == b->isolated && same_text(a->vlan, b->vlan) && same_text(a->native, b->native) &&
           a->lock_mac == b->lock_mac && a->lock_ip == b->lock_ip && a->serve == b->serve &&
           same_addresses(&a->addresses, &b->addresses);
}

static void hold_values_are_sound(const struct request *request, const struct words *words)
{
    static const uint8_t none[6];
    static const char form[] = "00000000-0000-0000-0000-000000000000";
    struct vlans vlans;

    if (request->bridge)
        hold(ifname_valid(request->bridge) && inside(words, request->bridge) &&
             strcmp(request->bridge, "all") != 0);
    if (request->name)
        hold(ifname_valid(request->name) && inside(words, request->name));
    for (const char *c = request->name; c && *c; c++)
        hold(isalnum((unsigned char)*c) || strchr("._-", *c));
    hold(request->fd >= -1);
    hold(request->lock_mac || !request->lock_ip);
    hold(request->serve < 1U << TERMS_SERVE_COUNT);
    hold(!request->vlan || inside(words, request->vlan));
    hold(!request->native || inside(words, request->native));
    if (request->verb == REQUEST_CREATE)
        hold(vlans_parse(&vlans, request->vlan, request->native) == NULL &&
             (request->vlan || !request->native));
    if (request->has_mac)
        hold(!(request->mac[0] & 1) && memcmp(request->mac, none, sizeof(none)) != 0);
    hold(request->addresses.count <= BINDING_ADDRESSES_MAX);
    for (size_t i = 0; i < request->addresses.count; i++) {
        const struct cidr *address = &request->addresses.list[i];
        hold(cidr_is_unicast(address) && address->prefix == 8 * cidr_size(address->family));
    }
    if (request->has_owner)
        hold(request->owner != (uid_t)-1);
    if (request->domain[0])
        hold(strlen(request->domain) == strlen(form) &&
             strspn(request->domain, "0123456789abcdef-") == strlen(form));
    for (size_t i = 0; request->domain[i]; i++)
        hold((request->domain[i] == '-') == (form[i] == '-'));
}

/* What holds of a request that was taken: all that its verb needs is there, and nothing that it has not. */
static void hold_request_is_sound(const struct request *request, const struct words *words)
{
    const bool keeps = request->kind.multi_queue || request->domain[0] || request->has_owner ||
                       request->isolated || request->vlan || request->native;

    hold_values_are_sound(request, words);
    switch (request->verb) {
    case REQUEST_BROKER:
        hold(!request->listen || inside(words, request->listen));
        return;
    case REQUEST_HELP:
    case REQUEST_VERSION:
        return; /* whatever stood before it */
    case REQUEST_TAP:
        hold(request->bridge && request->fd >= 0 && !keeps && !request->force);
        return;
    case REQUEST_CREATE:
        hold(request->bridge && request->name && request->fd == -1 && !request->force);
        return;
    case REQUEST_BRIDGE:
        hold(request->bridge && !request->name && request->fd == -1 && !keeps && !request->force);
        hold(!request->kind.vnet_hdr && !request->has_mac && !request->addresses.count);
        return;
    case REQUEST_DELETE:
        hold((request->name || request->domain[0]) && !request->bridge && request->fd == -1);
        hold(!request->kind.vnet_hdr && !request->kind.multi_queue && !request->has_mac &&
             !request->has_owner && !request->addresses.count);
        return;
    }
    hold(false); /* no such verb */
}

/* Parses, and holds what holds of all outcomes. */
static enum request_result parse(struct request *out, const struct words *words)
{
    struct error why;

    refusal_poison(&why);
    memset(out, 0xa5, sizeof(*out));
    const enum request_result result = request_parse(out, words->argv, &why);
    hold(result == REQUEST_OK || result == REQUEST_REFUSED || result == REQUEST_USAGE);
    if (result == REQUEST_OK)
        hold_request_is_sound(out, words);
    else
        hold_one_line(&why);
    return result;
}

/* Options mean the same in any order. The first word stays where it is, for it may be a verb. */
static void hold_order_is_nothing(const struct request *request, struct words *words)
{
    struct request turned;

    for (size_t turn = 0; turn + 2 < words->count && turn < 4; turn++) {
        char *second = words->argv[2];
        memmove(&words->argv[2], &words->argv[3], (words->count - 3) * sizeof(words->argv[0]));
        words->argv[words->count - 1] = second;
        hold(parse(&turned, words) == REQUEST_OK);
        hold(same_request(request, &turned));
    }
}

/* A word more for argv, out of `room`. */
__attribute__((format(printf, 3, 4))) static void add_word(struct words *words, char room[ROOM],
                                                           const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(room, ROOM, format, args);
    va_end(args);
    words->argv[words->count++] = room;
}

/* What was understood, written out again, is understood as the same: nothing is cut, wrapped or made up. */
static void hold_says_what_was_said(const struct request *r)
{
    char rooms[WORDS_MOST + 16][ROOM], (*room)[ROOM] = rooms, text[INET6_ADDRSTRLEN];
    struct words words = {.count = 0};
    struct request again;

    add_word(&words, *room++, "virt-tap-helper");
    if (r->verb != REQUEST_TAP)
        add_word(&words, *room++,
                 r->verb == REQUEST_CREATE   ? "create"
                 : r->verb == REQUEST_BRIDGE ? "bridge"
                                             : "delete");
    if (r->force)
        add_word(&words, *room++, "--force");
    if (r->isolated)
        add_word(&words, *room++, "--isolated");
    if (r->vlan)
        add_word(&words, *room++, "--vlan=%s", r->vlan);
    if (r->native)
        add_word(&words, *room++, "--native=%s", r->native);
    if (r->kind.multi_queue)
        add_word(&words, *room++, "--multi-queue");
    if (r->kind.vnet_hdr)
        add_word(&words, *room++, r->verb == REQUEST_TAP ? "--use-vnet" : "--vnet-hdr");
    if (r->has_owner)
        add_word(&words, *room++, "--owner=%u", r->owner);
    if (r->domain[0])
        add_word(&words, *room++, "--domain=%s", r->domain);
    if (r->has_mac)
        add_word(&words, *room++, "--mac=%02x:%02x:%02X:%02x:%02x:%02x", r->mac[0], r->mac[1], r->mac[2],
                 r->mac[3], r->mac[4], r->mac[5]);
    for (size_t i = 0; i < r->addresses.count; i++)
        add_word(&words, *room++, "--ip=%s",
                 inet_ntop(r->addresses.list[i].family, r->addresses.list[i].bytes, text, sizeof(text)));
    if (r->lock_mac)
        add_word(&words, *room++, "--lock=%s", r->lock_ip ? "ip" : "mac");
    terms_print_serve(text, r->serve);
    if (r->serve)
        add_word(&words, *room++, "--serve=%s", text);
    if (r->name)
        add_word(&words, *room++, "--name=%s", r->name);
    if (r->fd >= 0)
        add_word(&words, *room++, "--fd=%d", r->fd);
    if (r->bridge)
        add_word(&words, *room++, "--%s=%s", r->verb == REQUEST_TAP ? "br" : "bridge", r->bridge);
    hold(parse(&again, &words) == REQUEST_OK);
    hold(same_request(r, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct words words;
    struct request request, again;

    words_cut(&words, data, size);
    const enum request_result result = parse(&request, &words);
    hold(parse(&again, &words) == result);
    for (size_t i = 0; i < words.count; i++)
        hold(strcmp(words.argv[i], words.copies[i]) == 0);
    hold(!words.argv[words.count]);
    if (result == REQUEST_OK) {
        hold(same_request(&request, &again));
        if (request.verb < REQUEST_BROKER) {
            hold_says_what_was_said(&request);
            hold_order_is_nothing(&request, &words);
        }
    }
    words_free(&words);
    return 0;
}
