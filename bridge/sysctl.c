/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "sysctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_setting(const char *family, const char *group, const char *interface, const char *key,
                        int flags)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "/proc/sys/net/%s/%s/%s/%s", family, group, interface, key);
    const int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return fd;
}

int sysctl_get(const char *family, const char *group, const char *interface, const char *key,
               char text[SYSCTL_TEXT])
{
    const int fd = open_setting(family, group, interface, key, O_RDONLY);
    if (fd < 0)
        return fd;
    const ssize_t got = read(fd, text, SYSCTL_TEXT - 1);
    const int err = -errno;
    close(fd);
    if (got < 0)
        return err;
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return 0;
}

int sysctl_set(const char *family, const char *group, const char *interface, const char *key,
               const char *text)
{
    const int fd = open_setting(family, group, interface, key, O_WRONLY);
    if (fd < 0)
        return fd;
    const int err = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return err;
}

/* Groups of settings, by prefix. addr_gen_mode is copied by netlink: writing it here would
 * generate an address. */
static bool carried(const char *family, const char *group, const char *key)
{
    static const char *const ipv4[] = {"arp_", "proxy_arp", "promote_secondaries"};
    static const char *const ipv6[] = {"accept_ra",    "autoconf",     "router_", "dad_",     "accept_dad",
                                       "use_tempaddr", "temp_",        "regen_",  "max_",     "ndisc_",
                                       "proxy_ndp",    "disable_ipv6", "ra_",     "hop_limit"};
    const bool six = strcmp(family, "ipv6") == 0;
    const char *const *list = six ? ipv6 : ipv4;
    const size_t count = six ? sizeof(ipv6) / sizeof(ipv6[0]) : sizeof(ipv4) / sizeof(ipv4[0]);

    if (strcmp(group, "neigh") == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        if (strncmp(key, list[i], strlen(list[i])) == 0)
            return true;
    return false;
}

/* Settings specific to the interface, or copied by netlink; and the old names of others, which end in _ms
 * now: the kernel's log complains of whoever reads them (net/ipv6/ndisc.c, ndisc_warn_deprecated_sysctl). */
static bool own(const char *key)
{
    static const char *const keys[] = {"mtu", "addr_gen_mode", "stable_secret", "base_reachable_time",
                                       "retrans_time"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static void look_at(const char *interface, const struct sysctl *setting,
                    void (*found)(void *data, const struct sysctl *setting), void *data)
{
    char value[SYSCTL_TEXT], other[SYSCTL_TEXT];

    if (own(setting->key) || sysctl_get(setting->family, setting->group, interface, setting->key, value) < 0)
        return;
    /* Neighbour settings have no readable default except in the initial network namespace. */
    if (sysctl_get(setting->family, setting->group, "default", setting->key, other) == 0 &&
        strcmp(value, other) == 0)
        return;
    struct sysctl differing = *setting;
    differing.value = value;
    differing.carried = carried(setting->family, setting->group, setting->key);
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
        DIR *folder = opendir(path);
        if (!folder)
            continue;
        for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            setting.key = entry->d_name;
            if (entry->d_name[0] != '.')
                look_at(interface, &setting, found, data);
        }
        closedir(folder);
    }
}

static void copy(void *data, const struct sysctl *setting)
{
    if (setting->carried)
        sysctl_set(setting->family, setting->group, data, setting->key, setting->value);
}

void sysctl_copy(const char *from, const char *to)
{
    sysctl_differing(from, copy, (void *)(uintptr_t)to);
}
