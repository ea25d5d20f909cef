/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "guest_json.h"

#include "net/links.h"
#include "portjson.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

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
