#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A machine on which AppArmor confines libvirtd, its guests and virt-tap-helper: QEMU of an ordinary user, a session's libvirtd, the system's with the
hooks, and the broker all get their taps, and the kernel's log has no denial.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and MACHINES_FOLDER.
"""
import os
import re

import machinecase
import needed
import sandbox
from bridgehelper import await_

HELPER = machinecase.HELPER
ALICE = "setpriv --reuid=alice --regid=alice --init-groups"
SESSION = f"{ALICE} env HOME=/home/alice XDG_RUNTIME_DIR=/run/user/1000 XDG_CONFIG_HOME=/home/alice/.config"
DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><interface type='bridge'><source bridge='br0'/><model type='virtio'/><rom enabled='no'/></interface></devices></domain>
"""
FILES = {"/etc/virt-tap/policy.conf": "allow br0 user=alice\nallow br0 user=root quota=20\n",
         "/root/web.xml": DOMAIN.format(name="web"), "/root/db.xml": DOMAIN.format(name="db"),
         "/home/alice/.config/libvirt/qemu.conf": f'bridge_helper = "{HELPER}"\n'}
QEMU = f"{ALICE} {{more}} qemu-system-x86_64 -S -m 64 -nodefaults -no-user-config -display none -netdev tap,id=n,br=br0,helper={HELPER}"


class Confined(machinecase.InstalledCase):
    def test_all(self):
        self.boot(machinecase.wanted()[0], "ifupdown+libvirt", FILES, nics=0)
        self.machine.run(f"""set -e; useradd alice; chown -R alice: /home/alice; install -d -o alice -g alice -m 700 /run/user/1000
            setcap cap_net_admin=p {HELPER}; virt-tap bridge create br0""")
        for name in ("is_in_force", "serves_qemu", "serves_the_broker", "serves_a_session", "serves_the_system"):
            with self.subTest(name):
                getattr(self, name)()
                self.assertEqual(self.denials(), [])

    def denials(self):
        """And forgets them."""
        return [line for line in self.machine.run("dmesg -c").splitlines() if 'apparmor="DENIED"' in line]

    def is_in_force(self):
        profiles = self.machine.run("cat /sys/kernel/security/apparmor/profiles")
        self.assertIn("virt-tap-helper (enforce)\n", profiles)
        self.assertIn("libvirtd (enforce)\n", profiles)

    def taps(self):
        return self.machine.run("ls /sys/class/net/br0/brif").split()

    def await_taps(self, count, say):
        if not await_(lambda: len(self.taps()) == count, 120, 1):
            self.fail(f"{self.taps()}: {self.machine.run(say)}")

    def qemu(self, more=""):
        self.machine.run(f"{QEMU.format(more=more)} </dev/null >/tmp/qemu 2>&1 & echo $! >/tmp/qemu.pid")
        self.await_taps(1, "cat /tmp/qemu")
        self.machine.run("kill $(cat /tmp/qemu.pid)")
        self.await_taps(0, "ip link")

    def serves_qemu(self):
        self.qemu()
        said = self.machine.run(f"{ALICE} {HELPER} create --bridge=br1 --name=vtap-x", check=False)[1]
        self.assertIn("no rule in /etc/virt-tap/policy.conf", said)

    def serves_the_broker(self):
        self.machine.run("virt-tap broker enable")
        self.qemu("--no-new-privs")

    def serves_a_session(self):
        """By bridge_helper: what check offers is what is missing."""
        start = f"{SESSION} virsh -q -c qemu:///session create --paused /home/alice/web.xml"
        self.machine.run("cp /root/web.xml /home/alice; virt-tap hooks disable")
        status, said = self.machine.run(start, check=False)
        self.assertEqual(status, 1, said)
        self.assertTrue(self.denials())
        fix = self.machine.run("virt-tap check helper --user alice --bridge br0 --fix", check=False)[1]
        self.assertIn("/etc/apparmor.d/local/usr.sbin.libvirtd", fix)
        self.machine.run("virt-tap check helper --user alice --bridge br0 --fix --apply", check=False)
        self.machine.run(start)
        self.assertEqual(len(self.taps()), 1)
        self.machine.run(f"{SESSION} virsh -q -c qemu:///session destroy web; kill $(cat /run/user/1000/libvirt/libvirtd.pid)")

    def serves_the_system(self):
        self.machine.run("""set -e; virt-tap hooks enable --reload; virt-tap hooks status
            virsh -q define /root/db.xml; virt-tap domain rewrite --connect qemu:///system --yes db; virsh -q start --paused db""")
        tap, = self.taps()
        self.assertTrue(re.match("vtap-db", tap), tap)
        self.assertIn("libvirt-", self.machine.run("cat /proc/$(cat /run/libvirt/qemu/db.pid)/attr/current"))
        self.machine.run("systemctl restart libvirtd; virsh -q list; virt-tap repair; virsh -q destroy db")
        self.await_taps(0, "ip link")


if __name__ == "__main__":
    os.umask(0o022)
    sandbox.enter(limit=3600)
    needed.main()
