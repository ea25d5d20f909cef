# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Attributes of links as the kernel sends them: the `ip` of Debian 12 does not know the newest ones."""
import socket
import struct

RTM_GETLINK, IFLA_LINKINFO, INFO_DATA, INFO_SLAVE_DATA = 18, 18, 2, 5
BR_HASH_MAX, BR_MAX_LEARNED = 27, 49  # include/uapi/linux/if_link.h: IFLA_BR_...
PORT_ROUTER, PORT_N_GROUPS, PORT_MAX_GROUPS = 25, 41, 42  # IFLA_BRPORT_...


def _attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3:]


def _info(name, kind):
    """Numbers by attribute, of a bridge or of a bridge's port."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(10)
        sock.send(struct.pack("=IHHIIBBHiII", 32, RTM_GETLINK, 1, 1, 0, 0, 0, 0, socket.if_nametoindex(name), 0, 0))
        answer = sock.recv(65536)
    info = dict(_attributes(dict(_attributes(answer[32:]))[IFLA_LINKINFO]))
    return {number: int.from_bytes(value, "little") for number, value in _attributes(info[kind])}


def bridge(name):
    return _info(name, INFO_DATA)


def port(name):
    return _info(name, INFO_SLAVE_DATA)


def limit_learning(name, number):
    attribute = struct.pack("=HHI", 8, BR_MAX_LEARNED, number)
    data = struct.pack("=HH", 4 + len(attribute), INFO_DATA) + attribute
    info = struct.pack("=HH8s", 11, 1, b"bridge\0") + data
    info = struct.pack("=HH", 4 + len(info), IFLA_LINKINFO) + info
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(10)
        sock.send(struct.pack("=IHHIIBBHiII", 32 + len(info), 16, 5, 1, 0, 0, 0, 0, socket.if_nametoindex(name), 0, 0) + info)
        if code := struct.unpack_from("=i", sock.recv(4096), 16)[0]:
            raise OSError(-code, "cannot set the limit of learned addresses")
