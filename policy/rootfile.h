/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Reads files that only root can have written: owned by root, writable by nobody else, in folders for which
 * the same is true up to '/', and not hidden by a mount (mounts.h). */
#pragma once

#include "source.h"

#include <limits.h>

enum rootfile_links {
    /* Symbolic links are refused anywhere in the path. If a folder has just changed, a file only counts as
     * missing once the folder has not changed for a while: editors move the old file away first. */
    ROOTFILE_NO_LINKS,
    ROOTFILE_ROOTS_LINKS, /* links are followed if owned by root and in a folder of root's (as in NixOS's
                             /etc) */
};

/* How to read, and what reading has found so far. */
struct rootfile {
    enum rootfile_links links;
    char folder[PATH_MAX]; /* with a trailing '/': the last one known to be writable by root only; "": none
                              yet */
};

/* Initialises rootfile with nothing found yet. */
void rootfile_begin(struct rootfile *rootfile, enum rootfile_links links);

/* The functions of a struct policy_source (see there), whose context points to a struct rootfile. They open
 * files with the caller's credentials, follow no other links, and never block (on a FIFO or device). They
 * return -EACCES only if mode and group explain it, otherwise -EPERM. */
int rootfile_read(void *context, const char *path, size_t limit, struct policy_text *out, struct error *why);
int rootfile_list(void *context, const char *folder, const char *pattern,
                  int (*each)(void *arg, const char *path), void *arg, struct error *why);
