/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Opens and checks /dev/kvm. Needs only libc, so that the helper can link it. */
#pragma once

/* 32-bit ARM and others without KVM have no <asm/kvm.h>; there, these three of <linux/kvm.h> suffice. */
#if __has_include(<asm/kvm.h>)
#include <linux/kvm.h>
#else
#include <sys/ioctl.h>
#define KVM_API_VERSION 12
#define KVM_GET_API_VERSION _IO(0xAE, 0x00)
#define KVM_CREATE_VM _IO(0xAE, 0x01)
#endif

#define KVM_PATH "/dev/kvm"

/* Opens KVM_PATH with this process's credentials and asks for its API version. Returns a descriptor that the
 * caller owns; -errno of open(2); -ENOTTY: it is not the KVM device; or -EPROTONOSUPPORT: another API
 * version. */
int kvm_device_open(void);

/* Describes a negative return value of kvm_device_open(), in words that follow "/dev/kvm": "cannot be opened:
 * ...". The string is static; for unexpected errors it is libc's (not thread-safe). */
const char *kvm_device_problem(int err);
