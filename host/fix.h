/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Builds the commands that fix the findings from the catalogue's templates. */
#pragma once

#include "finding.h"
#include "user.h"

#include <stdbool.h>
#include <stddef.h>

/* Writes the commands of every fixable finding, for the user running this program: commands that require root
 * start with sudo if that user is not root; those for the user's own files do not. The only data from a
 * worker in them are values that passed their placeholder's check (see catalogue.h); lines with any other
 * value are left out. */
void fix_findings(struct findings *list, const struct user *user);

/* The name of the distribution (PRETTY_NAME in os-release), or "unknown". */
void fix_distribution(char *out, size_t size);

/* The command that installs what `bridge persist --nat` takes. Returns whether this distribution's is known.
 */
bool fix_install_nat(char *out, size_t size);
