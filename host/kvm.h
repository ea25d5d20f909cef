/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * KVM: opens it, creates a VM, and runs a CPU. Flags and modules serve only to explain a failure. */
#pragma once

#include "probe.h"

void kvm_probe(const struct probe_context *context, struct findings *out);

/* Whether the user is in the groups that grant access, in the user database and in this process. */
void groups_probe(const struct probe_context *context, struct findings *out);
