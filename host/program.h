/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Runs other programs for their output. Only for use in a child of child_start(), which kills what a program
 * leaves behind. */
#pragma once

#include "finding.h"
#include "user.h"

enum { PROGRAM_SECONDS = 6 }; /* more than PROBE_SECONDS, so that a probe hits its own limit first */

/* Runs argv[0], a path, through process_run() with PATH, HOME and LC_ALL=C. `out` receives standard output
 * and error, NUL-terminated and cut to its size. Returns the exit status, or 128 + the signal that killed it;
 * -ETIMEDOUT: it exceeded PROGRAM_SECONDS; -EFBIG: it printed more than 1 MiB; or another -errno. */
int program_run(const char *const argv[], const struct user *user, char *out, size_t size);

/* Adds the finding that a program failed, from program_run()'s result, which is not 0, and its output.
 * Only a failure of the program itself is fixable, not, for example, the user's limit of processes. */
void program_report(struct findings *out, enum finding_id id, const char *path, const char *options,
                    int status, char *words);

/* Returns the first of the NULL-terminated paths that this process may execute, or NULL. */
const char *program_find(const char *const paths[]);

/* Cuts the text after its first line. Returns it. */
const char *program_first_line(char *text);
