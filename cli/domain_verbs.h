/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The verbs of virt-tap domain that have files of their own. attach and detach: one interface with its tap,
 * in the definition or while the domain runs. */
#pragma once

#include "base/verb.h"

extern const struct option_entry attach_options[], detach_options[];

/* Adds an interface on a new tap: all of it, or nothing. Returns the exit status. */
int attach_run(const struct call *call);

/* Removes an interface, and its tap once the guest has released it. Returns the exit status. */
int detach_run(const struct call *call);

/* The verb `virt-tap domain agent`; see struct verb. */
extern const struct option_entry agent_options[];
extern const char agent_notes[];
int agent_run(const struct call *call);
