/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The verb that KubeVirt runs. */
#pragma once

#include "base/verb.h"

#define define_hook_arguments "--vmi=JSON --domain=XML"
extern const struct option_entry define_hook_options[];
int define_hook_run(const struct call *call);
