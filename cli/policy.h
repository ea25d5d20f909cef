/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <limits.h>
#include <stdbool.h>

/* virt-tap policy explain: see struct verb. */
int policy_explain(int argc, char *argv[]);

/* virt-tap policy edit: likewise. */
int policy_edit(int argc, char *argv[]);

/* Writes the whole path of the file named, which trusted_read() walks from '/'. Returns false if it is too
 * long, or the current folder cannot be found. */
bool policy_whole_path(const char *file, char out[PATH_MAX]);
