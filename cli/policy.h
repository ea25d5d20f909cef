/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include "base/verb.h"

/* virt-tap policy explain, edit and apply; see struct verb. */
extern const struct option_entry explain_options[], apply_options[];
int policy_explain(const struct call *call);
int policy_edit(const struct call *call);
int policy_apply(const struct call *call);
