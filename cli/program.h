/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Verbs that are separate programs, as in git, so that listing taps need not load what rewriting
 * domains needs. They are installed in PROGRAMS_PATH, and use the same table of verbs as virt-tap,
 * reduced to their own. */
#pragma once

#include "base/verb.h"

#include <limits.h>

/* Gives the path of a program that belongs to virt-tap: the installed one, or one beside the running command,
 * as described below. */
void program_path(const char *program, const char *installed, char path[PATH_MAX]);

/* struct verb.start: executes verb->program with the arguments "virt-tap", verb->name and argv from argv[1]
 * on. Returns only on failure, with exit status 1 after reporting why.
 *
 * The installed command runs the installed programs. A command that runs elsewhere, as in a build tree, runs
 * the programs beside it, if there are any, and if directory, command and program have the same owner and the
 * directory is not world-writable (/tmp): anybody who can write to the directory could then have replaced the
 * command itself. The environment and the current directory are not used. */
int program_start(const struct verb *verb, int argc, char *argv[]);
