/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Shows files as they are not on disk, to this process and what it runs. */
#pragma once

#include "base/error.h"

#include <stddef.h>

/* A file or folder, and what is shown in its place; NULL: an empty folder. */
struct overlay {
    const char *path, *shown;
};

/* Calls act(arg) in a mount namespace with these overlays (mount_namespaces(7)). Returns its value; or -1 and
 * why there is no such namespace. Requires CAP_SYS_ADMIN. */
int private_call(const struct overlay *overlays, size_t count, int (*act)(void *arg), void *arg,
                 struct error *why);
