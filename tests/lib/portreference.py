# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What a guest may send from a port that is bound, written from docs/port-filter.md, so that the program can be compared with it."""
import functools
import ipaddress
import re

STP = b"\x01\x80\xc2\0\0\0"
TAGS = {0x8100, 0x88A8, 0x9100, 0x9200, 0x9300, 0x88E7, 0x893F, 0x22F3, 0x22F4}
LINK_PROTOCOLS = {0x8808, 0x8809, 0x88CC, 0x88F5, 0x88F6, 0x22EA, 0x88E3, 0x8902}
MAX_HEADERS, MAX_OPTIONS = 4, 8
ICMP, IGMP, TCP, UDP, ICMP6, NONE, PIM = 1, 2, 6, 17, 58, 59, 103
FRAGMENT, EXTENSIONS = 44, {0, 43, 60}


def may_send(binding, frame):
    """Whether a frame may pass."""
    tag, frame = without_tag(frame)
    destination, source, kind = frame[:6], frame[6:12], number(frame, 12, 2)
    if kind is None or source != binding.mac:
        return False
    if "stp" in binding.serve and not tag and destination == STP and kind <= 1500 and frame[14:16] == b"\x42\x42":
        return True
    if not may_tag(binding, tag):
        return False
    if destination.startswith((b"\x01\x80\xc2\x00", b"\x01\x00\x0c")):
        return False
    payload = frame[14:]
    if kind in JUDGES:
        return JUDGES[kind](binding, payload)
    return not binding.ip_lock and not binding.egress and kind >= 0x600 and kind not in TAGS | LINK_PROTOCOLS


def without_tag(frame):
    """The type and the value of a frame's outermost tag, and the frame without it. One that ends there is nobody's."""
    kind = number(frame, 12, 2)
    if kind not in (0x8100, 0x88A8):
        return None, frame
    return (kind, number(frame, 14, 2)), frame[:12] + frame[16:] if len(frame) >= 20 else b""


def may_tag(binding, tag):
    """Whether a frame may have that tag, or None. All are untagged on a port that is in one VLAN and untagged there."""
    if binding.vlans <= {binding.untagged}:
        return not tag
    if not tag:
        return binding.untagged != 0
    kind, value = tag
    return kind == binding.protocol and value & 0xFFF in binding.vlans


def number(data, offset, size):
    """A field, or None if the data ends before its end."""
    field = data[offset:offset + size]
    return int.from_bytes(field, "big") if len(field) == size else None


def is_own(binding, address):
    """Whether packets may have it as their source, of either family."""
    address = ipaddress.ip_address(address)
    return address == link_local(binding.mac) or any(address in net for net in binding.networks if net.version == address.version)


GROUPS = {
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"), "linklocal": ("169.254.0.0/16", "fe80::/10"),
    "all": ("0.0.0.0/0", "::/0")}
ITEM = re.compile(r"([+-])(?:\[(?P<six>[^]]+)\](?::(?P<port6>\d+))?|(?P<other>[^:]+?)(?::(?P<port>\d+))?|(?P<bare>.*))(?:/(?P<protocol>tcp|udp))?")


@functools.cache
def items(egress):
    """Of a list of destinations: whether each allows, its networks (None: this host's), port, protocol."""
    found = []
    for text in egress.split(","):
        part = ITEM.fullmatch(text)
        to = part["six"] or part["other"] or part["bare"]
        nets = None if to == "host" else tuple(ipaddress.ip_network(net) for net in GROUPS.get(to, (to,)))
        port = part["port6"] or part["port"]
        found.append((part[1] == "+", nets, port and int(port), {"tcp": TCP, "udp": UDP, None: None}[part["protocol"]]))
    return found


def may_send_to(binding, destination, protocol, port):
    """Whether egress= lets a packet to that address pass; protocol None: a later fragment, of which no port is known."""
    address = ipaddress.ip_address(destination)
    group = destination[0] == 0xFF if address.version == 6 else destination[0] >> 4 == 14
    if not binding.egress or group or destination == b"\xff" * 4:
        return True
    for allows, nets, of_port, of_protocol in items(binding.egress):
        if not any(address in net for net in (binding.host if nets is None else nets) if net.version == address.version):
            continue
        if of_port is None and of_protocol is None:
            return allows
        if protocol is None:
            if allows:
                return True
        elif protocol in ((of_protocol,) if of_protocol else (TCP, UDP)) and of_port in (None, port):
            return allows
    return False


def link_local(mac):
    return ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:])


def arp(binding, packet, reverse=False):
    if len(packet) < 28 or packet[:6] != b"\0\1\x08\0\6\4":
        return False
    operation, hardware, protocol = number(packet, 6, 2), packet[8:14], packet[14:18]
    if operation not in ({3} if reverse else {1, 2}) or hardware != binding.mac:
        return False
    if not binding.ip_lock or is_own(binding, protocol):
        return True
    return protocol == bytes(4) and (operation == 3 or (operation == 1 and is_own(binding, packet[24:28])))


def rarp(binding, packet):
    return arp(binding, packet, reverse=True)


def ports_allowed(binding, udp, server, client, service):
    if len(udp) < 8:
        return False
    return service in binding.serve or (number(udp, 0, 2) != server and number(udp, 2, 2) != client)


def ip4(binding, packet):
    length = 4 * (packet[0] & 15) if packet else 0
    if len(packet) < 20 or packet[0] >> 4 != 4 or length < 20:
        return False
    fragment, protocol, upper = number(packet, 6, 2), packet[9], packet[length:]
    offset, more = fragment & 0x1FFF, bool(fragment & 0x2000)
    if not may_send_to(binding, packet[16:20], None if offset else protocol, number(upper, 2, 2)):
        return False
    if binding.ip_lock and not is_own(binding, packet[12:16]):
        if packet[12:16] != bytes(4) or offset or more:
            return False
        if protocol == UDP:  # a DHCP client without an address
            return packet[16:20] == b"\xff" * 4 and len(upper) >= 8 and upper[:4] == b"\0\x44\0\x43"
        return protocol == IGMP and ip4_upper(binding, protocol, upper)
    if offset:
        return offset > 1
    if more and (number(packet, 2, 2) < 68 or len(packet) < 68):
        return False
    return ip4_upper(binding, protocol, upper)


def ip4_upper(binding, protocol, upper):
    if protocol in (TCP, UDP, ICMP, IGMP) and len(upper) < 8:
        return False
    if protocol == UDP:
        return ports_allowed(binding, upper, 67, 68, "dhcp")
    if protocol == ICMP:
        return upper[0] not in (5, 9) or "ra" in binding.serve
    if protocol == IGMP:
        return upper[0] in (0x12, 0x16, 0x17, 0x22)
    return protocol != PIM


def ip6(binding, packet):
    if len(packet) < 40 or packet[0] >> 4 != 6:
        return False
    end, unspecified = 40 + number(packet, 4, 2), False
    if binding.ip_lock and not is_own(binding, packet[8:24]):
        if packet[8:24] != bytes(16):
            return False
        unspecified = True
    walked = walk(packet)
    if walked is None:
        return False
    at, protocol, fragment, later = walked
    neighbours = not later and protocol == ICMP6 and packet[at:at + 1] and packet[at] in range(133, 138)
    if not neighbours and not may_send_to(binding, packet[24:40], None if later else protocol, number(packet, at + 2, 2)):
        return False
    if later or protocol == NONE:
        return not unspecified
    if end - at < 8 or len(packet) - at < 8:  # the whole of the headers is in the first fragment
        return False
    if protocol == ICMP6:
        return icmp6(binding, packet, at, end, (unspecified, fragment))
    if protocol == PIM or unspecified:
        return False
    return protocol != UDP or ports_allowed(binding, packet[at:], 547, 546, "dhcpv6")


def walk(packet):
    """Where the upper protocol begins, which it is, whether this is a fragment, and a later one; None: too many headers, or cut off."""
    at, kind, fragment, headers = 40, packet[6], False, 0
    while kind in EXTENSIONS | {FRAGMENT}:
        headers += 1
        if headers > MAX_HEADERS:
            return None
        following, units = number(packet, at, 1), number(packet, at + 1, 1)
        if kind == FRAGMENT:
            offset = number(packet, at + 2, 2)
            if offset is None:
                return None
            fragment = True
            if offset >> 3:
                return at, kind, True, True
            if len(packet) < at + 8:
                return None
            at += 8
        else:
            if units is None:
                return None
            at += 8 * (units + 1)
        kind = following
    return at, kind, fragment, False


def icmp6(binding, packet, at, end, state):
    unspecified, fragment = state
    kind = packet[at]
    if kind in (130, 151, 153):  # a multicast router's
        return False
    if kind in (131, 132, 143):  # what the guest listens to
        return True
    if kind in (134, 137) and ("ra" not in binding.serve or fragment or unspecified):
        return False
    if kind not in (133, 134, 135, 136, 137):
        return not unspecified
    if kind == 137:
        return True
    size = {133: 8, 134: 16, 135: 24, 136: 24}[kind]
    if fragment or len(packet) < at + size or (kind == 136 and unspecified):
        return False
    if binding.ip_lock and (kind == 136 or (kind == 135 and unspecified)) and not is_own(binding, packet[at + 8:at + 24]):
        return False
    return options_allowed(binding, packet, at + size, end)


def options_allowed(binding, packet, at, end):
    for _ in range(MAX_OPTIONS):
        if at >= end:
            break
        if number(packet, at, 4) is None:  # cut off
            return False
        kind, units = packet[at:at + 2]
        if not units:
            return False
        if kind in (1, 2) and (units != 1 or packet[at + 2:at + 8] != binding.mac):
            return False
        at += 8 * units
    return at == end


JUDGES = {0x0800: ip4, 0x86DD: ip6, 0x0806: arp, 0x8035: rarp}
