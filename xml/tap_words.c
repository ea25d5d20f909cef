/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "tap_words.h"

#include "ips.h"

#include <string.h>

int tap_words_add(struct words *out, const char *uuid, const struct interface *interface, struct error *why)
{
    const struct tap *tap = interface->tap;
    char ips[IPS_MAX][IP_TEXT];
    unsigned int ip_count = 0;

    if (interface->mac && strlen(interface->mac) > 17)
        return error_set(why, "its MAC is not valid");
    if (tap->ips)
        ip_count = ips_split(tap->ips, ips);
    words_add(out, "create");
    words_option(out, "bridge", tap->bridge);
    words_option(out, "name", tap->dev);
    words_option(out, "domain", uuid);
    words_option(out, "mac", interface->mac);
    if (interface_vnet_hdr(interface))
        words_add(out, "--vnet-hdr");
    if (interface_multi_queue(interface))
        words_add(out, "--multi-queue");
    words_option(out, "vlan", tap->vlan);
    words_option(out, "native", tap->native);
    if (tap->isolated)
        words_add(out, "--isolated");
    words_option(out, "lock", tap->lock);
    words_option(out, "serve", tap->serve);
    for (unsigned int i = 0; i < ip_count; i++)
        words_option(out, "ip", ips[i]);
    return 0;
}
