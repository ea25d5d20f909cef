/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "kvm.h"
#include "base/cleanup.h"
#include "base/kvm.h"
#include "kvm_absence.h"
#include "vcpu.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static bool has_acl(void)
{
    /* An ACL equivalent to the mode is not stored. */
    return getxattr(KVM_PATH, "system.posix_acl_access", NULL, 0) > 0;
}

/* open(2) failed with EACCES: because of the file system, the node's mode, or the user. */
static void explain_refusal(const struct user *user, const struct stat *st, struct findings *out)
{
    const char *acl = has_acl() ? "; its ACL lets others in" : "";
    struct statvfs mount;
    char group[64];

    if (statvfs(KVM_PATH, &mount) == 0 && mount.f_flag & ST_NODEV) {
        finding_add_fixable(out, KVM_DEVICE_NODEV, "", "/dev/kvm is on a file system mounted nodev");
        return;
    }
    user_group_name(st->st_gid, group, sizeof(group));
    if (st->st_gid == 0 || (st->st_mode & 060) != 060) {
        finding_add_fixable(out, KVM_DEVICE_MODE, "", "/dev/kvm has group %s and mode %04o%s", group,
                            st->st_mode & 07777, acl);
        return;
    }
    const enum membership in = user_membership(user, st->st_gid);
    if (in == MEMBERSHIP_YES) { /* with an ACL, the group bits are its mask */
        finding_add(out, KVM_DEVICE_DENIED,
                    "%s may not open /dev/kvm, although in group %s: see getfacl "
                    "/dev/kvm",
                    user->name, group);
        return;
    }
    if (in == MEMBERSHIP_RELOGIN) {
        finding_add(out, KVM_DEVICE_PERMISSION,
                    "/dev/kvm is for group %s: %s was added to it after this login; log in again%s", group,
                    user->name, acl);
        return;
    }
    finding_add_fixable(out, KVM_DEVICE_PERMISSION, "", "/dev/kvm is for group %s, and %s is not a member%s",
                        group, user->name, acl);
}

static bool is_kvm_node(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(MISC_MAJOR, KVM_MINOR);
}

static void explain_device(const struct probe_context *context, int err, struct findings *out)
{
    struct kvm_facts facts;
    struct stat st;

    if (err == -ENOENT || err == -ENODEV || err == -ENXIO) {
        kvm_facts_gather(&facts);
        kvm_explain(&facts, out);
    } else if (err == -ENOTTY || (stat(KVM_PATH, &st) == 0 && !is_kvm_node(&st))) {
        finding_add_fixable(out, KVM_DEVICE_WRONG, "", "/dev/kvm is not the character device %d:%d",
                            MISC_MAJOR, KVM_MINOR);
    } else if (err == -EPROTONOSUPPORT) {
        finding_add(out, KVM_API, "/dev/kvm %s", kvm_device_problem(err));
    } else if (err == -EACCES && stat(KVM_PATH, &st) == 0) {
        explain_refusal(context->user, &st, out);
    } else {
        finding_add(out, KVM_DEVICE_DENIED, "/dev/kvm %s", kvm_device_problem(err));
    }
}

/* The device could be opened: report what grants access. */
static void report_device(const struct user *user, struct findings *out)
{
    struct stat st;

    finding_add(out, KVM_DEVICE, "/dev/kvm opens for %s, API version %d", user->name, KVM_API_VERSION);
    if (user->uid == 0 || stat(KVM_PATH, &st) < 0 || st.st_uid == user->uid || (st.st_mode & 06) == 06 ||
        user_has_group(user, st.st_gid))
        return;
    if (has_acl())
        finding_add(out, KVM_DEVICE_ACL, "access is by its ACL, not by a group");
}

static void report_flags(struct findings *out)
{
    struct kvm_facts facts;

    kvm_facts_gather(&facts);
    if (facts.x86 && facts.cpuinfo && !facts.extension)
        finding_add(out, KVM_CPU_FLAGS, "KVM works although /proc/cpuinfo shows neither vmx nor svm");
}

static void report_vm_error(int error, struct findings *out)
{
    if (error != EBUSY) {
        finding_add(out, KVM_VM_FAILED, "KVM cannot make a virtual machine: %s", strerror(error));
        return;
    }
    const bool virtualbox = access("/sys/module/vboxdrv", F_OK) == 0;
    const bool vmware = access("/sys/module/vmmon", F_OK) == 0;
    const char *owner = "another hypervisor";
    if (virtualbox)
        owner = "VirtualBox (vboxdrv)";
    else if (vmware)
        owner = "VMware (vmmon)";
    finding_add(out, KVM_VM_BUSY, "%s is using the processor's extension", owner);
    if (virtualbox)
        finding_fixable(out, "vboxnetadp vboxnetflt vboxdrv");
    else if (vmware)
        finding_fixable(out, "vmmon");
}

static void report_vcpu(const struct vcpu_run *run, struct findings *out)
{
    const double times = run->host_ns > 0 ? run->guest_ns / run->host_ns : 0;

    switch (run->verdict) {
    case VCPU_NATIVE:
        finding_add(out, KVM_VCPU_NATIVE, "a 64-bit guest runs natively");
        break;
    case VCPU_EMULATED:
        finding_add_fixable(
            out, KVM_VCPU_EMULATED, "",
            "a 64-bit guest runs, but its instructions are emulated: a loop takes %.0f times as long", times);
        break;
    case VCPU_STUCK:
        finding_add(out, KVM_VCPU_STUCK, "KVM made a virtual machine but did not run it: %s", run->trouble);
        break;
    case VCPU_REFUSED:
        finding_add(out, KVM_VCPU_REFUSED, "KVM made a virtual machine but no processor: %s", run->trouble);
        break;
    case VCPU_UNKNOWN:
        finding_add(out, KVM_VCPU_SKIPPED, "it was not tried whether a guest really runs");
        break;
    }
}

void kvm_probe(const struct probe_context *context, struct findings *out)
{
    _cleanup_close_ const int kvm = kvm_device_open();
    struct vcpu_run run;

    if (kvm < 0) {
        explain_device(context, kvm, out);
        return;
    }
    report_device(context->user, out);
    report_flags(out);
    _cleanup_close_ const int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0) {
        report_vm_error(errno, out);
        return;
    }
    finding_add(out, KVM_VM, "KVM makes a virtual machine");
    vcpu_try(&run, kvm, vm);
    report_vcpu(&run, out);
}
