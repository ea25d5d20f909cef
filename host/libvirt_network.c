/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "libvirt_network.h"
#include "base/cleanup.h"
#include "base/printable.h"
#include "base/text.h"
#include "software.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NETWORKS "/etc/libvirt/qemu/networks"

/* libvirt writes these files itself, always in this form. */
static bool find_bridge(const char *xml, char out[IFNAMSIZ])
{
    static const char start[] = "<bridge name='";
    const char *at = strstr(xml, start);
    const size_t length = at ? strcspn(at + strlen(start), "'") : 0;

    if (length == 0 || length >= IFNAMSIZ || memchr(at + strlen(start), '/', length))
        return false;
    memcpy(out, at + strlen(start), length);
    out[length] = '\0';
    return true;
}

/* Whether only root can change it. */
static bool is_roots(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* In forward mode 'bridge' the bridge is the administrator's, and not created by libvirt. */
static bool creates(const char *path, const char *bridge)
{
    char text[65536], name[IFNAMSIZ];

    return is_roots(path) && text_read_no_link(path, text, sizeof(text)) > 0 && find_bridge(text, name) &&
           strcmp(name, bridge) == 0 && !strstr(text, "<forward mode='bridge'");
}

/* The network's status file exists while it is active (libvirt's src/network/bridge_driver.c). */
static bool is_active(const char *network)
{
    char path[128];
    const int length = snprintf(path, sizeof(path), "/run/libvirt/network/%s.xml", network);

    return length < 0 || (size_t)length >= sizeof(path) || access(path, F_OK) == 0;
}

bool libvirt_network_inactive(const char *bridge, char *out, size_t size)
{
    _cleanup_globfree_ glob_t files = {.gl_pathc = 0};

    if (!is_roots(NETWORKS) || glob(NETWORKS "/*.xml", 0, NULL, &files) != 0)
        return false;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *name = strrchr(files.gl_pathv[i], '/') + 1;
        const size_t length = strlen(name) - strlen(".xml"); /* libvirt names the file after the network */
        if (length >= size || *name == '-' || !creates(files.gl_pathv[i], bridge))
            continue;
        memcpy(out, name, length);
        out[length] = '\0';
        if (printable_is(out) && !is_active(out))
            return true;
    }
    return false;
}

void libvirt_network_probe(const struct probe_context *context, struct findings *out)
{
    static const char path[] = NETWORKS "/default.xml";
    char text[65536], bridge[IFNAMSIZ], device[64];
    const ssize_t length = text_read(path, text, sizeof(text));
    (void)context;

    if (length == -EACCES) {
        finding_add(out, LIBVIRT_NETWORK_SKIPPED, "%s cannot be read", path);
        return;
    }
    if (length < 0 || !find_bridge(text, bridge)) {
        finding_add(out, LIBVIRT_NETWORK_NONE, "libvirt has no network 'default' with a bridge");
        return;
    }
    snprintf(device, sizeof(device), "/sys/class/net/%s/bridge", bridge);
    if (access(device, F_OK) == 0)
        finding_add(out, LIBVIRT_NETWORK, "the network 'default' has its bridge %s", bridge);
    else
        finding_add_fixable(out, LIBVIRT_NETWORK_BRIDGE, "",
                            "the network 'default' is not started: its bridge %s does not exist", bridge);
}
