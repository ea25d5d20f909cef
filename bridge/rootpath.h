/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Paths that only root can redirect. */
#pragma once

#include <limits.h>
#include <sys/stat.h>

/* Resolves an absolute path component by component from '/'. Every directory on the way, the target and every
 * symbolic link must be owned by root, and directories and target must not be writable by anybody else (an
 * ACL entry granting write access shows in the group bits). If so, only root can swap anything before the
 * caller uses the path.
 *
 * Returns 0 with the path free of links in real[] and the target's status in *st. -ENOENT: the target does
 * not exist; real[] is then non-empty if everything but the last component does. -EPERM: something on the way
 * is not under root's sole control. -EINVAL: the path is not absolute. Or another -errno. */
int rootpath(const char *path, char real[PATH_MAX], struct stat *st);

/* The same for a regular file; -EPERM for anything else. */
int rootpath_file(const char *path, char real[PATH_MAX], struct stat *st);
