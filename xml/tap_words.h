/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A domain's tap as a command line of virt-tap-helper: the hooks and `virt-tap domain attach` make the same.
 */
#pragma once

#include "base/words.h"
#include "domain.h"

enum { UUID_LENGTH = 36 };

/* Adds the words that create the tap of an interface, which has one: "create" and its options. The UUID has
 * UUID_LENGTH characters. Returns 0, or -1 and why. */
int tap_words_add(struct words *out, const char *uuid, const struct interface *interface, struct error *why);
