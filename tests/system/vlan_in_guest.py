#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Access VLANs, with real frames, on a bridge that filters them. Run by test_vlan.py on a kernel that can."""
import json
import os
import select
import socket
import struct

import netcase
import sandbox
from bridgehelper import await_
from netcase import POLICY
from sandbox import OTHER, USER
from test_protect import BROADCAST, FOREIGN, GUEST, NEIGHBOUR, Protect, frame, frames_on, port

CTAG, STAG = 0x8100, 0x88A8  # of 802.1Q, and of the provider's outer tag (802.1ad)
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 1 << 4
QUIET = 0.2  # seconds after which nothing more is awaited; the bridge has a tap's frame in its place when write() returns


def tagged(data, *tags):
    """A frame with VLAN tags, the outermost first: numbers, or (type, number)."""
    pairs = (tag if isinstance(tag, tuple) else (CTAG, tag) for tag in tags)
    return data[:12] + b"".join(struct.pack("!HH", *pair) for pair in pairs) + data[12:]


def tags_of(data):
    """The numbers of the tags that a frame has, the outermost first."""
    found, at = [], 12
    while int.from_bytes(data[at:at + 2], "big") in (CTAG, STAG):
        found.append(int.from_bytes(data[at + 2:at + 4], "big"))
        at += 4
    return found


class Tap:
    """What a guest does with its tap."""

    def __init__(self, answer):
        self.answer, self.name = answer, answer.tap()[0]

    def fileno(self):
        return self.answer.fds[0]

    def send(self, data):
        os.write(self.fileno(), data)

    def take(self):
        """A frame that has come in, and its tags."""
        data = os.read(self.fileno(), 65536)
        return data, tags_of(data)


class Wire:
    """A raw socket on an interface; the kernel hands the outermost tag over beside the frame."""

    def __init__(self, name):
        self.sock = frames_on(name)
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.fileno, self.send = self.sock.fileno, self.sock.send

    def take(self):
        data, ancillary, _flags, address = self.sock.recvmsg(65536, 256)
        if address[2] == socket.PACKET_OUTGOING:
            return b"", []
        status, _, _, _, _, tag, _ = struct.unpack("=IIIHHHH", ancillary[0][2])
        return data, ([tag] if status & VLAN_VALID else []) + tags_of(data)


def seen(source, *places):
    """For each of these taps and wires, the tags of every frame from that source that has come in."""
    found = {place: [] for place in places}
    while ready := select.select(places, [], [], QUIET)[0]:
        for place in ready:
            data, tags = place.take()
            if data[6:12] == bytes.fromhex(source.replace(":", "")):
                found[place].append(tags)
    return list(found.values())


class Vlan(Protect):
    """br0 filters VLANs; USER's taps are in VLAN 100, OTHER's in 200; up0 is a trunk of both, its far end far0."""
    default_vlan = 1

    def setUp(self):
        super().setUp()
        self.filter(self.default_vlan)
        sandbox.write(POLICY, f"allow br0 user={USER} vlan=100\nallow br0 user={OTHER} vlan=200\n")

    def filter(self, default_vlan):
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1", "vlan_default_pvid", str(default_vlan))

    def trunk(self):
        """Returns the far end of the uplink."""
        sandbox.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0")
        self.before |= {"up0", "far0"}
        sandbox.run("ip", "link", "set", "up0", "master", "br0", "up")
        sandbox.run("ip", "link", "set", "far0", "up")
        sandbox.run("bridge", "vlan", "del", "dev", "up0", "vid", "1")
        sandbox.run("bridge", "vlan", "add", "dev", "up0", "vid", "100-200")
        return self.wire("far0")

    def wire(self, name):
        wire = Wire(name)
        self.addCleanup(wire.sock.close)
        return wire

    def tap(self, *options, uid=USER):
        """A guest's tap, once the bridge forwards for it; closed by tearDown()."""
        tap = Tap(self.guest(*options, uid=uid))
        self.taps = [*getattr(self, "taps", []), tap]
        return tap

    def tearDown(self):
        for tap in getattr(self, "taps", []):
            tap.answer.close()
        super().tearDown()

    def is_access_port(self, name, vlan):
        """It is in that VLAN, untagged both ways, and in no other."""
        said = json.loads(sandbox.run("bridge", "-json", "vlan", "show", "dev", name).stdout)
        self.assertEqual(said, [{"ifname": name, "vlans": [{"vlan": vlan, "flags": ["PVID", "Egress Untagged"]}]}])

    def entries(self, mac):
        """What the bridge knows of an address: VLAN (None: without filtering) and state of each entry."""
        said = json.loads(sandbox.run("bridge", "-json", "fdb", "show", "br", "br0").stdout)
        return {(entry.get("vlan"), entry["state"]) for entry in said if entry["mac"] == mac}


class Ports(Vlan):
    def test_access_port_whatever_new_ports_are_in(self):
        for default_vlan, vlan in ((0, 100), (1, 100), (100, 100), (1, 1), (0, 4094)):
            with self.subTest(default_vlan=default_vlan, vlan=vlan):
                self.filter(default_vlan)
                self.rule(f"vlan={vlan}")
                with self.grant() as answer:
                    self.is_access_port(answer.tap()[0], vlan)
                self.create("vtap-a", f"--vlan={vlan}", "--multi-queue")
                self.is_access_port("vtap-a", vlan)
                self.delete("--name=vtap-a")
        self.denied("create", "--bridge=br0", "--name=vtap-a", "--vlan=101", says=["--vlan=101", f"{POLICY}:1", "--vlan=4094"])

    def test_not_filtering(self):
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "0")
        self.refuse(says=[f"vlan= of {POLICY}:1", "filter VLANs", "vlan_filtering 1"])
        self.denied("create", "--bridge=br0", "--name=vtap-a", "--vlan=100", says="filter VLANs")

    def test_the_list_shows_it(self):
        cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)

        def listed():
            """Of each tap: what --json says, and the table."""
            vlans = {tap["name"]: tap["vlan"] for tap in json.loads(sandbox.run(cli, "list", "--json").stdout)}
            table = [line.split() for line in sandbox.run(cli, "list").stdout.splitlines()]
            self.assertEqual({row[0]: row[table[0].index("VLAN")] for row in table[1:]},
                             {name: str(vlan or "-") for name, vlan in vlans.items()})
            return vlans

        self.filter(1)
        self.rule("vlan=100")
        self.create("vtap-a")
        self.rule("")
        self.create("vtap-b")
        self.assertEqual(listed(), {"vtap-a": 100, "vtap-b": 1})
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "0")
        self.assertEqual(listed(), {"vtap-a": None, "vtap-b": None})
        for name in ("vtap-a", "vtap-b"):
            self.delete(f"--name={name}")

    def test_without_a_rule_for_it_the_bridge_decides(self):
        self.rule("")
        with self.grant() as answer:
            self.is_access_port(answer.tap()[0], self.default_vlan)


class Frames(Vlan):
    def setUp(self):
        super().setUp()
        self.far, self.host = self.trunk(), self.wire("br0")
        self.one, self.two, self.other = self.tap(), self.tap(), self.tap(uid=OTHER)

    def arrives(self, sender, data, source=GUEST, **expected):
        """Send a frame; it comes out with these tags where they are given, and nowhere else."""
        sender.send(data)
        places = {"one": self.one, "two": self.two, "other": self.other, "far": self.far, "host": self.host}
        others = {name: place for name, place in places.items() if place is not sender}
        got = dict(zip(others, seen(source, *others.values())))
        self.assertEqual(got, {name: [expected[name]] if name in expected else [] for name in others})

    def test_only_those_in_the_vlan_are_reached(self):
        self.arrives(self.one, frame(BROADCAST, GUEST), two=[], far=[100])
        self.arrives(self.two, frame(GUEST, NEIGHBOUR), NEIGHBOUR, one=[])
        self.arrives(self.other, frame(BROADCAST, FOREIGN), FOREIGN, far=[200])
        self.arrives(self.other, frame(GUEST, FOREIGN), FOREIGN, far=[200])  # an address of VLAN 100

    def test_what_comes_by_the_uplink(self):
        self.arrives(self.far, tagged(frame(BROADCAST, FOREIGN), 100), FOREIGN, one=[], two=[])
        self.arrives(self.far, tagged(frame(BROADCAST, FOREIGN), 200), FOREIGN, other=[])
        self.arrives(self.far, tagged(frame(BROADCAST, FOREIGN), 300), FOREIGN)
        self.arrives(self.far, frame(BROADCAST, FOREIGN), FOREIGN)

    def test_a_guests_own_tags(self):
        """They bring it into no VLAN but its own."""
        data = frame(BROADCAST, GUEST)
        self.arrives(self.one, tagged(data, 200))
        self.arrives(self.one, tagged(data, 1))
        self.arrives(self.one, tagged(data, 4094))
        self.arrives(self.one, tagged(data, 200, 100))
        self.arrives(self.one, tagged(data, 100), two=[], far=[100])
        self.arrives(self.one, tagged(data, 0), two=[], far=[100])  # a priority only
        self.arrives(self.one, tagged(data, 100, 200), two=[200], far=[100, 200])
        self.arrives(self.one, tagged(data, 0, 200), two=[200], far=[100, 200])
        self.arrives(self.one, tagged(data, (STAG, 200)), two=[200], far=[100, 200])

    def test_uplink_that_carries_the_vlan_untagged(self):
        """As the manual says: the tag behind the guest's own VLAN is the only one there, and the next switch's to judge."""
        sandbox.run("bridge", "vlan", "add", "dev", "up0", "vid", "100", "pvid", "untagged")
        self.arrives(self.one, frame(BROADCAST, GUEST), two=[], far=[])
        self.arrives(self.one, tagged(frame(BROADCAST, GUEST), 100, 200), two=[200], far=[200])


class WithOtherProtection(Vlan):
    def setUp(self):
        super().setUp()
        self.far = self.trunk()

    def test_locked_mac(self):
        sandbox.write(POLICY, f"allow br0 user={USER} vlan=100 mac=lock\nallow br0 user={OTHER} vlan=100\n")
        locked, neighbour = self.tap(f"--mac={GUEST}"), self.tap(uid=OTHER)
        self.is_access_port(locked.name, 100)
        self.assertIn((100, "static"), self.entries(GUEST))
        for destination in (BROADCAST, NEIGHBOUR):
            for tags in ((), (100,), (200,), (0,), (100, 200), ((STAG, 100),)):
                locked.send(tagged(frame(destination, FOREIGN), *tags))
        self.assertEqual(seen(FOREIGN, neighbour, self.far), [[], []])
        self.assertEqual(self.entries(FOREIGN), set())
        locked.send(tagged(frame(BROADCAST, GUEST), 200))
        locked.send(frame(BROADCAST, GUEST))
        self.assertEqual(seen(GUEST, neighbour, self.far), [[[]], [[100]]])
        self.far.send(tagged(frame(GUEST, FOREIGN), 100))
        self.far.send(tagged(frame("52:54:00:00:00:77", FOREIGN), 100))  # unknown: flooded, but not to it
        self.far.send(tagged(frame(GUEST, FOREIGN), 200))
        self.assertEqual(seen(FOREIGN, locked, neighbour), [[[]], [[]]])

    def test_address_that_is_known(self):
        """In this VLAN, or at any locked port, it is somebody's; what another VLAN has learnt does not matter."""
        sandbox.write(POLICY, f"allow br0 user={USER} vlan=100 mac=lock\nallow br0 vlan=200 mac=lock\n")
        self.far.send(tagged(frame(BROADCAST, NEIGHBOUR), 100))
        self.far.send(tagged(frame(BROADCAST, FOREIGN), 200))
        self.assertTrue(await_(lambda: self.entries(NEIGHBOUR) and self.entries(FOREIGN)))
        before = self.entries(NEIGHBOUR)
        self.refuse(f"--mac={NEIGHBOUR}", says="already has that MAC")
        self.assertEqual(self.entries(NEIGHBOUR), before)
        self.tap(f"--mac={FOREIGN}")
        self.assertLess({(100, "static"), (200, "")}, self.entries(FOREIGN))
        self.tap(f"--mac={GUEST}")
        self.refuse(f"--mac={GUEST}", uid=OTHER, says="another tap on bridge")

    def test_root_takes_an_address_that_was_learned(self):
        """As test_protect has it of bridges without VLANs; what somebody set stays his."""
        sandbox.write(POLICY, "allow br0 vlan=100 mac=lock\n")
        for mac, static in ((NEIGHBOUR, ()), (FOREIGN, ("static",))):
            self.far.send(tagged(frame(BROADCAST, mac), 100))
            self.assertTrue(await_(lambda mac=mac: self.entries(mac)))
            if static:
                sandbox.run("bridge", "fdb", "replace", mac, "dev", "up0", "master", "static", "vlan", "100")
                self.refuse(f"--mac={mac}", uid=0, says="already has that MAC")
            else:
                own = self.tap(f"--mac={mac}", uid=0)
                self.assertLessEqual({(100, "static")}, self.entries(mac))
                self.far.send(tagged(frame(mac, GUEST), 100))
                self.assertEqual(seen(GUEST, own), [[[]]])

    def test_isolated(self):
        sandbox.write(POLICY, "allow br0 vlan=100 isolated=yes mac=lock\n")
        one, two = self.tap(f"--mac={GUEST}"), self.tap(f"--mac={NEIGHBOUR}", uid=OTHER)
        for tap in (one, two):
            self.is_access_port(tap.name, 100)
            self.assertTrue(port(tap.name)["isolated"] and port(tap.name)["locked"])
        for tags in ((), (100,)):
            for destination in (BROADCAST, NEIGHBOUR):
                one.send(tagged(frame(destination, GUEST), *tags))
        self.assertEqual(seen(GUEST, two, self.far), [[], [[100]]])  # where NEIGHBOUR is, the bridge knows; mac=lock takes no tags
        two.send(frame(BROADCAST, NEIGHBOUR))
        self.assertEqual(seen(NEIGHBOUR, one, self.far), [[], [[100]]])
        self.far.send(tagged(frame(BROADCAST, FOREIGN), 100))
        self.assertEqual(seen(FOREIGN, one, two), [[[]], [[]]])


if __name__ == "__main__":
    netcase.main()
