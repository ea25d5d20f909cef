#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap policy apply and repair on a bridge that filters VLANs. Run by test_vlan.py on a kernel that can."""
import json
import os

import bridgehelper
import netcase
import portframes
import sandbox
from applycase import FORGED, GOOD, ApplyCase
from netcase import POLICY
from rounds import rounds
from test_protect import GUEST
from vlan_in_guest import Wire

LOCKED = "mac=lock, port filter"


class VlanCase(ApplyCase):
    default_vlan = 1

    def setUp(self):
        super().setUp()
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1", "vlan_default_pvid", str(self.default_vlan))

    def vlans(self):
        said = json.loads(sandbox.run("bridge", "-json", "vlan", "show", "dev", "vtap-a").stdout)
        return {vlan["vlan"]: vlan.get("flags", []) for port in said for vlan in port["vlans"]}

    def is_access_port(self, vlan):
        self.assertEqual(self.vlans(), {vlan: ["PVID", "Egress Untagged"]} if vlan else {})

    def changed(self, terms, says, vlan):
        self.rule(f"allow br0 {terms}")
        self.assertEqual(self.apply(dry=False), {"vtap-a": f"changed by {POLICY}:1: {says}"})
        self.is_access_port(vlan)
        self.settled()

    def moved(self):
        for lock in ("", "mac=lock "):
            with self.subTest(lock):
                self.rule(f"allow br0 {lock}")
                self.create("vtap-a", f"--mac={GUEST}")
                self.is_access_port(self.default_vlan)
                for terms, vlan in (("vlan=100", 100), ("vlan=200", 200), ("", self.default_vlan)):
                    before = next(iter(self.vlans()), 0)
                    self.changed(lock + terms, f"VLAN {vlan} instead of {before}" if before else f"VLAN {vlan}", vlan)
                    self.like_new("vtap-a", f"--mac={GUEST}")
                self.delete("--name=vtap-a")


class Vlans(VlanCase):
    """A tap is moved into the VLAN that the rule grants, and stays in its own if it still does."""

    def test_moved(self):
        self.moved()

    def test_kept(self):
        self.rule("allow br0 vlan=100")
        self.create("vtap-a", f"--mac={GUEST}", "--vlan=100")
        self.changed("vlan=100 mac=lock", LOCKED, 100)
        self.changed("vlan=100", "no mac=lock, no port filter", 100)

    def test_everything_at_once(self):
        self.rule("allow br0 vlan=100")
        self.create("vtap-a", f"--mac={GUEST}")
        self.changed("vlan=200 mac=lock", f"{LOCKED}, VLAN 200 instead of 100", 200)
        self.like_new("vtap-a", f"--mac={GUEST}")
        self.changed("vlan=100", "no mac=lock, no port filter, VLAN 100 instead of 200", 100)
        self.like_new("vtap-a", f"--mac={GUEST}")

    def test_vlans_that_root_added(self):
        self.rule("allow br0 mac=lock vlan=100")
        self.create("vtap-a", f"--mac={GUEST}")
        for change in ("add dev vtap-a vid 300", "add dev vtap-a vid 300 pvid untagged", "add dev vtap-a vid 100 untagged", "del dev vtap-a vid 100"):
            sandbox.run("bridge", "vlan", *change.split())
            self.assertEqual(list(self.repair()), ["vtap-a"])
            self.is_access_port(100)
            self.settled()
        self.like_new("vtap-a", f"--mac={GUEST}")

    def test_put_back(self):
        self.rule("allow br0 mac=lock vlan=100")
        self.create("vtap-a", f"--mac={GUEST}")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        self.assertEqual(self.repair(), {"vtap-a": f"changed by {POLICY}:1: on bridge 'br0' again"})
        self.is_access_port(100)
        self.settled()
        self.like_new("vtap-a", f"--mac={GUEST}")

    def test_learned_entries(self):
        """That of the guest's own port is taken over in its VLAN; another port's is not."""
        self.rule("allow br0 vlan=100")
        self.create("vtap-a", f"--mac={GUEST}")
        send = self.holds("vtap-a")
        self.forwards("vtap-a")
        send(0, GOOD)
        self.assertIn("vlan 100", sandbox.run("bridge", "fdb", "show", "dev", "vtap-a", "dynamic").stdout)
        self.changed("vlan=100 mac=lock", LOCKED, 100)
        self.changed("vlan=100", "no mac=lock, no port filter", 100)
        with self.grant(vnet=False) as other:
            self.forwards(other.tap()[0])
            os.write(other.fds[0], GOOD)
            self.rule("allow br0 vlan=100 mac=lock")
            self.assertIn("has that MAC at another port", self.apply(status=1, dry=False)["virt-tap policy apply"])
            self.assertFalse(self.locked())

    def locked(self):
        return netcase.link("vtap-a")["linkinfo"]["info_slave_data"]["locked"]


class WithoutADefault(VlanCase):
    """New ports are in no VLAN."""
    default_vlan = 0

    def test_moved(self):
        self.moved()


class Frames(VlanCase):
    def test_moved_under_a_flood(self):
        """What only the old rule allows crosses in the old VLAN only, and what only the new one allows in the new one."""
        foreign = portframes.ethernet(portframes.ip4(portframes.udp(1, 2)), source=portframes.FOREIGN)
        self.rule("allow br0 vlan=100")
        self.create("vtap-a", f"--mac={GUEST}")
        sandbox.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0")
        sandbox.run("ip", "link", "set", "up0", "master", "br0", "up")
        sandbox.run("ip", "link", "set", "far0", "up")
        sandbox.run("bridge", "vlan", "add", "dev", "up0", "vid", "100-200")
        self.forwards("up0")
        wire = Wire("far0")
        self.addCleanup(wire.sock.close)
        wire.sock.setblocking(False)

        def crossed():
            found = set()
            try:
                while True:
                    data, tags = wire.take()
                    found |= {(name, *tags) for name, frame in (("good", GOOD), ("forged", FORGED), ("foreign", foreign))
                              if data[:2] == frame[:2] and data.endswith(frame[14:]) and data[6:12] == frame[6:12]}
            except BlockingIOError:
                return found

        with self.flood("vtap-a", GOOD, FORGED, foreign) as sends:
            for number in range(rounds(4, 100)):
                locks = number % 2 == 0
                sends()
                self.rule("allow br0 mac=lock vlan=200" if locks else "allow br0 vlan=100")
                crossed()
                self.assertEqual(list(self.verb("policy", "apply")), ["vtap-a"])
                self.assertLessEqual(crossed(), {("good", 100), ("forged", 100), ("foreign", 100), ("good", 200)})
                sends()
                self.assertTrue(bridgehelper.await_(lambda wanted=200 if locks else 100: ("good", wanted) in crossed()))


if __name__ == "__main__":
    netcase.main()
