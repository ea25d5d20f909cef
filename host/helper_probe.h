/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap-helper: is it installed, can it gain its capability, and does it work for this user? And the
 * broker: is it needed, is it there, and does it answer this user? */
#pragma once

#include "base/name.h"
#include "probe.h"

/* The tap that the helper is asked for, as by QEMU; it disappears with the probe. */
struct helper_trial {
    const char *bridge;   /* an existing one that the policy allows the user; NULL: none can be tried */
    char mac[MAC_TEXT];   /* of a guest that does not exist, for policies that require one */
    const char *obstacle; /* why none can be tried, after "no tap was made: " */
};

/* Without a bridge, the helper has to delete the taps of a nonexistent domain, which uses the capability and
 * changes nothing. Where it cannot get its capability, it is tried through the broker. */
void helper_probe(const struct user *user, const struct helper_trial *trial, struct findings *out);

/* Whether the broker is there and answers the user, where it is not needed. */
void helper_broker_probe(const struct user *user, const struct helper_trial *trial, struct findings *out);

/* Reports confinement that may get in the helper's way, and leftovers of its predecessor. */
void helper_surroundings_probe(const struct probe_context *context, struct findings *out);

enum { HELPER_ANSWER_SECONDS = 3 }; /* less than a probe may take */

#define NO_DOMAIN "00000000-0000-4000-8000-000000000000" /* of whose taps there are none */

/* Has the helper make a tap on the bridge and send its descriptor, and closes that at once; without a bridge,
 * delete the taps of a nonexistent domain. by_broker: without its capability, so that it asks the broker, and
 * for HELPER_ANSWER_SECONDS at most: -ETIMEDOUT. words: what the helper prints. Returns its exit status;
 * -ENOMSG: it succeeded, but no descriptor came; or another -errno. May block: for probes only. */
int helper_take_tap(const struct helper_trial *trial, bool by_broker, char *words, size_t size);
