/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "sysctl.h"
#include "base/cleanup.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SYSCTL_TEXT = 64 };

static void setting_path(char path[PATH_MAX], const struct sysctl *setting, const char *interface)
{
    snprintf(path, PATH_MAX, "/proc/sys/net/%s/%s/%s/%s", setting->family, setting->group, interface,
             setting->key);
}

/* By prefix. addr_gen_mode is copied by netlink: writing it here would generate an address. */
static bool is_carried(const struct sysctl *setting)
{
    static const char *const carried[] = {"ipv4/arp_",      "ipv4/proxy_arp",  "ipv4/promote_secondaries",
                                          "ipv6/accept_ra", "ipv6/autoconf",   "ipv6/router_",
                                          "ipv6/dad_",      "ipv6/accept_dad", "ipv6/use_tempaddr",
                                          "ipv6/temp_",     "ipv6/regen_",     "ipv6/max_",
                                          "ipv6/ndisc_",    "ipv6/proxy_ndp",  "ipv6/disable_ipv6",
                                          "ipv6/ra_",       "ipv6/hop_limit"};
    char name[NAME_MAX + 8];

    snprintf(name, sizeof(name), "%s/%s", setting->family, setting->key);
    for (size_t i = 0; i < sizeof(carried) / sizeof(carried[0]); i++)
        if (strncmp(name, carried[i], strlen(carried[i])) == 0)
            return true;
    return strcmp(setting->group, "neigh") == 0;
}

static void look_at(const char *interface, const struct sysctl *setting,
                    void (*found)(void *data, const struct sysctl *setting), void *data)
{
    /* Settings specific to the interface, or copied by netlink; and the old names of others, which end in _ms
     * now: the kernel's log complains of whoever reads them (net/ipv6/ndisc.c,
     * ndisc_warn_deprecated_sysctl). */
    static const char own[] = "mtu addr_gen_mode stable_secret base_reachable_time retrans_time";
    char value[SYSCTL_TEXT], other[SYSCTL_TEXT], path[PATH_MAX];

    setting_path(path, setting, interface);
    if (text_has_word(own, setting->key) || !text_line(path, value, sizeof(value)))
        return;
    /* Neighbour settings have no readable default except in the initial network namespace. */
    setting_path(path, setting, "default");
    if (text_line(path, other, sizeof(other)) && strcmp(value, other) == 0)
        return;
    struct sysctl differing = *setting;
    differing.value = value;
    differing.carried = is_carried(setting);
    found(data, &differing);
}

void sysctl_differing(const char *interface, void (*found)(void *data, const struct sysctl *setting),
                      void *data)
{
    static const char *const places[][2] = {
        {"ipv4", "conf"}, {"ipv6", "conf"}, {"ipv4", "neigh"}, {"ipv6", "neigh"}};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct sysctl setting = {.family = places[i][0], .group = places[i][1]};
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "/proc/sys/net/%s/%s/%s", setting.family, setting.group, interface);
        _cleanup_closedir_ DIR *folder = opendir(path);
        for (const struct dirent *entry; folder && (entry = readdir(folder));) {
            setting.key = entry->d_name;
            if (entry->d_name[0] != '.')
                look_at(interface, &setting, found, data);
        }
    }
}

static void copy(void *data, const struct sysctl *setting)
{
    char path[PATH_MAX];

    setting_path(path, setting, data);
    _cleanup_close_ const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (setting->carried && fd >= 0)
        (void)!write(fd, setting->value, strlen(setting->value));
}

void sysctl_copy(const char *from, const char *to)
{
    sysctl_differing(from, copy, (void *)(uintptr_t)to);
}
