#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What a guest has the host do to its frames by their vnet headers, behind the port filter, whatever these say: of what arrives, only two bytes can be
a lie, those of a checksum (docs/port-filter.md). And frames whose headers the kernel has in pieces.

Needs VIRT_TAP_HELPER and VIRT_TAP_PORTJUDGE. A seed that finds a lie is printed; VIRT_TAP_SEED=N runs it again.
"""
import fcntl
import os
import random
import struct

import netcase
import portframes
import portreference
import sandbox
from bridgehelper import IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, TUNSETIFF
from portframes import GUEST, HOPS, ICMP, ICMP6, IP6, IP_LOCK, KINDS, MAC_LOCK, OPTIONS, OTHER4, OTHER6, OWN4, OWN6, TCP, UDP, ethernet, ip4, ip6, tcp, udp
from rounds import rounds
from test_port_filter import NO_OFFLOAD, PART, Ports

TUNSETOFFLOAD, TUNSETVNETHDRSZ, IFF_NAPI = 0x400454D0, 0x400454D8, 0x10  # linux/if_tun.h
OFFLOADS = 0x7F, 0x1FF  # the second with UDP tunnels, since Linux 6.17, as is the longer header
HEADER, TUNNEL_HEADER = 10, 24
CSUM, TUNNEL4, TUNNEL6, ECN = 1, 0x20, 0x40, 0x80
FRAMES = rounds(1000, 100_000)
HEADERS = {0, 43, 60}


class Sent:
    """A packet as a receiver reads it."""

    def __init__(self, frame):
        self.link, self.addresses, self.protocol, self.begins, self.upper = frame[:14], b"", 0, True, frame[14:]
        if frame[12:14] == b"\x08\0":
            size, offset = 4 * (frame[14] & 15), int.from_bytes(frame[20:22], "big") & 0x1FFF
            self.addresses, self.protocol, self.begins, self.upper = frame[26:34], frame[23], not offset, frame[14 + size:]
        elif frame[12:14] == b"\x86\xdd":
            self.addresses, self.protocol, at = frame[22:54], frame[20], 54
            while len(frame) >= at + 8 and (self.protocol in HEADERS or (self.protocol == 44 and self.begins)):
                if self.protocol == 44:
                    self.begins, self.protocol, at = frame[at + 2:at + 4] < b"\0\x08", frame[at], at + 8
                else:
                    self.protocol, at = frame[at], at + 8 * (1 + frame[at + 1])
            self.upper = frame[at:]

    def is_of(self, other):
        """Whether it is the other one, or a part of it: has the same addresses, and where it begins with ports, these."""
        ports = min(len(self.upper), 4) if self.begins and len(self.upper) >= 8 and self.protocol in (TCP, UDP) else 0
        return (self.link, self.addresses, self.protocol, self.upper[:ports]) == (other.link, other.addresses, other.protocol, other.upper[:ports])


class Headers(Ports):
    def setUp(self):
        super().setUp()
        self.seed = os.environ.get("VIRT_TAP_SEED") or str(random.randrange(1 << 32))
        self.random = random.Random(self.seed)
        os.set_blocking(self.neighbour.fds[0], False)

    def frame(self):
        """One that may pass."""
        either, data = self.random.choice, self.random.randbytes(self.random.choice((0, 7, 8, 9, 15, 100, 1400)))
        inner = bytes(8) + ethernet(ip4(tcp(data=data), TCP, OTHER4), source=portframes.FOREIGN)  # behind VXLAN's header
        options, (protocol, upper) = b"\1" * either((0, 0, 4, 40)), either(((UDP, udp(1, 2, data)), (TCP, tcp(data=data)), (UDP, udp(4789, 4789, inner))))
        headers = either((b"", b"", portframes.extension(protocol), portframes.extension(protocol, 2)))
        echo = ip6(portframes.icmp6(128, bytes(4) + data, OWN6, OTHER6), ICMP6)
        return either((ethernet(ip4(upper, protocol, either((OWN4, "192.168.7.16")), options=options)), ethernet(ip4(upper, protocol)),
                       ethernet(ip6(headers + upper, either((HOPS, OPTIONS)) if headers else protocol), IP6), ethernet(ip6(upper, protocol), IP6),
                       ethernet(ip4(portframes.icmp(8, 0, data), ICMP)), ethernet(echo, IP6),
                       ethernet(portframes.arp(2, GUEST, OWN4) + data, portframes.ARP)))

    def header(self, size, tunnel):
        """Anything, in which mostly something makes sense; and where it has the host write a checksum, if it does."""
        either, below = self.random.choice, self.random.randrange
        places = (14, 20, 34, 38, 54, 62, 74, 84, 92, 104, 112, 124, below(min(size, 200) + 8))
        flags, kind = either((0, CSUM, CSUM, CSUM, 2, 3, 9, below(16))), either((0, 0, 1, 3, 4, 5)) | either((0, 0, 0, ECN))
        start, offset = either(places), either((0, 2, 4, 6, 6, 16, 16, 20, below(64)))
        if tunnel:
            kind |= either((0, TUNNEL4, TUNNEL6))
        header = struct.pack("=BBHHHH", flags, kind, either((0, 14, 34, 42, 54, 74, size, below(size + 1))),
                             either((0, 1, 6, 7, 8, 9, 12, 20, 100, 1000, 1448)), start, offset)
        return header + (bytes(10) + struct.pack("<HH", either(places), either(places)) if tunnel else b""), start + offset if flags & CSUM else None

    def arrived(self):
        while True:
            try:
                frame = os.read(self.neighbour.fds[0], 65536)
            except BlockingIOError:
                return
            if frame[6:12] == GUEST:
                yield frame

    def lies(self, tunnel):
        """(frame, header, what arrived) of those of which more than a checksum was changed; and how many arrived."""
        found, count = [], 0
        for _ in range(FRAMES):
            frame = self.frame()
            self.assertTrue(portreference.may_send(IP_LOCK, frame))
            header, place = self.header(len(frame), tunnel)
            try:
                os.write(self.fds[-1], header + frame)
            except OSError:  # no such header makes sense
                continue
            for got in self.arrived():
                count += 1
                as_sent = got if place is None else got[:place] + frame[place:place + 2] + got[place + 2:]
                if not any(Sent(one).is_of(Sent(frame)) for one in (got, as_sent[:len(got)])):
                    found.append((frame.hex(), header.hex(), got.hex()))
        return found, count

    def test_whatever_they_say(self):
        self.tap(IFF_VNET_HDR)
        self.replace(IP_LOCK)
        fcntl.ioctl(self.fds[-1], TUNSETOFFLOAD, OFFLOADS[0])
        found, count = self.lies(False)
        self.assertEqual(found[:3], [], f"VIRT_TAP_SEED={self.seed}")
        self.assertGreater(count, FRAMES // 10)

    def test_whatever_they_say_of_tunnels(self):
        self.tap(IFF_VNET_HDR)
        self.replace(IP_LOCK)
        fcntl.ioctl(self.fds[-1], TUNSETVNETHDRSZ, struct.pack("i", TUNNEL_HEADER))
        try:
            fcntl.ioctl(self.fds[-1], TUNSETOFFLOAD, OFFLOADS[1])
        except OSError:
            return  # this kernel knows none
        found, _count = self.lies(True)
        self.assertEqual(found[:3], [], f"VIRT_TAP_SEED={self.seed}")


class Pieces(Ports):
    """The filter reads the same where the kernel has a frame in pieces."""

    def test_headers_in_pages(self):
        """A frame of more than a page, of which the guest says that its headers end after 14 bytes."""
        for name in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables"):  # would cut off what is behind a packet
            sandbox.run("sysctl", "-q", "-e", "-w", f"net.bridge.{name}=0")
            self.addCleanup(sandbox.run, "sysctl", "-q", "-e", "-w", f"net.bridge.{name}=1")
        send = self.tap(IFF_VNET_HDR)
        for name in ("up0", "far0", self.neighbour.tap()[0], "vtap-locked", "br0"):
            sandbox.run("ip", "link", "set", name, "mtu", "9000")
        frames = [kind.frame + bytes(5000 - len(kind.frame)) for kind in KINDS if kind.frame[12:14] not in (b"\x81\0", b"\x88\xa8")]
        header = struct.pack("=BBHHHH", 0, 0, 14, 0, 0, 0)
        for binding in (MAC_LOCK, IP_LOCK):
            self.replace(binding)
            crossed = {}
            for at in range(0, len(frames), 25):  # as much as a socket holds
                crossed |= self.crossing(lambda number, frame: send(number, frame, header), frames[at:at + 25])
            self.assertEqual(crossed, {frame: 1 for frame in frames if portreference.may_send(binding, frame)})

    def test_owner_has_frames_joined(self):
        """Who holds the tap can open it with NAPI, where the kernel joins packets before the filter sees them."""
        self.tap()
        os.close(self.fds.pop())
        with netcase.bridgehelper.acting_as(sandbox.USER):
            self.fds.append(os.open("/dev/net/tun", os.O_RDWR))
            fcntl.ioctl(self.fds[-1], TUNSETIFF, struct.pack("16sH22x", b"vtap-locked", IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_VNET_HDR))
        for binding, wanted in ((MAC_LOCK, "mac_lock"), (IP_LOCK, "ip_lock")):
            self.replace(binding)
            kinds = [kind for kind in KINDS if kind.frame[12:14] not in (b"\x81\0", b"\x88\xa8")]
            self.assertLess(len(kinds), 4 * PART)
            crossed = self.crossing(lambda _number, frame: os.write(self.fds[-1], NO_OFFLOAD + frame), [kind.frame for kind in kinds])
            self.assertEqual([], [kind.name for kind in kinds if crossed[kind.frame] != getattr(kind, wanted)])


if __name__ == "__main__":
    netcase.main()
