/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "nat.h"
#include "text.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool nat_is_configured(const char *bridge)
{
    static const struct {
        const char *before, *after;
    } files[] = {{"/etc/virt-tap/nat/", ".conf"}, {"/run/virt-tap-nat-", ""}, {"/run/nm-dnsmasq-", ".pid"}};
    char path[80], text[4096];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s%.15s%s", files[i].before, bridge, files[i].after);
        if (access(path, F_OK) == 0)
            return true;
    }
    snprintf(path, sizeof(path), "/etc/systemd/network/0-virt-tap-%.15s.network", bridge);
    return text_read(path, text, sizeof(text)) > 0 && strstr(text, "IPMasquerade=");
}
