#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap show --drops: what a tap's port filter drops, and why, seen at a real tap while the guest sends.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and VIRT_TAP_PORTJUDGE.
"""
import collections
import json
import os
import signal
import subprocess
from dataclasses import replace

import bridgehelper
import netcase
import portframes
import sandbox
from bridgehelper import IFF_MULTI_QUEUE, IFF_VNET_HDR
from netcase import POLICY
from portframes import CTAG, FOREIGN, IP_LOCK, KINDS, MAC_LOCK, NATIVE, ROUTER4, STAG, TRUNK
from portjudge import Judge
from sandbox import USER
from test_port_filter import CUT_OFF, Ports

CLI = os.environ["VIRT_TAP_CLI"]
SENT = [kind for kind in KINDS if kind.frame != CUT_OFF]
UNTIL = 60  # s; tests end it before


def reasons(binding):
    """What is said of each kind of frame that this binding drops."""
    said = {}
    with Judge() as judge:
        judge.bind(binding)
        for kind in KINDS:
            frame, tag, tag_type = kind.frame, 0, 0
            if frame[12:14] in (b"\x81\x00", b"\x88\xa8") and len(frame) >= 18:  # as the kernel captures it
                tag_type, tag = int.from_bytes(frame[12:14], "big"), int.from_bytes(frame[14:16], "big")
                frame = frame[:12] + frame[16:]
            passes, reason = judge.explain(frame, tag, tag_type)
            assert passes == (kind.ip_lock if binding.ip_lock else kind.mac_lock), kind.name
            if not passes:
                said[kind.name] = reason
    return said


class Reasons(netcase.unittest.TestCase):
    def test_words(self):
        said = reasons(IP_LOCK)
        for name, words in {
                "foreign source MAC": "from MAC 52:54:00:00:00:66, which is not its own", "BPDU": "spanning tree", "LLDP": "LLDP",
                "CDP": "an 802.3 frame to 01:00:0c:cc:cc:cc", "802.1ad": "with a tag of VLAN 5, type 0x88a8",
                "ARP reply, foreign hardware address": "ARP reply with hardware address 52:54:00:00:00:66, which is not its own",
                "ARP reply for another's protocol address": f"ARP reply for {ROUTER4}, which is not its address",
                "ARP probe for another's address": "ARP probe for 10.66.0.6, which is not its address",
                "type 8902 to the neighbour": "CFM", "multicast router's end": f"multicast router discovery from {portframes.LOCAL}",
                "DHCP server behind options": "DHCP server's message from 10.66.0.5", "IGMP query": "IGMP query from 10.66.0.5",
                "IPv4 from another": "IPv4 from 10.66.0.6, which is not its address", "ICMP redirect": "ICMP redirect from 10.66.0.5",
                "RA behind hop-by-hop options": f"router advertisement from {portframes.LOCAL}", "MLD query": f"MLD query from {portframes.LOCAL}",
                "DHCPv6 server": f"DHCPv6 server's message from {portframes.LOCAL}",
                "NA for another, without options": "neighbour advertisement for 2001:db8::6, which is not its address",
                "IPv6 from another": "IPv6 from 2001:db8::6, which is not its address", "another protocol": "a frame of type 0x88b5 to 52:54:00:00:00:02",
                "tiny first fragment": "IPv4 fragment from 10.66.0.5 without its headers, or to 10.66.0.6"}.items():
            self.assertEqual(said[name], words, name)

    def test_words_on_a_trunk(self):
        """A tag is the reason only if it is not one of the trunk's."""
        good, bad = (portframes.ethernet(portframes.ip4(portframes.udp(port, port + 1))) for port in (1, 67))
        with Judge() as judge:
            for binding, frame, tag, tag_type, words in (
                    (TRUNK, good, 205, CTAG, ""), (TRUNK, good, 0xE000 | 205, CTAG, ""), (NATIVE, good, 0, 0, ""), (NATIVE, good, 100, CTAG, ""),
                    (TRUNK, good, 0, 0, "without a tag, on a trunk without a native VLAN"), (TRUNK, bad, 205, CTAG, "DHCP server's message from 10.66.0.5"),
                    (NATIVE, bad, 0, 0, "DHCP server's message from 10.66.0.5"), (TRUNK, good, 211, CTAG, "with a tag of VLAN 211, type 0x8100"),
                    (TRUNK, good, 205, STAG, "with a tag of VLAN 205, type 0x88a8"), (TRUNK, good, 0, CTAG, "with a tag of VLAN 0, type 0x8100"),
                    (replace(TRUNK, protocol=STAG), good, 205, CTAG, "with a tag of VLAN 205, type 0x8100"),
                    (replace(TRUNK, protocol=STAG), bad, 205, STAG, "DHCP server's message from 10.66.0.5"),
                    (TRUNK, portframes.tagged(good, (CTAG, 206)), 205, CTAG, "a second VLAN tag"),
                    (replace(MAC_LOCK, vlans=frozenset({205}), untagged=205), good, 205, CTAG, "with a tag of VLAN 205, type 0x8100")):
                judge.bind(binding)
                passes, reason = judge.explain(frame, tag, tag_type)
                self.assertEqual((passes, words and reason), (not words, words))

    def test_a_frame_cut_off_anywhere(self):
        """Never more is read than there is (the suite with sanitizers sees it), and something is said of each."""
        with Judge() as judge:
            judge.bind(IP_LOCK)
            for kind in KINDS[::3]:
                for size in range(len(kind.frame)):
                    self.assertTrue(judge.explain(kind.frame[:size])[1], (kind.name, size))


class Drops(Ports):
    def looking(self, *options, tap="vtap-locked"):
        """show --drops, once it captures: it has its socket when the kernel lists one for the tap."""
        process = subprocess.Popen([CLI, "show", f"--drops={tap}", f"--for={UNTIL}s", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)

        def captures():
            with open("/proc/net/packet", encoding="ascii") as file:
                return any(line.split()[3:5] == ["0003", str(sandbox.ifindex(tap))] for line in file.readlines()[1:])
        self.assertTrue(bridgehelper.await_(captures))
        return process

    def ended(self, process):
        """What it printed, once it was told to end as by Ctrl-C."""
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, err), (0, ""))
        return out

    def judged(self, flags):
        send = self.tap(flags)
        process = self.looking("--json")
        for number, kind in enumerate(SENT):
            send(number, kind.frame)
        self.seen()
        said = json.loads(self.ended(process))
        expected = collections.Counter(reason for name, reason in reasons(MAC_LOCK).items() if name != "tag cut off")
        self.assertEqual({kind["reason"]: kind["count"] for kind in said["kinds"]}, expected)
        self.assertEqual([said[key] for key in ("tap", "frames", "dropped", "missed")], ["vtap-locked", len(SENT), sum(expected.values()), 0])
        self.assertEqual(said["dropped"], self.state()[2], "as the kernel counts")
        self.assertEqual([kind["count"] for kind in said["kinds"]], sorted((kind["count"] for kind in said["kinds"]), reverse=True))

    def test_each_kind(self):
        self.judged(0)

    def test_two_queues_with_vnet_headers(self):
        self.judged(IFF_VNET_HDR | IFF_MULTI_QUEUE)

    def test_in_words(self):
        send = self.tap()
        process = self.looking()
        for kind in KINDS:
            if kind.name in ("ARP request", "RA", "foreign source MAC"):
                send(0, kind.frame)
        send(0, next(kind.frame for kind in KINDS if kind.name == "RA"))
        os.write(self.neighbour.fds[0], portframes.ethernet(bytes(46), 0x88B5, portframes.BROADCAST, portframes.NEIGHBOUR))  # to the guest: not counted
        self.seen()
        mac = ":".join(f"{byte:02x}" for byte in FOREIGN)
        self.assertEqual(self.ended(process), "vtap-locked: 4 frames from its guest, of which its port filter drops 3.\n"
                         f"       2  router advertisement from {portframes.LOCAL}\n       1  from MAC {mac}, which is not its own\n")

    def test_the_time_ends_it(self):
        self.tap()
        done = sandbox.run(CLI, "show", "--drops=vtap-locked", "--for=50ms")
        self.assertEqual(done.stdout, "vtap-locked: 0 frames from its guest, of which its port filter drops 0.\n")

    def test_a_tap_that_goes_down_and_away(self):
        send = self.tap()
        process = self.looking("--json")
        forged = next(kind.frame for kind in KINDS if kind.name == "RA")
        send(0, forged)
        self.seen()
        sandbox.run("ip", "link", "set", "vtap-locked", "down")
        sandbox.run("ip", "link", "set", "vtap-locked", "up")
        netcase.bridgehelper.await_(lambda: "forwarding" in sandbox.run("bridge", "link", "show", "dev", "vtap-locked").stdout)
        send(0, forged)
        self.seen()
        sandbox.run("ip", "link", "delete", "vtap-locked")
        self.assertEqual(json.loads(self.ended(process))["dropped"], 2)

    def test_many_kinds(self):
        """Of one reason each: those beyond a number are not told apart, and none is lost."""
        send = self.tap()
        process = self.looking("--json")
        for number in range(500):
            send(0, portframes.ethernet(bytes(46), source=b"\x52\x54\x00\x01" + number.to_bytes(2, "big")))
            if number % 100 == 0:
                self.seen()
        self.seen()
        said = json.loads(self.ended(process))
        self.assertEqual((said["dropped"], said["kinds"][0]), (500, {"count": 300, "reason": "other kinds"}))


class Refused(Ports):
    def refused(self, *words, status=1, uid=0):
        done = sandbox.run(self.command, "show", *words, check=False, uid=uid)
        self.assertEqual((done.returncode, done.stdout.count("\n")), (status, 1), done.stdout)
        return done.stdout

    def setUp(self):
        super().setUp()
        self.command = sandbox.install(CLI, caps=None)  # where users, too, may run it, with the program beside it
        sandbox.install(f"{CLI}-bridge", caps=None)

    def test_refusals(self):
        sandbox.write(POLICY, f"allow br0 user={USER}\n")
        self.create("vtap-plain")
        self.assertIn("'vtap-plain' has no port filter: only taps of virt-tap under mac=lock have", self.refused("--drops=vtap-plain"))
        self.assertIn("'br0' has no port filter", self.refused("--drops", "br0"))
        self.assertIn("there is no interface 'vtap-none'", self.refused("--drops=vtap-none"))
        self.assertIn("requires root: use sudo", self.refused("--drops=vtap-plain", uid=USER))
        self.assertIn("--for is how long --drops=TAP looks, which is missing", self.refused("--for=5s", status=2))
        self.assertIn("leave BRIDGE out", self.refused("br0", "--drops=vtap-plain", status=2))
        self.assertIn("leave --dot out", self.refused("--dot", "--drops=vtap-plain", status=2))
        self.assertIn("is not a time", self.refused("--for=5h", "--drops=vtap-plain", status=2))

    def test_filters_that_are_not_ours(self):
        self.tap()
        sandbox.run(*"tc filter replace dev vtap-locked ingress protocol all pref 1 handle 1 bpf bytecode".split(), "2,135 0 0 0,6 0 0 4294967295")  # TXA
        sandbox.run(CLI, "show", "--drops=vtap-locked", "--for=50ms")
        sandbox.run("tc", "filter", "del", "dev", "vtap-locked", "ingress", "pref", "2")
        self.assertIn("its port filter is gone or changed", self.refused("--drops=vtap-locked"))

    def test_a_program_that_is_not_ours(self):
        send = self.tap()
        # divides A by 3
        sandbox.run(*"tc filter replace dev vtap-locked ingress protocol all pref 1 handle 1 bpf bytecode".split(), "2,52 0 0 3,6 0 0 4294967295")
        process = Drops.looking(self)
        send(0, portframes.ethernet(bytes(46)))
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out), (1, ""))
        self.assertIn("its port filter is not one that virt-tap makes", err)


if __name__ == "__main__":
    netcase.main()
