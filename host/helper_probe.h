/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap-helper: is it installed, can it gain its capability, and does it work for this user? The probe has
 * it delete the taps of a nonexistent domain, which uses the capability and changes nothing. */
#pragma once

#include "probe.h"

void helper_probe(const struct probe_context *context, struct findings *out);

/* Reports confinement that may get in the helper's way, and leftovers of its predecessor. */
void helper_surroundings_probe(const struct probe_context *context, struct findings *out);
