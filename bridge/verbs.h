/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * `virt-tap bridge`, and `virt-tap show`, an alias of `virt-tap bridge show`. */
#pragma once

#include "base/verb.h"

extern const struct command bridge_command;
extern const struct option_entry bridge_show_options[];
extern const char bridge_show_notes[];
int bridge_show(const struct call *call);
