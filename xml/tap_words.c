/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "tap_words.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Adds --ip for each of the tap's addresses. */
static void add_ips(struct tap_words *out, size_t count, const struct tap *tap)
{
    char ips[IPS_MAX][IP_TEXT];
    unsigned int ip_count = 0;

    if (tap->ips)
        ip_count = ips_split(tap->ips, ips);
    for (unsigned int i = 0; i < ip_count; i++) {
        snprintf(out->ips[i], sizeof(out->ips[i]), "--ip=%.45s", ips[i]);
        out->argv[count++] = out->ips[i];
    }
}

/* Adds what the guest asks to be bound by. Returns the new count. */
static size_t add_lock(struct tap_words *out, size_t count, const struct tap *tap)
{
    snprintf(out->lock, sizeof(out->lock), "--lock=%s", text_or(tap->lock, ""));
    snprintf(out->serve, sizeof(out->serve), "--serve=%s", text_or(tap->serve, ""));
    if (tap->lock)
        out->argv[count++] = out->lock;
    if (tap->serve)
        out->argv[count++] = out->serve;
    return count;
}

int tap_words_set(struct tap_words *out, const char *uuid, const struct interface *interface,
                  struct error *why)
{
    const struct tap *tap = interface->tap;
    size_t count = 0;

    *out = (struct tap_words){.argv = {NULL}};
    if (interface->mac && strlen(interface->mac) > 17)
        return error_set(why, "its MAC is not valid");
    snprintf(out->bridge, sizeof(out->bridge), "--bridge=%s", tap->bridge);
    snprintf(out->name, sizeof(out->name), "--name=%s", tap->dev);
    snprintf(out->domain, sizeof(out->domain), "--domain=%s", uuid);
    snprintf(out->mac, sizeof(out->mac), "--mac=%s", text_or(interface->mac, ""));
    snprintf(out->vlan, sizeof(out->vlan), "--vlan=%s", text_or(tap->vlan, ""));
    snprintf(out->native, sizeof(out->native), "--native=%s", text_or(tap->native, ""));
    out->argv[count++] = "create";
    out->argv[count++] = out->bridge;
    out->argv[count++] = out->name;
    out->argv[count++] = out->domain;
    if (interface->mac)
        out->argv[count++] = out->mac;
    if (interface_vnet_hdr(interface))
        out->argv[count++] = "--vnet-hdr";
    if (interface_multi_queue(interface))
        out->argv[count++] = "--multi-queue";
    if (tap->vlan)
        out->argv[count++] = out->vlan;
    if (tap->native)
        out->argv[count++] = out->native;
    if (tap->isolated)
        out->argv[count++] = "--isolated";
    count = add_lock(out, count, tap);
    add_ips(out, count, tap);
    return 0;
}
