/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "kvm_absence.h"

#include <string.h>

static void explain_x86(const struct kvm_facts *facts, struct findings *out)
{
    if (facts->cpuid || facts->extension) { /* the kernel hides the flag if the firmware locked it */
        finding_add_fixable(out, KVM_CPU_FIRMWARE, "",
                            "the processor has %s, but the firmware (BIOS, UEFI) disables it",
                            strcmp(facts->module, "kvm_amd") == 0 ? "AMD-V (SVM)" : "VT-x (VMX)");
    } else if (facts->guest) {
        finding_add_fixable(out, KVM_CPU_NESTED, "",
                            "this is a virtual machine, and its processor has neither vmx nor svm");
    } else {
        finding_add(out, KVM_CPU_NONE, "the processor has neither vmx (Intel VT-x) nor svm (AMD-V)");
    }
}

static void explain_other(const struct kvm_facts *facts, struct findings *out)
{
    const char *why = "KVM requires a 64-bit processor with virtualization extensions";

    if (strcmp(facts->machine, "aarch64") == 0)
        why =
            "arm64: the kernel must start at EL2, but the firmware or an outer hypervisor started it at EL1";
    else if (strcmp(facts->machine, "s390x") == 0)
        why = "s390x: /proc/cpuinfo shows no sie; in a z/VM or KVM guest the outer host must allow nesting";
    else if (strncmp(facts->machine, "ppc64", 5) == 0)
        why = "ppc64: KVM requires a PowerNV host (kvm_hv), or kvm_pr in a pSeries partition";
    else if (strcmp(facts->machine, "riscv64") == 0)
        why = "riscv64: /proc/cpuinfo shows no extension h";
    finding_add(out, KVM_CPU_NONE, "%s", why);
}

static void explain_module(const struct kvm_facts *facts, struct findings *out)
{
    if (facts->blocked[0]) {
        finding_add_fixable(out, KVM_MODULE_BLOCKED, facts->module, "%s keeps %s from being loaded",
                            facts->blocked, facts->module);
    } else if (facts->has_module) {
        finding_add_fixable(out, KVM_MODULE_MISSING, facts->module,
                            "the processor can run KVM, but the module %s is not loaded", facts->module);
    } else if (facts->modules) {
        finding_add(out, KVM_MODULE_ABSENT, "there is no KVM module for the running kernel %s",
                    facts->release);
        if (facts->x86)
            finding_fixable(out, "");
    } else {
        finding_add(out, KVM_MODULE_ABSENT,
                    "there are no modules for the running kernel %s (if it was upgraded, reboot)",
                    facts->release);
    }
}

void kvm_explain(const struct kvm_facts *facts, struct findings *out)
{
    if (facts->registered) {
        finding_add_fixable(out, KVM_DEVICE_MISSING, "",
                            "KVM is running, but /dev/kvm does not exist; a container must be given it "
                            "(--device /dev/kvm)");
    } else if (!facts->cpuinfo) {
        finding_add(out, KVM_CPU_UNKNOWN, "there is no KVM, and /proc/cpuinfo cannot be read");
    } else if (facts->extension && !facts->firmware_off && facts->module[0]) {
        explain_module(facts, out);
    } else if (facts->x86) {
        explain_x86(facts, out);
    } else {
        explain_other(facts, out);
    }
}
