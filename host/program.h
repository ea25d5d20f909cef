/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Other programs, run for what they print. Only in a child of child_start(), which ends what a program leaves
 * behind. */
#pragma once

#include "user.h"

enum { PROGRAM_SECONDS = 6 }; /* more than PROBE_SECONDS: in a probe, its own limit comes first */

/* Runs argv[0], a path, by process_run() with PATH, HOME and LC_ALL=C. `out` gets what it prints, errors too,
 * NUL-terminated and cut to its size. Returns the exit status or 128 + the signal that ended it; -ETIMEDOUT:
 * it did not end in PROGRAM_SECONDS; -EFBIG: it printed more than 1 MiB; or another -errno. */
int program_run(const char *const argv[], const struct user *user, char *out, size_t size);

/* The first of the paths, up to NULL, that this process may run; or NULL. */
const char *program_find(const char *const paths[]);

/* Cuts the text behind its first line. Returns it. */
const char *program_first_line(char *text);
