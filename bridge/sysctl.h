/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Per-interface settings, /proc/sys/net/FAMILY/GROUP/INTERFACE/KEY. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SYSCTL_TEXT = 64 };

/* Reads a setting into text, without the newline. Returns 0 or -errno; -ENOENT: this kernel or interface does
 * not have it. */
int sysctl_get(const char *family, const char *group, const char *interface, const char *key,
               char text[SYSCTL_TEXT]);

/* Returns 0 or -errno. */
int sysctl_set(const char *family, const char *group, const char *interface, const char *key,
               const char *text);

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
