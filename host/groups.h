/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Whether the user is in the groups that grant access, in the user database and in this process. */
#pragma once

#include "probe.h"

void groups_probe(const struct probe_context *context, struct findings *out);
