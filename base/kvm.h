/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Opens and checks /dev/kvm. Needs only libc, so that the helper can link it. */
#pragma once

#define KVM_PATH "/dev/kvm"

/* Opens KVM_PATH with this process's credentials and asks for its API version. Returns a descriptor that the
 * caller owns; -errno of open(2); -ENOTTY: it is not the KVM device; or -EPROTONOSUPPORT: its API version is
 * another. */
int kvm_device_open(void);

/* Describes a negative return value of kvm_device_open(), in words that follow "/dev/kvm": "cannot be opened:
 * ...". The string is static; for unexpected errors it is libc's (not thread-safe). */
const char *kvm_device_problem(int err);
