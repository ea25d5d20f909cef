/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What stands in the table of main.c, each in a file of its own name. */
#pragma once

#include "base/verb.h"

extern const struct command tap_command;
extern const struct command policy_command;
extern const struct command hooks_command;
int list_run(int argc, char *argv[]);
extern const char list_options[];
int gc_run(int argc, char *argv[]);
extern const char gc_options[];
int check_run(int argc, char *argv[]);
extern const char check_options[];
