/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Other programs, run for what they say. Only in a probe, whose time limit ends them. */
#pragma once

#include "subject.h"

/* Runs argv[0], a path, with an environment of PATH, HOME and LC_ALL=C, no input, and standard output and
 * error in `out`, NUL-terminated and cut to its size. Returns the exit status, 128 + the signal that ended
 * it, or -errno where it could not be run. */
int program_run(char *const argv[], const struct subject *subject, char *out, size_t size);

/* The first of the paths, up to NULL, that this process may run; or NULL. */
const char *program_find(const char *const paths[]);

/* Cuts the text behind its first line. Returns it. */
const char *program_first_line(char *text);
