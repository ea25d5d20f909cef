#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""`virt-tap setup` on whole machines: test_setup.py MANAGER [Class.test...]

One command, a reboot, and a guest of alice's has an address from a DHCP server: the segment's, where it is reached from outside; or, with --nat, the
bridge's own, and it reaches the outside. After `setup --undo` and a reboot the machine is as it was. By default on this machine's own Debian; with
VIRT_TAP_MACHINES=all on each. The guest is a QEMU without a processor: its card is in a namespace of the machine, with busybox as DHCP client. Needs
VIRT_TAP_HELPER, VIRT_TAP_CLI and MACHINES_FOLDER.
"""
import re
import sys

import machine
import machinecase
import needed
import sandbox
from bridgehelper import await_
from test_reboot import CONFIGURATIONS, DHCP

MANAGER = sys.argv[1]
HELPER = "/usr/local/libexec/virt-tap-helper"
QEMU = (f"setpriv --reuid=alice --regid=alice --init-groups qemu-system-x86_64 -M none -nodefaults -no-user-config -display none -netdev "
        f"tap,id=t,br=BRIDGE,helper={HELPER} -netdev hubport,id=h0,hubid=0,netdev=t -netdev tap,id=c,ifname=card,script=no,downscript=no "
        "-netdev hubport,id=h1,hubid=0,netdev=c")
LEASE = "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip address add $ip/$mask dev $interface\nip route add default via $router\n"


class Setup(machinecase.InstalledCase):
    def begin(self, release):
        self.boot(release, f"{MANAGER}+libvirt", {**CONFIGURATIONS[MANAGER][DHCP], "/usr/local/bin/lease": LEASE},
                  programs=[("/bin/busybox", "/usr/local/bin/busybox")])
        self.machine.run(f"useradd -m alice; chmod 755 /usr/local/bin/lease; setcap cap_net_admin=p {HELPER}")
        return self.settle("eth0")

    def type(self, *words):
        said = self.machine.run(f"virt-tap setup {' '.join(words)}", check=False)
        self.assertEqual(said[0], 0, said[1] + self.tell())
        return said[1]

    def guest(self, bridge):
        """Start one; returns its address, and its gateway's."""
        self.machine.run(f"""set -e; ip netns add guest; ip tuntap add card mode tap user alice
            {QEMU.replace('BRIDGE', bridge)} </dev/null >/tmp/qemu 2>&1 & echo $! >/tmp/qemu.pid""")
        if not await_(lambda: self.machine.ok("sh", "-c", f"ls /sys/class/net/{bridge}/brif | grep vtap-"), 120, 1):
            self.fail(self.machine.run("cat /tmp/qemu"))
        said = self.machine.run("""ip link set card address 52:54:00:0a:00:01 netns guest; ip -n guest link set card up
            ip netns exec guest busybox udhcpc -i card -n -q -f -s /usr/local/bin/lease -t 20 -T 2; ip -n guest -4 address show dev card
            ip -n guest route""", check=False)[1]
        address, gateway = re.search(r"inet ([0-9.]+)/", said), re.search(r"default via ([0-9.]+)", said)
        if not address or not gateway:
            self.fail(f"no lease: {said}\n{self.tell()}")
        return address[1], gateway[1]

    def check_uplink(self, release):
        before = self.begin(release)
        self.type("alice", "--yes")
        self.machine.reboot()
        after = self.settle("br0", before.addresses["eth0"])
        self.assertEqual((after.addresses, after.reached, after.resolves), ({"br0": before.addresses["eth0"]}, before.reached, before.resolves))
        address, gateway = self.guest("br0")
        self.assertEqual((address.rpartition(".")[0], gateway), ("10.77.0", machine.ROUTER))
        ping = ("busybox", "ping", "-c", "1", "-W", "3", "-I", machine.OUTSIDE, address)
        self.assertTrue(await_(lambda: sandbox.run(*ping, check=False).returncode == 0, 30, 1), self.tell())
        self.assertIn("nothing to do: all of this is so already", self.type("alice"))
        self.end(before)

    def check_nat(self, release):
        before, rules = self.begin(release), self.machine.run("nft list ruleset")
        self.type("alice", "--nat", "--yes")
        self.machine.reboot()
        self.settle("eth0", before.addresses["eth0"])
        self.guest("br-nat")
        ping = f"ip netns exec guest ping -n -c 1 -W 3 {machine.OUTSIDE}"
        self.assertTrue(await_(lambda: self.machine.ok("sh", "-c", ping), 30, 1), self.tell() + self.machine.run("nft list ruleset"))
        self.assertIn("nothing to do: all of this is so already", self.type("alice", "--nat"))
        self.end(before)
        self.assertEqual(self.machine.run("nft list ruleset"), rules)

    def end(self, before):
        self.machine.run("kill $(cat /tmp/qemu.pid); ip netns delete guest")
        self.type("--undo", "--yes")
        self.assertNotIn("alice", self.machine.run("getent group kvm; cat /etc/virt-tap/policy.conf", check=False)[1])
        self.machine.reboot()
        self.assert_same(self.settle("eth0", before.addresses["eth0"]), before)


def add(release, way):
    def test(self):
        getattr(self, f"check_{way}")(release)
    setattr(Setup, f"test_{release}_{way}", test)


if __name__ == "__main__":
    sandbox.enter(limit=7200)
    for debian in machinecase.wanted():
        for kind in ("uplink", "nat"):
            add(debian, kind)
    del sys.argv[1]
    needed.main()
