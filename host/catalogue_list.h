/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * FINDING(ID, NAME, LEVEL, WHY, FIX, OWN) for each finding, as in catalogue.h; FIX and OWN may be missing. It
 * is included where FINDING is defined: for the IDs, and for their entries. */

FINDING(CHECK_HANG, "check.hang", FINDING_FAILURE,
        "a probe that hangs usually means a file system or a directory service that does not answer")
FINDING(CHECK_CRASH, "check.crash", FINDING_FAILURE, "the result of this probe is unknown; please report it")
FINDING(CHECK_BRIDGES, "check.bridges", FINDING_SKIPPED,
        "the verdict is about one bridge: the first that passes, or else the one with the least to fix",
        "# for another one: virt-tap check --bridge {interface}")
FINDING(KVM_DEVICE, "kvm.device", FINDING_OK, "QEMU opens it for each guest that it accelerates")
FINDING(KVM_DEVICE_MISSING, "kvm.device.missing", FINDING_FAILURE,
        "without the device node no program can use KVM", MAKE_NODE)
FINDING(KVM_DEVICE_WRONG, "kvm.device.wrong", FINDING_FAILURE,
        "/dev/kvm is something other than KVM, so guests do not start", "rm -d /dev/kvm\n" MAKE_NODE)
FINDING(KVM_DEVICE_MODE, "kvm.device.mode", FINDING_FAILURE,
        "only the owner may open it, so the guests of ordinary users run without KVM, many times slower",
        "groupadd -r -f kvm\n"
        "mkdir -p /etc/udev/rules.d\n"
        "echo 'KERNEL==\"kvm\", GROUP=\"kvm\", MODE=\"0660\"' > /etc/udev/rules.d/65-virt-tap-kvm.rules\n"
        "chown root:kvm /dev/kvm\n"
        "chmod 0660 /dev/kvm\n"
        "gpasswd -a {user} kvm")
FINDING(KVM_DEVICE_PERMISSION, "kvm.device.permission", FINDING_FAILURE,
        "this user's guests run without KVM, many times slower, or do not start", "gpasswd -a {user} {group}")
FINDING(KVM_DEVICE_NODEV, "kvm.device.nodev", FINDING_FAILURE,
        "device nodes do not work on a file system mounted nodev", "# {sudo}mount -o remount,bind,dev /dev")
FINDING(KVM_DEVICE_DENIED, "kvm.device.denied", FINDING_FAILURE,
        "this user's guests run without KVM, many times slower, or do not start")
FINDING(
    KVM_DEVICE_ACL, "kvm.device.acl", FINDING_OK,
    "the entry applies only while the user is logged in at this machine itself: not to ssh, cron or lingering services")
FINDING(KVM_API, "kvm.api", FINDING_FAILURE,
        "every program requires version 12, which all kernels since 2.6.22 have")
FINDING(KVM_VM, "kvm.vm", FINDING_OK, "the kernel can create a guest")
FINDING(KVM_VM_BUSY, "kvm.vm.busy", FINDING_FAILURE,
        "only one hypervisor at a time can use the processor's extension", "modprobe -r {module}")
FINDING(KVM_VM_FAILED, "kvm.vm.failed", FINDING_FAILURE, "guests cannot start with KVM")
FINDING(KVM_CPU_NONE, "kvm.cpu.none", FINDING_FAILURE,
        "KVM needs an extension that this processor lacks; guests run without it, many times slower")
FINDING(KVM_CPU_FIRMWARE, "kvm.cpu.firmware", FINDING_FAILURE,
        "KVM needs the processor's extension, which the firmware can disable",
        "# enable it in the firmware setup: Virtualization Technology, VT-x or SVM")
FINDING(KVM_CPU_NESTED, "kvm.cpu.nested", FINDING_FAILURE,
        "whoever runs this virtual machine decides whether it may run guests of its own",
        "# on the outer host, with KVM: modprobe kvm_intel nested=1 (or kvm_amd), and run this machine "
        "with -cpu host; in a cloud, choose a machine type with nested virtualization")
FINDING(KVM_CPU_UNKNOWN, "kvm.cpu.unknown", FINDING_FAILURE, "cannot tell why there is no KVM")
FINDING(KVM_CPU_FLAGS, "kvm.cpu.flags", FINDING_OK,
        "tools that rely on these flags (virt-host-validate, kvm-ok) report that KVM does not work here")
FINDING(KVM_MODULE_MISSING, "kvm.module.missing", FINDING_FAILURE,
        "KVM is a kernel module, and it is not loaded", "modprobe {module}")
FINDING(KVM_MODULE_BLOCKED, "kvm.module.blocked", FINDING_FAILURE,
        "KVM is a kernel module, and loading it is blocked", "# remove that entry; then:\nmodprobe {module}")
FINDING(KVM_MODULE_ABSENT, "kvm.module.absent", FINDING_FAILURE,
        "this kernel was built without KVM for this processor", "{install-kernel} # and boot it")
FINDING(KVM_VCPU_NATIVE, "kvm.vcpu.native", FINDING_OK, "guests run at about the speed of the host")
FINDING(
    KVM_VCPU_EMULATED, "kvm.vcpu.emulated", FINDING_FAILURE,
    "QEMU without KVM (-accel tcg) will be faster, and 64-bit operating systems may never boot under this KVM",
    "# on this host run QEMU with -accel tcg")
FINDING(KVM_VCPU_STUCK, "kvm.vcpu.stuck", FINDING_FAILURE,
        "KVM accepts virtual machines but does not run them: a guest would hang when it starts")
FINDING(KVM_VCPU_REFUSED, "kvm.vcpu.refused", FINDING_FAILURE, "guests cannot start with KVM")
FINDING(KVM_VCPU_SKIPPED, "kvm.vcpu.skipped", FINDING_SKIPPED, "there is no test guest for this architecture")
FINDING(GROUPS_KVM, "groups.kvm", FINDING_OK, "the group opens /dev/kvm")
FINDING(GROUPS_KVM_UNNEEDED, "groups.kvm.unneeded", FINDING_OK, "no group is needed to open /dev/kvm")
FINDING(GROUPS_KVM_RELOGIN, "groups.kvm.relogin", FINDING_FAILURE,
        "groups are read at login, so sessions that are already open lack the new one",
        LOG_IN_AGAIN "{group}")
FINDING(GROUPS_KVM_MISSING, "groups.kvm.missing", FINDING_FAILURE,
        "users outside the device's group cannot open it", "gpasswd -a {user} {group}")
FINDING(GROUPS_KVM_OTHER, "groups.kvm.other", FINDING_WARNING,
        "guides say to join the group kvm, which would not help here")
FINDING(GROUPS_KVM_SKIPPED, "groups.kvm.skipped", FINDING_SKIPPED, "there is no device that has a group")
FINDING(GROUPS_LIBVIRT, "groups.libvirt", FINDING_OK, "qemu:///system asks for no password")
FINDING(GROUPS_LIBVIRT_RELOGIN, "groups.libvirt.relogin", FINDING_WARNING,
        "groups are read at login, so sessions that are already open lack the new one",
        LOG_IN_AGAIN "libvirt")
FINDING(GROUPS_LIBVIRT_MISSING, "groups.libvirt.missing", FINDING_WARNING,
        "qemu:///system asks for an administrator's password, or refuses; qemu:///session needs no group",
        "gpasswd -a {user} libvirt")
FINDING(GROUPS_LIBVIRT_SKIPPED, "groups.libvirt.skipped", FINDING_SKIPPED,
        "libvirt's daemon is not installed, or it uses another rule")
FINDING(GROUPS_UNKNOWN, "groups.unknown", FINDING_FAILURE, "the user's groups are unknown")
FINDING(NET_TUN, "net.tun", FINDING_OK, "every tap is made through it")
FINDING(NET_TUN_MISSING, "net.tun.missing", FINDING_FAILURE, "no tap can be made",
        "modprobe tun\n"
        "[ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200; }")
FINDING(NET_TUN_PERMISSION, "net.tun.permission", FINDING_FAILURE,
        "the helper opens it as the calling user, so no tap can be made for this one",
        "chmod 0666 /dev/net/tun")
FINDING(NET_TUN_WRONG, "net.tun.wrong", FINDING_FAILURE, "no tap can be made")
FINDING(NET_VHOST, "net.vhost", FINDING_OK, "guests' frames stay in the kernel, which is faster")
FINDING(NET_VHOST_MISSING, "net.vhost.missing", FINDING_WARNING,
        "guests' networks work without it, but slower (vhost=on fails)", "modprobe vhost_net")
FINDING(NET_VHOST_PERMISSION, "net.vhost.permission", FINDING_WARNING,
        "vhost=on fails for this user's own QEMU; libvirt's system daemon opens it by itself")
FINDING(NET_BRIDGE, "net.bridge", FINDING_OK, "guests can be put on it")
FINDING(NET_BRIDGE_NONE, "net.bridge.none", FINDING_FAILURE, "there is no bridge to put guests on",
        "# {sudo}virt-tap bridge create br0 --uplink NIC")
FINDING(NET_BRIDGE_MISSING, "net.bridge.missing", FINDING_FAILURE,
        "guests cannot be put on a bridge that does not exist",
        "# {sudo}virt-tap bridge create {interface} --uplink NIC")
FINDING(NET_BRIDGE_DECLARED, "net.bridge.declared", FINDING_SKIPPED,
        "the bridge can be inspected once the helper has made it, for the first guest")
FINDING(NET_BRIDGE_INACTIVE, "net.bridge.inactive", FINDING_FAILURE,
        "libvirt creates the bridge of its network when the network is started", "virsh net-start {network}")
FINDING(NET_BRIDGE_FOREIGN, "net.bridge.foreign", FINDING_FAILURE, "guests can only be put on a bridge")
FINDING(NET_BRIDGE_DOWN, "net.bridge.down", FINDING_FAILURE, "a bridge that is down forwards nothing",
        "ip link set dev {interface} up")
FINDING(NET_BRIDGE_CARRIER, "net.bridge.carrier", FINDING_WARNING,
        "guests reach nothing through it: the uplink is unplugged or down",
        "ip link set dev {interface} up # or plug its cable in")
FINDING(
    NET_BRIDGE_TWICE, "net.bridge.twice", FINDING_WARNING,
    "the host sends by one of them what belongs to the other: perhaps the NIC was renamed, and is not the bridge's uplink any more",
    "# if {interface} is to be its uplink: {sudo}virt-tap bridge unpersist BRIDGE, and then {sudo}virt-tap bridge persist "
    "BRIDGE --uplink {interface}; otherwise take the address off one of them")
FINDING(NET_BRIDGE_STP, "net.bridge.stp", FINDING_WARNING,
        "a port forwards nothing for twice the delay, and guests give up asking for an address (DHCP, PXE)",
        "ip link set dev {interface} type bridge forward_delay 200")
FINDING(
    NET_BRIDGE_MAC, "net.bridge.mac", FINDING_WARNING,
    "whoever holds a tap on it can give that tap a lower MAC, which the host then uses as its own on this network",
    "ip link set dev {interface} address {mac}\n"
    "# and for each start, in the bridge's configuration: bridge_hw {mac} (ifupdown), MACAddress={mac} in its .netdev "
    "(systemd-networkd), ethernet.cloned-mac-address {mac} (NetworkManager), or macaddress: {mac} (netplan)")
FINDING(NET_LIMIT_ADDRESSES, "net.limit.addresses", FINDING_WARNING,
        "a guest without mac=lock can fill the bridge's table, which is kernel memory, without end",
        "# Linux 6.7 or newer can; mac=lock keeps a guest from it: see virt-tap-policy(5)")
FINDING(
    NET_LIMIT_GROUPS, "net.limit.groups", FINDING_WARNING,
    "a guest that joins some thousand groups makes the bridge stop snooping: multicast then reaches every port",
    "# Linux 6.3 or newer can")
FINDING(NET_UPLINK_ADDRESS, "net.uplink.address", FINDING_WARNING,
        "addresses belong on the bridge: on a port they work badly or not at all",
        "# move its address and routes to the bridge, as virt-tap bridge does; then: ip address flush "
        "dev {interface}")
FINDING(
    NET_UPLINK_WIFI, "net.uplink.wifi", FINDING_WARNING,
    "an access point only accepts frames from its own stations, so guests behind a bridge over Wi-Fi get no answer",
    "# a bridge with NAT instead: {sudo}virt-tap bridge persist nat0 --nat --apply")
FINDING(NET_FILTER, "net.filter", FINDING_OK, "frames between guests and the bridge's other ports pass")
FINDING(NET_FILTER_DROP, "net.filter.drop", FINDING_FAILURE,
        "the host's firewall silently drops the frames of guests", PASS_FRAMES)
FINDING(NET_FILTER_LEGACY, "net.filter.legacy", FINDING_FAILURE,
        "the host's firewall silently drops the frames of guests", PASS_FRAMES)
FINDING(NET_FILTER_PARTLY, "net.filter.partly", FINDING_WARNING,
        "the host's firewall silently drops some frames of guests", PASS_FRAMES)
FINDING(NET_FILTER_SKIPPED, "net.filter.skipped", FINDING_SKIPPED,
        "the host's firewall may drop the frames of guests", "virt-tap check net --bridge {interface}")
FINDING(NET_NETWORKMANAGER, "net.networkmanager", FINDING_OK, "it leaves virt-tap's taps alone")
FINDING(NET_NETWORKMANAGER_CLAIMS, "net.networkmanager.claims", FINDING_WARNING,
        "it may silently take a tap off its bridge",
        "mkdir -p /etc/NetworkManager/conf.d\n"
        "{ echo '[device-virt-tap]'; echo 'match-device=interface-name:vtap-*'; echo 'managed=0'; "
        "echo '[keyfile]'; echo 'unmanaged-devices+=interface-name:vtap-*'; } "
        "> /etc/NetworkManager/conf.d/50-virt-tap.conf\n"
        "if command -v nmcli >/dev/null; then nmcli general reload conf; fi")
FINDING(NET_NETWORKMANAGER_FORGETS, "net.networkmanager.forgets", FINDING_WARNING,
        "a bridge that it makes or sets up again has no taps: running guests lose their network",
        "mkdir -p /etc/NetworkManager/dispatcher.d\n"
        "ln -sf " PROGRAMS_PATH "/bridge-up /etc/NetworkManager/dispatcher.d/50-virt-tap")
FINDING(NET_NETWORKMANAGER_SKIPPED, "net.networkmanager.skipped", FINDING_SKIPPED,
        "a file that this user cannot read may tell it to manage virt-tap's taps")
FINDING(NET_NETWORKD, "net.networkd", FINDING_OK, "it leaves virt-tap's taps alone")
FINDING(NET_NETWORKD_CLAIMS, "net.networkd.claims", FINDING_WARNING,
        "it would configure virt-tap's taps as if they were NICs, and may take them off their bridge",
        "mkdir -p /etc/systemd/network\n"
        "{ echo '[Match]'; echo 'Name=vtap-* virt-tap.*'; echo '[Link]'; echo 'Unmanaged=yes'; } "
        "> /etc/systemd/network/05-virt-tap.network\n"
        "if command -v networkctl >/dev/null; then networkctl reload; fi")
FINDING(NET_NETWORKD_FIRST, "net.networkd.first", FINDING_WARNING,
        "it would configure virt-tap's taps as if they were NICs, and the first file that matches counts",
        "# rename that file, so that it sorts behind 05-virt-tap.network; then: {sudo}networkctl reload")
FINDING(NET_NETWORKD_FORGETS, "net.networkd.forgets", FINDING_WARNING,
        "a bridge that it makes again has no taps: running guests lose their network",
        "mkdir -p /etc/udev/rules.d\n"
        "echo 'ACTION==\"add|change|move\", SUBSYSTEM==\"net\", ENV{DEVTYPE}==\"bridge\", TAG+=\"systemd\", "
        "ENV{SYSTEMD_WANTS}+=\"virt-tap-repair@.service\"' > /etc/udev/rules.d/90-virt-tap.rules")
FINDING(NET_NETWORKD_SKIPPED, "net.networkd.skipped", FINDING_SKIPPED,
        "a file that this user cannot read may tell it to manage virt-tap's taps")
FINDING(NET_IFUPDOWN, "net.ifupdown", FINDING_OK, "a bridge that is made again gets its taps back")
FINDING(
    NET_IFUPDOWN_FORGETS, "net.ifupdown.forgets", FINDING_WARNING,
    "ifdown deletes the bridge, and the one that ifup makes has no taps: running guests lose their network",
    "mkdir -p /etc/network/if-up.d\n"
    "ln -sf " PROGRAMS_PATH "/bridge-up /etc/network/if-up.d/virt-tap")
FINDING(NET_UNKNOWN, "net.unknown", FINDING_FAILURE, "problems of the network would go unnoticed")
FINDING(HELPER_WORKS, "helper.works", FINDING_OK, "it makes taps for ordinary users")
FINDING(HELPER_UNTRIED, "helper.untried", FINDING_SKIPPED,
        "whether it makes taps for this user is unknown until it has made one")
FINDING(HELPER_MISSING, "helper.missing", FINDING_FAILURE, "without it no ordinary user gets a tap",
        INSTALL_HELPER)
FINDING(HELPER_EXEC, "helper.exec", FINDING_FAILURE, "without it no ordinary user gets a tap",
        "chmod 0755 " HELPER_PATH)
FINDING(HELPER_SETUID, "helper.setuid", FINDING_FAILURE,
        "it refuses to run with more privilege than it needs", "chmod ug-s " HELPER_PATH "\n" SET_CAPABILITY)
FINDING(HELPER_CAPABILITY, "helper.capability", FINDING_FAILURE,
        "the helper can do nothing without its one capability", SET_CAPABILITY)
FINDING(HELPER_NOSUID, "helper.nosuid", FINDING_FAILURE,
        "file capabilities have no effect on a file system mounted nosuid",
        "# {sudo}mount -o remount,bind,suid \"$(findmnt -n -o TARGET -T " HELPER_PATH ")\"" USE_BROKER)
FINDING(HELPER_NONEWPRIVS, "helper.nonewprivs", FINDING_FAILURE,
        "file capabilities have no effect for a process under no_new_privs, nor for what it starts",
        "# start it another way: without NoNewPrivileges=yes (systemd), without -sandbox on (QEMU), not in a "
        "container that sets it" USE_BROKER)
FINDING(
    HELPER_BOUNDING, "helper.bounding", FINDING_FAILURE,
    "no program that this process starts can get the capability",
    "# add it where this is started: CapabilityBoundingSet= (systemd), --cap-add NET_ADMIN (a container)" USE_BROKER)
FINDING(HELPER_USERNS, "helper.userns", FINDING_FAILURE,
        "in a user namespace a capability gives no power over the host's bridges",
        "# run QEMU outside of it: not in a rootless container or Flatpak" USE_BROKER)
FINDING(HELPER_REFUSED, "helper.refused", FINDING_FAILURE, "the helper cannot make a tap")
FINDING(HELPER_BROKER, "helper.broker", FINDING_OK,
        "through it QEMU gets taps under -sandbox on, in containers and in Flatpak")
FINDING(HELPER_BROKER_OFF, "helper.broker.off", FINDING_OK,
        "QEMU under -sandbox on, in containers and in Flatpak needs it: virt-tap broker enable")
FINDING(HELPER_BROKER_REFUSED, "helper.broker.refused", FINDING_WARNING,
        "QEMU under -sandbox on, in containers and in Flatpak gets no taps",
        "# why, if that does not say so: {sudo}journalctl -u virt-tap-broker; whether it "
        "listens: virt-tap broker status")
FINDING(HELPER_LEFTOVER, "helper.leftover", FINDING_WARNING,
        "virt-tap-helper replaces this setuid program, which is no longer needed",
        "# once nothing calls it: {sudo}chmod u-s {path}")
FINDING(HELPER_APPARMOR, "helper.apparmor", FINDING_WARNING,
        "the AppArmor profile of libvirt's daemon lets only qemu-bridge-helper run as a bridge helper",
        "{ echo '" HELPER_PATH " PUx,'; "
        "echo 'unix (send, receive) type=stream addr=none peer=(label=virt-tap-helper),'; "
        "echo 'signal (send) set=(kill, term) peer=virt-tap-helper,'; } >> /etc/apparmor.d/local{path}\n"
        "apparmor_parser -r /etc/apparmor.d{path}")
FINDING(HELPER_SELINUX, "helper.selinux", FINDING_WARNING,
        "SELinux may keep QEMU from running a program without the label of a bridge helper",
        "restorecon -v " HELPER_PATH)
FINDING(HELPER_POLICY, "helper.policy", FINDING_OK, "the policy lets this user put guests there")
FINDING(HELPER_POLICY_NONE, "helper.policy.none", FINDING_FAILURE, "without a policy everything is refused",
        ALLOW_USER)
FINDING(HELPER_POLICY_BROKEN, "helper.policy.broken", FINDING_FAILURE,
        "a policy that cannot be used grants nothing")
FINDING(HELPER_POLICY_DENIED, "helper.policy.denied", FINDING_FAILURE, "the helper will refuse this user",
        ALLOW_USER)
FINDING(HELPER_POLICY_SKIPPED, "helper.policy.skipped", FINDING_SKIPPED,
        "without a bridge there is nothing that the policy could allow")
FINDING(HELPER_POLICY_SHADOWED, "helper.policy.shadowed", FINDING_WARNING,
        "users allowed only by bridge.conf are refused",
        "# to keep its rules, add this line to " POLICY_PATH ": include " QEMU_ACL_PATH)
FINDING(HELPER_POLICY_NAME, "helper.policy.name", FINDING_WARNING,
        "the rule has no effect: a rule names exactly one bridge, or all",
        "# correct that line: {sudo}virt-tap policy edit {path}")
FINDING(HELPER_BRIDGES_BROKEN, "helper.bridges.broken", FINDING_FAILURE,
        "no tap is granted while the declared bridges cannot be read")
FINDING(QEMU_INSTALLED, "qemu.installed", FINDING_OK, "it runs the guests")
FINDING(QEMU_MISSING, "qemu.missing", FINDING_FAILURE, "it runs the guests", "{install-qemu}")
FINDING(QEMU_BROKEN, "qemu.broken", FINDING_FAILURE, "it runs the guests", "{install-qemu}")
FINDING(QEMU_KVM, "qemu.kvm", FINDING_OK, "QEMU can use KVM")
FINDING(QEMU_ACCELERATOR, "qemu.accelerator", FINDING_FAILURE,
        "this QEMU was built without KVM: its guests run many times slower", "{install-qemu}")
FINDING(QEMU_SESSION, "qemu.session", FINDING_OK, "libvirt's session (qemu:///session) gets taps from it")
FINDING(QEMU_SESSION_UNSET, "qemu.session.unset", FINDING_WARNING,
        "libvirt's session (qemu:///session) calls qemu-bridge-helper, or finds none", SET_SESSION_HELPER,
        true)
FINDING(QEMU_SESSION_OTHER, "qemu.session.other", FINDING_WARNING,
        "libvirt's session (qemu:///session) calls another program, or none", SET_SESSION_HELPER, true)
FINDING(QEMU_SESSION_BROKEN, "qemu.session.broken", FINDING_WARNING,
        "libvirt's session (qemu:///session) does not start while the file has an error",
        "# correct it, or put it aside: mv " SESSION_CONF " " SESSION_CONF ".old", true)
FINDING(QEMU_SESSION_STALE, "qemu.session.stale", FINDING_WARNING,
        "the daemon reads the file only when it starts; guests keep running while it is restarted",
        "kill $(cat {path})", true)
FINDING(QEMU_SESSION_SKIPPED, "qemu.session.skipped", FINDING_SKIPPED,
        "root's guests belong to qemu:///system, which needs no helper")
FINDING(LIBVIRT_INSTALLED, "libvirt.installed", FINDING_OK, "virsh and virt-manager work through it")
FINDING(LIBVIRT_MISSING, "libvirt.missing", FINDING_WARNING,
        "virsh and virt-manager work through it; QEMU by itself does not need it", "{install-libvirt}")
FINDING(LIBVIRT_BROKEN, "libvirt.broken", FINDING_FAILURE, "virsh and virt-manager work through it",
        "{install-libvirt}")
FINDING(LIBVIRT_CONF, "libvirt.conf", FINDING_OK, "the system's daemon starts its QEMU driver with it")
FINDING(LIBVIRT_CONF_BROKEN, "libvirt.conf.broken", FINDING_FAILURE,
        "the system's daemon starts no QEMU driver, and so no guests of qemu:///system",
        "# correct it, or put it aside: {sudo}mv {path} {path}.old")
FINDING(LIBVIRT_CONF_SKIPPED, "libvirt.conf.skipped", FINDING_SKIPPED,
        "ordinary users cannot read the file of the system's daemon")
FINDING(LIBVIRT_HOOKS, "libvirt.hooks", FINDING_OK, "domains make and remove their own taps")
FINDING(LIBVIRT_HOOKS_MISSING, "libvirt.hooks.missing", FINDING_WARNING,
        "domains with unmanaged taps (managed='no') find no tap when they start", "virt-tap hooks enable")
FINDING(LIBVIRT_HOOKS_BROKEN, "libvirt.hooks.broken", FINDING_FAILURE,
        "libvirt skips a hook that it cannot run, and domains find no tap when they start",
        "virt-tap hooks enable")
FINDING(LIBVIRT_HOOKS_FOREIGN, "libvirt.hooks.foreign", FINDING_FAILURE,
        "virt-tap's hook is not called, and domains find no tap when they start",
        "# to replace it: {sudo}mv {path} /root && {sudo}virt-tap hooks enable")
FINDING(LIBVIRT_HOOKS_UNSEEN, "libvirt.hooks.unseen", FINDING_WARNING,
        "libvirt looks for a driver's hooks when it starts: it does not call one that was added later",
        "virt-tap hooks enable --reload")
FINDING(LIBVIRT_HOOKS_SESSION, "libvirt.hooks.session", FINDING_WARNING,
        "a session's daemon looks for hooks only when it starts; guests keep running while it is restarted",
        "kill $(cat {path})", true)
FINDING(LIBVIRT_HOOKS_SKIPPED, "libvirt.hooks.skipped", FINDING_SKIPPED,
        "ordinary users cannot read the folder of the hooks")
FINDING(LIBVIRT_SCHEMA, "libvirt.schema", FINDING_OK, "rewritten documents can be checked against it")
FINDING(LIBVIRT_SCHEMA_MISSING, "libvirt.schema.missing", FINDING_WARNING,
        "rewritten documents cannot be checked against libvirt's own rules")
FINDING(LIBVIRT_NETWORK, "libvirt.network", FINDING_OK, "guests of type network find a bridge")
FINDING(LIBVIRT_NETWORK_BRIDGE, "libvirt.network.bridge", FINDING_WARNING,
        "guests on the network 'default' do not start", "virsh net-start default")
FINDING(LIBVIRT_NETWORK_NONE, "libvirt.network.none", FINDING_WARNING,
        "many guides and tools expect the network 'default'")
FINDING(LIBVIRT_NETWORK_SKIPPED, "libvirt.network.skipped", FINDING_SKIPPED,
        "ordinary users cannot read libvirt's networks")
