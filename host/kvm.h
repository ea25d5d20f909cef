/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * KVM: opened, asked for a VM, and given a CPU to run. Flags and modules only explain why not. */
#pragma once

#include "probe.h"

void kvm_probe(const struct probe_context *context, struct findings *out);
