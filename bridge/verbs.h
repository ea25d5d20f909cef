/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * `virt-tap bridge`, and `virt-tap show`, which is the same as `virt-tap bridge show`. */
#pragma once

#include "base/verb.h"

extern const struct command bridge_command;
int bridge_show(int argc, char *argv[]);
extern const char bridge_show_options[];
