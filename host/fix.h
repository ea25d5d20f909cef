/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The commands that fix what was found, built from the catalogue's templates. */
#pragma once

#include "finding.h"
#include "user.h"

/* Writes the commands of every fixable finding, for whoever runs this program: commands for root begin with
 * sudo where that is not root, commands for the user's own files do not. Nothing in them comes from a worker
 * but a value that passed the check of its placeholder (see catalogue.h); a line with a value that did not
 * pass is left out. */
void fix_findings(struct findings *list, const struct user *user);

/* The distribution's own name (PRETTY_NAME of os-release), or "unknown". */
void fix_distribution(char *out, size_t size);
