#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Access VLANs and trunks, with real frames, on a bridge that filters them. Run by test_vlan.py on a kernel that can."""
import fcntl
import json
import os
import re
import select
import shutil
import socket
import struct

import hookhost
import netcase
import sandbox
from bridgehelper import IFF_NO_PI, IFF_TAP, TUNSETIFF, await_
from hookcase import domain
from netcase import POLICY
from sandbox import OTHER, USER
from test_protect import BROADCAST, FOREIGN, GUEST, NEIGHBOUR, Protect, forwarding, frame, frames_on, port

CTAG, STAG = 0x8100, 0x88A8  # of 802.1Q, and of the provider's outer tag (802.1ad)
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 1 << 4
TRUNK = {100, *range(200, 211)}
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


class Opened(Tap):
    """A tap that stays, opened by name."""

    def __init__(self, name):
        self.name, self.fd = name, os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))

    def fileno(self):
        return self.fd


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
        sandbox.batch("ip", "link add up0 type veth peer name far0", "link set up0 master br0 up", "link set far0 up")
        self.before |= {"up0", "far0"}
        sandbox.batch("bridge", "vlan del dev up0 vid 1", "vlan add dev up0 vid 100-200")
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

    def is_port(self, name, vlans, untagged):
        """It is in these VLANs and in no other, untagged both ways in one (0: none), tagged both ways in the others."""
        said, = json.loads(sandbox.run("bridge", "-json", "vlan", "show", "dev", name).stdout)
        found = {vlan: entry.get("flags", []) for entry in said["vlans"] for vlan in range(entry["vlan"], entry.get("vlanEnd", entry["vlan"]) + 1)}
        self.assertEqual(found, {vlan: ["PVID", "Egress Untagged"] if vlan == untagged else [] for vlan in vlans})

    def is_access_port(self, name, vlan):
        self.is_port(name, {vlan}, vlan)

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
            taps = json.loads(sandbox.run(cli, "list", "--json").stdout)
            vlans = {tap["name"]: tap["vlan"] for tap in taps}
            self.assertFalse(any(tap["tagged"] for tap in taps))
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


class Trunks(Vlan):
    def test_ports(self):
        for default_vlan in (0, 1, 100, 205):
            self.filter(default_vlan)
            for terms, vlans, untagged in (("vlan=100,200-210", TRUNK, 0), ("vlan=100,200-210 native=100", TRUNK, 100),
                                           ("vlan=200-210,100 native=205", TRUNK, 205), ("vlan=100 native=none", {100}, 0),
                                           ("vlan=100 native=100", {100}, 100), ("vlan=1-3,4094", {1, 2, 3, 4094}, 0)):
                with self.subTest(terms, default_vlan=default_vlan):
                    self.rule(terms)
                    with self.grant() as answer:
                        self.is_port(answer.tap()[0], vlans, untagged)

    def test_requests(self):
        self.rule("vlan=100,200-210 native=100")
        for words, vlans, untagged in (([], TRUNK, 100), (["--vlan=200"], {200}, 200), (["--vlan=200-205"], set(range(200, 206)), 0),
                                       (["--vlan=100,205", "--native=205"], {100, 205}, 205), (["--vlan=205", "--native=none"], {205}, 0),
                                       (["--vlan=100,200-210", "--native=none", "--multi-queue"], TRUNK, 0)):
            with self.subTest(words):
                self.create("vtap-a", *words)
                self.is_port("vtap-a", vlans, untagged)
                self.delete("--name=vtap-a")
        for words in (["--vlan=101"], ["--vlan=100-200"], ["--vlan=200-211", "--native=200"]):
            self.denied("create", "--bridge=br0", "--name=vtap-a", *words, says=[words[0], f"{POLICY}:1", "vlan=100,200-210"])
        self.rule("vlan=100")
        for words in (["--vlan=100", "--native=none"], ["--vlan=100,200"], ["--vlan=100-101", "--native=100"]):
            self.denied("create", "--bridge=br0", "--name=vtap-a", *words, says=[*words, f"{POLICY}:1 grants only VLAN 100, untagged"])

    def test_not_filtering(self):
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "0")
        self.rule("vlan=100,200-210 native=100")
        self.refuse(says=[f"vlan= of {POLICY}:1", "filter VLANs", "vlan_filtering 1"])

    def test_every_vlan(self):
        """Of the uplink, and of a guest, each of whose VLANs has an entry for its MAC."""
        self.trunk()
        sandbox.run("bridge", "vlan", "add", "dev", "up0", "vid", "2-4094")
        with self.grant() as answer:
            self.is_access_port(answer.tap()[0], 100)
        self.rule("vlan=1-4094 native=1 mac=lock")
        with self.grant(f"--mac={GUEST}") as answer:
            self.is_port(answer.tap()[0], set(range(1, 4095)), 1)
            self.assertEqual({vlan for vlan, state in self.entries(GUEST) if state == "static"} - {None}, set(range(1, 4095)))

    def test_list_and_show(self):
        cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        self.rule("vlan=100,200-210,300 native=100")
        self.create("vtap-a")
        self.create("vtap-b", "--vlan=200-205")
        taps = json.loads(sandbox.run(cli, "list", "--json").stdout)
        self.assertEqual([(tap["vlan"], tap["tagged"]) for tap in taps], [(100, ["200-210", "300"]), (None, ["200-205"])])
        table = sandbox.run(cli, "list").stdout
        self.assertIn(" 100, tagged 200-210,300 ", table)
        self.assertIn(" tagged 200-205 ", table)
        tree = sandbox.run(os.environ["VIRT_TAP_CLI"], "show").stdout
        self.assertRegex(tree, r"vtap-a +tap of [^\n]+ vlan 100, tagged 200-210,300\n")
        self.assertRegex(tree, r"vtap-b +tap of [^\n]+ vlan tagged 200-205\n")
        many = ",".join(str(vlan) for vlan in range(2, 42, 2))
        self.rule(f"vlan={many}")
        self.create("vtap-c")
        self.assertIn(" tagged 2,4,6,8,10,12,14,16 +12 ", sandbox.run(cli, "list").stdout)
        for name in "abc":
            self.delete(f"--name=vtap-{name}")


class Hooks(Vlan):
    """What a domain's metadata says of its VLANs."""

    def hook(self, operation, vlans):
        text = domain(("vtap-web-a", "br0", vlans))
        return hookhost.call(self.qemu, ["web", operation, "end" if operation == "release" else "begin", "-"], text)

    def test_taps_of_a_domain(self):
        helper = re.search(r"helper=(/\S+)", sandbox.run(self.helper, "--help").stdout)[1]
        self.qemu = f"{os.path.dirname(helper)}/virt-tap/hooks/qemu"
        os.makedirs(os.path.dirname(self.qemu))
        shutil.copy(self.helper, helper)
        shutil.copy(os.environ["VIRT_TAP_HOOKS"] + "/qemu", self.qemu)
        sandbox.write(POLICY, "allow br0 vlan=100,200-210 native=100\n")
        for vlans, members, untagged in (("", TRUNK, 100), (" vlan='200'", {200}, 200), (" vlan='200' native='none'", {200}, 0),
                                         (" vlan='100,200-202' native='201'", {100, 200, 201, 202}, 201), (" vlan='100,200-210' native='none'", TRUNK, 0)):
            with self.subTest(vlans):
                self.assertEqual(self.hook("prepare", vlans), (0, "", ""))
                self.is_port("vtap-web-a", members, untagged)
                self.assertEqual(self.hook("release", vlans), (0, "", ""))
        status, _out, said = self.hook("prepare", " vlan='100,211' native='none'")
        self.assertEqual(status, 1)
        self.assertIn(f"--vlan=100,211: {POLICY}:1 grants only VLANs in vlan=100,200-210", said)


class TrunkFrames(Vlan):
    """USER's guest has a trunk, OTHER's are in VLAN 100 and in 200."""

    def setUp(self):
        super().setUp()
        self.far, self.host, self.opened = self.trunk(), self.wire("br0"), []

    def tearDown(self):
        for tap in self.opened:
            os.close(tap.fileno())
            self.delete(f"--name={tap.name}", uid=OTHER)
        super().tearDown()

    def guests(self, terms, *options):
        sandbox.write(POLICY, f"allow br0 user={USER} {terms}\nallow br0 user={OTHER} vlan=100,200\n")
        self.guest_tap = self.tap(*options)
        for vlan in (100, 200):
            self.create(f"vtap-{vlan}", f"--vlan={vlan}", uid=OTHER)
            self.opened.append(Opened(f"vtap-{vlan}"))
        self.assertTrue(await_(lambda: all(forwarding(tap.name) for tap in self.opened)))
        self.one, self.two = self.opened

    def arrives(self, sender, data, source=GUEST, **expected):
        """Send a frame; it comes out with these tags where they are given, and nowhere else."""
        sender.send(data)
        places = {"guest": self.guest_tap, "one": self.one, "two": self.two, "far": self.far, "host": self.host}
        others = {name: place for name, place in places.items() if place is not sender}
        got = dict(zip(others, seen(source, *others.values())))
        self.assertEqual(got, {name: [expected[name]] if name in expected else [] for name in others})

    def what_tags_do(self, native):
        data = frame(BROADCAST, GUEST)
        self.arrives(self.guest_tap, data, **({"one": [], "far": [100]} if native else {}))
        self.arrives(self.guest_tap, tagged(data, 100), one=[], far=[100])
        self.arrives(self.guest_tap, tagged(data, 200), two=[], far=[200])
        for vlan in (99, 101, 199, 1, 4095):
            self.arrives(self.guest_tap, tagged(data, vlan))
        back = frame(BROADCAST, FOREIGN)
        self.arrives(self.far, tagged(back, 100), FOREIGN, one=[], guest=[] if native else [100])
        self.arrives(self.far, tagged(back, 200), FOREIGN, two=[], guest=[200])
        self.arrives(self.far, tagged(back, 199), FOREIGN)
        self.arrives(self.far, back, FOREIGN)

    def test_by_the_bridge_alone(self):
        """As the manual says: without the filter a second tag stays, and the native VLAN takes what the bridge does not know as a tag."""
        data = frame(BROADCAST, GUEST)
        self.guests("vlan=100,200-210 native=100")
        self.what_tags_do(True)
        self.arrives(self.guest_tap, tagged(data, 0), one=[], far=[100])
        self.arrives(self.guest_tap, tagged(data, 200, 100), two=[100], far=[200, 100])
        self.arrives(self.guest_tap, tagged(data, (STAG, 200)), one=[200], far=[100, 200])

    def test_by_the_bridge_alone_without_native(self):
        data = frame(BROADCAST, GUEST)
        self.guests("vlan=100,200-210")
        self.what_tags_do(False)
        for tags in ((0,), (0, 200), ((STAG, 200),)):
            self.arrives(self.guest_tap, tagged(data, *tags))

    def locked(self, native):
        data = frame(BROADCAST, GUEST)
        self.guests(f"vlan=100,200-210 native={'100' if native else 'none'} mac=lock", f"--mac={GUEST}")
        self.what_tags_do(native)
        for tags in ((0,), (0, 200), (200, 100), (200, 0), ((STAG, 200),), ((STAG, 200), 200), (200, (0x9100, 5))):
            self.arrives(self.guest_tap, tagged(data, *tags))
        self.assertEqual({entry for entry in self.entries(GUEST) if entry[0]}, {(vlan, "static") for vlan in TRUNK})
        for tags in ((), (100,), (200,)):
            self.arrives(self.guest_tap, tagged(frame(BROADCAST, FOREIGN), *tags), FOREIGN)

    def test_locked_mac(self):
        self.locked(True)

    def test_locked_mac_without_native(self):
        self.locked(False)

    def test_tags_of_the_provider(self):
        """A bridge that filters by 802.1ad: the filter takes that tag, and no other."""
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_protocol", "802.1ad")
        self.guests("vlan=100,200-210 native=100 mac=lock", f"--mac={GUEST}")
        data = frame(BROADCAST, GUEST)
        self.arrives(self.guest_tap, tagged(data, (STAG, 200)), two=[], far=[200])
        self.arrives(self.guest_tap, data, one=[], far=[100])
        self.arrives(self.guest_tap, tagged(data, 200))
        self.arrives(self.guest_tap, tagged(data, (STAG, 200), 100))

    def test_spanning_tree_guard(self):
        """Untagged on a trunk without native VLAN: the bridge sees it, and shuts the port."""
        sandbox.write(POLICY, f"allow br0 user={USER} vlan=100,200 mac=lock guard=yes\n")
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "200")
        with self.grant(f"--mac={GUEST}", vnet=False) as answer:
            bpdu = bytes.fromhex("424203" "0000" "00" "00" "0000000000000001" "00000000" "0000000000000001" "8001" "0000" "1400" "0200" "0f00")
            data = bytes.fromhex(("01:80:c2:00:00:00" + GUEST).replace(":", "")) + struct.pack("!H", len(bpdu)) + bpdu
            os.write(answer.fds[0], data + bytes(60 - len(data)))
            self.assertTrue(await_(lambda: port(answer.tap()[0])["state"] == "disabled"))


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
