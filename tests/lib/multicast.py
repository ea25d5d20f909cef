# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Frames of IGMP and MLD, as a guest sends them."""
import struct

JOIN4, QUERY4, JOIN6, QUERY6 = 0x16, 0x11, 131, 130  # IGMPv2, MLDv1


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def igmp(kind, source, group):
    """source: a MAC as bytes; group: four bytes; b"" in a query about all."""
    to = group or bytes([224, 0, 0, 1])
    body = struct.pack("!BBH4s", kind, 100 if kind == QUERY4 else 0, 0, group or bytes(4))
    body = body[:2] + _checksum(body) + body[4:]
    head = struct.pack("!BBHHHBBH4s4sI", 0x46, 0, 24 + len(body), 1, 0, 1, 2, 0, bytes([10, 0, 0, 1]), to, 0x94040000)
    head = head[:10] + _checksum(head) + head[12:]
    return bytes([1, 0, 0x5E, to[1] & 127, to[2], to[3]]) + source + b"\x08\0" + head + body + bytes(14)


def mld(kind, source, group):
    """The same; group: 16 bytes."""
    to = group or bytes.fromhex("ff02" + "0" * 27 + "1")
    own = bytes.fromhex("fe80" + "0" * 27 + "1")
    body = struct.pack("!BBHHH16s", kind, 0, 0, 1000 if kind == QUERY6 else 0, 0, group or bytes(16))
    body = body[:2] + _checksum(own + to + struct.pack("!II", len(body), 58) + body) + body[4:]
    hop_by_hop = bytes([58, 0, 5, 2, 0, 0, 1, 0])  # with the router alert
    return b"\x33\x33" + to[12:] + source + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, 8 + len(body), 0, 1) + own + to + hop_by_hop + body
