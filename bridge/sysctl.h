/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Per-interface settings, /proc/sys/net/FAMILY/GROUP/INTERFACE/KEY. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct sysctl {
    const char *family, *group, *key, *value;
    bool carried; /* affects the interface's dealings with neighbours and routers, so it moves along with the
                     addresses */
};

/* Calls found for each of the interface's settings that differs from this namespace's default, which new
 * interfaces get. */
void sysctl_differing(const char *interface, void (*found)(void *data, const struct sysctl *setting),
                      void *data);

/* Gives one interface the settings of another that are carried, and differ from the default. Failures are not
 * reported: what can be given is. */
void sysctl_copy(const char *from, const char *to);
