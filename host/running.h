/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which domains libvirt runs, by the state files that it keeps of each; without asking libvirt, which may be
 * the one that waits for us. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Whether a libvirt of that user (0: qemu:///system) has a domain with that UUID running, starting or ending.
 * Where its state cannot be read, the answer is yes. */
bool running_domain(uid_t uid, const char *uuid);
