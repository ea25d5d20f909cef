/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Files that nobody but root can have written: owned by root, writable by nobody else, in folders of which
 * the same is true, up to '/', and not hidden by a mount (mounts.h). */
#pragma once

#include "source.h"

#include <limits.h>

enum rootfile_links {
    /* A symbolic link is refused anywhere in the path; and where a folder has just changed, a file is missing
     * only once it has not changed for a while: editors put the old one aside first. */
    ROOTFILE_NO_LINKS,
    ROOTFILE_ROOTS_LINKS, /* one is followed if root's and in a folder of root's (NixOS keeps /etc so) */
};

/* How to read, and what reading has found out. */
struct rootfile {
    enum rootfile_links links;
    char folder[PATH_MAX]; /* with a '/' behind it: the last that was seen to be root's alone; "": none yet */
};

/* Begins with nothing found out. */
void rootfile_begin(struct rootfile *rootfile, enum rootfile_links links);

/* The functions of a struct policy_source (see there), its context pointing to a struct rootfile. They open
 * as the caller, follow nothing else, and wait for nothing (a FIFO, a device). -EACCES is returned only where
 * mode and group explain it; else -EPERM. */
int rootfile_read(void *context, const char *path, size_t limit, struct policy_text *out, struct error *why);
int rootfile_list(void *context, const char *folder, const char *pattern,
                  int (*each)(void *arg, const char *path), void *arg, struct error *why);
