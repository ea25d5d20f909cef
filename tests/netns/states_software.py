# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""States of QEMU and libvirt."""
from checkcase import State
from sandbox import USER

QEMU = "/usr/bin/qemu-system-x86_64"
HOME = "/run/vt/.config/libvirt"
CONF = f"own /run; mkdir -p {HOME}\n"
HOOKS = ("mkdir -p /etc/virt-tap/hooks; for d in qemu network daemon; do mkdir -p /etc/libvirt/hooks/$d.d; "
         "cp /bin/true /etc/virt-tap/hooks/$d; ln -s /etc/virt-tap/hooks/$d /etc/libvirt/hooks/$d.d/50-virt-tap; done\n")
DAEMON = "cp /bin/sleep /etc/libvirt/libvirtd; /etc/libvirt/libvirtd 9 >/dev/null 2>&1 & echo $! >/run/libvirtd.pid"
SESSION = ("chown -R vmuser /run/vt\n"
           f"setpriv --reuid={USER} --regid={USER} --clear-groups env -u XDG_RUNTIME_DIR HOME=/run/vt libvirtd -d --timeout 60\n"
           "timeout 9 sh -c 'until [ -s /run/vt/.cache/libvirt/libvirtd.pid ]; do sleep 0.1; done'\n")
SYSTEM = "mkdir -p /etc/libvirt; F=/etc/libvirt/qemu.conf; printf '%s\\n'"
NETWORK = ("mkdir -p /etc/libvirt/qemu/networks; chmod 755 /etc/libvirt/qemu /etc/libvirt/qemu/networks\n"
           "echo \"<network><name>default</name><bridge name='virbr0' stp='on' delay='0'/></network>\" "
           ">/etc/libvirt/qemu/networks/default.xml\n")


def program(path, script):
    """Something else stands where that program was."""
    return f"over {path} <<'X'\n#!/bin/sh\n{script}\nX\nchmod 0755 $T/over{path}\n"


def qemu(name, setup, expect, **more):
    return State(name, setup, expect, area="qemu", **more)


def libvirt(name, setup, expect, **more):
    return State(name, setup, expect, area="libvirt", **more)


MANY = (f"for n in 1 2 3 4 5 6 7 8 9; do setpriv --reuid={USER} --regid={USER} --clear-groups sleep 30 >/dev/null 2>&1 </dev/null & done\n"
        f"timeout 9 sh -c 'until [ $(pgrep -u {USER} sleep | wc -l) -ge 9 ]; do sleep 0.1; done'\n")

STATES = [
    qemu("QEMU", "", "qemu.installed qemu.kvm qemu.session.unset", says=("QEMU emulator version",)),
    qemu("no QEMU", f"mount --bind /dev/null {QEMU}", "qemu.missing", says=("apt-get install",), never="qemu.installed"),
    qemu("no QEMU, on Fedora", f"mount --bind /dev/null {QEMU}; rm /etc/os-release; echo ID=fedora >/etc/os-release",
         "qemu.missing", says=("dnf install",)),
    qemu("no QEMU, on Arch", f"mount --bind /dev/null {QEMU}; rm /etc/os-release; echo ID=arch >/etc/os-release",
         "qemu.missing", says=("pacman -S",)),
    qemu("no QEMU, on what is like SUSE", f"mount --bind /dev/null {QEMU}; rm /etc/os-release; "
         "printf 'ID=\"opensuse-leap\"\\nID_LIKE=\"suse opensuse\"\\n' >/etc/os-release", "qemu.missing", says=("zypper install",)),
    qemu("a QEMU that does not start", program(QEMU, "echo error while loading shared libraries; exit 127"), "qemu.broken",
         says=("shared libraries",)),
    qemu("a user with more processes than root's check may start as them", MANY, "qemu.broken", user=0, options=("--user", "vmuser"),
         wrap=("prlimit", "--nproc=8"), says=("--version cannot be run: Resource temporarily unavailable",)),
    qemu("a QEMU without KVM", program(QEMU, "echo tcg"), "qemu.accelerator", never="qemu.kvm"),
    qemu("a QEMU that hangs", program(QEMU, "sleep 60"), "check.hang qemu.session.unset", never="qemu.installed"),
    qemu("the session calls the helper", CONF + f"echo \"bridge_helper = \\\"$HELPER_PATH\\\"\" >{HOME}/qemu.conf", "qemu.session",
         never="qemu.session.unset"),
    qemu("the session calls another", CONF + f"echo 'bridge_helper = \"/usr/lib/qemu/qemu-bridge-helper\"' >{HOME}/qemu.conf",
         "qemu.session.other", says=("cp -pT",)),
    qemu("the session's file has only a comment", CONF + f"echo \"#bridge_helper = \\\"$HELPER_PATH\\\"\" >{HOME}/qemu.conf",
         "qemu.session.unset"),
    qemu("the session's file, in single quotes, with a comment and Windows' line ends", CONF +
         f"printf \"a = [ 'x',\\r\\n'y' ]\\r\\nbridge_helper='$HELPER_PATH' # ours\\r\\n\" >{HOME}/qemu.conf", "qemu.session"),
    qemu("the session's file has the helper without quotes", CONF + f"echo \"bridge_helper = $HELPER_PATH\" >{HOME}/qemu.conf", "qemu.session.broken",
         says=("qemu.conf:1", "mv ")),
    qemu("the session's file has an error elsewhere", CONF + f"printf 'bridge_helper = \"%s\"\\n\\n[section]\\n' $HELPER_PATH >{HOME}/qemu.conf",
         "qemu.session.broken", says=("qemu.conf:3",), never="qemu.session"),
    qemu("the session's file has a NUL byte", CONF + f"printf 'bridge_helper = \"%s\"\\n\\0' $HELPER_PATH >{HOME}/qemu.conf", "qemu.session.broken",
         says=("NUL byte", "mv "), never="qemu.session"),
    qemu("the session's file is a folder", CONF + f"rm -f {HOME}/qemu.conf; mkdir {HOME}/qemu.conf", "qemu.session.broken", says=("not a regular file", "mv ")),
    qemu("the session's file has a number for the helper", CONF + f"echo 'bridge_helper = 1' >{HOME}/qemu.conf", "qemu.session.broken",
         says=("qemu.conf:1: bridge_helper must be a string in quotes", "mv "), never="qemu.session.other"),
    qemu("the session's file has a string for a number", CONF + f"printf 'bridge_helper = \"%s\"\nmax_files = \"9\"\n' $HELPER_PATH >{HOME}/qemu.conf",
         "qemu.session.broken", says=("qemu.conf:2: max_files must be a number, without a sign or quotes",), never="qemu.session"),
    qemu("the session's daemon is older than its file", CONF + SESSION + "sleep 1.1\n"
         f"echo \"bridge_helper = '$HELPER_PATH'\" >{HOME}/qemu.conf", "qemu.session.stale", never="qemu.session",
         says=("kill $(cat /run/vt/.cache/libvirt/libvirtd.pid)",)),
    qemu("root has no session", "", "qemu.session.skipped", user=0),
    libvirt("libvirt", "", "libvirt.installed libvirt.schema libvirt.hooks.missing libvirt.network.none"),
    libvirt("no libvirt", "mount --bind /dev/null /usr/sbin/libvirtd", "libvirt.missing", says=("libvirt-daemon",)),
    libvirt("a libvirt that does not start", program("/usr/sbin/libvirtd", "exit 3"), "libvirt.broken"),
    libvirt("a libvirt that cannot be started", MANY, "libvirt.broken", user=0, options=("--user", "vmuser"), wrap=("prlimit", "--nproc=8"),
            says=("--version cannot be run: Resource temporarily unavailable",)),
    libvirt("no schema", "tree /usr/share/libvirt", "libvirt.schema.missing"),
    libvirt("the system's qemu.conf", f"{SYSTEM} 'user = \"root\"' 'max_core = \"unlimited\"' >$F", "libvirt.conf", never="libvirt.conf.broken"),
    libvirt("the system's qemu.conf with a number for the user", f"{SYSTEM} '# root' 'user = 0' >$F", "libvirt.conf.broken", never="libvirt.conf",
            says=("/etc/libvirt/qemu.conf:2: user must be a string in quotes", "mv /etc/libvirt/qemu.conf /etc/libvirt/qemu.conf.old")),
    libvirt("the system's qemu.conf with an error", f"{SYSTEM} 'user = root' >$F", "libvirt.conf.broken", says=("qemu.conf:1 is not NAME = VALUE",)),
    libvirt("the system's qemu.conf, which is root's", f"{SYSTEM} 'user = 0' >$F; chmod 0600 $F", "libvirt.conf.skipped", never="libvirt.conf.broken"),
    libvirt("hooks", HOOKS, "libvirt.hooks", never="libvirt.hooks.missing libvirt.hooks.unseen"),
    libvirt("one hook is missing", HOOKS + "rm /etc/libvirt/hooks/network.d/50-virt-tap", "libvirt.hooks.missing",
            says=("not enabled: network",)),
    libvirt("a hook that leads nowhere", HOOKS + "ln -sf /nowhere/virt-tap/hooks/qemu /etc/libvirt/hooks/qemu.d/50-virt-tap", "libvirt.hooks.broken"),
    libvirt("a hook that is not executable", HOOKS + "chmod 0644 /etc/virt-tap/hooks/qemu", "libvirt.hooks.broken"),
    libvirt("a hook of somebody else in its place", HOOKS + "ln -sf /bin/true /etc/libvirt/hooks/qemu.d/50-virt-tap", "libvirt.hooks.foreign",
            says=("not virt-tap's", "mv /etc/libvirt/hooks/qemu.d/50-virt-tap /root && ")),
    libvirt("a folder of hooks that is closed", HOOKS + "chmod 0700 /etc/libvirt/hooks", "libvirt.hooks.skipped",
            never="libvirt.hooks"),
    libvirt("hooks newer than the daemon (a process stands for it)", "own /run; mkdir -p /etc/libvirt; " + DAEMON + "; sleep 2.1\n" + HOOKS,
            "libvirt.hooks.unseen", never="libvirt.hooks", says=("virt-tap hooks enable --reload",)),
    libvirt("hooks newer than the session's daemon", "own /run; mkdir -p /etc/libvirt\n" + SESSION + "sleep 0.1\n" + HOOKS,
            "libvirt.hooks libvirt.hooks.session", never="libvirt.hooks.unseen", says=("kill $(cat /run/vt/.cache/libvirt/libvirtd.pid)",)),
    libvirt("hooks older than the session's daemon", HOOKS + "own /run; sleep 0.1\n" + SESSION, "libvirt.hooks", never="libvirt.hooks.session"),
    libvirt("hooks older than the daemon (a process stands for it)", HOOKS + "own /run; sleep 2.1; " + DAEMON, "libvirt.hooks", never="libvirt.hooks.unseen"),
    libvirt("a network and its bridge", NETWORK + "ip link add virbr0 type bridge", "libvirt.network"),
    libvirt("a network that is not started", NETWORK, "libvirt.network.bridge", says=("net-start default",)),
    libvirt("networks that are closed", NETWORK + "chmod 0700 /etc/libvirt/qemu", "libvirt.network.skipped"),
    State("no /proc", "kvm 0666 root:root; tree /proc", "net.bridge.none", area="kvm groups net helper libvirt",
          never="net.filter check.crash check.hang kvm.cpu.flags"),
    State("no /sys", "kvm 0666 root:root; umount -l /sys; tree /sys", "kvm.device net.unknown", user=0,
          area="kvm groups net helper libvirt", never="net.bridge net.bridge.none check.crash check.hang"),
]
