/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/bridge.h"
#include "network.h"
#include "text.h"

#include <linux/netdevice.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NET_PATH "/sys/class/net"

bool network_bridge_mac_varies(const char *bridge)
{
    char path[128];

    snprintf(path, sizeof(path), NET_PATH "/%.15s/bridge", bridge);
    if (access(path, F_OK) < 0)
        return false;
    snprintf(path, sizeof(path), NET_PATH "/%.15s/addr_assign_type", bridge);
    return text_number(path, NET_ADDR_SET) != NET_ADDR_SET;
}

void network_bridge_mac(const char *bridge, char out[NETWORK_MAC_SIZE])
{
    static const char none[] = "00:00:00:00:00:00";
    char path[128], text[64] = "";
    uint8_t mac[6];

    snprintf(path, sizeof(path), NET_PATH "/%.15s/address", bridge);
    if (text_read(path, text, sizeof(text)) < 0 || strncmp(text, none, sizeof(none) - 1) == 0)
        text[0] = '\0'; /* of a bridge whose last port is gone */
    if (!text[0] && bridge_host_mac(bridge, mac) == 0)
        snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                 mac[5]);
    snprintf(out, NETWORK_MAC_SIZE, "%.17s", text);
}
