/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Files that only root and a service's own account can have written. */
#pragma once

#include <stddef.h>

/* Reads a whole regular file of at most 4 MiB. It and every folder from '/' on must belong to root or to one
 * of the accounts (NULL: none), be writable by nobody else, and be no symbolic link. The path must be
 * absolute and without '.' and '..'. Never blocks. Returns the text, which ends with a NUL behind its size
 * bytes, for the caller to free; NULL: it is not there, cannot be read by this user, or is not such a file.
 */
char *leasefile_read(const char *path, const char *const accounts[2], size_t *size);
