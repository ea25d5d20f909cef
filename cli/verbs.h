/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The verbs in main.c's table, each in a file of its own name; but repair is in policy_apply.c. */
#pragma once

#include "base/verb.h"

extern const struct command tap_command;
extern const struct command policy_command;
extern const struct command hooks_command;
extern const struct command broker_command;

extern const struct option_entry address_options[], list_options[], gc_options[], check_options[],
    repair_options[], setup_options[];
extern const char address_notes[], list_notes[], gc_notes[], check_notes[], repair_notes[], setup_notes[];
int address_run(const struct call *call);
int list_run(const struct call *call);
int gc_run(const struct call *call);
int repair_run(const struct call *call);
int check_run(const struct call *call);
int setup_run(const struct call *call);
