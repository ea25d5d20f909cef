/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Verbs that are programs of their own, as git has them: whoever lists taps need not load what rewrites
 * domains. They lie in PROGRAMS_PATH, and have the same table of verbs as virt-tap, but for the others'. */
#pragma once

#include "base/verb.h"

/* struct verb.start: becomes the program verb->program, with the words "virt-tap", verb->name and argv from
 * argv[1] on. Returns only if it cannot be started, with exit status 1, having said why.
 *
 * The installed command starts the installed programs. One that runs elsewhere, as in a build tree, starts
 * those that lie beside it, if there are any, and if folder, command and program are one user's and not
 * everybody may put files there (/tmp): who may write the folder could then have replaced the command itself.
 * The environment and the current folder have no say. */
int program_start(const struct verb *verb, int argc, char *argv[]);
