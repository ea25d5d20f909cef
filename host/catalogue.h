/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * All findings. Names of findings are permanent: programs may depend on them. */
#pragma once

#include <stdbool.h>

enum finding_level {
    FINDING_OK,
    FINDING_SKIPPED, /* not examined, so its state is unknown */
    FINDING_WARNING,
    FINDING_FAILURE,
};

enum finding_id {
    CHECK_HANG,
    CHECK_CRASH,
    CHECK_BRIDGES,
    KVM_DEVICE,
    KVM_DEVICE_MISSING,
    KVM_DEVICE_WRONG,
    KVM_DEVICE_MODE,
    KVM_DEVICE_PERMISSION,
    KVM_DEVICE_NODEV,
    KVM_DEVICE_DENIED,
    KVM_DEVICE_ACL,
    KVM_API,
    KVM_VM,
    KVM_VM_BUSY,
    KVM_VM_FAILED,
    KVM_CPU_NONE,
    KVM_CPU_FIRMWARE,
    KVM_CPU_NESTED,
    KVM_CPU_UNKNOWN,
    KVM_CPU_FLAGS,
    KVM_MODULE_MISSING,
    KVM_MODULE_BLOCKED,
    KVM_MODULE_ABSENT,
    KVM_VCPU_NATIVE,
    KVM_VCPU_EMULATED,
    KVM_VCPU_STUCK,
    KVM_VCPU_REFUSED,
    KVM_VCPU_SKIPPED,
    GROUPS_KVM,
    GROUPS_KVM_UNNEEDED,
    GROUPS_KVM_RELOGIN,
    GROUPS_KVM_MISSING,
    GROUPS_KVM_OTHER,
    GROUPS_KVM_SKIPPED,
    GROUPS_LIBVIRT,
    GROUPS_LIBVIRT_RELOGIN,
    GROUPS_LIBVIRT_MISSING,
    GROUPS_LIBVIRT_SKIPPED,
    GROUPS_UNKNOWN,
    NET_TUN,
    NET_TUN_MISSING,
    NET_TUN_PERMISSION,
    NET_TUN_WRONG,
    NET_VHOST,
    NET_VHOST_MISSING,
    NET_VHOST_PERMISSION,
    NET_BRIDGE,
    NET_BRIDGE_NONE,
    NET_BRIDGE_MISSING,
    NET_BRIDGE_DECLARED,
    NET_BRIDGE_INACTIVE,
    NET_BRIDGE_FOREIGN,
    NET_BRIDGE_DOWN,
    NET_BRIDGE_CARRIER,
    NET_BRIDGE_STP,
    NET_BRIDGE_MAC,
    NET_LIMIT_ADDRESSES,
    NET_LIMIT_GROUPS,
    NET_UPLINK_ADDRESS,
    NET_UPLINK_WIFI,
    NET_FILTER,
    NET_FILTER_DROP,
    NET_FILTER_LEGACY,
    NET_FILTER_PARTLY,
    NET_FILTER_SKIPPED,
    NET_NETWORKMANAGER,
    NET_NETWORKMANAGER_CLAIMS,
    NET_NETWORKMANAGER_FORGETS,
    NET_NETWORKMANAGER_SKIPPED,
    NET_NETWORKD,
    NET_NETWORKD_CLAIMS,
    NET_NETWORKD_FIRST,
    NET_NETWORKD_FORGETS,
    NET_NETWORKD_SKIPPED,
    NET_IFUPDOWN,
    NET_IFUPDOWN_FORGETS,
    NET_UNKNOWN,
    HELPER_WORKS,
    HELPER_UNTRIED,
    HELPER_MISSING,
    HELPER_EXEC,
    HELPER_SETUID,
    HELPER_CAPABILITY,
    HELPER_NOSUID,
    HELPER_NONEWPRIVS,
    HELPER_BOUNDING,
    HELPER_USERNS,
    HELPER_REFUSED,
    HELPER_BROKER,
    HELPER_BROKER_OFF,
    HELPER_BROKER_REFUSED,
    HELPER_LEFTOVER,
    HELPER_APPARMOR,
    HELPER_SELINUX,
    HELPER_POLICY,
    HELPER_POLICY_NONE,
    HELPER_POLICY_BROKEN,
    HELPER_POLICY_DENIED,
    HELPER_POLICY_SKIPPED,
    HELPER_POLICY_SHADOWED,
    HELPER_POLICY_NAME,
    HELPER_BRIDGES_BROKEN,
    QEMU_INSTALLED,
    QEMU_MISSING,
    QEMU_BROKEN,
    QEMU_KVM,
    QEMU_ACCELERATOR,
    QEMU_SESSION,
    QEMU_SESSION_UNSET,
    QEMU_SESSION_OTHER,
    QEMU_SESSION_BROKEN,
    QEMU_SESSION_STALE,
    QEMU_SESSION_SKIPPED,
    LIBVIRT_INSTALLED,
    LIBVIRT_MISSING,
    LIBVIRT_BROKEN,
    LIBVIRT_CONF,
    LIBVIRT_CONF_BROKEN,
    LIBVIRT_CONF_SKIPPED,
    LIBVIRT_HOOKS,
    LIBVIRT_HOOKS_MISSING,
    LIBVIRT_HOOKS_BROKEN,
    LIBVIRT_HOOKS_FOREIGN,
    LIBVIRT_HOOKS_UNSEEN,
    LIBVIRT_HOOKS_SKIPPED,
    LIBVIRT_SCHEMA,
    LIBVIRT_SCHEMA_MISSING,
    LIBVIRT_NETWORK,
    LIBVIRT_NETWORK_BRIDGE,
    LIBVIRT_NETWORK_NONE,
    LIBVIRT_NETWORK_SKIPPED,
    FINDING_COUNT
};

struct catalogue_entry {
    const char *name; /* AREA.WHAT[.HOW] */
    enum finding_level level;
    const char *why; /* why it matters, for people; no full stop */
    /* Shell commands or comments (#), one a line, that fix it if finding_fixable() says so; NULL: none.
     * Placeholders are replaced only by:
     *
     *   {user}        the user whom the check is about; no value for root
     *
     *   {whom}        likewise, also for root, if it is a word in a policy
     *
     *   {sudo}        "sudo ", or nothing for root: in comments, since commands get it by themselves
     *
     *   {group}       the current group of /dev/kvm; no value if it is root's
     *
     *   {interface}, {module}, {path}
     *                 what the finding is about, if it is a valid interface name, one of the modules listed
     *                 in fix.c, or an absolute path of plain characters
     *
     *   {accept}, {bypass}
     *                 see fix_firewall.h; the finding is about the place where frames are dropped
     *
     *   {network}     libvirt's inactive network whose bridge the finding is about
     *
     *   {mac}         a MAC for the bridge that the finding is about
     *
     *   {session}     the configuration directory of the user's libvirt session
     *
     *   {install-qemu}, {install-libvirt}, {install-kernel}
     *                 this distribution's (/etc/os-release) command to install it */
    const char *fix;
    bool own; /* the user fixes it, in files of their own; otherwise root does */
};

extern const struct catalogue_entry catalogue[FINDING_COUNT];
