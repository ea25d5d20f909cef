/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include "base/verb.h"

/* The verb `virt-tap domain agent`; see struct verb. */
extern const struct option_entry agent_options[];
extern const char agent_notes[];
int agent_run(const struct call *call);
