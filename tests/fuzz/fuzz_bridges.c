/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * bridges.conf of any bytes. */
#include "base/error.h"
#include "fuzz.h"
#include "net/link.h"
#include "policy/declared.h"
#include "policy/maps.h"

#include <arpa/inet.h>
#include <string.h>

static void hold_entry_is_sound(const struct bridges *bridges, size_t index)
{
    const struct bridges_entry *entry = &bridges->entries[index];
    const struct bridge_spec *is = &entry->is;

    hold(ifname_valid(is->name) && strncmp(is->name, "vtap-", 5) != 0);
    hold(bridges_find(bridges, is->name) == entry); /* so no name stands twice */
    hold(entry->line > 0 && (index == 0 || entry->line > entry[-1].line));
    hold(is->mtu == 0 || (is->mtu >= 68 && is->mtu <= 65521));
    hold(is->forward_delay <= 30 && (!is->stp || is->forward_delay >= 2));
    hold(!entry->has_mac || !(is->mac[0] & 1));
    hold(is->address_count <= 2);
    for (int i = 0; i < 2; i++) {
        const int family = is->addresses[i].family, prefix = is->addresses[i].prefix;
        hold((i < (int)is->address_count) == (family == AF_INET || family == AF_INET6));
        hold(family == 0 || (prefix > 0 && prefix <= (family == AF_INET ? 32 : 128)));
        hold(family != AF_INET6 || is->mtu == 0 || is->mtu >= 1280);
    }
}

/* Of text that declares valid bridges. */
static void hold_maps_are_sound(const char *text, size_t size)
{
    _cleanup_maps_ struct maps maps;
    struct error why;

    refusal_poison(&why);
    if (maps_parse(&maps, "/main", text, size, &why) < 0) {
        hold_one_line(&why);
        hold(strncmp(why.text, "/main:", 6) == 0);
        return;
    }
    for (size_t i = 0; i < maps.count; i++) {
        const struct map *map = &maps.list[i];
        hold(ifname_valid(map->ours) && *map->theirs);
        hold(maps_find(&maps, map->network, map->theirs) == map->ours);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bridges bridges;
    struct error why;

    refusal_poison(&why);
    if (bridges_parse(&bridges, "/main", (const char *)data, size, &why) < 0) {
        hold_one_line(&why);
        hold(strncmp(why.text, "/main:", 6) == 0);
    } else {
        hold(!memchr(data, '\0', size));
        for (size_t i = 0; i < bridges.count; i++)
            hold_entry_is_sound(&bridges, i);
        hold_maps_are_sound((const char *)data, size);
    }
    bridges_free(&bridges);
    return 0;
}
