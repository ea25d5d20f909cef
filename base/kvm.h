/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * /dev/kvm, opened and asked. No more than libc, so that the helper may link it. */
#pragma once

#define KVM_PATH "/dev/kvm"

/* Opens KVM_PATH, as this process, and asks for its API version. Returns a descriptor that the caller owns;
 * or -errno of open(2), -ENOTTY: it is not KVM's device, -EPROTONOSUPPORT: its API is of another version. */
int kvm_device_open(void);

/* What a negative answer of kvm_device_open() means, in words that follow "/dev/kvm": "cannot be opened:
 * ...". A static string, for errors that are not expected libc's (not thread-safe). */
const char *kvm_device_problem(int err);
