/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap-helper: is it there, can it get its capability, and does it work for this user? It is called to
 * remove the taps of a domain that there is not, which takes its capability and changes nothing. */
#pragma once

#include "probe.h"

void helper_probe(const struct probe_context *context, struct findings *out);

/* Confinements that would be in its way, and what of its predecessor is left. */
void helper_surroundings_probe(const struct probe_context *context, struct findings *out);
