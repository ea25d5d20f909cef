/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Which .network file of systemd-networkd applies to virt-tap's taps. It is read from the files, since
 * networkctl knows only devices that exist; the rules are those of systemd.network(5), systemd.syntax(7) and
 * src/shared/conf-parser.c. */
#pragma once

#include <limits.h>
#include <stdbool.h>

enum networkd_answer {
    NETWORKD_NONE,       /* no file applies */
    NETWORKD_LEFT_ALONE, /* the first one that applies says Unmanaged=yes */
    NETWORKD_CLAIMED,
    NETWORKD_CLOSED, /* a relevant file or folder cannot be read by this process */
};

/* Returns the answer; path: the file or folder that it is about. */
enum networkd_answer networkd_search(char path[PATH_MAX]);
