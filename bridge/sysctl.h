/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Settings of one interface below /proc/sys/net/FAMILY/GROUP/INTERFACE/KEY. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SYSCTL_TEXT = 64 };

/* Reads a setting into text, without the newline. Returns 0 or -errno: -ENOENT where this kernel, or this
 * interface, has none. */
int sysctl_get(const char *family, const char *group, const char *interface, const char *key,
               char text[SYSCTL_TEXT]);

/* Returns 0 or -errno. */
int sysctl_set(const char *family, const char *group, const char *interface, const char *key,
               const char *text);

struct sysctl {
    const char *family, *group, *key, *value;
    bool carried; /* it decides how an interface meets its neighbours and routers: it goes with the addresses
                   */
};

/* Calls found for each setting of the interface that differs from the default of this namespace, which a new
 * interface has. */
void sysctl_differing(const char *interface, void (*found)(void *data, const struct sysctl *setting),
                      void *data);
