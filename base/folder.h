/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Opens folders that others may be able to write to in part. */
#pragma once

struct error;

/* Opens a folder (O_PATH) step by step: a symbolic link on the way is followed only if it belongs to root or
 * the caller. Returns a descriptor that the caller owns, or -1 and why not. */
int folder_open(const char *path, struct error *why);
