#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The port filter at real taps: what a guest under mac=lock sends reaches a neighbour, the uplink and the host, or none of them; and what
the filter survives. Under ip=lock the same, once the filter of a tap that is up was replaced.

Needs VIRT_TAP_HELPER and VIRT_TAP_PORTJUDGE (tests/lib/portjudge.c, built).
"""
import collections
import fcntl
import os
import select
import struct
from dataclasses import replace

import nathost
import netcase
import portframes
import sandbox
from bridgehelper import IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUNSETIFF, acting_as
from portframes import IP_LOCK, KINDS, MAC_LOCK
from portjudge import PROGRAM, Judge, networks
from rounds import rounds
from sandbox import OTHER, USER
from test_protect import GUEST, Protect, frames_on

NO_OFFLOAD = bytes(10)  # a struct virtio_net_hdr
HOST = bytes.fromhex("5254007700fe")  # br0's own MAC
QUIET = 0.1  # seconds after which nothing more is awaited; the bridge has a tap's frame in its place when write() returns
FORGED = rounds(50, 1250)  # times each of these; by three kinds of taps and two bindings a million
CUT_OFF = next(kind.frame for kind in KINDS if kind.name == "tag cut off")  # the kernel drops it before the filter
# What dockerd makes, bridged frames included, and an administrator's answer to it, which lets all bridged frames pass.
DOCKER = ["sysctl -q -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1", *(
    f"{iptables} -w {words}" for iptables in ("iptables-nft", "ip6tables-nft") for words in (
        "-P FORWARD DROP", "-N DOCKER-USER", "-N DOCKER-FORWARD", "-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-FORWARD",
        "-t nat -A POSTROUTING -o eth0 -j MASQUERADE", "-t raw -A PREROUTING -i vtap-locked -j ACCEPT",
        "-A DOCKER-USER -m physdev --physdev-is-bridged -j ACCEPT"))]
PART = 100  # frames that every queue on the way holds


def queue(name, flags):
    """A descriptor of a tap that is there."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | flags))
    return fd


class Ports(Protect):
    """br0 with a guest under mac=lock, a plain neighbour, and up0, of which far0 is the far end."""
    TERMS = ""  # of both rules

    def setUp(self):
        for family in ("all", "default"):
            sandbox.run("sysctl", "-q", "-w", f"net.ipv6.conf.{family}.disable_ipv6=1")
            self.addCleanup(sandbox.run, "sysctl", "-q", "-w", f"net.ipv6.conf.{family}.disable_ipv6=0")
        super().setUp()
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "0")
        sandbox.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0")
        self.before |= {"up0", "far0"}
        sandbox.run("ip", "link", "set", "up0", "master", "br0", "up")
        sandbox.run("ip", "link", "set", "far0", "up")
        sandbox.write(netcase.POLICY, f"allow br0 user={USER} mac=lock {self.TERMS}\nallow br0 user={OTHER} {self.TERMS}\n")
        self.prepare()
        self.fds = []
        self.far, self.host = (frames_on(name) for name in ("far0", "br0"))
        self.neighbour = self.guest(uid=OTHER)
        self.fds.append(self.neighbour.fds[0])

    def prepare(self):
        """What else is set up before there are taps."""

    def tearDown(self):
        self.far.close()
        self.host.close()
        for fd in self.fds:
            os.close(fd)
        self.neighbour.fds = []
        for name in sandbox.links() - self.before:
            sandbox.run("ip", "link", "delete", name)
        super().tearDown()

    def tap(self, flags=0):
        """A locked guest's tap, and the function that sends by it."""
        self.create("vtap-locked", f"--mac={GUEST}", *(["--vnet-hdr"] if flags & IFF_VNET_HDR else []),
                    *(["--multi-queue"] if flags & IFF_MULTI_QUEUE else []))
        queues = [queue("vtap-locked", flags) for _ in range(2 if flags & IFF_MULTI_QUEUE else 1)]
        self.fds += queues
        self.assertTrue(netcase.bridgehelper.await_(lambda: netcase.link("vtap-locked")["linkinfo"]["info_slave_data"]["state"] == "forwarding"))
        self.ifindex = sandbox.ifindex("vtap-locked")

        def send(number, frame, header=NO_OFFLOAD):
            os.write(queues[number % len(queues)], (header if flags & IFF_VNET_HDR else b"") + frame)
        return send

    def seen(self):
        """All that has come in at the neighbour, at the far end, and at the host."""
        places = {self.neighbour.fds[0]: [], self.far.fileno(): [], self.host.fileno(): []}
        while ready := select.select(list(places), [], [], QUIET)[0]:
            for fd in ready:
                places[fd].append(os.read(fd, 65536))
        return [[frame for frame in frames if frame[6:12] != HOST] for frames in places.values()]

    def crossing(self, send, frames):
        """Send them; returns what crosses to the neighbour and to the far end, which is the same, and nothing else to the host."""
        crossed = collections.Counter()
        for at in range(0, len(frames), PART):
            for number, frame in enumerate(frames[at:at + PART]):
                send(number, frame)
            neighbour, far, host = self.seen()
            self.assertEqual(collections.Counter(neighbour), collections.Counter(far))
            self.assertEqual(set(host) - set(far), set())
            crossed.update(neighbour)
        return crossed

    def all_kinds(self, send, wanted):
        """Each kind: those that may pass cross, the others do not, however often. Returns how many were dropped."""
        crossed = self.crossing(send, [kind.frame for kind in KINDS])
        self.assertEqual([], [kind.name for kind in KINDS if crossed.pop(kind.frame, 0) != getattr(kind, wanted)])
        self.assertEqual(crossed, {}, "changed on the way")
        forged = [kind.frame for kind in KINDS if not getattr(kind, wanted)]
        for number in range(FORGED * len(forged)):
            send(number, forged[number % len(forged)])
        self.assertEqual(self.seen(), [[], [], []])
        return (1 + FORGED) * len([frame for frame in forged if frame != CUT_OFF])

    def replace(self, binding):
        with Judge() as judge:
            judge.bind(binding)
            self.assertEqual(judge.attach(self.ifindex), "")

    def state(self, binding=MAC_LOCK, ifindex=None):
        """What an ordinary user reads of the filter."""
        with Judge(sandbox.install(PROGRAM, caps=None), uid=OTHER) as judge:
            judge.bind(binding)
            return judge.read(ifindex or self.ifindex)


class Judged(Ports):
    def judged(self, flags):
        send = self.tap(flags)
        dropped = self.all_kinds(send, "mac_lock")
        self.replace(IP_LOCK)
        dropped += self.all_kinds(send, "ip_lock")
        self.assertEqual(self.state(IP_LOCK), (True, True, dropped))


class Kinds(Judged):
    def test_plain(self):
        self.judged(0)

    def test_vnet_hdr(self):
        self.judged(IFF_VNET_HDR)

    def test_two_queues(self):
        self.judged(IFF_MULTI_QUEUE)

    def test_without_the_filter(self):
        """Shows that the tests above can fail: the bridge alone stops neither these nor any forged address."""
        send = self.tap()
        sandbox.run("tc", "qdisc", "del", "dev", "vtap-locked", "clsact")
        self.assertEqual(self.state(), (False, False, 0))
        lies = [kind for kind in KINDS if kind.name.split()[0] in ("DHCP", "DHCPv6", "RA", "redirect", "ARP", "NA", "IGMP", "MLD", "PVST+", "CDP")]
        self.assertEqual(self.crossing(send, [kind.frame for kind in lies]), {kind.frame: 1 for kind in lies})


class Offloads(Ports):
    """What the guest has the host do to its frames after the filter."""

    @staticmethod
    def header(flags=1, gso=0, length=0, size=0, start=0, offset=0):
        return struct.pack("=BBHHHH", flags, gso, length, size, start, offset)

    def test_segmentation(self):
        send = self.tap(IFF_VNET_HDR)
        self.replace(IP_LOCK)
        for source, segments in ((portframes.OWN4, 30), (portframes.OTHER4, 0)):
            send(0, portframes.ethernet(portframes.ip4(portframes.tcp(data=bytes(30000)), portframes.TCP, source)),
                 self.header(gso=1, length=54, size=1000, start=34, offset=16))
            neighbour, far, _host = self.seen()
            self.assertEqual(len(neighbour), segments)
            self.assertEqual(sum(len(frame) - 54 for frame in far), 30000 if segments else 0)

    @staticmethod
    def rewritten(frame, place, value):
        """A frame in which the host puts the checksum of all from byte 20 on at that place, and what it becomes: its last bytes settle the sum."""
        tail = struct.pack("!H", portframes.checksum(frame[20:-2] + struct.pack("!H", value)))
        return frame[:-2] + tail, frame[:place] + struct.pack("!H", value) + frame[place + 2:-2] + tail

    def is_rewritten(self, send, frame, place, value):
        """Sent with that value at that place a frame is dropped, and has it all the same when it arrives."""
        frame, becomes = self.rewritten(frame, place, value)
        send(0, becomes)
        self.assertEqual(self.seen()[0], [])
        send(0, frame, self.header(start=20, offset=place - 20))
        self.assertEqual(self.seen()[0], [becomes])

    def test_checksum_written_after_the_filter(self):
        """What remains, as docs/port-filter.md says: with vnet headers the host writes a checksum wherever the guest says, after the filter."""
        send = self.tap(IFF_VNET_HDR)
        own = portframes.arp(2, portframes.GUEST, "192.168.7.16", portframes.NEIGHBOUR) + bytes(18)
        for name, binding, frame, place, value in (
                ("a source port becomes a DHCP server's", MAC_LOCK, portframes.ethernet(portframes.ip4(portframes.udp(0, 999, bytes(20)))), 34, 67),
                ("an address becomes another's", IP_LOCK, portframes.ethernet(portframes.ip4(portframes.udp(1, 2), source="192.168.7.16")), 28, 0x0720),
                ("also in ARP", IP_LOCK, portframes.ethernet(own, portframes.ARP), 30, 0x0720)):
            with self.subTest(name):
                self.replace(binding)
                self.is_rewritten(send, frame, place, value)

    def test_holder_opens_the_tap_again_with_vnet_headers(self):
        """A tap that was made without them stays so only for a guest: whoever owns it opens it as he likes. The filter is there in either case."""
        self.tap()
        os.close(self.fds.pop())
        with acting_as(USER):
            self.fds.append(queue("vtap-locked", IFF_VNET_HDR))

        def send(_number, frame, header=NO_OFFLOAD):
            os.write(self.fds[-1], header + frame)
        self.assertEqual(self.state()[:2], (True, True))
        self.is_rewritten(send, portframes.ethernet(portframes.ip4(portframes.udp(0, 999, bytes(20)))), 34, 67)


class Survives(Ports):
    def still_there(self, send, *good):
        """The filter is, and works."""
        self.assertEqual(self.state()[:2], (True, True))
        frames = [next(kind.frame for kind in KINDS if kind.name == name) for name in (*good, "RA", "DHCP server")]
        self.assertEqual(self.crossing(send, frames), {frame: 1 for frame in frames[:len(good)]})

    def test_what_others_do(self):
        send = self.tap()
        for commands in (["nft flush ruleset"], DOCKER, ["nft flush ruleset"], ["ip link set vtap-locked down", "ip link set vtap-locked up"],
                         ["ip link set vtap-locked down", "ip link set vtap-locked name vtap-other", "ip link set vtap-other up"],
                         ["ip link set vtap-other address 52:54:00:00:00:77"],
                         ["ip link add br1 type bridge mcast_snooping 0 forward_delay 0", "ip link set br1 up", "ip link set vtap-other master br1",
                          "ip link set up0 master br1", f"ip link set {self.neighbour.tap()[0]} master br1"],
                         ["ip link delete br1", "ip link add br1 type bridge mcast_snooping 0 forward_delay 0", "ip link set br1 up",
                          "ip link set vtap-other master br1", "ip link set up0 master br1", f"ip link set {self.neighbour.tap()[0]} master br1"]):
            for command in commands:
                sandbox.run(*command.split())
            netcase.bridgehelper.await_(lambda: "forwarding" in sandbox.run("bridge", "link", "show", "dev", self.neighbour.tap()[0]).stdout)
            with self.subTest(commands):
                self.still_there(send, "ARP request", "IPv4 UDP", "IPv6 UDP")

    def test_firewalld(self):
        """A real one, which judges bridged IP as well where br_netfilter is on, starts, reloads, puts the port into its zones, and loses its rules."""
        send = self.tap()
        nathost.firewalld(self)
        for command in ("firewall-cmd --zone=trusted --change-interface=vtap-locked", "firewall-cmd --reload", "firewall-cmd --complete-reload",
                        "firewall-cmd --set-default-zone=drop", "firewall-cmd --set-default-zone=trusted"):
            sandbox.run(*command.split())
            with self.subTest(command):
                self.still_there(send, "ARP request")
        sandbox.run("nft", "flush", "ruleset")
        self.still_there(send, "ARP request", "IPv4 UDP", "IPv6 UDP")

    def test_in_another_namespace_it_is_gone(self):
        self.tap()
        sandbox.run("ip", "netns", "add", "other")
        self.addCleanup(sandbox.run, "ip", "netns", "delete", "other")
        self.assertEqual(self.state()[:2], (True, True))
        sandbox.run("ip", "link", "set", "vtap-locked", "netns", "other")
        sandbox.run("ip", "-n", "other", "link", "set", "vtap-locked", "netns", "1")
        self.assertEqual(self.state(ifindex=sandbox.ifindex("vtap-locked")), (False, False, 0))

    def test_replaced_under_a_flood(self):
        """At no moment between two programs does a frame pass that neither lets through."""
        send = self.tap()
        forged = next(kind.frame for kind in KINDS if kind.name == "RA")
        with Judge() as judge:
            for number in range(rounds(50, 1000)):
                judge.process.stdin.flush()
                judge.bind(IP_LOCK if number % 2 else MAC_LOCK)
                judge.process.stdin.write(b"A" + struct.pack("=I", self.ifindex) + b"E")
                judge.process.stdin.flush()
                for _ in range(20):
                    send(0, forged)
                self.assertEqual(judge.process.stdout.readline(), b"1 \n")
        self.assertEqual(self.seen()[0], [])


class Read(Ports):
    """What the filter is compared with when it was attached, and what shows when it is asked about."""

    def test_what_is_read(self):
        self.tap()
        self.assertEqual(self.state(MAC_LOCK)[:2], (True, True))
        self.assertEqual(self.state(IP_LOCK)[:2], (True, False))
        self.replace(IP_LOCK)
        self.assertEqual(self.state(IP_LOCK)[:2], (True, True))
        longest = replace(IP_LOCK, networks=networks(*(f"2001:db8:{n:x}::1" for n in range(64))))
        self.replace(longest)
        self.assertEqual(self.state(longest)[:2], (True, True))
        self.assertEqual(self.state(ifindex=sandbox.ifindex("br0")), (False, False, 0))

    def test_what_others_added_or_took(self):
        add = "tc filter add dev vtap-locked ingress protocol all"
        everything = ["bytecode", "1,6 0 0 4294967295"]
        for change in ([*add.split(), "pref", "3", "bpf", *everything], [*add.split(), "pref", "1", "handle", "2", "bpf", *everything],
                       [*add.split(), "pref", "1", "chain", "5", "bpf", *everything], "tc filter del dev vtap-locked ingress pref 2".split(),
                       "tc filter del dev vtap-locked ingress pref 1".split(),
                       [*"tc filter replace dev vtap-locked ingress protocol all pref 2 handle 1 bpf".split(), *everything],
                       [*"tc filter replace dev vtap-locked ingress protocol ip pref 3 bpf".split(), *everything]):
            with self.subTest(change):
                self.tap()
                sandbox.run(*change)
                self.assertEqual(self.state()[:2], (False, False))
                os.close(self.fds.pop())
                self.delete("--name=vtap-locked")

    def test_attaching_finds_another_filter(self):
        self.tap()
        sandbox.run("tc", "filter", "add", "dev", "vtap-locked", "ingress", "protocol", "all", "pref", "1", "handle", "9", "bpf",
                    "bytecode", "1,6 0 0 4294967295")
        with Judge() as judge:
            judge.bind(MAC_LOCK)
            self.assertIn("tc filter show", judge.attach(self.ifindex))

    def test_too_many_addresses(self):
        self.tap()
        with Judge() as judge:
            judge.bind(replace(IP_LOCK, networks=networks(*(f"10.{n // 256}.{n % 256}.1" for n in range(3000)))))
            why = judge.attach(self.ifindex)
        self.assertIn("more than the kernel's 4096 instructions; use fewer addresses", why)
        self.assertEqual(self.state()[:2], (True, True), "the one before is still there")


if __name__ == "__main__":
    netcase.main()
