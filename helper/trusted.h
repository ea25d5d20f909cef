/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files that nobody but root can have written: owned by root, writable by nobody else, in folders of which
 * the same is true, up to '/'. */
#pragma once

#include "policy.h"

enum trusted_links {
    TRUSTED_NO_LINKS,    /* a symbolic link is refused anywhere in the path */
    TRUSTED_ROOTS_LINKS, /* one is followed if root's and in a folder of root's (NixOS keeps /etc so) */
};

/* A policy_reader (see there): context points to an enum trusted_links. Opens as the caller, follows nothing
 * else, and waits for nothing (a FIFO, a device). */
policy_reader trusted_read;
