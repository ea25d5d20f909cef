/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/text.h"
#include "config.h"
#include "network.h"
#include "networkd.h"
#include "networkmanager.h"

#include <glob.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* That a package installs, and that the fix of NET_NETWORKD_CLAIMS makes. */
#define NETWORKD_FILE "05-virt-tap.network"

static void report_networkmanager(struct findings *out)
{
    char path[PATH_MAX];

    if (access("/run/NetworkManager", F_OK) < 0)
        return;
    switch (networkmanager_search(path)) {
    case NETWORKMANAGER_LEFT_ALONE:
        finding_add(out, NET_NETWORKMANAGER,
                    "NetworkManager is running, and %s tells it to leave " TAP_PREFIX "* alone", path);
        break;
    case NETWORKMANAGER_CLOSED:
        finding_add(out, NET_NETWORKMANAGER_SKIPPED, "NetworkManager is running, and %s cannot be read",
                    path);
        break;
    default:
        finding_add_fixable(out, NET_NETWORKMANAGER_CLAIMS, "",
                            "NetworkManager is running, and nothing tells it to leave " TAP_PREFIX "* alone");
    }
}

/* Gets a value of what a manager keeps of a bridge in /run, by its index. */
static bool read_state(const char *folder, const char *bridge, const char *key, char value[PATH_MAX])
{
    char path[64], text[8192];

    snprintf(path, sizeof(path), "/run/%s/%ld", folder, network_number(bridge, "ifindex", 0));
    return text_read(path, text, sizeof(text)) > 0 && text_value(text, key, value, PATH_MAX);
}

/* Whether NetworkManager made this bridge: its state of devices, src/core/nm-config.c,
 * nm_config_device_state_write. */
static bool networkmanager_owns(const char *bridge)
{
    char value[PATH_MAX];

    return read_state("NetworkManager/devices", bridge, "nm-owned", value) && strcmp(value, "true") == 0;
}

/* Whether its dispatcher has our program, in one of its folders. */
static bool dispatcher_has_program(void)
{
    return access("/etc/NetworkManager/dispatcher.d/50-virt-tap", X_OK) == 0 ||
           access("/usr/lib/NetworkManager/dispatcher.d/50-virt-tap", X_OK) == 0;
}

/* Finds the first bridge that is this manager's. */
static bool find_owned_bridge(bool (*owns)(const char *bridge), char found[IFNAMSIZ])
{
    _cleanup_globfree_ glob_t bridges = {.gl_pathc = 0};

    if (glob(NETWORK_PATH "/*/bridge", 0, NULL, &bridges) != 0)
        return false;
    for (size_t i = 0; i < bridges.gl_pathc; i++) {
        char *name = bridges.gl_pathv[i] + strlen(NETWORK_PATH "/");
        *strchr(name, '/') = '\0';
        if (!ifname_valid(name) || !owns(name))
            continue;
        strcpy(found, name);
        return true;
    }
    return false;
}

static void report_dispatcher(struct findings *out)
{
    char bridge[IFNAMSIZ];

    if (access("/run/NetworkManager", F_OK) == 0 && !dispatcher_has_program() &&
        find_owned_bridge(networkmanager_owns, bridge))
        finding_add_fixable(out, NET_NETWORKMANAGER_FORGETS, "",
                            "NetworkManager made bridge '%s', and its dispatcher has no 50-virt-tap", bridge);
}

/* Whether networkd runs, or did since the host started: it writes what it knows of each interface. The folder
 * is on every host with systemd (tmpfiles.d/systemd-network.conf). */
static bool networkd_runs(void)
{
    _cleanup_globfree_ glob_t links = {.gl_pathc = 0};

    return glob("/run/systemd/netif/links/*", GLOB_NOSORT, NULL, &links) == 0;
}

/* Whether networkd has a file for this bridge: its state of links, src/network/networkd-state-file.c,
 * link_save. */
static bool networkd_owns(const char *bridge)
{
    char value[PATH_MAX];

    return read_state("systemd/netif/links", bridge, "NETWORK_FILE", value) && *value == '/';
}

/* Whether one of the folders of udev or systemd has this file. */
static bool any_folder_has(const char *file)
{
    char pattern[128];
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};

    snprintf(pattern, sizeof(pattern), "/{etc,run,usr/local/lib,usr/lib,lib}/%s", file);
    return glob(pattern, GLOB_BRACE, NULL, &found) == 0;
}

static void report_udev(struct findings *out)
{
    char bridge[IFNAMSIZ];

    if (!networkd_runs() || any_folder_has("udev/rules.d/90-virt-tap.rules") ||
        !find_owned_bridge(networkd_owns, bridge))
        return;
    if (any_folder_has("systemd/system/virt-tap-repair@.service"))
        finding_add_fixable(out, NET_NETWORKD_FORGETS, "",
                            "systemd-networkd manages bridge '%s', and udev has no 90-virt-tap.rules",
                            bridge);
    else
        finding_add(out, NET_NETWORKD_FORGETS,
                    "systemd-networkd manages bridge '%s', and systemd has no virt-tap-repair@.service",
                    bridge);
}

static void report_networkd(struct findings *out)
{
    char path[PATH_MAX];

    if (!networkd_runs())
        return;
    switch (networkd_search(path)) {
    case NETWORKD_CLOSED:
        finding_add(out, NET_NETWORKD_SKIPPED, "systemd-networkd is running, and %s cannot be read", path);
        break;
    case NETWORKD_CLAIMED:
        if (strcmp(basename(path), NETWORKD_FILE) < 0)
            finding_add_fixable(out, NET_NETWORKD_FIRST, "",
                                "systemd-networkd is running, and %s also matches " TAP_PREFIX
                                "*, before any " NETWORKD_FILE,
                                path);
        else
            finding_add_fixable(out, NET_NETWORKD_CLAIMS, "",
                                "systemd-networkd is running, and %s also matches " TAP_PREFIX "*", path);
        break;
    case NETWORKD_LEFT_ALONE:
        finding_add(out, NET_NETWORKD,
                    "systemd-networkd is running, and %s tells it to leave " TAP_PREFIX "* alone", path);
        break;
    default:
        finding_add(out, NET_NETWORKD,
                    "systemd-networkd is running, and none of its files matches " TAP_PREFIX "*");
    }
}

/* A line of ifupdown's state: INTERFACE=STANZA. Ends at the first bridge, whose name goes to arg. */
static bool find_bridge(void *arg, const char *line, unsigned int number)
{
    char *name = arg;
    const size_t length = strcspn(line, "=");
    (void)number;

    if (length >= IFNAMSIZ)
        return true;
    memcpy(name, line, length);
    name[length] = '\0';
    if (ifname_valid(name) && network_has(name, "bridge"))
        return false;
    *name = '\0';
    return true;
}

static void report_ifupdown(struct findings *out)
{
    static const char hook[] = "/etc/network/if-up.d/virt-tap";
    char bridge[IFNAMSIZ] = "";

    text_lines("/run/network/ifstate", find_bridge, bridge);
    if (!*bridge)
        return;
    if (access(hook, X_OK) == 0)
        finding_add(out, NET_IFUPDOWN, "ifupdown made bridge '%s', and calls %s", bridge, hook);
    else
        finding_add_fixable(out, NET_IFUPDOWN_FORGETS, "", "ifupdown made bridge '%s', and has no %s", bridge,
                            hook);
}

void network_managers_probe(const struct probe_context *context, struct findings *out)
{
    (void)context;
    report_networkmanager(out);
    report_dispatcher(out);
    report_networkd(out);
    report_udev(out);
    report_ifupdown(out);
}
