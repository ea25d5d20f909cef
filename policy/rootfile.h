/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Reads files that only root can have written: owned by root, writable by nobody else, in folders for which
 * the same is true up to '/', and not hidden by a mount (mounts_check()). */
#pragma once

#include "source.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct statx;
struct timespec;

enum rootfile_links {
    /* Symbolic links are refused anywhere in the path. If a folder has just changed, a file only counts as
     * missing once the folder has not changed for a while: editors move the old file away first. */
    ROOTFILE_NO_LINKS,
    ROOTFILE_ROOTS_LINKS, /* links are followed if owned by root and in a folder of root's (as in NixOS's
                             /etc) */
    ROOTFILE_SETTLED,     /* likewise, and a file counts as missing only as above */
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

/* Decides which mounts are trusted to show root's own files: a setuid sandbox (firejail) lets its user mount
 * other files over them, including root's, which can hide a deny. Checks the mount with that ID
 * (STATX_MNT_ID), whose root is at path. Accepted are (mount_namespaces(7), proc_pid_mountinfo(5)):
 *   1. a mount that shows the same files that would be there without it, as systemd's ProtectSystem= and
 *      ReadOnlyPaths= do to make them read-only;
 *   2. a mount shared with other namespaces, the host's among them (ostree, NixOS, a separate file
 *      system): it is in a peer group, or a slave of one that the root is in. A bind mount of a folder is
 *      accepted only at the top level, and only if no mount of other files is in that group;
 *   3. if the root is in no peer group (hosts without systemd, some containers): a mount of a whole file
 *      system at the top level, or at any level with `anywhere` (for bridge.conf, which has QEMU's
 *      verdicts).
 * Every mount is accepted if the real user is root, who may mount what it likes.
 * Returns 0, or -EPERM and why the mount is not accepted. */
int mounts_check(const char *path, uint64_t mount, bool anywhere, struct error *why);

enum { SETTLE_ROUNDS = 10 /* number of waits before the current state is accepted */ };

/* Waits 200 ms if files were added to that folder or removed from it less than 200 ms before `began`
 * (CLOCK_REALTIME, read before the caller looked). A change after `began` means waiting, however long the
 * caller was stopped; a time in the future does not: the clock was set back. Returns whether it waited. */
bool settle_wait(const struct timespec *began, const struct statx *folder);
