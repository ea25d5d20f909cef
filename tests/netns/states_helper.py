# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""States of the helper and of its policy, and of the check itself when a probe does not come to its end."""
from checkcase import State
from sandbox import USER

AS_USER = (f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
BRIDGE = "ip link add br0 address 52:54:00:77:00:01 type bridge; ip link set br0 up\n"
POLICY = "helper\n" + BRIDGE
APPARMOR = ("helper\ntree /sys/module apparmor/parameters; echo Y >/sys/module/apparmor/parameters/enabled\n"
            "mkdir -p /etc/apparmor.d/local; echo '/usr/lib/qemu/qemu-bridge-helper PUx,' >/etc/apparmor.d/usr.sbin.libvirtd\n")
SELINUX = ("helper\ntree /sys/fs selinux; echo 1 >/sys/fs/selinux/enforce\npython3 -c 'import os\n"
           'os.setxattr(os.environ["HELPER_PATH"], "security.selinux", b"system_u:object_r:{}:s0")\'\n')
# A broker of this state's own, which its processes outlive.
BROKER = ("mkdir -p /run/virt-tap; mount -t tmpfs -o mode=755 tmpfs /run/virt-tap\n"
          "setsid $HELPER_PATH broker --listen /run/virt-tap/broker </dev/null >/dev/null 2>&1 &\n"
          "until [ -S /run/virt-tap/broker ]; do sleep 0.02; done\n")
# Something that hangs up on whoever connects.
DEAF = ("mkdir -p /run/virt-tap; mount -t tmpfs -o mode=755 tmpfs /run/virt-tap\n"
        "setsid python3 -c 'import socket\n"
        "listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        'listener.bind("/run/virt-tap/broker")\n'
        "listener.listen()\n"
        "while True: listener.accept()[0].close()' </dev/null >/dev/null 2>&1 &\n"
        "until [ -S /run/virt-tap/broker ]; do sleep 0.02; done; chmod 666 /run/virt-tap/broker\n")
NO_NEW_PRIVS = ("setpriv", "--no-new-privs")


def state(name, setup, expect, **more):
    return State(name, setup, expect, area="helper", **more)


def conf(lines):
    return f"printf '{lines}' >/etc/virt-tap/policy.conf\n"


STATES = [
    state("the helper works", "helper", "helper.policy.none", never="helper.untried helper.leftover helper.apparmor"),
    state("no helper", "own /usr/local; rm -f $HELPER_PATH", "helper.missing", never="helper.works",
          says=("install the package virt-tap, or run `./dev install` in virt-tap's source",)),
    state("no file capability", "helper; setcap -r $HELPER_PATH", "helper.capability", never="helper.works",
          says=("setcap cap_net_admin=p",)),
    state("another file capability", "helper; setcap cap_net_raw=p $HELPER_PATH", "helper.capability"),
    state("no file capability, root asks", "helper; setcap -r $HELPER_PATH", "helper.capability", user=0),
    state("setuid", "helper; chmod u+s $HELPER_PATH; setcap cap_net_admin=p $HELPER_PATH", "helper.setuid", never="helper.works",
          says=("chmod ug-s",)),
    state("mounted nosuid", "helper; mount -o remount,bind,nosuid $(findmnt -n -o TARGET -T $HELPER_PATH)", "helper.nosuid",
          never="helper.works"),
    state("no_new_privs", "helper", "helper.nonewprivs", wrap=NO_NEW_PRIVS, never="helper.works helper.broker.off"),
    state("not in the bounding set", "helper", "helper.bounding", user=0, never="helper.works",
          wrap=("setpriv", "--bounding-set=-net_admin", *AS_USER)),
    state("in a user namespace", "helper", "helper.userns", user=0, wrap=("unshare", "--user", "--map-root-user"),
          never="helper.works"),
    state("may not be run by this user", "helper; chmod 0700 $HELPER_PATH", "helper.exec", never="helper.works",
          says=("chmod 0755",)),
    state("its folder may not be entered by this user", "own /usr/local; helper; chmod 0700 $(dirname $HELPER_PATH)", "helper.exec",
          says=("Permission denied",), omits=("chmod",)),
    state("it is no program", "helper; echo x >$HELPER_PATH; setcap cap_net_admin=p $HELPER_PATH", "helper.exec", says=("Exec format error",),
          omits=("chmod",)),
    state("it refuses", "helper; cp /bin/false $HELPER_PATH; setcap cap_net_admin=p $HELPER_PATH", "helper.refused",
          never="helper.works"),
    state("traced, it has no capability", "helper", "helper.refused", says=("no CAP_NET_ADMIN",), never="helper.works",
          wrap=("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=none")),
    state("as another user", "helper", "helper.policy.none", user=0, options=("--user", "vmuser")),
    state("the setuid original is still there", "helper; own /usr/lib/qemu; chmod u+s /usr/lib/qemu/qemu-bridge-helper",
          "helper.leftover"),
    state("AppArmor's profile does not know it", APPARMOR, "helper.apparmor", tree=True, says=("PUx", "apparmor_parser")),
    state("AppArmor's profile knows it", APPARMOR + 'echo "  $HELPER_PATH PUx," >/etc/apparmor.d/local/usr.sbin.libvirtd',
          "helper.policy.none", tree=True, never="helper.apparmor"),
    state("only libvirtd's of AppArmor's profiles knows it", APPARMOR + 'echo "  $HELPER_PATH PUx," >/etc/apparmor.d/local/usr.sbin.libvirtd\n'
          "echo '#' >/etc/apparmor.d/usr.sbin.virtqemud", "helper.apparmor", tree=True,
          says=("/etc/apparmor.d/local/usr.sbin.virtqemud", "apparmor_parser -r /etc/apparmor.d/usr.sbin.virtqemud")),
    state("SELinux and a label from home", SELINUX.format("user_home_t"), "helper.selinux", tree=True, says=("restorecon",)),
    state("SELinux and the right label", SELINUX.format("bin_t"), "helper.policy.none", tree=True, never="helper.selinux"),
    state("the helper makes a tap", POLICY + conf("allow br0\\n"), "helper.works helper.broker.off", says=("made a tap on br0 for vmuser",)),
    state("the broker makes a tap, too", POLICY + conf("allow br0\\n") + BROKER, "helper.works helper.broker", never="helper.broker.off",
          says=("the broker made a tap on br0 for vmuser",)),
    state("the broker makes a tap for another user", POLICY + conf("allow br0 user=vmother\\n") + BROKER, "helper.works helper.broker", user=0,
          options=("--user", "vmother"), says=("the broker made a tap on br0 for vmother",)),
    state("the broker, which root does not need", POLICY + conf("allow br0\\n") + BROKER, "helper.works", user=0,
          never="helper.broker helper.broker.off helper.broker.refused"),
    state("the broker answers, and there is no policy", POLICY + BROKER, "helper.broker helper.policy.none", never="helper.broker.off"),
    state("no_new_privs, and the broker makes a tap", POLICY + conf("allow br0\\n") + BROKER, "helper.works helper.broker", wrap=NO_NEW_PRIVS,
          never="helper.nonewprivs", says=("made a tap on br0 for vmuser through the broker", "is needed: no_new_privs is set")),
    state("mounted nosuid, and the broker answers", "helper\n" + BROKER + "mount -o remount,bind,nosuid $(findmnt -n -o TARGET -T $HELPER_PATH)",
          "helper.broker helper.policy.none", never="helper.nosuid", says=("is needed: /",)),
    state("in a user namespace, and the broker answers", "helper\n" + BROKER, "helper.broker", wrap=("unshare", "--user"), never="helper.userns"),
    state("the broker hangs up", POLICY + conf("allow br0\\n") + DEAF, "helper.works helper.broker.refused", never="helper.broker"),
    state("no_new_privs, and the broker hangs up", POLICY + conf("allow br0\\n") + DEAF, "helper.nonewprivs helper.broker.refused", wrap=NO_NEW_PRIVS,
          never="helper.works helper.broker"),
    state("the helper makes a tap for a user whose MAC is locked", POLICY + conf("allow br0 mac=lock\\n"), "helper.works",
          says=("made a tap on br0",)),
    state("the helper makes a tap as another user", POLICY + conf("allow br0 user=vmother\\n"), "helper.works", user=0,
          options=("--user", "vmother"), says=("made a tap on br0 for vmother",)),
    state("no tap where none is allowed", POLICY + conf("allow br0 user=vmother\\n"), "helper.policy.denied", never="helper.works helper.untried"),
    state("a declared bridge is not made for a check", "helper\n" + conf("allow br7\\n") + "echo bridge br7 >/etc/virt-tap/bridges.conf",
          "helper.untried helper.policy", options=("--bridge", "br7"), says=("no tap was made",)),
    state("a helper that sends no tap", POLICY + conf("allow br0\\n") + "cp /bin/true $HELPER_PATH; setcap cap_net_admin=p $HELPER_PATH",
          "helper.refused", says=("sent no tap",), never="helper.works"),
    state("the quota is full", POLICY + conf("allow br0 quota=1\\n") + "$HELPER_PATH create --bridge=br0 --name=vtap-full --owner=" + str(USER),
          "helper.refused helper.policy", never="helper.works"),
    state("allowed", POLICY + conf("allow br0\\n"), "helper.policy", says=("/etc/virt-tap/policy.conf:1",)),
    state("allowed by bridge.conf", POLICY + "echo allow br0 >/etc/qemu/bridge.conf", "helper.policy",
          says=("/etc/qemu/bridge.conf:1",)),
    state("no policy", POLICY, "helper.policy.none", never="helper.policy helper.policy.shadowed"),
    state("a bridge.conf that does not count", POLICY + "echo allow br0 >/etc/qemu/bridge.conf\n" + conf("allow br0\\n"),
          "helper.policy helper.policy.shadowed", says=("/etc/qemu/bridge.conf",)),
    state("a bridge.conf that is included", POLICY + "echo allow br0 >/etc/qemu/bridge.conf\n" + conf("include /etc/qemu/bridge.conf\\n"),
          "helper.policy", never="helper.policy.shadowed"),
    state("declared bridges that do not parse", POLICY + conf("allow br0\\n") + "echo bridge >/etc/virt-tap/bridges.conf",
          "helper.policy helper.bridges.broken", says=("/etc/virt-tap/bridges.conf:1",)),
    state("the helper makes a tap by bridge.conf", POLICY + "printf 'allow br0\\r\\n' >/etc/qemu/bridge.conf", "helper.works helper.policy",
          says=("made a tap on br0",)),
    state("several bridges in one rule", POLICY + conf("allow br0,br1\\n"), "helper.policy.denied helper.policy.name",
          says=("policy.conf:1 is about 'br0,br1': name one bridge per rule", "virt-tap policy edit /etc/virt-tap/policy.conf")),
    state("a pattern in bridge.conf", POLICY + "echo 'allow br*' >/etc/qemu/bridge.conf", "helper.policy.denied helper.policy.name",
          says=("bridge.conf:1 is about 'br*'",)),
    state("a comment behind a rule of bridge.conf", POLICY + "echo 'allow br0 # ours' >/etc/qemu/bridge.conf", "helper.policy.denied helper.policy.name",
          says=("no comments after a rule", "virt-tap policy edit /etc/qemu/bridge.conf")),
    state("no rule for this user", POLICY + conf("allow br0 user=vmother\\n"), "helper.policy.denied", never="helper.policy"),
    state("no rule for a user whose name has a blank", POLICY + conf("allow br0 user=vmother\\n") + "sed -i 's/^vmuser:/vm user:/' /etc/passwd",
          "helper.policy.denied", says=(f"and add: allow br0 user={USER}",)),
    state("a rule for this user, root asks", POLICY + conf("allow br0 user=vmuser\\n"), "helper.policy", user=0,
          options=("--user", "vmuser"), says=("allows br0 to vmuser",)),
    state("denied", POLICY + conf("allow all\\ndeny br0\\n"), "helper.policy.denied", says=("policy.conf:2 denies",)),
    state("another bridge is allowed", POLICY + "ip link add br1 type bridge\n" + conf("allow br1\\n"), "helper.policy"),
    state("another bridge than that asked for", POLICY + "ip link add br1 type bridge\n" + conf("allow br1\\n"),
          "helper.policy.denied", options=("--bridge", "br0"), never="helper.policy"),
    state("a policy that does not parse", POLICY + conf("allow br0\\nallow\\n"), "helper.policy.broken", never="helper.policy",
          says=("/etc/virt-tap/policy.conf:2",)),
    state("a policy that others may write", POLICY + conf("allow br0\\n") + "chmod 0666 /etc/virt-tap/policy.conf",
          "helper.policy.broken", never="helper.policy"),
    state("a policy that the user may not read", POLICY + conf("allow br0\\n") + "chmod 0600 /etc/virt-tap/policy.conf",
          "helper.policy.broken", never="helper.policy"),
    state("a policy, and no bridge", "helper\n" + conf("allow br0\\n"), "helper.policy.skipped"),
    state("the rule takes KVM, and there is none", POLICY + conf("allow br0 require=kvm\\n"), "helper.policy.denied",
          says=("/dev/kvm",)),
    state("a helper that hangs", "helper\nprintf '#!/bin/sh\\nsleep 60\\n' >$HELPER_PATH; setcap cap_net_admin=p $HELPER_PATH\n" +
          BRIDGE + conf("allow br0\\n"), "check.hang helper.policy", says=("'helper.works' did not end in 5 s",),
          never="helper.works"),
    state("no process can be made", "helper", "check.crash", wrap=("prlimit", "--nproc=1"), never="helper.works"),
]
