/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap-helper: is it installed, can it gain its capability, and does it work for this user? */
#pragma once

#include "probe.h"

/* bridge: an existing one that the policy allows the user, to be given a tap on, as QEMU would be; the tap
 * ends with the probe. NULL: there is none; the helper then has to delete the taps of a nonexistent domain,
 * which uses the capability and changes nothing. */
void helper_probe(const struct user *user, const char *bridge, struct findings *out);

/* Reports confinement that may get in the helper's way, and leftovers of its predecessor. */
void helper_surroundings_probe(const struct probe_context *context, struct findings *out);

/* Has the helper make a tap on the bridge and send its descriptor, and closes that at once. The helper also
 * tells its reason: words. Returns its exit status; -ENOMSG: it succeeded, but no descriptor came; or another
 * -errno. May block: for probes only. */
int helper_take_tap(const char *bridge, char *words, size_t size);
