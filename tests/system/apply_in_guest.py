#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap policy apply and repair on a bridge that filters VLANs: access ports and trunks. Run by test_vlan.py on a kernel that can."""
import json
import os
from dataclasses import replace

import bridgehelper
import netcase
import portframes
import sandbox
from applycase import FORGED, GOOD, ApplyCase
from netcase import POLICY
from portframes import MAC_LOCK, STAG
from rounds import rounds
from test_protect import GUEST
from vlan_in_guest import Wire, tagged

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
        self.is_trunk({vlan} if vlan else (), vlan)

    def is_trunk(self, vlans, native=0):
        self.assertEqual(self.vlans(), {vlan: ["PVID", "Egress Untagged"] if vlan == native else [] for vlan in vlans})

    def uplink(self, vlans, **frames):
        """An uplink that has these VLANs tagged; returns a function that returns which of the frames came there since, with their tags."""
        sandbox.batch("ip", "link add up0 type veth peer name far0", "link set up0 master br0 up", "link set far0 up")
        sandbox.run("bridge", "vlan", "add", "dev", "up0", "vid", vlans)
        self.forwards("up0")
        wire = Wire("far0")
        self.addCleanup(wire.sock.close)
        wire.sock.setblocking(False)

        def crossed():
            found = set()
            try:
                while True:
                    data, tags = wire.take()
                    found |= {(name, *tags) for name, frame in frames.items()
                              if data[:2] == frame[:2] and data.endswith(frame[14:]) and data[6:12] == frame[6:12]}
            except BlockingIOError:
                return found
        return crossed

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
                    is_in = f"VLAN {vlan}" if vlan else "no VLAN"
                    self.changed(lock + terms, f"{is_in} instead of {before}" if before else is_in, vlan)
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


class Trunks(VlanCase):
    """From one set of VLANs to another; a port in VLANs that the rule grants is left there, since a request may have asked for these."""
    TEN = range(200, 211)

    def becomes(self, terms, says, vlans, native=0):
        """says None: it is as it is to be."""
        self.rule(f"allow br0 {terms}")
        self.assertEqual(self.apply(dry=False), {"vtap-a": f"changed by {POLICY}:1: {says}"} if says else {})
        self.is_trunk(vlans, native)
        if "mac=lock" in terms:
            entries = sandbox.run("bridge", "fdb", "show", "dev", "vtap-a").stdout.splitlines()
            sticky = {int(line.split()[line.split().index("vlan") + 1]) for line in entries
                      if line.startswith(GUEST) and {"vlan", "sticky", "static"} <= {*line.split()}}
            self.assertLessEqual(set(vlans), sticky)
            self.assertEqual(self.bound("vtap-a", replace(MAC_LOCK, vlans=frozenset(vlans) - {self.default_vlan}, untagged=native)), (True, True))
        self.settled()

    def test_moved(self):
        for lock in ("", "mac=lock "):
            with self.subTest(lock):
                self.rule(f"allow br0 {lock}")
                self.create("vtap-a", f"--mac={GUEST}")
                for terms, says, vlans, native in (
                        ("vlan=100,200-210", "VLANs 100,200-210 native=none instead of 1", {100, *self.TEN}, 0),
                        ("vlan=200-205,300 native=300", "VLANs 200-205,300 native=300 instead of 100,200-210 native=none", {*range(200, 206), 300}, 300),
                        ("vlan=205,300 native=205", "VLANs 205,300 native=205 instead of 200-205,300 native=300", {205, 300}, 205),
                        ("vlan=205", "VLAN 205 instead of 205,300 native=205", {205}, 205),
                        ("vlan=206 native=none", "VLANs 206 native=none instead of 205", {206}, 0),
                        ("vlan=" + ",".join(map(str, range(2, 30, 3))), "VLANs 2,5,8,11,14,17,20,23 +2 native=none instead of 206 native=none",
                         range(2, 30, 3), 0),
                        ("", "VLAN 1 instead of 2,5,8,11,14,17,20,23 +2 native=none", {1}, 1)):
                    self.becomes(lock + terms, f"port filter, {says}" if lock else says, vlans, native)
                    if lock:
                        self.like_new("vtap-a", f"--mac={GUEST}")
                self.delete("--name=vtap-a")

    def test_kept(self):
        rule = "vlan=100,200-210 native=100"
        for asked, vlans, native in ((("--vlan=200-205",), set(range(200, 206)), 0), (("--vlan=100",), {100}, 100),
                                     (("--vlan=100,205", "--native=205"), {100, 205}, 205), ((), {100, *self.TEN}, 100)):
            with self.subTest(asked):
                self.rule(f"allow br0 {rule}")
                self.create("vtap-a", f"--mac={GUEST}", *asked)
                self.becomes(f"{rule} mac=lock", LOCKED, vlans, native)
                self.like_new("vtap-a", f"--mac={GUEST}", *asked)
                self.becomes("vlan=100,150-300 mac=lock", None, vlans, native)
                self.becomes(rule, "no mac=lock, no port filter", vlans, native)
                self.delete("--name=vtap-a")

    def test_not_kept(self):
        """One VLAN too many is enough, and a trunk under a rule for an access port; then all is as the rule has it."""
        self.rule("allow br0 mac=lock vlan=100,200-210")
        self.create("vtap-a", f"--mac={GUEST}", "--vlan=200-205")
        self.becomes("mac=lock vlan=200-204", "port filter, VLANs 200-204 native=none instead of 200-205 native=none", range(200, 205))
        self.becomes("mac=lock vlan=200", "port filter, VLAN 200 instead of 200-204 native=none", {200}, 200)

    def test_default_vlan_as_the_native_one(self):
        self.rule("allow br0 vlan=1,100 native=1")
        self.create("vtap-a", f"--mac={GUEST}")
        self.becomes("", "VLAN 1 instead of 1,100 native=1", {1}, 1)

    def test_vlans_that_root_changed(self):
        self.rule("allow br0 mac=lock vlan=100,200-210 native=100")
        self.create("vtap-a", f"--mac={GUEST}")
        for change in ("add dev vtap-a vid 300", "add dev vtap-a vid 205 untagged", "add dev vtap-a vid 205 pvid", "add dev vtap-a vid 400 pvid untagged"):
            sandbox.run("bridge", "vlan", *change.split())
            self.assertEqual(list(self.repair()), ["vtap-a"], change)
            self.is_trunk({100, *self.TEN}, 100)
            self.settled()
        self.like_new("vtap-a", f"--mac={GUEST}")

    def test_put_back(self):
        self.rule("allow br0 mac=lock vlan=100,200-210 native=100")
        self.create("vtap-a", f"--mac={GUEST}")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        self.assertEqual(self.repair(), {"vtap-a": f"changed by {POLICY}:1: on bridge 'br0' again"})
        self.is_trunk({100, *self.TEN}, 100)
        self.settled()
        self.like_new("vtap-a", f"--mac={GUEST}")

    def test_protocol_of_the_bridge(self):
        """The filter is that of the tags which the bridge has now."""
        self.rule("allow br0 mac=lock vlan=100,200")
        self.create("vtap-a", f"--mac={GUEST}")
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_protocol", "802.1ad")
        self.assertEqual(self.repair(), {"vtap-a": f"changed by {POLICY}:1: port filter"})
        self.assertEqual(self.bound("vtap-a", replace(MAC_LOCK, vlans=frozenset({100, 200}), protocol=STAG)), (True, True))
        self.settled()


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
        crossed = self.uplink("100-200", good=GOOD, forged=FORGED, foreign=foreign)
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

    def test_from_trunk_to_trunk_under_a_flood(self):
        """What only one rule lets through never crosses in a VLAN that only the other one has, with any tag or none."""
        good, forged = ({vlan: make(vlan) for vlan in (0, 100, 200, 300)} for make in (
            lambda vlan: portframes.ethernet(portframes.ip4(portframes.udp(1, vlan))),
            lambda vlan: portframes.ethernet(portframes.ip4(portframes.udp(67, vlan)))))
        crossed = self.uplink("100-400", **{f"good{vlan}": frame for vlan, frame in good.items()}, **{f"forged{vlan}": frame for vlan, frame in forged.items()})
        rules = ("allow br0 mac=lock serve=dhcp vlan=100,200 native=100", "allow br0 mac=lock vlan=200,300 native=300")
        through = ({("good0", 100), ("good100", 100), ("good200", 200), ("forged0", 100), ("forged100", 100), ("forged200", 200)},
                   {("good0", 300), ("good200", 200), ("good300", 300)})
        self.rule(rules[0])
        self.create("vtap-a", f"--mac={GUEST}")
        frames = [tagged(frame, vlan) if vlan else frame for kind in (good, forged) for vlan, frame in kind.items()]
        with self.flood("vtap-a", *frames) as sends:
            for number in range(1, 1 + rounds(4, 100)):
                sends()
                self.rule(rules[number % 2])
                crossed()
                self.assertEqual(list(self.verb("policy", "apply")), ["vtap-a"])
                self.assertLessEqual(crossed(), through[0] | through[1])
                sends()
                self.assertTrue(bridgehelper.await_(lambda wanted=through[number % 2], seen=set(): seen.update(crossed()) or seen >= wanted))
                crossed()
                sends()
                self.assertLessEqual(crossed(), through[number % 2])


if __name__ == "__main__":
    netcase.main()
