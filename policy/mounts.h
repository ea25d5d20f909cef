/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Whose mounts show us root's files. A setuid sandbox (firejail) mounts other files over them as its user
 * likes, root's too, and hides a deny so. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

/* Checks the mount of that number (STATX_MNT_ID), whose root is at path. Accepted are (mount_namespaces(7),
 * proc_pid_mountinfo(5)):
 *
 *   1. what shows the very files that would be there without it: systemd's ProtectSystem= and ReadOnlyPaths=
 *      make them read-only so;
 *   2. a mount that other namespaces, the host's among them, have as well (ostree, NixOS, a file system of
 * its own): in a peer group, or a slave of one where the root is. A bind mount of some folder only at the top
 *      level, and if no mount of other files is in that group;
 *   3. where the root is in no peer group (hosts without systemd, some containers): one whole file system at
 *      the top level; with `anywhere`, at any (for bridge.conf, which has QEMU's verdicts).
 *
 * Returns 0; or -EPERM and why it is not accepted. */
int mounts_check(const char *path, uint64_t mount, bool anywhere, struct error *why);
