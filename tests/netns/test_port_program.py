#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The port filter's program, run by the kernel: what becomes of each kind of frame, and of many frames made up, as the reference has it.

Needs VIRT_TAP_PORTJUDGE (tests/lib/portjudge.c, built). A seed that finds a difference is printed; VIRT_TAP_SEED=N runs it again.
"""
import ipaddress
import os
import random
import unittest
from dataclasses import replace

import needed
import egressframes
import portreference
from portframes import (CTAG, GUEST, IP6, IP_LOCK, KINDS, MAC_LOCK, NATIVE, NETWORKS, OTHERS, SERVED, STAG, TAG_KINDS, TRUNK, VLANS, Maker, advertisement,
                        ethernet, ip4, ip6, link_option, tagged, udp)
from portjudge import Binding, Judge, networks
from rounds import rounds

FRAMES, PART = rounds(100_000, 10_000_000), 12_500
# A socket shows tags in the frame, and not in its metadata, where the kernel puts the outermost one: see Tags.
BINDINGS = [
    MAC_LOCK, IP_LOCK, replace(MAC_LOCK, serve=frozenset(SERVED)), replace(IP_LOCK, serve=frozenset(SERVED)), Binding(GUEST, True),
    replace(IP_LOCK, networks=networks("10.66.0.5", *(f"10.66.1.{n}" for n in range(31)), "2001:db8::5", *(f"2001:db8::1:{n:x}:0:5" for n in range(31)))),
    replace(IP_LOCK, networks=networks("0.0.0.0/0", "::/0")), replace(IP_LOCK, networks=networks("10.64.0.0/11", "2001:db8::/33", "fe80::/64")),
]


class Program(unittest.TestCase):
    def setUp(self):
        self.judge = self.enterContext(Judge())

    def test_each_kind(self):
        for binding, wanted in ((MAC_LOCK, "mac_lock"), (IP_LOCK, "ip_lock")):
            self.judge.bind(binding)
            verdicts = self.judge.passes([kind.frame for kind in KINDS])
            self.assertEqual([], [(kind.name, passes) for kind, passes in zip(KINDS, verdicts) if passes != getattr(kind, wanted)], wanted)
            self.assertEqual([], [kind.name for kind in KINDS if portreference.may_send(binding, kind.frame) != getattr(kind, wanted)], wanted)

    def test_kinds_are_many_and_differ(self):
        self.assertEqual(len({kind.name for kind in KINDS}), len(KINDS))
        self.assertEqual(len({kind.frame for kind in KINDS}), len(KINDS))
        self.assertGreater(len([kind for kind in KINDS if not kind.ip_lock]), 80)

    def test_what_is_served(self):
        by_name = {kind.name: kind for kind in KINDS}
        for binding in (MAC_LOCK, IP_LOCK):
            for service, names in SERVED.items():
                self.judge.bind(replace(binding, serve=frozenset({service})))
                verdicts = self.judge.passes([kind.frame for kind in KINDS])
                more = {kind.name for kind, passes in zip(KINDS, verdicts) if passes and not (kind.ip_lock if binding.ip_lock else kind.mac_lock)}
                self.assertEqual(more, {name for name in names if name in by_name}, (service, binding.ip_lock))

    def test_made_up_frames(self):
        seed = int(os.environ.get("VIRT_TAP_SEED") or random.randrange(1 << 32))
        for number, binding in enumerate(BINDINGS):
            self.judge.bind(binding)
            for part in range(FRAMES // len(BINDINGS) // PART):
                frames = Maker(f"{seed} {number} {part}").frames(PART)
                verdicts = self.judge.passes(frames)
                differ = [frame.hex() for frame, passes in zip(frames, verdicts) if passes != portreference.may_send(binding, frame)]
                self.assertEqual(differ[:3], [], f"VIRT_TAP_SEED={seed}, binding {number}: the program and the reference differ")
                self.assertTrue(0.02 < sum(verdicts) / PART < 0.9, "too few on one side of the line")

    def test_destinations(self):
        """egress=: each kind of destination; without the list all pass."""
        for bound, free in ((egressframes.BOUND, MAC_LOCK), (egressframes.LOCKED, IP_LOCK)):
            frames = [sent.frame for sent in egressframes.FRAMES]
            self.judge.bind(free)
            self.assertEqual([], [sent.name for sent, passes in zip(egressframes.FRAMES, self.judge.passes(frames)) if not passes])
            self.judge.bind(bound)
            self.assertEqual([], [(sent.name, passes) for sent, passes in zip(egressframes.FRAMES, self.judge.passes(frames)) if passes != sent.passes])
            self.assertEqual([], [sent.name for sent in egressframes.FRAMES if portreference.may_send(bound, sent.frame) != sent.passes])
        self.judge.bind(MAC_LOCK)
        self.assertEqual(self.judge.passes([egressframes.OTHER_PROTOCOL]), [True])
        self.judge.bind(egressframes.BOUND)
        self.assertEqual(self.judge.passes([egressframes.OTHER_PROTOCOL]), [False])

    def test_destinations_take_nothing_back(self):
        """What is dropped without a list of destinations is dropped with one that allows all."""
        for binding, wanted in ((MAC_LOCK, "mac_lock"), (IP_LOCK, "ip_lock")):
            self.judge.bind(replace(binding, egress="+all"))
            verdicts = self.judge.passes([kind.frame for kind in KINDS])
            differ = [kind.name for kind, passes in zip(KINDS, verdicts) if passes != getattr(kind, wanted)]
            self.assertEqual(differ, [] if binding.ip_lock else list(OTHERS))

    def test_made_up_destinations(self):
        seed = int(os.environ.get("VIRT_TAP_SEED") or random.randrange(1 << 32))
        lists = rounds(40, 4000)
        for number in range(lists):
            choose = random.Random(f"{seed} {number}")
            binding = replace(choose.choice(BINDINGS), egress=egressframes.made_up(choose), host=egressframes.made_up_host(choose))
            self.assertGreater(self.judge.bind(binding), 0)
            frames = Maker(f"{seed} {number} egress").frames(2500)
            differ = [frame.hex() for frame, passes in zip(frames, self.judge.passes(frames)) if passes != portreference.may_send(binding, frame)]
            self.assertEqual(differ[:3], [], f"VIRT_TAP_SEED={seed}, list {number}, {binding.egress}: the program and the reference differ")

    def test_one_changed_byte_of_an_address(self):
        """Of every address that a permitted frame claims, every byte."""
        self.judge.bind(IP_LOCK)
        places = {"ARP reply": [*range(6, 12), *range(22, 32)], "IPv4 UDP": [*range(6, 12), *range(26, 30)],
                  "IPv6 UDP": [*range(6, 12), *range(22, 38)], "NA": [*range(22, 38), *range(62, 78), *range(80, 86)]}
        for kind in KINDS:
            frames = [kind.frame[:at] + bytes([kind.frame[at] ^ bit]) + kind.frame[at + 1:] for at in places.get(kind.name, []) for bit in (1, 128)]
            self.assertEqual(self.judge.passes(frames), [False] * len(frames), kind.name)

    def test_addresses_with_words_in_common(self):
        """Networks that are compared at once, since they differ in one word only, and others between them."""
        seed = int(os.environ.get("VIRT_TAP_SEED") or random.randrange(1 << 32))
        for number in range(rounds(60, 3000)):
            choose = random.Random(f"{seed} {number}")
            fours = [f"10.{choose.choice('06')}.0.{last}" for last in range(6)]
            sixes = [f"{top}:{second}:0:0:{third}:0:{last}" for top in ("2001:db8", "fd00:1") for second in "01" for third in "01" for last in "567"]
            own = [f"{choose.choice(fours)}/{choose.choice((32, 32, 31, 16))}" for _ in range(choose.randrange(5))]
            own += [f"{choose.choice(sixes)}/{choose.choice((128, 128, 128, 127, 96, 64, 48, 33))}" for _ in range(choose.randrange(8))]
            choose.shuffle(own)
            binding = replace(IP_LOCK, networks=tuple(ipaddress.ip_network(one, strict=False) for one in own))
            frames = [ethernet(ip4(udp(1, 2), source=one)) for one in fours] + [ethernet(ip6(udp(1, 2), source=one), IP6) for one in sixes]
            frames += [advertisement(one, link_option(2, GUEST)) for one in sixes]
            self.judge.bind(binding)
            verdicts = [portreference.may_send(binding, frame) for frame in frames]
            self.assertEqual(self.judge.passes(frames), verdicts, f"VIRT_TAP_SEED={seed}, {number}: {own}")

    def test_every_length(self):
        """Cut off anywhere, a forged frame never becomes one that passes."""
        for binding in (MAC_LOCK, IP_LOCK):
            self.judge.bind(binding)
            frames = [kind.frame[:size] for kind in KINDS if kind.frame[6:12] == GUEST for size in range(min(len(kind.frame), 120))]
            self.assertEqual(self.judge.passes(frames), [portreference.may_send(binding, frame) for frame in frames])


class Tags(unittest.TestCase):
    """Ports in several VLANs. The frames go through a tap, where the kernel has taken the outermost tag out of them."""
    FRAMES, PART = rounds(30_000, 3_000_000), 2500
    BINDINGS = [
        MAC_LOCK, replace(MAC_LOCK, vlans=frozenset({205}), untagged=205), TRUNK, NATIVE, replace(TRUNK, vlans=frozenset({205})),
        replace(IP_LOCK, vlans=VLANS), replace(IP_LOCK, vlans=VLANS, untagged=205), replace(TRUNK, serve=frozenset(SERVED)),
        replace(NATIVE, serve=frozenset(SERVED)), replace(NATIVE, protocol=STAG), replace(TRUNK, vlans=frozenset(range(1, 4095))),
        replace(NATIVE, vlans=frozenset(range(2, 129, 2)) | {100}), replace(NATIVE, egress=egressframes.EGRESS, host=egressframes.HOST),
        replace(IP_LOCK, vlans=VLANS, egress=egressframes.EGRESS, host=egressframes.HOST),
    ]

    def setUp(self):
        self.judge = self.enterContext(Judge())
        self.judge.go_through_a_tap()

    def verdicts(self, binding, frames):
        self.judge.bind(binding)
        verdicts = self.judge.passes(frames)
        self.assertEqual(verdicts, [portreference.may_send(binding, frame) for frame in frames])
        return verdicts

    def test_each_kind(self):
        for binding, wanted in ((TRUNK, "trunk"), (NATIVE, "native")):
            verdicts = self.verdicts(binding, [kind.frame for kind in TAG_KINDS])
            self.assertEqual([], [(kind.name, passes) for kind, passes in zip(TAG_KINDS, verdicts) if passes != getattr(kind, wanted)], wanted)

    def test_no_tag_passes_elsewhere(self):
        frames = [kind.frame for kind in TAG_KINDS if kind.frame[12:14] in (b"\x81\0", b"\x88\xa8")]
        for binding in (MAC_LOCK, IP_LOCK, replace(MAC_LOCK, vlans=frozenset({205}), untagged=205)):
            self.assertFalse(any(self.verdicts(binding, frames)))

    def test_in_a_tag_each_kind_is_what_it_is_without(self):
        for binding, wanted in ((TRUNK, "mac_lock"), (replace(IP_LOCK, vlans=VLANS), "ip_lock")):
            verdicts = self.verdicts(binding, [tagged(kind.frame, (0x8100, 205)) for kind in KINDS])
            self.assertEqual([], [kind.name for kind, passes in zip(KINDS, verdicts) if passes != getattr(kind, wanted)], wanted)

    def test_in_a_tag_each_destination_is_what_it_is_without(self):
        for bound in (egressframes.BOUND, egressframes.LOCKED):
            verdicts = self.verdicts(replace(bound, vlans=VLANS), [tagged(sent.frame, (CTAG, 205)) for sent in egressframes.FRAMES])
            self.assertEqual([], [(sent.name, passes) for sent, passes in zip(egressframes.FRAMES, verdicts) if passes != sent.passes])
            other = self.verdicts(replace(bound, vlans=VLANS), [tagged(sent.frame, (CTAG, 206 + 5)) for sent in egressframes.FRAMES])
            self.assertFalse(any(other), "in another's VLAN")
        self.assertEqual(self.verdicts(replace(egressframes.BOUND, vlans=VLANS), [tagged(egressframes.OTHER_PROTOCOL, (CTAG, 205))]), [False])

    def test_made_up_destinations(self):
        seed = int(os.environ.get("VIRT_TAP_SEED") or random.randrange(1 << 32))
        for number in range(rounds(10, 1000)):
            choose = random.Random(f"{seed} {number}")
            binding = replace(choose.choice((TRUNK, NATIVE, replace(IP_LOCK, vlans=VLANS))), egress=egressframes.made_up(choose),
                              host=egressframes.made_up_host(choose))
            self.assertGreater(self.judge.bind(binding), 0)
            frames = Maker(f"{seed} {number} egress in tags", tags=True).frames(self.PART)
            differ = [frame.hex() for frame, passes in zip(frames, self.judge.passes(frames)) if passes != portreference.may_send(binding, frame)]
            self.assertEqual(differ[:3], [], f"VIRT_TAP_SEED={seed}, list {number}, {binding.egress}: the program and the reference differ")

    def test_protocol_of_the_bridge(self):
        verdicts = self.verdicts(replace(TRUNK, protocol=STAG), [kind.frame for kind in TAG_KINDS])
        self.assertEqual([kind.name for kind, passes in zip(TAG_KINDS, verdicts) if passes], ["802.1ad"])

    def test_spanning_tree_is_untagged(self):
        bpdu = next(kind.frame for kind in KINDS if kind.name == "BPDU")
        for binding in (TRUNK, NATIVE):
            self.assertEqual(self.verdicts(replace(binding, serve=frozenset({"stp"})), [bpdu, tagged(bpdu, (0x8100, 205))]), [True, False])

    def test_every_vlan(self):
        plain = next(kind.frame for kind in KINDS if kind.name == "IPv4 UDP")
        for vlans in (VLANS, frozenset({1}), frozenset({4094}), frozenset(range(1, 4095)), frozenset(range(2, 129, 2)), frozenset({1, 2, 4, 5, 7})):
            verdicts = self.verdicts(replace(TRUNK, vlans=vlans), [tagged(plain, (0x8100, vlan)) for vlan in range(4096)])
            self.assertEqual({vlan for vlan, passes in enumerate(verdicts) if passes}, vlans)

    def test_made_up_frames(self):
        seed = int(os.environ.get("VIRT_TAP_SEED") or random.randrange(1 << 32))
        for number, binding in enumerate(self.BINDINGS):
            self.judge.bind(binding)
            for part in range(self.FRAMES // len(self.BINDINGS) // self.PART):
                frames = Maker(f"{seed} tags {number} {part}", tags=True).frames(self.PART)
                differ = [frame.hex() for frame, passes in zip(frames, self.judge.passes(frames)) if passes != portreference.may_send(binding, frame)]
                self.assertEqual(differ[:3], [], f"VIRT_TAP_SEED={seed}, binding {number}: the program and the reference differ")


class Size(unittest.TestCase):
    def test_vlans(self):
        """One instruction for a single VLAN, two for a range; and where the end is far away, a jump for many."""
        with Judge() as judge:
            plain = judge.bind(MAC_LOCK)
            for vlans, more in (({100}, 6), ({100, 200}, 7), (range(200, 211), 7), ({100, *range(200, 211)}, 8),
                                ({vlan for vlan in range(1, 193) if vlan % 3}, 6 + 64 * 2 - 1)):
                self.assertEqual(judge.bind(replace(TRUNK, vlans=frozenset(vlans))) - plain, more, vlans)

    def test_limits(self):
        many = networks(*(f"10.{n // 256}.{n % 256}.1" for n in range(3000)))
        six = networks(*(f"2001:db8:{n:x}::1" for n in range(64)))
        with Judge() as judge:
            for binding, limit in ((MAC_LOCK, 430), (IP_LOCK, 540), (replace(IP_LOCK, networks=six), 1600),
                                   (replace(IP_LOCK, networks=networks(*(f"2001:db8:0:{n:x}::/97" for n in range(64)))), 1700)):
                length = judge.bind(binding)
                self.assertTrue(0 < length <= limit, length)
            self.assertEqual(judge.bind(replace(IP_LOCK, networks=many)), 0)
            self.assertGreater(judge.bind(replace(IP_LOCK, networks=NETWORKS)), 0)


if __name__ == "__main__":
    needed.main()
