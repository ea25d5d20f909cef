/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Whether NetworkManager's configuration tells it to leave virt-tap's taps alone. It is read from the files,
 * since nmcli knows only devices that exist; the rules are those of NetworkManager.conf(5) and
 * src/core/nm-config-data.c. */
#pragma once

#include <limits.h>

enum networkmanager_answer {
    NETWORKMANAGER_CLAIMED,    /* nothing tells it to */
    NETWORKMANAGER_LEFT_ALONE, /* a section or a list does */
    NETWORKMANAGER_CLOSED,     /* nothing that this process can read does */
};

/* Returns the answer. path: the file that tells it, or the file or folder that cannot be read; otherwise "".
 */
enum networkmanager_answer networkmanager_search(char path[PATH_MAX]);
