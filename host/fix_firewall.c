/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "fix_firewall.h"

#include "base/name.h"

#include <stdio.h>
#include <string.h>

struct place {
    char bridge[16], hook[4], family[20], table[33], chain[33];
};

static bool is_plain(const char *word)
{
    return *word && *word != '-' && word[strspn(word, IFNAME_PLAIN)] == '\0';
}

static bool read_place(const char *about, struct place *out)
{
    return sscanf(about, "%15s %3s %19s %32s %32s", out->bridge, out->hook, out->family, out->table,
                  out->chain) == 5;
}

/* The program whose chain FORWARD this is; NULL: none. */
static const char *iptables_of(const struct place *place)
{
    if (strcmp(place->family, FIX_LEGACY4) == 0 || strcmp(place->family, FIX_LEGACY6) == 0)
        return place->family;
    if (strcmp(place->table, "filter") != 0 || strcmp(place->chain, "FORWARD") != 0)
        return NULL;
    if (strcmp(place->family, "ip") == 0)
        return "iptables";
    if (strcmp(place->family, "ip6") == 0)
        return "ip6tables";
    return NULL;
}

bool fix_firewall_accept(const char *about, char *out, size_t size)
{
    static const char before[] = "0", after[] = "4"; /* NF_INET_PRE_ROUTING, NF_INET_POST_ROUTING */
    char from[32] = "", to[32] = "";
    struct place place;

    if (!read_place(about, &place) || !is_plain(place.bridge) || !is_plain(place.family) ||
        !is_plain(place.table) || !is_plain(place.chain))
        return false;
    const char *iptables = iptables_of(&place);
    if (iptables) {
        snprintf(out, size, "%s -I FORWARD -i %s -o %s -j ACCEPT", iptables, place.bridge, place.bridge);
        return true;
    }
    const bool bridge = strcmp(place.family, "bridge") == 0;
    if (strcmp(place.hook, after) != 0)
        snprintf(from, sizeof(from), " %s %s", bridge ? "ibrname" : "iifname", place.bridge);
    if (strcmp(place.hook, before) != 0)
        snprintf(to, sizeof(to), " %s %s", bridge ? "obrname" : "oifname", place.bridge);
    snprintf(out, size, "nft insert rule %s %s %s%s%s accept", place.family, place.table, place.chain, from,
             to);
    return true;
}

bool fix_firewall_bypasses(const char *about)
{
    struct place place;

    return read_place(about, &place) && strcmp(place.family, "bridge") != 0;
}
