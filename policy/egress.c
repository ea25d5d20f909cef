/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "egress.h"

#include "base/number.h"

#include <netinet/in.h>
#include <string.h>

/* An item that never decides is a mistake: groups, broadcasts, and IPv4 written as IPv6 are not judged. */
static bool is_judged(const struct cidr *network)
{
    static const struct cidr others[] = {{AF_INET, {224}, 4},
                                         {AF_INET, {255, 255, 255, 255}, 32},
                                         {AF_INET6, {0xFF}, 8},
                                         {AF_INET6, {[10] = 0xFF, 0xFF}, 96}};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (cidr_overlap(network, &others[i]) && network->prefix >= others[i].prefix)
            return false;
    return true;
}

static bool take_destination(const char *text, struct egress *out)
{
    static const struct {
        const char *word;
        enum egress_to to;
    } words[] = {{"host", EGRESS_HOST},
                 {"private", EGRESS_PRIVATE},
                 {"linklocal", EGRESS_LINK_LOCAL},
                 {"all", EGRESS_ALL}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(text, words[i].word) == 0) {
            out->to = words[i].to;
            return true;
        }
    return cidr_parse_network(text, strlen(text), &out->network) && is_judged(&out->network);
}

/* Cuts the text off behind its destination, and returns what is there, :PORT or nothing; NULL: it has
 * brackets that are not those of an IPv6 address, or none and needs them. */
static char *cut_destination(char **text, bool has_protocol)
{
    char *colon = strchr(*text, ':'), *end = strchr(*text, ']');

    if (**text == '[') {
        if (!end || !colon || colon > end)
            return NULL;
        ++*text;
        *end = '\0';
        return end + 1;
    }
    if (!colon)
        return strchr(*text, '\0');
    if (!strchr(colon + 1, ':'))
        return colon;
    if (has_protocol)
        return NULL;
    return strchr(*text, '\0');
}

static bool take_item(char *text, struct egress *out)
{
    char *slash = strrchr(text, '/');
    unsigned long port = 0;

    *out = (struct egress){.allows = *text == '+'};
    if (*text != '+' && *text != '-')
        return false;
    if (slash && strcmp(slash, "/tcp") == 0)
        out->protocol = IPPROTO_TCP;
    if (slash && strcmp(slash, "/udp") == 0)
        out->protocol = IPPROTO_UDP;
    if (out->protocol)
        *slash = '\0';
    text++;
    char *rest = cut_destination(&text, out->protocol);
    if (!rest || (*rest && (*rest != ':' || !number_parse(rest + 1, 1, UINT16_MAX, &port))))
        return false;
    *rest = '\0';
    out->port = (unsigned int)port;
    return take_destination(text, out);
}

bool egress_parse(const char *text, struct egress_list *out)
{
    char item[128];

    for (out->count = 0;; text++) {
        const size_t length = strcspn(text, ",");
        if (length >= sizeof(item) || out->count == EGRESS_ITEMS_MAX)
            return false;
        memcpy(item, text, length);
        item[length] = '\0';
        if (!take_item(item, &out->list[out->count]))
            return false;
        out->count++;
        text += length;
        if (!*text)
            return true;
    }
}
