/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Paths whose meaning only root can change. */
#pragma once

#include <limits.h>
#include <sys/stat.h>

/* Follows an absolute path component by component from '/'. Every folder on the way, the target, and every
 * symbolic link must belong to root, and folders and target must be writable by nobody else (an ACL that lets
 * somebody write shows as the group's bit). Once that holds, nobody but root can exchange anything before the
 * caller uses the path.
 *
 * Returns 0, with real[] the path without links and *st what is there; -ENOENT if nothing is there, and then
 * real[] is not empty if everything but the last component is; -EPERM if something on the way is not root's
 * alone; -EINVAL for a path that is not absolute; or another -errno. */
int rootpath(const char *path, char real[PATH_MAX], struct stat *st);

/* The same for a regular file: -EPERM for anything else. */
int rootpath_file(const char *path, char real[PATH_MAX], struct stat *st);
