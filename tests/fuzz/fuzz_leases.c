/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Files of DHCP leases, of any bytes: dnsmasq's lines and the JSON of libvirt and networkd. What comes of
 * them is single addresses that a guest can have, with MACs that a card can have; fewer later, when some have
 * expired. */
#include "base/name.h"
#include "bridge/leases.h"
#include "fuzz.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void hold_sound(const struct leases *leases)
{
    for (size_t i = 0; i < leases->count; i++) {
        const struct lease *lease = &leases->list[i];
        hold(mac_is_unicast(lease->mac) && strcmp(lease->bridge, "br0") == 0);
        hold(lease->address.family == AF_INET || lease->address.family == AF_INET6);
        hold(lease->address.prefix == 8 * cidr_size(lease->address.family) &&
             cidr_is_unicast(&lease->address));
    }
}

static size_t parse(const char *text, size_t size, long long now)
{
    struct leases leases = {.list = NULL};

    hold(leases_parse_lines(&leases, "br0", text, now) == 0);
    hold(leases_parse_json(&leases, "br0", text, size, now) == 0);
    hold_sound(&leases);
    const size_t count = leases.count;
    leases_free(&leases);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    hold(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    const size_t now = parse(text, size, 1000);
    hold(parse(text, size, LLONG_MAX) <= now);
    free(text);
    return 0;
}
