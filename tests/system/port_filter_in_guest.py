#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The port filter on a Debian kernel: every kind of frame on an access port of a bridge that filters VLANs, and what a kernel without
clsact, or without cls_bpf, is told. Run by test_vlan.py."""
import glob

import netcase
import sandbox
from bridgehelper import IFF_VNET_HDR
from netcase import POLICY
from sandbox import USER
from portframes import NATIVE, TAG_KINDS, TRUNK
from test_port_filter import FORGED, Judged, Ports
from test_protect import GUEST, Protect


class AccessPort(Judged):
    """Whatever VLAN the guest's own tags name, it sends untagged, and is in VLAN 100."""
    TERMS = "vlan=100"

    def prepare(self):
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1")
        sandbox.run("bridge", "vlan", "add", "dev", "up0", "vid", "100")

    def test_every_kind(self):
        self.judged(IFF_VNET_HDR)


class TrunkPort(Ports):
    """Each kind of tag, and as often as the others: nothing reaches the neighbour, which is in the same VLANs, that may not."""

    def prepare(self):
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1")
        sandbox.run("bridge", "vlan", "add", "dev", "up0", "vid", "2-4094")
        sandbox.write(POLICY, f"allow br0 user={USER} mac=lock vlan=100,200-210,4000 native=100\nallow br0 vlan=2-4094\n")

    def judged(self, send, wanted):
        for kind in TAG_KINDS:
            send(0, kind.frame)
            self.assertEqual([len(frames) for frames in self.seen()], [getattr(kind, wanted)] * 2 + [0], kind.name)
        forged = [kind.frame for kind in TAG_KINDS if not getattr(kind, wanted)]
        for number in range(FORGED * len(forged)):
            send(number, forged[number % len(forged)])
        self.assertEqual(self.seen(), [[], [], []])

    def test_each_kind(self):
        send = self.tap(IFF_VNET_HDR)
        self.assertEqual(self.state(NATIVE)[:2], (True, True))
        self.judged(send, "native")
        self.replace(TRUNK)
        self.judged(send, "trunk")


class WithoutModules(Protect):
    def test_refused(self):
        sandbox.write(POLICY, f"allow br0 user={USER} mac=lock\n")
        for module, lacks in (("sch_ingress", "CONFIG_NET_SCH_INGRESS"), ("cls_bpf", "CONFIG_NET_CLS_BPF")):
            file, = glob.glob(f"/modules/*-{module}.ko")
            with self.subTest(module):
                sandbox.run("rmmod", module)
                self.refuse(f"--mac={GUEST}", says=[f"mac=lock of {POLICY}:1", f"kernel lacks {module}", lacks, f"modprobe {module}", "nothing is granted"])
                sandbox.write(POLICY, f"allow br0 user={USER}\n")
                self.refuse(f"--mac={GUEST}", "--lock=mac", says=["mac=lock of the request (--lock)", f"kernel lacks {module}", "nothing is granted"])
                sandbox.write(POLICY, f"allow br0 user={USER} mac=lock\n")
                sandbox.run("insmod", file)
                self.grant(f"--mac={GUEST}").close()


if __name__ == "__main__":
    netcase.main()
