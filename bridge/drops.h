/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * virt-tap show --drops: what a tap's port filter drops, and why. */
#pragma once

#include <stdbool.h>

/* Captures at the tap, in front of its filter, for that many milliseconds or until SIGINT, judges each frame
 * as the filter does, and prints how many it drops of each kind, the most frequent first. Requires root.
 * Returns an exit status, having printed why it is not 0. */
int drops_show(const char *verb, const char *tap, unsigned int ms, bool json);
