# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Frames that a guest may send from a bound port, and frames by which it would lie: by name, with what becomes of each; and any number
of others, made up from a seed."""
import ipaddress
import random
import socket
import struct
from dataclasses import dataclass, replace

from portjudge import Binding, networks

GUEST, NEIGHBOUR, FOREIGN = (bytes.fromhex("5254000000" + last) for last in ("01", "02", "66"))
BROADCAST, NOBODY = b"\xff" * 6, bytes(6)
OWN4, OTHER4, ROUTER4 = "10.66.0.5", "10.66.0.6", "10.66.0.1"
LOCAL, OWN6, OTHER6, OTHER_LOCAL = "fe80::5054:ff:fe00:1", "2001:db8::5", "2001:db8::6", "fe80::5054:ff:fe00:2"
CTAG, STAG = 0x8100, 0x88A8  # of 802.1Q, and of the provider's outer tag (802.1ad)
NETWORKS = networks(OWN4, "192.168.7.16/28", OWN6, "2001:db8:5::/64")
MAC_LOCK = Binding(GUEST)
IP_LOCK = Binding(GUEST, True, frozenset(), NETWORKS)
VLANS = frozenset({100, *range(200, 211), 4000})
TRUNK = replace(MAC_LOCK, vlans=VLANS)
NATIVE = replace(TRUNK, untagged=100)
IP, IP6, ARP, RARP = 0x0800, 0x86DD, 0x0806, 0x8035
TCP, UDP, ICMP, IGMP, ICMP6, PIM = 6, 17, 1, 2, 58, 103
HOPS, ROUTING, FRAGMENT, OPTIONS, NO_NEXT = 0, 43, 44, 60, 59


@dataclass(frozen=True)
class Kind:
    """One frame. Where an address lies, mac=lock lets it pass and ip=lock does not."""
    name: str
    frame: bytes
    mac_lock: bool  # whether it may pass
    ip_lock: bool


def ethernet(payload, kind=IP, destination=NEIGHBOUR, source=GUEST):
    return destination + source + struct.pack("!H", kind) + payload


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def arp(operation, hardware, protocol, target_hardware=NOBODY, target=OTHER4):
    return struct.pack("!HHBBH", 1, IP, 6, 4, operation) + hardware + socket.inet_aton(protocol) + target_hardware + socket.inet_aton(target)


def udp(source, destination, data=bytes(18)):
    return struct.pack("!HHHH", source, destination, 8 + len(data), 0) + data


def tcp(source=1000, destination=2000, data=b""):
    return struct.pack("!HHIIBBHHH", source, destination, 1, 1, 0x50, 0x10, 1000, 0, 0) + data


def icmp(kind, code=0, data=bytes(28)):
    message = struct.pack("!BBHI", kind, code, 0, 0) + data
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def ip4(payload, protocol=UDP, source=OWN4, destination=OTHER4, fragment=0, options=b"", length=None):
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, length or 20 + len(options) + len(payload), 7, fragment, 64, protocol, 0)
    header += socket.inet_aton(source) + socket.inet_aton(destination) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def address6(text):
    return ipaddress.IPv6Address(text).packed


def ip6(payload, following=UDP, source=OWN6, destination=OTHER6, hops=64, length=None):
    header = struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, following, hops)
    return header + address6(source) + address6(destination) + payload


def icmp6(kind, body, source=LOCAL, destination="ff02::1", code=0):
    message = struct.pack("!BBH", kind, code, 0) + body
    pseudo = address6(source) + address6(destination) + struct.pack("!II", len(message), ICMP6)
    return message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]


def extension(following, units=0, start=b"\1\4\0\0\0\0"):
    return bytes([following, units]) + start + bytes(8 * units)


def fragment6(following, offset=0, more=False):
    return struct.pack("!BBHI", following, 0, offset << 3 | more, 99)


def link_option(kind, mac):
    return bytes([kind, 1]) + mac


JUMBO = b"\x11\0\xc2\4\0\1\0\0"  # an extension header in front of UDP (RFC 2675)
OTHERS = {"another protocol": 0x88B5, "EAPOL to the neighbour": 0x888E, "PPPoE": 0x8863, "MPLS": 0x8847}  # no IP
NONCE = b"\x0e\1abcdef"


def group(address):
    """The MAC that packets to a multicast address go to."""
    packed = ipaddress.ip_address(address).packed
    return b"\x33\x33" + packed[-4:] if len(packed) == 16 else b"\1\0\x5e" + bytes([packed[1] & 127]) + packed[2:]


def discovery(kind, body, source=LOCAL, destination="ff02::1", headers=b"", first=ICMP6):
    return ethernet(ip6(headers + icmp6(kind, body, source, destination), first, source, destination, 255), IP6, group(destination))


def solicitation(source, target, options=b""):
    return discovery(135, bytes(4) + address6(target) + options, source, f"ff02::1:ff00:{address6(target)[-1]:x}")


def advertisement(target, options=b"", source=LOCAL):
    return discovery(136, b"\x20\0\0\0" + address6(target) + options, source)


def redirect(options=b""):
    return discovery(137, bytes(4) + address6(OTHER6) * 2 + options)


def tagged(data, *tags):
    """With VLAN tags, the outermost first: (type, number)."""
    return data[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + data[12:]


def llc(destination, start, size=60):
    """An IEEE 802.3 frame: a length, then LLC."""
    data = start + bytes(max(size - 14 - len(start), 0))
    return destination + GUEST + struct.pack("!H", len(data)) + data


def _link_kinds():
    plain = ethernet(ip4(udp(1000, 8021)))
    stp, cisco = bytes.fromhex("0180c2000000"), bytes.fromhex("01000ccccccc")
    for name, frame in {
            "foreign source MAC": ethernet(ip4(udp(1000, 2000)), source=FOREIGN), "the neighbour's MAC": ethernet(ip4(udp(1, 2)), source=NEIGHBOUR),
            "multicast source MAC": ethernet(ip4(udp(1, 2)), source=b"\1" + GUEST[1:]), "broadcast source MAC": ethernet(ip4(udp(1, 2)), source=BROADCAST),
            "no source MAC": ethernet(ip4(udp(1, 2)), source=NOBODY), "BPDU": llc(stp, b"\x42\x42\x03"),
            "BPDU to another address": llc(BROADCAST, b"\x42\x42\x03"), "PVST+": llc(cisco[:5] + b"\xcd", b"\xaa\xaa\3\0\0\x0c\1\x0b"),
            "CDP": llc(cisco, b"\xaa\xaa\3\0\0\x0c\x20\0"), "ARP in SNAP": llc(BROADCAST, b"\xaa\xaa\3\0\0\0\x08\6" + arp(2, GUEST, ROUTER4)),
            "IPv4 in SNAP": llc(NEIGHBOUR, b"\xaa\xaa\3\0\0\0\x08\0" + ip4(udp(67, 68))), "IPv4 in LLC": llc(NEIGHBOUR, b"\6\6\3" + ip4(udp(67, 68))),
            "a tag in SNAP": llc(NEIGHBOUR, b"\xaa\xaa\3\0\0\0\x81\0\0\5\x08\0" + ip4(udp(1, 2))),
            "length 0": ethernet(ip4(udp(1, 2)), 0), "type 5ff": ethernet(ip4(udp(1, 2)), 0x5FF), "EAPOL": ethernet(bytes(46), 0x888E, stp[:5] + b"\3"),
            "GVRP": llc(stp[:5] + b"\x21", b"\x42\x42\x03\0\1"), "LLDP": ethernet(bytes(46), 0x88CC, stp[:5] + b"\x0e"),
            "LLDP to another address": ethernet(bytes(46), 0x88CC), "LACP": ethernet(bytes(110), 0x8809, stp[:5] + b"\2"),
            "LACP to another address": ethernet(bytes(110), 0x8809), "PAUSE": ethernet(bytes(46), 0x8808, stp[:5] + b"\1"),
            "PAUSE to another address": ethernet(bytes(46), 0x8808), "MVRP": ethernet(bytes(46), 0x88F5, stp[:5] + b"\x21"),
            "MMRP": ethernet(bytes(46), 0x88F6, stp[:5] + b"\x20"), "MSRP": ethernet(bytes(46), 0x22EA, stp[:5] + b"\x0e"),
            "IPv4 to the spanning tree": ethernet(ip4(udp(1, 2)), destination=stp), "IPv4 to Cisco's": ethernet(ip4(udp(1, 2)), destination=cisco),
            "802.1Q": tagged(plain, (0x8100, 5)), "priority tag": tagged(plain, (0x8100, 0x6000)), "802.1ad": tagged(plain, (0x88A8, 5)),
            "two tags": tagged(plain, (0x8100, 5), (0x8100, 6)), "two kinds of tags": tagged(plain, (0x88A8, 5), (0x8100, 6)),
            "tag 0x9100": tagged(plain, (0x9100, 5)), "tag cut off": tagged(plain, (0x8100, 5))[:16], "802.1ah": ethernet(bytes(60), 0x88E7),
            "no header behind the type": plain[:14]}.items():
        yield Kind(name, frame, False, False)
    for number in (0x9200, 0x9300, 0x893F, 0x88F5, 0x88F6, 0x22EA, 0x88E3, 0x8902, 0x22F3, 0x22F4):
        yield Kind(f"type {number:x} to the neighbour", ethernet(bytes(46), number), False, False)
    for name, number in OTHERS.items():
        yield Kind(name, ethernet(bytes(46), number), True, False)


def _arp_kinds():
    yield Kind("ARP request", ethernet(arp(1, GUEST, OWN4), ARP, BROADCAST), True, True)
    yield Kind("ARP reply", ethernet(arp(2, GUEST, OWN4, NEIGHBOUR), ARP), True, True)
    yield Kind("ARP probe", ethernet(arp(1, GUEST, "0.0.0.0", target=OWN4), ARP, BROADCAST), True, True)
    yield Kind("ARP probe for another's address", ethernet(arp(1, GUEST, "0.0.0.0", target=OTHER4), ARP, BROADCAST), True, False)
    yield Kind("ARP probe for no address", ethernet(arp(1, GUEST, "0.0.0.0", target="0.0.0.0"), ARP, BROADCAST), True, False)
    yield Kind("gratuitous ARP", ethernet(arp(1, GUEST, OWN4, target=OWN4), ARP, BROADCAST), True, True)
    yield Kind("ARP of its range", ethernet(arp(1, GUEST, "192.168.7.17"), ARP, BROADCAST), True, True)
    yield Kind("ARP request for another's protocol address", ethernet(arp(1, GUEST, ROUTER4), ARP, BROADCAST), True, False)
    yield Kind("ARP reply for another's protocol address", ethernet(arp(2, GUEST, ROUTER4, NEIGHBOUR), ARP), True, False)
    yield Kind("gratuitous ARP for another", ethernet(arp(2, GUEST, OTHER4, target=OTHER4), ARP, BROADCAST), True, False)
    yield Kind("ARP reply from 0.0.0.0", ethernet(arp(2, GUEST, "0.0.0.0", NEIGHBOUR), ARP), True, False)
    yield Kind("ARP request, foreign hardware address", ethernet(arp(1, FOREIGN, OWN4), ARP, BROADCAST), False, False)
    yield Kind("ARP reply, foreign hardware address", ethernet(arp(2, FOREIGN, OWN4, NEIGHBOUR), ARP), False, False)
    yield Kind("ARP reply cut off", ethernet(arp(2, GUEST, OWN4, NEIGHBOUR), ARP)[:34], False, False)
    yield Kind("ARP of another hardware type", ethernet(b"\0\6" + arp(2, GUEST, OWN4)[2:], ARP), False, False)
    yield Kind("ARP of another protocol", ethernet(arp(2, GUEST, OWN4)[:2] + b"\x86\xdd" + arp(2, GUEST, OWN4)[4:], ARP), False, False)
    yield Kind("ARP with long hardware addresses", ethernet(arp(2, GUEST, OWN4)[:4] + b"\x08\4" + arp(2, GUEST, OWN4)[6:] + bytes(4), ARP), False, False)
    yield Kind("inverse ARP", ethernet(arp(8, GUEST, OWN4, NEIGHBOUR), ARP), False, False)
    yield Kind("RARP announcement", ethernet(arp(3, GUEST, "0.0.0.0", GUEST, "0.0.0.0") + bytes(18), RARP, BROADCAST), True, True)
    yield Kind("RARP, foreign hardware address", ethernet(arp(3, FOREIGN, "0.0.0.0", FOREIGN, "0.0.0.0"), RARP, BROADCAST), False, False)
    yield Kind("RARP from another's protocol address", ethernet(arp(3, GUEST, OTHER4, GUEST), RARP, BROADCAST), True, False)
    yield Kind("RARP reply", ethernet(arp(4, GUEST, OWN4, NEIGHBOUR), RARP), False, False)


def _ip4_kinds():
    yield Kind("IPv4 UDP", ethernet(ip4(udp(1000, 2000))), True, True)
    yield Kind("IPv4 UDP from port 1281", ethernet(ip4(udp(0x0501, 0x0901))), True, True)
    yield Kind("IPv4 TCP", ethernet(ip4(tcp(), TCP)), True, True)
    yield Kind("IPv4 of its range", ethernet(ip4(udp(1, 2), source="192.168.7.31")), True, True)
    yield Kind("IPv4 of its range's first address", ethernet(ip4(udp(1, 2), source="192.168.7.16")), True, True)
    yield Kind("IPv4 before its range", ethernet(ip4(udp(1, 2), source="192.168.7.15")), True, False)
    yield Kind("IPv4 from the broadcast address", ethernet(ip4(udp(1, 2), source="255.255.255.255")), True, False)
    yield Kind("IPv4 from a group", ethernet(ip4(udp(1, 2), source="224.0.0.1")), True, False)
    yield Kind("short DHCP server", ethernet(ip4(udp(67, 68, bytes(240)), length=19)), False, False)
    yield Kind("IPv4 options", ethernet(ip4(udp(1, 2), options=b"\x94\4\0\0")), True, True)
    yield Kind("IPv4 from another", ethernet(ip4(udp(1, 2), source=OTHER4)), True, False)
    yield Kind("IPv4 beside its range", ethernet(ip4(udp(1, 2), source="192.168.7.32")), True, False)
    yield Kind("IPv4 options, from another", ethernet(ip4(udp(1, 2), source=OTHER4, options=b"\x94\4\0\0")), True, False)
    yield Kind("IPv4 from 0.0.0.0", ethernet(ip4(udp(68, 69), source="0.0.0.0", destination="255.255.255.255")), True, False)
    yield Kind("DHCP client", ethernet(ip4(udp(68, 67, bytes(240)), source="0.0.0.0", destination="255.255.255.255"), destination=BROADCAST), True, True)
    yield Kind("DHCP to one server from 0.0.0.0", ethernet(ip4(udp(68, 67, bytes(240)), source="0.0.0.0")), True, False)
    yield Kind("TCP as a DHCP client's from 0.0.0.0", ethernet(ip4(tcp(68, 67), TCP, "0.0.0.0", "255.255.255.255"), destination=BROADCAST), True, False)
    yield Kind("IPv4 from 0.0.0.5", ethernet(ip4(udp(68, 67), source="0.0.0.5", destination="255.255.255.255"), destination=BROADCAST), True, False)
    yield Kind("TCP with the ports of DHCP", ethernet(ip4(tcp(67, 68), TCP)), True, True)
    yield Kind("DHCP server", ethernet(ip4(udp(67, 68, bytes(240)))), False, False)
    yield Kind("DHCP server, other source port", ethernet(ip4(udp(999, 68, bytes(240)))), False, False)
    yield Kind("DHCP server behind options", ethernet(ip4(udp(67, 68, bytes(240)), options=b"\1" * 8)), False, False)
    yield Kind("DHCP server's first fragment", ethernet(ip4(udp(67, 68, bytes(240)), fragment=0x2000)), False, False)
    yield Kind("DHCP server behind most options", ethernet(ip4(udp(67, 68, bytes(240)), options=b"\1" * 40)), False, False)
    yield Kind("UDP-Lite with the ports of DHCP", ethernet(ip4(udp(67, 68), 136)), True, True)
    yield Kind("first fragment", ethernet(ip4(udp(1, 2, bytes(56)), fragment=0x2000)), True, True)
    yield Kind("later fragment", ethernet(ip4(bytes(40), fragment=8)), True, True)
    yield Kind("later fragment from another", ethernet(ip4(bytes(40), source=OTHER4, fragment=8)), True, False)
    yield Kind("overlapping fragment", ethernet(ip4(bytes(40), TCP, fragment=1)), False, False)
    yield Kind("tiny first fragment", ethernet(ip4(tcp()[:8], TCP, fragment=0x2000)), False, False)
    yield Kind("tiny first fragment, padded", ethernet(ip4(tcp()[:8], TCP, fragment=0x2000) + bytes(60)), False, False)
    yield Kind("first fragment cut off", ethernet(ip4(udp(1, 2, bytes(56)), fragment=0x2000))[:38], False, False)
    yield Kind("UDP header cut off", ethernet(ip4(udp(1, 2)[:4])), False, False)
    yield Kind("IPv4 header cut off", ethernet(ip4(udp(1, 2)))[:30], False, False)
    yield Kind("IPv4 header of 16 bytes", ethernet(b"\x44" + ip4(udp(1, 2))[1:]), False, False)
    yield Kind("IPv6 as IPv4", ethernet(ip6(udp(1, 2)), IP), False, False)
    yield Kind("ICMP echo", ethernet(ip4(icmp(8), ICMP)), True, True)
    yield Kind("ICMP redirect", ethernet(ip4(icmp(5, 1), ICMP)), False, False)
    yield Kind("ICMP router advertisement", ethernet(ip4(icmp(9), ICMP, destination="224.0.0.1"), destination=group("224.0.0.1")), False, False)
    for name, kind, source, passes in (("query", 0x11, OWN4, False), ("report", 0x16, OWN4, True), ("report from 0.0.0.0", 0x22, "0.0.0.0", True),
                                       ("query from 0.0.0.0", 0x11, "0.0.0.0", False), ("router advertisement", 0x30, OWN4, False),
                                       ("router's end", 0x32, OWN4, False), ("query of DVMRP", 0x13, OWN4, False)):
        yield Kind(f"IGMP {name}", ethernet(ip4(bytes([kind]) + bytes(7), IGMP, source, "224.0.0.22"), destination=group("224.0.0.22")), passes, passes)
    report = b"\x22\0\0\0\0\0\0\1\1\0\0\2\xe8\0\0\1" + bytes(8)
    yield Kind("IGMP report with sources", ethernet(ip4(report, IGMP, destination="224.0.0.22", options=b"\x94\4\0\0"), destination=group("224.0.0.22")),
               True, True)
    yield Kind("PIM", ethernet(ip4(b"\x20" + bytes(7), PIM, destination="224.0.0.13"), destination=group("224.0.0.13")), False, False)
    yield Kind("a frame in GRE", ethernet(ip4(b"\0\0\x65\x58" + ethernet(ip4(udp(67, 68)), source=FOREIGN), 47)), True, True)
    yield Kind("a frame in GRE from another", ethernet(ip4(b"\0\0\x65\x58" + ethernet(ip4(udp(1, 2))), 47, OTHER4)), True, False)
    yield Kind("a frame in VXLAN", ethernet(ip4(udp(4789, 4789, bytes(8) + ethernet(ip4(udp(67, 68)), source=FOREIGN)))), True, True)
    yield Kind("IPv6 in IPv4", ethernet(ip4(ip6(udp(1, 2), source=OTHER6), 41)), True, True)
    yield Kind("IPv6 in IPv4 from another", ethernet(ip4(ip6(udp(1, 2)), 41, OTHER4)), True, False)


def _ip6_kinds():
    def packet(payload, following=UDP, source=OWN6, destination=OTHER6):
        return ethernet(ip6(payload, following, source, destination), IP6)
    yield Kind("IPv6 UDP", packet(udp(1, 2)), True, True)
    yield Kind("IPv6 TCP", packet(tcp(), TCP), True, True)
    yield Kind("IPv6 with a traffic class and a flow label", packet(udp(1, 2))[:14] + b"\x6b\xcd\xef\x12" + packet(udp(1, 2))[18:], True, True)
    for source in ("0:1::", "0:0:0:1::", "0:0:0:0:0:1::", "::1"):
        yield Kind(f"MLD report from {source}", discovery(143, bytes(4), source, "ff02::16"), True, False)
    yield Kind("IPv6 of its range", packet(udp(1, 2), source="2001:db8:5::77"), True, True)
    yield Kind("IPv6 link-local", packet(udp(1, 2), source=LOCAL), True, True)
    yield Kind("IPv6 from another", packet(udp(1, 2), source=OTHER6), True, False)
    yield Kind("IPv6 beside its range", packet(udp(1, 2), source="2001:db8:4::77"), True, False)
    yield Kind("IPv6 from another's link-local", packet(udp(1, 2), source=OTHER_LOCAL), True, False)
    yield Kind("IPv6 from ::", packet(udp(1, 2), source="::"), True, False)
    yield Kind("IPv6 from its IPv4 address", packet(udp(1, 2), source="::ffff:10.66.0.5"), True, False)
    yield Kind("IPv6 from a group", packet(udp(1, 2), source="ff02::1"), True, False)
    yield Kind("jumbogram", ethernet(ip6(JUMBO + udp(1, 2), HOPS, length=0), IP6), False, False)
    yield Kind("jumbogram of a DHCPv6 server", ethernet(ip6(JUMBO + udp(547, 546), HOPS, LOCAL, length=0), IP6), False, False)
    yield Kind("jumbogram from another", ethernet(ip6(JUMBO + udp(1, 2), HOPS, OTHER6, length=0), IP6), False, False)
    yield Kind("short IPv6", ethernet(ip6(udp(1, 2), length=7), IP6), False, False)
    yield Kind("long DHCPv6 server", ethernet(ip6(udp(547, 546), length=65535), IP6), False, False)
    yield Kind("hop-by-hop options", packet(extension(UDP) + udp(1, 2), HOPS), True, True)
    yield Kind("hop-by-hop options, from another", packet(extension(UDP) + udp(1, 2), HOPS, OTHER6), True, False)
    yield Kind("four extension headers", packet(extension(OPTIONS) * 3 + extension(UDP) + udp(1, 2), OPTIONS), True, True)
    yield Kind("five extension headers", packet(extension(OPTIONS) * 4 + extension(UDP) + udp(1, 2), OPTIONS), False, False)
    yield Kind("extension header cut off", packet(bytes([UDP, 9]) + bytes(6), HOPS), False, False)
    yield Kind("IPv6 first fragment", packet(fragment6(UDP, more=True) + udp(1, 2, bytes(40)), FRAGMENT), True, True)
    yield Kind("IPv6 later fragment", packet(fragment6(UDP, 8) + bytes(40), FRAGMENT), True, True)
    yield Kind("IPv6 later fragment from another", packet(fragment6(UDP, 8) + bytes(40), FRAGMENT, OTHER6), True, False)
    yield Kind("IPv6 first fragment without the upper header", packet(fragment6(OPTIONS, more=True) + extension(ICMP6), FRAGMENT), False, False)
    yield Kind("the same, with a header behind the packet's end", ethernet(
        ip6(fragment6(OPTIONS, more=True) + extension(ICMP6) + icmp6(128, bytes(4)), FRAGMENT, LOCAL, "ff02::1", length=16), IP6), False, False)
    yield Kind("IPv6 header cut off", packet(udp(1, 2))[:44], False, False)
    yield Kind("IPv4 as IPv6", ethernet(ip4(udp(1, 2), length=40) + bytes(20), IP6), False, False)
    yield Kind("no next header", packet(b"", NO_NEXT), True, True)
    yield Kind("IPv4 in IPv6", packet(ip4(udp(1, 2), source=OTHER4), 4), True, True)
    yield Kind("DHCPv6 client", ethernet(ip6(udp(546, 547), source=LOCAL, destination="ff02::1:2"), IP6, group("ff02::1:2")), True, True)
    yield Kind("DHCPv6 server", packet(udp(547, 546), source=LOCAL), False, False)
    yield Kind("DHCPv6 server, other source port", packet(udp(5, 546), source=LOCAL), False, False)
    yield Kind("DHCPv6 server behind options", packet(extension(UDP) + udp(547, 546), OPTIONS, LOCAL), False, False)
    yield Kind("IPv6 PIM", packet(b"\x20" + bytes(7), PIM), False, False)
    yield Kind("ICMPv6 echo", packet(icmp6(128, bytes(20), OWN6, OTHER6), ICMP6), True, True)
    yield Kind("ICMPv6 echo from ::", packet(icmp6(128, bytes(20), "::", OTHER6), ICMP6, "::"), True, False)
    yield Kind("MLD query", discovery(130, bytes(20), headers=extension(ICMP6, start=b"\5\2\0\0\1\0"), first=HOPS), False, False)
    yield Kind("MLD report from ::", discovery(143, bytes(4), "::", "ff02::16", extension(ICMP6, start=b"\5\2\0\0\1\0"), HOPS), True, True)
    yield Kind("MLD report", discovery(131, bytes(20), LOCAL, "ff02::16", extension(ICMP6, start=b"\5\2\0\0\1\0"), HOPS), True, True)
    yield Kind("MLD report with sources", discovery(143, b"\0\0\0\1\1\0\0\2" + bytes(48), LOCAL, "ff02::16", extension(ICMP6), HOPS), True, True)
    yield Kind("multicast router advertisement", discovery(151, bytes(4), destination="ff02::6a"), False, False)
    yield Kind("multicast router's end", discovery(153, bytes(4), destination="ff02::6a"), False, False)


def _discovery_kinds():
    own, foreign, router = link_option(1, GUEST), link_option(1, FOREIGN), bytes(12)
    yield Kind("NS", solicitation(LOCAL, OTHER_LOCAL, own), True, True)
    yield Kind("NS for a free address", solicitation("::", LOCAL, NONCE), True, True)
    yield Kind("NS for another's free address", solicitation("::", OTHER_LOCAL, NONCE), True, False)
    yield Kind("NS from another", solicitation(OTHER_LOCAL, LOCAL, own), True, False)
    yield Kind("NS, foreign link-layer address", solicitation(LOCAL, OTHER_LOCAL, foreign), False, False)
    yield Kind("NS, foreign link-layer address last", solicitation(LOCAL, OTHER_LOCAL, NONCE + own + foreign), False, False)
    yield Kind("NS, long link-layer address", solicitation(LOCAL, OTHER_LOCAL, b"\1\2" + GUEST + bytes(8)), False, False)
    yield Kind("NS, option of no length", solicitation(LOCAL, OTHER_LOCAL, bytes(8)), False, False)
    yield Kind("NS, eight options", solicitation(LOCAL, OTHER_LOCAL, NONCE * 7 + own), True, True)
    yield Kind("NS, nine options", solicitation(LOCAL, OTHER_LOCAL, NONCE * 8 + own), False, False)
    yield Kind("NS, options cut off", solicitation(LOCAL, OTHER_LOCAL, own)[:-6], False, False)
    yield Kind("NA", advertisement(LOCAL, link_option(2, GUEST)), True, True)
    yield Kind("long NS for another's free address", ethernet(
        ip6(icmp6(135, bytes(4) + address6(OTHER_LOCAL), "::"), ICMP6, "::", "ff02::1:ff00:2", 255, 65535), IP6), False, False)
    yield Kind("jumbogram of an NA", ethernet(
        ip6(bytes([ICMP6]) + JUMBO[1:] + icmp6(136, bytes(4) + address6(LOCAL)), HOPS, LOCAL, "ff02::1", 255, 0), IP6), False, False)
    yield Kind("NA of another address of its own", advertisement(OWN6, link_option(2, GUEST)), True, True)
    yield Kind("NA for another", advertisement(OTHER_LOCAL, link_option(2, GUEST)), True, False)
    yield Kind("NA for another, without options", advertisement(OTHER6), True, False)
    yield Kind("NA from ::", advertisement(LOCAL, source="::"), True, False)
    yield Kind("NA, foreign link-layer address", advertisement(LOCAL, link_option(2, FOREIGN)), False, False)
    yield Kind("RS", discovery(133, bytes(4) + own, destination="ff02::2"), True, True)
    yield Kind("RS from ::", discovery(133, bytes(4), "::", "ff02::2"), True, True)
    yield Kind("RS, foreign link-layer address", discovery(133, bytes(4) + foreign, destination="ff02::2"), False, False)
    yield Kind("RA", discovery(134, router), False, False)
    yield Kind("RA behind hop-by-hop options", discovery(134, router, headers=extension(ICMP6), first=HOPS), False, False)
    yield Kind("RA behind destination options", discovery(134, router, headers=extension(ICMP6, 2), first=OPTIONS), False, False)
    yield Kind("RA behind a routing header", discovery(134, router, headers=extension(ICMP6), first=ROUTING), False, False)
    yield Kind("RA in a fragment", discovery(134, router, headers=fragment6(ICMP6), first=FRAGMENT), False, False)
    yield Kind("RA in a fragment behind options", discovery(134, router, headers=extension(FRAGMENT) + fragment6(ICMP6), first=OPTIONS), False, False)
    yield Kind("RA behind five headers", discovery(134, router, headers=extension(OPTIONS) * 4 + extension(ICMP6), first=OPTIONS), False, False)
    yield Kind("redirect", redirect(link_option(2, FOREIGN)), False, False)
    yield Kind("NS in a fragment", discovery(135, bytes(4) + address6(LOCAL), headers=fragment6(ICMP6), first=FRAGMENT), False, False)
    yield Kind("NA in a fragment", discovery(136, bytes(4) + address6(LOCAL), headers=fragment6(ICMP6, more=True), first=FRAGMENT), False, False)


KINDS = [*_link_kinds(), *_arp_kinds(), *_ip4_kinds(), *_ip6_kinds(), *_discovery_kinds()]
# What is served only with a grant: the grant, and those that pass then.
SERVED = {
    "dhcp": ["DHCP server", "DHCP server, other source port", "DHCP server behind options", "DHCP server behind most options",
             "short DHCP server", "DHCP server's first fragment"],
    "dhcpv6": ["DHCPv6 server", "DHCPv6 server, other source port", "DHCPv6 server behind options", "long DHCPv6 server"],
    "ra": ["RA", "RA behind hop-by-hop options", "RA behind destination options", "RA behind a routing header", "redirect", "ICMP redirect",
           "ICMP router advertisement"],
    "stp": ["BPDU"],
}


@dataclass(frozen=True)
class TagKind:
    """One frame. TRUNK and NATIVE differ in those without a tag."""
    name: str
    frame: bytes
    trunk: bool  # whether it may pass
    native: bool


def _tag_kinds():
    good, bad = ethernet(ip4(udp(1, 2))), ethernet(ip4(udp(67, 68)))
    yield TagKind("untagged", good, False, True)
    yield TagKind("untagged DHCP server", bad, False, False)
    for vlan in (100, 200, 205, 210, 4000):
        yield TagKind(f"VLAN {vlan}", tagged(good, (CTAG, vlan)), True, True)
        yield TagKind(f"VLAN {vlan}, DHCP server", tagged(bad, (CTAG, vlan)), False, False)
    for vlan in (1, 99, 101, 199, 211, 3999, 4001, 4094, 4095, 100 ^ 0x800, 200 + 256):
        yield TagKind(f"VLAN {vlan}, which is another's", tagged(good, (CTAG, vlan)), False, False)
    yield TagKind("with a priority", tagged(good, (CTAG, 0xE000 | 205)), True, True)
    yield TagKind("eligible to be dropped", tagged(good, (CTAG, 0x1000 | 205)), True, True)
    yield TagKind("a priority only", tagged(good, (CTAG, 0x6000)), False, False)
    yield TagKind("VLAN 0", tagged(good, (CTAG, 0)), False, False)
    yield TagKind("802.1ad", tagged(good, (STAG, 205)), False, False)
    yield TagKind("0x9100", tagged(good, (0x9100, 205)), False, False)
    for second in (CTAG, STAG, 0x9100, 0x9200, 0x9300):
        yield TagKind(f"second tag {second:x}", tagged(good, (CTAG, 205), (second, 206)), False, False)
    yield TagKind("second tag of VLAN 0", tagged(good, (CTAG, 205), (CTAG, 0)), False, False)
    yield TagKind("a priority, then a tag", tagged(good, (CTAG, 0), (CTAG, 205)), False, False)
    yield TagKind("802.1ad, then a tag", tagged(good, (STAG, 205), (CTAG, 205)), False, False)
    yield TagKind("802.1ah in a tag", tagged(ethernet(bytes(60), 0x88E7), (CTAG, 205)), False, False)
    yield TagKind("foreign source MAC in a tag", tagged(ethernet(ip4(udp(1, 2)), source=FOREIGN), (CTAG, 205)), False, False)
    yield TagKind("PVST+ in a tag", tagged(llc(bytes.fromhex("01000ccccccd"), b"\xaa\xaa\3\0\0\x0c\1\x0b"), (CTAG, 205)), False, False)
    yield TagKind("tag cut off", tagged(good, (CTAG, 205))[:19], False, False)


TAG_KINDS = [*_tag_kinds()]


class Maker:
    """Frames made up from those above and at random: addresses, headers and options put together anew, a few bytes changed, cut off."""

    def __init__(self, seed, tags=False):
        self.random = random.Random(seed)
        self.tags = tags

    def frames(self, count):
        return [self._tagged() if self.tags else self._frame() for _ in range(count)]

    def _tagged(self):
        """With up to two tags more, mostly one that VLANs has."""
        kinds, numbers = (CTAG, CTAG, CTAG, CTAG, STAG, 0x9100), (100, 200, 205, 210, 4000, 0, 1, 99, 211, 4095, self.random.randrange(4096))
        tags = [(self._either(*kinds), self._either(*numbers, *numbers[:5]) | self._either(0, 0, self.random.randrange(16) << 12))
                for _ in range(self._either(0, 1, 1, 1, 1, 1, 2))]
        frame = tagged(self._frame(), *tags)
        return frame if self.random.random() < 0.95 else frame[:self.random.randint(0, 24)]

    def _frame(self):
        pick = self.random.random()
        if pick < 0.25:
            frame = self.random.choice(KINDS).frame
        else:
            frame = self.random.choice((self._arp, self._ip4, self._ip4, self._ip6, self._ip6, self._discovery, self._discovery, self._other))()
        if self.random.random() < 0.3:
            frame = self._damaged(frame)
        return frame

    def _damaged(self, frame):
        data = bytearray(frame)
        pick = self.random.random()
        if pick < 0.6:
            for _ in range(self.random.randint(1, 3)):
                at = self.random.randrange(6, min(len(data), 100)) if len(data) > 6 else 0
                data[at] = self.random.choice((0, 1, 2, 44, 58, 60, 0xFF, self.random.randrange(256)))
        elif pick < 0.8:
            del data[self.random.randint(0, len(data)):]
        else:
            data += self.random.randbytes(self.random.randint(1, 40))
        return bytes(data)

    def _either(self, *choices):
        return self.random.choice(choices)

    def _mac(self):
        return self._either(GUEST, GUEST, GUEST, GUEST, FOREIGN)

    def _four(self):
        return self._either(OWN4, OWN4, OTHER4, "0.0.0.0", "192.168.7.16", "192.168.7.31", "192.168.7.15", "192.168.7.32", "0.0.0.5", "255.255.255.255")

    def _six(self):
        return self._either(OWN6, LOCAL, "::", OTHER6, OTHER_LOCAL, "2001:db8:5::1", "2001:db8:5:1::", "2001:db8:5:0:ffff::", "2001:db8::1:0:0:5",
                            "::1", "0:0:1::")

    def _port(self):
        return self._either(53, 67, 68, 443, 546, 547, self.random.randrange(65536))

    def _arp(self):
        packet = arp(self._either(1, 2, 3, self.random.randrange(5)), self._mac(), self._four(), self._mac(), self._four())
        return ethernet(packet, self._either(ARP, ARP, RARP), self._either(BROADCAST, NEIGHBOUR), self._mac())

    def _upper(self):
        """A protocol, and a payload for it."""
        protocol = self._either(TCP, UDP, UDP, ICMP, IGMP, PIM, NO_NEXT, 50, 51, 41, 4, self.random.randrange(256))
        if protocol == UDP:
            payload = udp(self._port(), self._port())
        elif protocol == TCP and self.random.random() < 0.8:
            payload = tcp(self._port(), self._port())
        elif protocol in (ICMP, IGMP):
            payload = bytes([self._either(5, 8, 9, 0x11, 0x12, 0x16, 0x17, 0x22, 0x30, self.random.randrange(256))]) + bytes(self.random.randint(0, 30))
        else:
            payload = self.random.randbytes(self.random.randint(0, 70))
        return protocol, payload

    def _ip4(self):
        protocol, payload = self._upper()
        fragment = self._either(0, 0, 0, 0, 0x4000, 0x2000, 1, 2, 0x2001, 0x2008, self.random.randrange(65536))
        length = self._either(None, None, None, self.random.randrange(200))
        packet = ip4(payload, protocol, self._four(), self._four(), fragment, bytes(4 * self._either(0, 0, 0, 1, 10)), length)
        return ethernet(packet, IP, self._either(NEIGHBOUR, BROADCAST), self._mac()) + bytes(self._either(0, 0, 20))

    def _headers(self, last):
        """Extension headers, and the type of the first."""
        kinds = self.random.choices((HOPS, ROUTING, OPTIONS, FRAGMENT), (3, 1, 4, 2), k=self._either(0, 0, 0, 1, 1, 2, 3, 4, 5))
        data = b""
        for kind, following in zip(kinds, [*kinds[1:], last]):
            if kind == FRAGMENT:
                header = fragment6(following, self._either(0, 0, 0, 1, 8), self._either(False, True))
                data += header[:1] + bytes([self._either(0, 0, 1, 255)]) + header[2:]  # a reserved field, no length
            else:
                data += extension(following, self._either(0, 0, 0, 1, 3))
        return data, [*kinds, last][0]

    def _ip6(self):
        protocol, payload = self._upper()
        if protocol in (ICMP, IGMP):
            protocol, kind = ICMP6, self._either(1, 128, 130, 131, 132, 137, 143, 151, 153, self.random.randrange(256))
            payload = bytes([kind]) + bytes(self.random.randint(0, 30))
        headers, first = self._headers(protocol)
        length = self._either(None, None, None, self.random.randrange(120))
        packet = ip6(headers + payload, first, self._six(), self._six(), length=length)
        return ethernet(packet, IP6, self._either(NEIGHBOUR, BROADCAST), self._mac()) + bytes(self._either(0, 0, 20))

    def _option(self):
        kind, units = self._either(1, 1, 2, 2, 3, 14, 0), self._either(1, 1, 1, 1, 1, 2, 0)
        return bytes([kind, units]) + (self._mac() + bytes(8 * max(0, units - 1)) if units else bytes(6))

    def _discovery(self):
        kind = self._either(133, 134, 135, 135, 136, 136, 137)
        fixed = {133: 4, 134: 12, 137: 36}.get(kind)
        body = bytes(fixed) if fixed else bytes(4) + address6(self._six())
        body += b"".join(self._option() for _ in range(self._either(0, 1, 1, 2, 3, 8, 9)))
        headers, first = self._headers(ICMP6) if self.random.random() < 0.3 else (b"", ICMP6)
        source = self._six()
        length = self._either(0, 0, 0, 0, self.random.randint(-12, 12))
        packet = ip6(headers + struct.pack("!BBH", kind, 0, 0) + body, first, source, hops=255, length=max(0, len(headers) + 4 + len(body) + length))
        return ethernet(packet, IP6, NEIGHBOUR, self._mac())

    def _other(self):
        kind = self._either(0x8100, 0x88A8, 0x9100, 0x88CC, 0x8808, 0x8809, 0x5FF, 0x600, 0x88F5, 0x88F6, 0x22EA, 0x893F, 0x88E7, 0x9200, 0x9300,
                            0x88E3, 0x8902, 0x22F3, 0x22F4, self.random.randrange(65536))
        destination = self._either(NEIGHBOUR, b"\1\x80\xc2\0" + self.random.randbytes(2), b"\1\0\x0c" + self.random.randbytes(3),
                                   self.random.randbytes(6))
        return ethernet(bytes(46), kind, destination, self._mac())
