#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Protected ports, with real frames: locked MACs, isolation, BPDU guard; and each of them refused where it is not possible."""
import fcntl
import os
import select
import socket
import struct
import time
import unittest

import bridgehelper
import netcase
import sandbox
from netcase import POLICY
from rounds import FEW
from sandbox import OTHER, USER

GUEST, NEIGHBOUR, FOREIGN = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:66"
BROADCAST, STP, LLDP = "ff:ff:ff:ff:ff:ff", "01:80:c2:00:00:00", "01:80:c2:00:00:0e"
TYPE = "88b5"  # for local experiments (IEEE 802)
SIOCSIFHWADDR = 0x8924
FRAMES = 1000


def frame(destination, source, number=0, kind=TYPE):
    return bytes.fromhex((destination + source).replace(":", "") + kind) + struct.pack("!I", number) + bytes(46)


def send(answer, destination, source, count=1):
    for number in range(count):
        os.write(answer.fds[0], frame(destination, source, number))


def received(answer, source, count, seconds=2.0):
    """How many frames of ours from that source come out of the tap, waiting until there are count, or no more for a while."""
    got, end = 0, time.monotonic() + seconds
    while got < count and (left := end - time.monotonic()) > 0:
        if select.select(answer.fds, [], [], left)[0]:
            data = os.read(answer.fds[0], 65536)
            got += data[6:12] == bytes.fromhex(source.replace(":", "")) and data[12:14] == bytes.fromhex(TYPE)
    return got


def cross(sender, receiver, destination, source):
    """How many of FRAMES frames get from one tap to another, which holds some hundreds at a time."""
    got = 0
    for _ in range(FRAMES // 100):
        send(sender, destination, source, 100)
        got += received(receiver, source, 100)
    return got


def forwarding(name):
    """Whether the bridge forwards for that port."""
    with open(f"/sys/class/net/{name}/brport/state", encoding="ascii") as file:
        return file.read() == "3\n"  # BR_STATE_FORWARDING of linux/if_bridge.h


def port(name):
    return netcase.link(name)["linkinfo"]["info_slave_data"]


class Protect(netcase.NetCase):
    def rule(self, terms, more=""):
        sandbox.write(POLICY, f"allow br0 user={USER} {terms}\nallow br0 user={OTHER}\n{more}")

    def guest(self, *options, uid=USER):
        """A tap, once the bridge forwards for it."""
        answer = self.grant(*options, uid=uid, vnet=False)
        self.assertTrue(bridgehelper.await_(lambda: forwarding(answer.tap()[0])))
        return answer

    def fdb(self, mac):
        return [line for line in sandbox.run("bridge", "fdb", "show", "br", "br0").stdout.splitlines() if line.startswith(mac)]


class MacLock(Protect):
    def test_foreign_sources_do_not_cross(self):
        self.rule("mac=lock")
        with self.guest(f"--mac={GUEST}") as locked, self.guest(uid=OTHER) as neighbour:
            for destination in (BROADCAST, NEIGHBOUR):
                send(neighbour, BROADCAST, NEIGHBOUR)
                send(locked, destination, FOREIGN, FRAMES)
                self.assertEqual(received(neighbour, FOREIGN, 1, 0.3), 0)
                self.assertEqual(cross(locked, neighbour, destination, GUEST), FRAMES)
            self.assertTrue(self.fdb(GUEST))  # where the kernel has VLANs, one in each of the port's
            self.assertTrue(all("static" in line for line in self.fdb(GUEST)))
            self.assertEqual(self.fdb(FOREIGN), [])

    def test_the_frames_are_let_through_without_the_lock(self):
        """Shows that the test above can fail."""
        self.rule("")
        with self.guest(f"--mac={GUEST}") as free, self.guest(uid=OTHER) as neighbour:
            self.assertEqual(cross(free, neighbour, BROADCAST, FOREIGN), FRAMES)

    def test_a_neighbours_place_is_not_taken(self):
        self.rule("mac=lock")
        with self.guest(uid=OTHER) as neighbour, self.guest(f"--mac={GUEST}") as locked:
            send(neighbour, BROADCAST, NEIGHBOUR)
            self.assertTrue(bridgehelper.await_(lambda: self.fdb(NEIGHBOUR)))
            before = self.fdb(NEIGHBOUR)
            send(locked, BROADCAST, NEIGHBOUR, 100)
            self.assertEqual(received(neighbour, NEIGHBOUR, 1, 0.2), 0)
            self.refuse(f"--mac={NEIGHBOUR}", says=["already has that MAC", "bridge fdb show"])
            self.refuse(f"--mac={GUEST}", says="another tap")
            self.assertEqual(self.fdb(NEIGHBOUR), before)

    def test_root_takes_a_place_that_was_learned(self):
        """Its guest may come from another host, which the bridge knows it from: a live migration. What somebody set stays his."""
        self.rule("mac=lock", "allow br0 user=root mac=lock\n")
        with self.guest(uid=OTHER) as neighbour:
            send(neighbour, BROADCAST, NEIGHBOUR)
            self.assertTrue(bridgehelper.await_(lambda: self.fdb(NEIGHBOUR)))
            with self.guest(f"--mac={NEIGHBOUR}", uid=0) as own:
                self.assertTrue(all(f"dev {own.tap()[0]} " in f"{line} " and "static" in line for line in self.fdb(NEIGHBOUR)), self.fdb(NEIGHBOUR))
                self.assertEqual(cross(own, neighbour, BROADCAST, NEIGHBOUR), FRAMES)
            sandbox.run("bridge", "fdb", "add", FOREIGN, "dev", neighbour.tap()[0], "master", "static")
            self.refuse(f"--mac={FOREIGN}", uid=0, says=["already has that MAC", "bridge fdb show"])
            self.assertIn(neighbour.tap()[0], self.fdb(FOREIGN)[0])

    def test_only_its_own_frames_reach_it(self):
        self.rule("mac=lock")
        with self.guest(f"--mac={GUEST}") as locked, self.guest(uid=OTHER) as neighbour:
            send(neighbour, FOREIGN, NEIGHBOUR, 10)  # to somebody whom the bridge does not know
            self.assertEqual(received(locked, NEIGHBOUR, 1, 0.3), 0)
            send(neighbour, GUEST, NEIGHBOUR, 10)
            self.assertEqual(received(locked, NEIGHBOUR, 10), 10)

    def test_macs_that_it_cannot_be(self):
        self.rule("mac=lock")
        self.refuse(says=[f"{POLICY}:1", "mac=lock", "--mac=MAC"])
        self.refuse("--mac=52:54:00:77:00:fe", says="'br0' has that MAC itself")
        self.refuse("--mac=01:00:5e:00:00:01", says="multicast")
        with self.guest(uid=OTHER) as neighbour:  # the host's end of a neighbour's cable
            self.refuse(f"--mac={netcase.link(neighbour.tap()[0])['address']}", says="begins with fe")
        self.rule("mac=lock macs=52:54:01")
        self.refuse(f"--mac={GUEST}", says="52:54:01")

    def test_what_a_holder_of_the_descriptor_can_still_do(self):
        """As the manual says: with a neighbour's MAC as the tap's own, the bridge keeps that neighbour's frames. It
        is the tap's place in the bridge that changes, and no frame with that source crosses all the same."""
        self.rule("mac=lock")
        with self.guest(uid=OTHER) as neighbour, self.guest(f"--mac={GUEST}") as locked:
            send(neighbour, BROADCAST, NEIGHBOUR)
            request = struct.pack("16sH6s16x", locked.tap()[0].encode(), 1, bytes.fromhex(NEIGHBOUR.replace(":", "")))
            fcntl.ioctl(locked.fds[0], SIOCSIFHWADDR, request)
            self.assertIn("permanent", self.fdb(NEIGHBOUR)[0])
            send(locked, BROADCAST, NEIGHBOUR, 100)
            self.assertEqual(received(neighbour, NEIGHBOUR, 1, 0.2), 0)

    def test_forged_link_local_frames_end_before_the_host(self):
        """They are for the bridge's next neighbour alone: without the lock the host gets them at the tap, and no other port does."""
        kind = int(TYPE, 16)  # the bridge takes what it forwards before such a socket sees it
        for terms, arrives in (("mac=lock", False), ("", True)):
            self.rule(terms)
            with self.subTest(terms), self.guest(uid=OTHER) as neighbour, self.guest(f"--mac={GUEST}") as guest, \
                    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind)) as at_tap, \
                    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind)) as at_bridge:
                at_tap.bind((guest.tap()[0], kind))
                at_bridge.bind(("br0", kind))
                at_bridge.settimeout(2)
                for source in (FOREIGN, GUEST):
                    send(guest, LLDP, source)
                    self.assertEqual(bool(select.select([at_tap], [], [], 0.2)[0]), arrives)
                    self.assertEqual(received(neighbour, source, 1, 0.2), 0)
                    if arrives:
                        self.assertEqual(at_tap.recv(64)[:12], frame(LLDP, source)[:12])
                send(guest, BROADCAST, GUEST)
                self.assertEqual(at_bridge.recv(64)[:12], frame(BROADCAST, GUEST)[:12])
                self.assertEqual(select.select([at_tap, at_bridge], [], [], 0.1)[0], [])

    def test_taps_that_stay(self):
        self.rule("mac=lock isolated=yes")
        self.create("vtap-a", f"--mac={GUEST}")
        self.assertTrue(port("vtap-a")["locked"] and port("vtap-a")["isolated"])
        self.assertFalse(port("vtap-a")["learning"] or port("vtap-a")["flood"])
        self.assertIn("static", self.fdb(GUEST)[0])
        self.delete("--name=vtap-a")
        self.assertEqual(self.fdb(GUEST), [])


class Isolated(Protect):
    def test_two_isolated_ports_exchange_nothing(self):
        sandbox.write(POLICY, "allow br0 isolated=yes\n")
        sandbox.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0")
        for name in ("up0", "far0"):
            sandbox.run("ip", "link", "set", name, "up")
        sandbox.run("ip", "link", "set", "up0", "master", "br0")
        uplink = frames_on("far0")
        with uplink, self.guest() as one, self.guest(uid=OTHER) as two:
            self.assertTrue(bridgehelper.await_(lambda: forwarding("up0")))
            send(one, BROADCAST, GUEST, 100)
            send(two, BROADCAST, NEIGHBOUR, 100)
            send(one, NEIGHBOUR, GUEST, 100)
            self.assertEqual((received(one, NEIGHBOUR, 1, 0.3), received(two, GUEST, 1, 0.3)), (0, 0))
            self.assertEqual(count(uplink, GUEST), 100)  # the broadcasts: where NEIGHBOUR is, the bridge knows
            uplink.send(frame(GUEST, FOREIGN))
            self.assertEqual(received(one, FOREIGN, 1), 1)
        sandbox.run("ip", "link", "delete", "up0")

    def test_asked_for_by_the_caller(self):
        sandbox.write(POLICY, "allow br0\n")
        self.create("vtap-a", "--isolated")
        self.create("vtap-b")
        self.assertTrue(port("vtap-a")["isolated"] and port("vtap-a")["learning"])
        self.assertFalse(port("vtap-b")["isolated"])
        self.delete("--name=vtap-a")
        self.delete("--name=vtap-b")


def frames_on(name):
    """A raw socket on an interface."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind((name, 0))
    sock.settimeout(0.5)
    return sock


def count(sock, source):
    """How many frames of ours from that source have come in."""
    found = 0
    while True:
        try:
            data, address = sock.recvfrom(65536)
        except TimeoutError:
            return found
        found += address[2] != 4 and data[6:14] == bytes.fromhex(source.replace(":", "") + TYPE)  # 4: sent by us


class Guard(Protect):
    def test_needs_stp(self):
        self.rule("guard=yes")
        self.refuse(says=[f"guard=yes of {POLICY}:1", "runs STP", "stp_state 1"])

    def test_a_bpdu_shuts_the_port(self):
        self.shuts("guard=yes")

    def test_also_of_a_locked_one(self):
        self.shuts("mac=lock guard=yes", f"--mac={GUEST}")

    def shuts(self, rule, *options):
        self.rule(rule)
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "200")
        with self.grant(*options, vnet=False) as answer:
            name = answer.tap()[0]
            self.assertTrue(port(name)["guard"])
            # a configuration BPDU of a better root (IEEE 802.1D), length and LLC first
            bpdu = bytes.fromhex("424203" "0000" "00" "00" "0000000000000001" "00000000" "0000000000000001" "8001" "0000"
                                 "1400" "0200" "0f00")
            data = bytes.fromhex((STP + GUEST).replace(":", "")) + struct.pack("!H", len(bpdu)) + bpdu
            os.write(answer.fds[0], data + bytes(60 - len(data)))
            self.assertTrue(bridgehelper.await_(lambda: port(name)["state"] == "disabled"), port(name))


class Vlan(Protect):
    def test_needs_filtering(self):
        self.rule("vlan=100")
        self.refuse(says=[f"vlan= of {POLICY}:1", "filter VLANs", "vlan_filtering 1"])

    def test_another_than_the_rules(self):
        self.rule("vlan=100")
        self.denied("create", "--bridge=br0", "--name=vtap-a", "--vlan=101", says=["--vlan=101", f"{POLICY}:1", "--vlan=100"])
        self.rule("")
        self.denied("create", "--bridge=br0", "--name=vtap-a", "--vlan=101", says=["--vlan=101", "leave --vlan out"])


class WhatTheKernelCannotDo(Protect):
    @unittest.skipUnless(os.path.exists("/usr/bin/strace"), "needs strace")
    def test_each_call_failing_leaves_nothing(self):
        """The rest of test_death.py's work, for the calls that protection adds."""
        self.rule("mac=lock isolated=yes")
        trace = sandbox.RUN + "/trace"
        strace = ["strace", "-qq", "-o", trace, "-u", sandbox.USERS[USER]]
        bridgehelper.call([*strace, self.helper], f"--mac={GUEST}").close()
        with open(trace, encoding="ascii") as file:
            sends = sum(line.startswith("sendmsg(") for line in file)
        for nth in range(1, sends, 6 if FEW else 1):
            sandbox.run("ip", "link", "set", "br0", "type", "bridge", "mcast_hash_max", "4096")  # as on a new one
            answer = bridgehelper.call([*strace, "-e", f"inject=sendmsg:error=EIO:when={nth}", self.helper], f"--mac={GUEST}")
            self.is_refusal(answer, ())
            self.assertEqual(sandbox.links(), self.before)


if __name__ == "__main__":
    netcase.main()
