# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Frames to various destinations, with what egress= says of each; and lists of destinations made up at random."""
from dataclasses import replace

import portframes
from portframes import (ARP, BROADCAST, FRAGMENT, GUEST, HOPS, ICMP, ICMP6, IGMP, IP6, IP_LOCK, LOCAL, MAC_LOCK, NO_NEXT, OPTIONS, OTHER_LOCAL, OWN4, OWN6,
                        ROUTER4, ROUTING, TCP, UDP, address6, arp, ethernet, extension, fragment6, group, icmp, icmp6, ip4, ip6, tcp, udp)
from portjudge import networks

ANYWHERE4, ANYWHERE6 = "192.0.2.9", "2001:db8:9::9"
HOST = networks("10.66.0.2", "127.0.0.0/8", "198.51.100.2", "2001:db8:8::2", "fe80::2", "::1")
EGRESS = ("+10.66.0.1:53/udp,+10.66.1.0/24:443/tcp,+10.66.2.0/24:80,+10.66.3.0/24/udp,+[2001:db8:0:1::/64]:443/tcp,+[fd00::53]:53/udp,-host,-private,"
          "-linklocal,-192.0.2.128/25:25,-192.0.2.64/26,-2001:db8:a::/48,-[2001:db8:b::/48]/udp,+all")
BOUND = replace(MAC_LOCK, egress=EGRESS, host=HOST)
LOCKED = replace(IP_LOCK, egress=EGRESS, host=HOST)


class Sent:
    """One frame: its name, and whether egress= lets it pass; under mac=lock and under ip=lock alike, without it it passes."""

    def __init__(self, name, frame, passes):
        self.name, self.frame, self.passes = name, frame, passes


def four(to, payload=None, protocol=UDP, **more):
    return ethernet(ip4(udp(1000, 2000) if payload is None else payload, protocol, destination=to, **more))


def six(to, payload=None, protocol=UDP, source=OWN6):
    return ethernet(ip6(udp(1000, 2000) if payload is None else payload, protocol, source, to), IP6)


def unicast(kind, body, to):
    """A message of neighbour discovery to one address."""
    return ethernet(ip6(icmp6(kind, body, LOCAL, to), ICMP6, LOCAL, to, 255), IP6)


def _four():
    for to, passes in ((ANYWHERE4, True), ("192.0.2.63", True), ("192.0.2.64", False), ("192.0.2.127", False), ("192.0.2.128", True),
                       ("10.66.0.2", False), ("198.51.100.2", False), ("198.51.100.3", True), ("127.0.0.1", False), ("127.9.9.9", False),
                       ("10.0.0.0", False), ("10.255.255.255", False), ("9.255.255.255", True), ("11.0.0.0", True), ("172.15.255.255", True),
                       ("172.16.0.0", False), ("172.31.255.255", False), ("172.32.0.0", True), ("192.167.255.255", True), ("192.168.0.0", False),
                       ("192.168.255.255", False), ("192.169.0.0", True), ("100.63.255.255", True), ("100.64.0.0", False), ("100.127.255.255", False),
                       ("100.128.0.0", True), ("169.253.255.255", True), ("169.254.169.254", False), ("169.255.0.0", True), ("0.0.0.0", True),
                       ("240.0.0.1", True), ("255.255.255.254", True), ("223.255.255.255", True)):
        yield Sent(f"UDP to {to}", four(to), passes)
    for name, to, payload, protocol, passes in (
            ("DNS by UDP", ROUTER4, udp(1000, 53), UDP, True), ("DNS by TCP", ROUTER4, tcp(1000, 53), TCP, False),
            ("from the port of DNS", ROUTER4, udp(53, 1000), UDP, False), ("DNS to its neighbour", "10.66.0.3", udp(1000, 53), UDP, False),
            ("HTTPS", "10.66.1.7", tcp(1000, 443), TCP, True), ("QUIC", "10.66.1.7", udp(1000, 443), UDP, False),
            ("HTTP in its network", "10.66.2.255", tcp(1000, 80), TCP, True), ("UDP to port 80", "10.66.2.0", udp(1000, 80), UDP, True),
            ("HTTP beside its network", "10.66.4.0", tcp(1000, 80), TCP, False), ("port 81", "10.66.2.0", tcp(1000, 81), TCP, False),
            ("any port of UDP", "10.66.3.3", udp(1000, 5), UDP, True), ("no port of TCP", "10.66.3.3", tcp(1000, 5), TCP, False),
            ("mail", "192.0.2.200", tcp(1000, 25), TCP, False), ("mail elsewhere", ANYWHERE4, tcp(1000, 25), TCP, True),
            ("port 26", "192.0.2.200", tcp(1000, 26), TCP, True),
            ("ICMP to where only a port may", ROUTER4, icmp(8), ICMP, False), ("ICMP to where only UDP may", "10.66.3.3", icmp(8), ICMP, False),
            ("ICMP to where only a port may not", "192.0.2.200", icmp(8), ICMP, True), ("ICMP anywhere", ANYWHERE4, icmp(8), ICMP, True),
            ("ICMP to the host", "10.66.0.2", icmp(8), ICMP, False),
            ("GRE with the bytes of DNS", ROUTER4, udp(1000, 53), 47, False), ("GRE anywhere", ANYWHERE4, udp(1000, 53), 47, True),
            ("IGMP to one address", ROUTER4, b"\x16" + bytes(7), IGMP, False), ("DHCP renewal", ROUTER4, udp(68, 67, bytes(240)), UDP, False)):
        yield Sent(f"IPv4: {name}", four(to, payload, protocol), passes)
    yield Sent("IPv4: DNS behind options", four(ROUTER4, udp(1000, 53), options=b"\1" * 8), True)
    yield Sent("IPv4: another port behind options", four(ROUTER4, udp(1000, 54), options=b"\1\1\0\x35" * 2), False)
    yield Sent("IPv4: IGMP from 0.0.0.0 to one address", four(ROUTER4, b"\x16" + bytes(7), IGMP, source="0.0.0.0"), False)
    for name, to, fragment, payload, passes in (
            ("DNS' first fragment", ROUTER4, 0x2000, udp(1000, 53, bytes(56)), True),
            ("another's first fragment", ROUTER4, 0x2000, udp(1, 54, bytes(56)), False),
            ("a later fragment to where a port may", ROUTER4, 8, bytes(40), True), ("to where no port may", "10.66.0.3", 8, bytes(40), False),
            ("to where UDP may", "10.66.3.3", 8, bytes(40), True), ("to where only a port may not", "192.0.2.200", 8, bytes(40), True),
            ("to where nothing may", "192.0.2.64", 0x2008, bytes(40), False), ("to the host", "10.66.0.2", 0x2008, bytes(40), False)):
        yield Sent(f"IPv4: {name}", four(to, payload, fragment=fragment), passes)


def _six():
    for to, passes in ((ANYWHERE6, True), ("2001:db8:8::2", False), ("2001:db8:8::3", True), ("::1", False), ("::2", True), ("fbff:ffff::", True),
                       ("fc00::", False), ("fdff:ffff::1", False), ("fe00::", True), ("fe7f:ffff::", True), ("fe80::2", False), (OTHER_LOCAL, False),
                       ("febf:ffff::", False), ("fec0::", True), ("feff:ffff::", True), ("2001:db8:9:ffff::", True), ("2001:db8:a::", False),
                       ("2001:db8:a:ffff::1", False), ("2001:db8:b::1", False), ("::ffff:10.0.0.1", True)):
        yield Sent(f"UDP to {to}", six(to), passes)
    for name, to, payload, protocol, passes in (
            ("HTTPS", "2001:db8:0:1::9", tcp(1, 443), TCP, True), ("QUIC", "2001:db8:0:1::9", udp(1, 443), UDP, True),
            ("DNS", "fd00::53", udp(1, 53), UDP, True), ("DNS by TCP", "fd00::53", tcp(1, 53), TCP, False),
            ("DNS to its neighbour", "fd00::54", udp(1, 53), UDP, False), ("from the port of DNS", "fd00::53", udp(53, 1), UDP, False),
            ("TCP to where only UDP may not", "2001:db8:b::1", tcp(), TCP, True), ("no next header", ANYWHERE6, b"", NO_NEXT, True),
            ("no next header to where a port may", "fd00::53", b"", NO_NEXT, False), ("IPv4 in IPv6", "fd00::53", four(ANYWHERE4)[14:], 4, False),
            ("DNS behind hop-by-hop options", "fd00::53", extension(UDP) + udp(1, 53), HOPS, True),
            ("another port behind them", "fd00::53", extension(UDP) + udp(1, 54), HOPS, False),
            ("DNS behind four headers", "fd00::53", extension(OPTIONS) * 3 + extension(UDP) + udp(1, 53), OPTIONS, True),
            ("TCP behind a routing header", "fd00::53", extension(TCP) + tcp(1, 53), ROUTING, False),
            ("to the host behind options", "2001:db8:8::2", extension(UDP) + udp(1, 2), OPTIONS, False),
            ("DNS' first fragment", "fd00::53", fragment6(UDP, more=True) + udp(1, 53, bytes(40)), FRAGMENT, True),
            ("another's first fragment", "fd00::53", fragment6(UDP, more=True) + udp(1, 54, bytes(40)), FRAGMENT, False),
            ("a later fragment to where a port may", "fd00::53", fragment6(UDP, 8) + bytes(40), FRAGMENT, True),
            ("to where no port may", "fd00::54", fragment6(UDP, 8) + bytes(40), FRAGMENT, False),
            ("to where only UDP may not", "2001:db8:b::1", fragment6(UDP, 8) + bytes(40), FRAGMENT, True),
            ("to where nothing may", "2001:db8:a::1", fragment6(UDP, 8, True) + bytes(40), FRAGMENT, False),
            ("behind options, to where nothing may", "2001:db8:a::1", extension(FRAGMENT) + fragment6(UDP, 8) + bytes(40), OPTIONS, False)):
        yield Sent(f"IPv6: {name}", six(to, payload, protocol), passes)
    for to, passes in ((ANYWHERE6, True), ("fd00::53", False), ("2001:db8:b::1", True), ("2001:db8:8::2", False)):
        yield Sent(f"ICMPv6 to {to}", six(to, icmp6(128, bytes(20), OWN6, to), ICMP6), passes)
        yield Sent(f"MLD to {to}", ethernet(ip6(icmp6(131, bytes(20), LOCAL, to), ICMP6, LOCAL, to), IP6), passes)


def _not_judged():
    for name, frame in {
            "ARP": ethernet(arp(1, GUEST, OWN4, target="10.66.0.3"), ARP, BROADCAST), "broadcast": four("255.255.255.255"), "a group": four("224.0.0.251"),
            "the last group": four("239.255.255.255", icmp(8), ICMP), "a group's later fragment": four("224.0.0.251", bytes(40), fragment=8),
            "DHCP": four("255.255.255.255", udp(68, 67, bytes(240)), source="0.0.0.0"), "IGMP": four("224.0.0.22", b"\x22" + bytes(7), IGMP),
            "a group of IPv6": six("ff02::fb"), "DHCPv6": ethernet(ip6(udp(546, 547), UDP, LOCAL, "ff02::1:2"), IP6, group("ff02::1:2")),
            "MLD": portframes.discovery(143, bytes(4), LOCAL, "ff02::16"), "NS": portframes.solicitation(LOCAL, OTHER_LOCAL),
            "NS to one address": unicast(135, bytes(4) + address6(OTHER_LOCAL), OTHER_LOCAL),
            "NA to one address": unicast(136, bytes(4) + address6(LOCAL), OTHER_LOCAL),
            "NS to the host": unicast(135, bytes(4) + address6("fe80::2"), "fe80::2"), "RS to one address": unicast(133, bytes(4), "fe80::2")}.items():
        yield Sent(f"not judged: {name}", frame, True)


FRAMES = [*_four(), *_six(), *_not_judged()]
# Passes without egress=, and under mac=lock only.
OTHER_PROTOCOL = ethernet(bytes(46), 0x88B5)


def made_up(random):
    """A list of up to 64 items, about the addresses and ports that portframes.Maker uses."""
    def item():
        kind = random.random()
        if kind < 0.25:
            to = random.choice(("host", "private", "linklocal", "all"))
        elif kind < 0.65:
            to = random.choice(("10.66.0.5", "10.66.0.6", "0.0.0.0", "192.168.7.16", "192.168.7.0/27", "192.168.0.0/16", "10.66.0.4/30", "0.0.0.0/0",
                                "0.0.0.0/5", "255.255.0.0/16", f"10.66.0.0/{random.randint(24, 29)}"))
        else:
            to = random.choice(("2001:db8::5", "2001:db8::6", "fe80::/64", "2001:db8:5::/64", "2001:db8::/32", "::/0", "::", "::1", "2001:db8::4/126",
                                "2001:db8:5:0:8000::/65", "2001:db8::1:0:0:0/80", f"2001:db8::/{random.randint(33, 46)}"))
        port = random.choice(("", "", ":53", ":443", ":67", ":547"))
        protocol = random.choice(("", "", "/tcp", "/udp"))
        if ":" in to and (port or protocol or random.random() < 0.5):
            to = f"[{to}]"
        return random.choice("+-") + to + port + protocol
    return ",".join(item() for _ in range(random.choice((1, 2, 3, 5, 8, 64))))


def made_up_host(random):
    """Of some of those addresses."""
    return networks(*random.sample(("10.66.0.6", "192.168.7.31", "127.0.0.0/8", "0.0.0.5", "2001:db8::6", "fe80::5054:ff:fe00:2", "::1", "2001:db8:5::1"),
                                   random.choice((0, 1, 4, 8))))
