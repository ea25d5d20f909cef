/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Why KVM is missing, according to the processor, the firmware and the kernel's modules. */
#pragma once

#include "finding.h"

#include <stdbool.h>

enum { MISC_MAJOR = 10, KVM_MINOR = 232 }; /* of /dev/kvm */

struct kvm_facts {
    char machine[65]; /* from uname(2): x86_64, aarch64, s390x, ppc64le */
    char release[65]; /* kernel release */
    bool x86;
    bool cpuinfo;      /* /proc/cpuinfo could be read */
    bool extension;    /* /proc/cpuinfo lists vmx or svm (x86), sie (s390x) or the like */
    bool cpuid;        /* CPUID reports the extension (x86) */
    bool guest;        /* running under a hypervisor (x86) */
    bool firmware_off; /* the kernel log says that the firmware disabled it */
    bool registered;   /* the KVM driver is loaded: /proc/misc */
    bool modules;      /* the running kernel's modules are installed */
    bool has_module;   /* the required module is among them */
    char module[16];   /* its name; "": unknown */
    char blocked[256]; /* where it is blacklisted; "" */
};

/* Never fails; unreadable facts are left false. */
void kvm_facts_gather(struct kvm_facts *out);

/* Adds the one finding that applies. Depends only on its arguments. */
void kvm_explain(const struct kvm_facts *facts, struct findings *out);
