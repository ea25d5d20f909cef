/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What systemd-networkd keeps of an interface in /run/systemd/netif. */
#include "base/text.h"
#include "persist.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Gets a value of what networkd keeps of an interface, its links or leases. Returns whether there is one. */
static bool read_state(const char *folder, const char *name, const char *key, char *value, size_t size)
{
    char path[64], text[8192];

    snprintf(path, sizeof(path), "/run/systemd/netif/%s/%u", folder, if_nametoindex(name));
    return text_read(path, text, sizeof(text)) > 0 && text_value(text, key, value, size);
}

bool persist_networkd_uses(const char *name, char path[PATH_MAX])
{
    return read_state("links", name, "NETWORK_FILE", path, PATH_MAX) && strrchr(path, '/');
}

bool persist_networkd_leased(const char *name, const struct cidr *address)
{
    char leased[64], text[CIDR_TEXT];

    cidr_print(address, text);
    text[strcspn(text, "/")] = '\0';
    return read_state("leases", name, "ADDRESS", leased, sizeof(leased)) && strcmp(leased, text) == 0;
}

/* The lease file has the client's identifier: ff, IAID, DUID (RFC 4361). */
static bool read_iaid(const char *interface, unsigned int *iaid)
{
    char id[64];

    if (!read_state("leases", interface, "CLIENTID", id, sizeof(id)) || strncmp(id, "ff", 2) != 0 ||
        strlen(id) < 10)
        return false;
    id[10] = '\0';
    *iaid = (unsigned int)strtoul(id + 2, NULL, 16);
    return true;
}

static bool read_iaid6(const char *interface, unsigned int *iaid)
{
    char value[16];

    if (!read_state("links", interface, "DHCP6_CLIENT_IAID", value, sizeof(value)))
        return false;
    *iaid = (unsigned int)strtoul(value, NULL, 16);
    return true;
}

bool persist_networkd_iaid(const struct persist_plan *plan, char text[PERSIST_IAID])
{
    unsigned int iaid;
    const bool v4 = plan->dhcp && (read_iaid(plan->uplink, &iaid) || read_iaid(plan->bridge, &iaid));

    *text = '\0';
    if (!v4 && !read_iaid6(plan->uplink, &iaid) && !read_iaid6(plan->bridge, &iaid))
        return false;
    snprintf(text, PERSIST_IAID, "[DHCPv%d]\nIAID=%u\n", v4 ? 4 : 6, iaid);
    return true;
}
