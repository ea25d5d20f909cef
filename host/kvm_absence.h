/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Why there is no KVM: what the processor, the firmware and the kernel's modules say. */
#pragma once

#include "finding.h"

#include <stdbool.h>

enum { MISC_MAJOR = 10, KVM_MINOR = 232 }; /* of the device */

struct kvm_facts {
    char machine[65]; /* uname's: x86_64, aarch64, s390x, ppc64le */
    char release[65]; /* the kernel's */
    bool x86;
    bool cpuinfo;      /* /proc/cpuinfo could be read */
    bool extension;    /* vmx or svm (x86), sie (s390x) or the like stands in /proc/cpuinfo */
    bool cpuid;        /* the processor itself says so (x86) */
    bool guest;        /* a hypervisor is below us (x86) */
    bool firmware_off; /* the kernel's log says that the firmware has switched it off */
    bool registered;   /* KVM's driver runs: /proc/misc */
    bool modules;      /* there are modules of the running kernel */
    bool has_module;   /* the one that it takes is among them */
    char module[16];   /* its name; "": not known */
    char blocked[256]; /* where it is said that it must not be loaded; "" */
};

/* Never fails; unreadable facts are left false. */
void kvm_facts_gather(struct kvm_facts *out);

/* Adds the one finding that fits. A function of its arguments alone. */
void kvm_explain(const struct kvm_facts *facts, struct findings *out);
