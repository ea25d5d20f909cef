/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kvm_absence.h"

#include "mend.h"

#include <string.h>

void kvm_mend_node(struct findings *out)
{
    finding_mend(out, "groupadd -r -f kvm");
    finding_mend(out, "mknod -m 0660 /dev/kvm c %d %d", MISC_MAJOR, KVM_MINOR);
    finding_mend(out, "chown root:kvm /dev/kvm");
}

static void explain_x86(const struct kvm_facts *facts, struct findings *out)
{
    if (facts->cpuid || facts->extension) { /* the kernel hides the flag where the firmware locks it */
        finding_add(out, KVM_CPU_FIRMWARE, "the processor has %s, and the firmware (BIOS, UEFI) has it off",
                    strcmp(facts->module, "kvm_amd") == 0 ? "AMD-V (SVM)" : "VT-x (VMX)");
        finding_mend(out, "# switch it on in the firmware's setup: Virtualization Technology, VT-x or SVM");
    } else if (facts->guest) {
        finding_add(out, KVM_CPU_NESTED,
                    "this is a virtual machine, and its processor has neither vmx nor svm");
        finding_mend(out, "# on the host below, for KVM: modprobe kvm_intel nested=1 (kvm_amd likewise), and "
                          "-cpu host for this machine; in a cloud choose a type of machine that can nest");
    } else {
        finding_add(out, KVM_CPU_NONE, "the processor has neither vmx (Intel VT-x) nor svm (AMD-V)");
    }
}

static void explain_other(const struct kvm_facts *facts, struct findings *out)
{
    const char *why = "KVM is for 64-bit processors with an extension for it";

    if (strcmp(facts->machine, "aarch64") == 0)
        why =
            "arm64: the kernel must be started at EL2; the firmware, or the hypervisor below, started it at EL1";
    else if (strcmp(facts->machine, "s390x") == 0)
        why = "s390x: /proc/cpuinfo shows no sie; in a z/VM or KVM guest nesting must be allowed below";
    else if (strncmp(facts->machine, "ppc64", 5) == 0)
        why = "ppc64: KVM takes a PowerNV host (kvm_hv), or kvm_pr in a pSeries partition";
    else if (strcmp(facts->machine, "riscv64") == 0)
        why = "riscv64: /proc/cpuinfo shows no extension h";
    finding_add(out, KVM_CPU_NONE, "%s", why);
}

static void explain_module(const struct kvm_facts *facts, struct findings *out)
{
    char install[160];

    if (facts->blocked[0]) {
        finding_add(out, KVM_MODULE_BLOCKED, "%s keeps %s from being loaded", facts->blocked, facts->module);
        finding_mend(out, "# take that out of %s; then:", facts->blocked);
        finding_mend(out, "modprobe %s", facts->module);
    } else if (facts->has_module) {
        finding_add(out, KVM_MODULE_MISSING, "the processor can, but the module %s is not loaded",
                    facts->module);
        finding_mend(out, "modprobe %s", facts->module);
    } else {
        finding_add(out, KVM_MODULE_ABSENT, "%s %s%s",
                    facts->modules ? "there is no module of KVM for the running kernel"
                                   : "there are no modules for the running kernel",
                    facts->release, facts->modules ? "" : " (was it upgraded? then reboot)");
        mend_install(PACKAGE_KERNEL, install, sizeof(install));
        if (facts->modules && facts->x86)
            finding_mend(out, "%s # and boot it", install);
    }
}

void kvm_explain(const struct kvm_facts *facts, struct findings *out)
{
    if (facts->registered) {
        finding_add(out, KVM_DEVICE_MISSING,
                    "KVM runs, but /dev/kvm is not there; a container must be handed it "
                    "(--device /dev/kvm)");
        kvm_mend_node(out);
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
