/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Shows what edits change, for people and patch(1). */
#pragma once

#include "edit.h"

#include <stdio.h>

/* Prints a unified diff without context, since the lines around a change may hold secrets. edits are those
 * that turned `was` into `is`, after edits_apply(). Prints nothing if there are none. */
void diff_print(FILE *file, const char *label, const struct edits *edits, const char *was, size_t was_size,
                const char *is);
