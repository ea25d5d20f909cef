/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Decides which mounts are trusted to show root's own files. A setuid sandbox (firejail) lets its user mount
 * other files over them, including root's, which can hide a deny. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

/* Checks the mount with that ID (STATX_MNT_ID), whose root is at path. Accepted are (mount_namespaces(7),
 * proc_pid_mountinfo(5)):
 *
 *   1. a mount that shows the same files that would be there without it, as systemd's ProtectSystem= and
 *      ReadOnlyPaths= do to make them read-only;
 *
 *   2. a mount shared with other namespaces, the host's among them (ostree, NixOS, a separate file
 *      system): it is in a peer group, or a slave of one that the root is in. A bind mount of a folder is
 *      accepted only at the top level, and only if no mount of other files is in that group;
 *
 *   3. if the root is in no peer group (hosts without systemd, some containers): a mount of a whole file
 *      system at the top level, or at any level with `anywhere` (for bridge.conf, which has QEMU's
 *      verdicts).
 *
 * Every mount is accepted if the real user is root, who may mount what it likes.
 *
 * Returns 0, or -EPERM and why the mount is not accepted. */
int mounts_check(const char *path, uint64_t mount, bool anywhere, struct error *why);
