/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/name.h"
#include "base/text.h"
#include "net/bridge.h"
#include "network.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 128, ADDR_SET = 3 /* NET_ADDR_SET of linux/netdevice.h, which conflicts with net/if.h */ };

static const char *path_of(char path[PATH_SIZE], const char *interface, const char *what)
{
    snprintf(path, PATH_SIZE, NETWORK_PATH "/%.15s/%s", interface, what);
    return path;
}

bool network_has(const char *interface, const char *what)
{
    char path[PATH_SIZE];

    return access(path_of(path, interface, what), F_OK) == 0;
}

bool network_text(const char *interface, const char *what, char *out, size_t size)
{
    char path[PATH_SIZE];

    return text_line(path_of(path, interface, what), out, size) && *out;
}

long network_number(const char *interface, const char *what, long fallback)
{
    char path[PATH_SIZE];

    return text_number(path_of(path, interface, what), fallback);
}

const char *network_sys_problem(void)
{
    struct if_nameindex *interfaces = NULL;
    const char *problem = NULL;

    if (access(NETWORK_PATH, R_OK | X_OK) == 0)
        interfaces = if_nameindex();
    if (!interfaces)
        return strerror(errno);
    for (const struct if_nameindex *at = interfaces; at->if_index && !problem; at++)
        if (network_number(at->if_name, "ifindex", 0) != (long)at->if_index &&
            if_nametoindex(at->if_name) == at->if_index) /* otherwise it has just disappeared */
            problem = "it shows the interfaces of another network namespace";
    if_freenameindex(interfaces);
    return problem;
}

bool network_bridge_mac_varies(const char *bridge)
{
    return network_has(bridge, "bridge") && network_number(bridge, "addr_assign_type", ADDR_SET) != ADDR_SET;
}

bool network_bridge_is_bare(const char *bridge)
{
    _cleanup_globfree_ glob_t ports = {.gl_pathc = 0};
    char path[64];

    snprintf(path, sizeof(path), NETWORK_PATH "/%.15s/brif/*", bridge);
    return network_bridge_mac_varies(bridge) && glob(path, GLOB_NOSORT, NULL, &ports) != 0;
}

void network_bridge_mac(const char *bridge, char out[MAC_TEXT])
{
    uint8_t mac[6] = {0};

    if (network_text(bridge, "address", out, MAC_TEXT) && mac_parse(out, mac) && mac_is_unicast(mac))
        return;
    out[0] = '\0'; /* all zeros: a bridge whose last port has been removed */
    if (bridge_host_mac(bridge, mac) == 0)
        mac_print(out, mac);
}
