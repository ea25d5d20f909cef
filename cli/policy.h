/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include "base/verb.h"

/* virt-tap policy explain and policy edit; see struct verb. */
extern const struct option_entry explain_options[];
int policy_explain(const struct call *call);
int policy_edit(const struct call *call);
