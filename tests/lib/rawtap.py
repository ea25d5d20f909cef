# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Taps as text: what the kernel has of one, and one made from that by ioctls and rtnetlink messages of this file's own, without the helper."""
import contextlib
import fcntl
import os
import socket
import struct

from bridgehelper import IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUNSETIFF, TUNSETOWNER, TUNSETPERSIST

RTM_NEWLINK, RTM_GETLINK, RTM_SETLINK, RTM_NEWNEIGH, RTM_GETNEIGH = 16, 18, 19, 28, 30
RTM_NEWQDISC, RTM_NEWTFILTER, RTM_GETTFILTER, RTM_NEWLINKPROP = 36, 44, 46, 108
REQUEST, ACK, DUMP, CREATE = 1, 4, 0x300, 0x600  # CREATE: with NLM_F_EXCL's 0x200
ADDRESS, MTU, MASTER, LINKINFO, PROTINFO, AF_SPEC, ALIAS, PROP_LIST, ALT_NAME = 1, 4, 10, 18, 12, 26, 20, 52, 53  # IFLA_
INFO_DATA, INFO_SLAVE_DATA, ADDR_GEN_MODE = 2, 5, 8
TUN = {"owner": 1, "persist": 6, "multi_queue": 7, "vnet_hdr": 5}  # IFLA_TUN_
PORT = {"guard": 5, "learning": 8, "flood": 9, "router": 25, "isolated": 33, "locked": 39, "max_groups": 42}  # IFLA_BRPORT_
NUD_NOARP, NTF_MASTER, NTF_STICKY = 0x40, 0x04, 0x40
CLSACT, INGRESS, ALL_PROTOCOLS = 0xFFFFFFF1, 0xFFFFFFF2, 0x0300  # the last of htons(ETH_P_ALL)
KIND, OPTIONS, OPS_LEN, OPS, FLAGS = 1, 2, 4, 5, 8  # TCA_, TCA_BPF_


def _attribute(kind, data):
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def _nest(kind, *attributes):
    return _attribute(kind | 0x8000, b"".join(attributes))


def _text(kind, text):
    return _attribute(kind, text.encode() + b"\0")


def attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found.setdefault(kind & 0x3FFF, []).append(data[4:length])
        data = data[(length + 3) & ~3:]
    return found


class Kernel:
    """A socket for requests."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.sock.settimeout(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def ask(self, kind, flags, body):
        """The bodies of all answers."""
        self.sock.send(struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, 1, 0) + body)
        found = []
        while True:
            data = self.sock.recv(1 << 20)
            while data:
                length, answer = struct.unpack_from("=IH", data)
                if answer == 3:  # NLMSG_DONE
                    return found
                if answer == 2:  # NLMSG_ERROR, or an ACK
                    error, = struct.unpack_from("=i", data, 16)
                    if error:
                        raise OSError(-error, f"{os.strerror(-error)}: message {kind}")
                    return found
                found.append(data[16:length])
                data = data[(length + 3) & ~3:]

    def link(self, kind, ifindex, *attrs, family=0, flags=0, change=0):
        return self.ask(kind, ACK | (CREATE if kind == RTM_NEWLINKPROP else 0),
                        struct.pack("=BBHiII", family, 0, 0, ifindex, flags, change) + b"".join(attrs))


def _hex(mac):
    return ":".join(f"{byte:02x}" for byte in mac)


def _number(data):
    return int.from_bytes(data, "little")


def _filters(kernel, ifindex):
    """Those at its clsact ingress, in their order."""
    found = []
    try:
        answers = kernel.ask(RTM_GETTFILTER, DUMP, struct.pack("=BBHiIII", 0, 0, 0, ifindex, 0, INGRESS, 0))
    except OSError:  # no clsact
        return found
    for answer in answers:
        _family, _pad, _pad2, _index, handle, _parent, info = struct.unpack_from("=BBHiIII", answer)
        attrs = attributes(answer[20:])
        options = attributes(attrs[OPTIONS][0]) if OPTIONS in attrs else {}
        if handle:
            found.append({"preference": info >> 16, "protocol": info & 0xFFFF, "handle": handle, "kind": attrs[KIND][0].rstrip(b"\0").decode(),
                          "flags": _number(options[FLAGS][0]) if FLAGS in options else 0, "program": options[OPS][0].hex()})
    return found


def _entries(kernel, ifindex):
    """Static ones of the bridge's FDB at that port, other than the port's own."""
    found = []
    for answer in kernel.ask(RTM_GETNEIGH, DUMP, struct.pack("=BBHiHBB", socket.AF_BRIDGE, 0, 0, 0, 0, 0, 0)):
        _family, _pad, _pad2, index, state, flags, _kind = struct.unpack_from("=BBHiHBB", answer)
        attrs = attributes(answer[12:])
        if index == ifindex and state & NUD_NOARP and 9 in attrs and 5 not in attrs:  # NDA_MASTER, no NDA_VLAN
            found.append({"mac": _hex(attrs[2][0]), "sticky": bool(flags & NTF_STICKY)})
    return found


def read(name):
    """What is to be the same of a tap whoever makes it. Its own index is written as IFINDEX."""
    ifindex = socket.if_nametoindex(name)
    with Kernel() as kernel:
        answer = kernel.link(RTM_GETLINK, ifindex)[0]
        attrs = attributes(answer[16:])
        info = attributes(attrs[LINKINFO][0])
        tun, port = attributes(info[INFO_DATA][0]), attributes(info[INFO_SLAVE_DATA][0])
        inet6 = attributes(attributes(attrs[AF_SPEC][0])[socket.AF_INET6][0])
        names = [text.rstrip(b"\0").decode() for text in attributes(attrs[PROP_LIST][0])[ALT_NAME]]
        return {"name": name, "bridge": socket.if_indextoname(_number(attrs[MASTER][0])), "mac": _hex(attrs[ADDRESS][0]),
                "mtu": _number(attrs[MTU][0]), "up": bool(struct.unpack_from("=I", answer, 8)[0] & 1),
                "claims": sorted(text.replace(f".x{ifindex}", ".xIFINDEX") for text in names), "alias": attrs[ALIAS][0].rstrip(b"\0").decode(),
                "tun": {word: _number(tun[number][0]) for word, number in TUN.items()}, "addr_gen_mode": _number(inet6[ADDR_GEN_MODE][0]),
                "port": {word: _number(port[number][0]) for word, number in PORT.items() if number in port},
                "entries": _entries(kernel, ifindex), "filters": _filters(kernel, ifindex)}


def _attach(kernel, ifindex, filters):
    if filters:
        kernel.ask(RTM_NEWQDISC, ACK | CREATE, struct.pack("=BBHiIII", 0, 0, 0, ifindex, 0xFFFF0000, CLSACT, 0) + _text(KIND, "clsact"))
    for one in filters:
        ops = bytes.fromhex(one["program"])
        header = struct.pack("=BBHiIII", 0, 0, 0, ifindex, one["handle"], INGRESS, one["preference"] << 16 | one["protocol"])
        flags = [_attribute(FLAGS, struct.pack("=I", one["flags"]))] if one["flags"] else []
        kernel.ask(RTM_NEWTFILTER, ACK | CREATE, header + _text(KIND, one["kind"]) + _nest(
            OPTIONS, _attribute(OPS_LEN, struct.pack("=H", len(ops) // 8)), _attribute(OPS, ops), *flags))


def make(tap):
    """A tap as read() has it. Returns a descriptor that holds it, unless it is persistent: then None."""
    flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE * tap["tun"]["multi_queue"] | IFF_VNET_HDR * tap["tun"]["vnet_hdr"]
    with contextlib.ExitStack() as undo:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        undo.callback(os.close, fd)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", tap["name"].encode(), flags))
        fcntl.ioctl(fd, TUNSETOWNER, tap["tun"]["owner"])
        ifindex = socket.if_nametoindex(tap["name"])
        with Kernel() as kernel:
            for claim in tap["claims"]:
                kernel.link(RTM_NEWLINKPROP, ifindex, _nest(PROP_LIST, _text(ALT_NAME, claim.replace("IFINDEX", str(ifindex)))))
            inet6 = _nest(AF_SPEC, _nest(socket.AF_INET6, _attribute(ADDR_GEN_MODE, struct.pack("=B", tap["addr_gen_mode"]))))
            kernel.link(RTM_SETLINK, ifindex, _attribute(MASTER, struct.pack("=I", socket.if_nametoindex(tap["bridge"]))), inet6,
                        _attribute(MTU, struct.pack("=I", tap["mtu"])), _attribute(ADDRESS, bytes.fromhex(tap["mac"].replace(":", ""))),
                        _text(ALIAS, tap["alias"]))
            kernel.link(RTM_SETLINK, ifindex, _nest(PROTINFO, *(
                _attribute(PORT[word], struct.pack("=I" if word == "max_groups" else "=B", value)) for word, value in tap["port"].items())),
                family=socket.AF_BRIDGE)
            for entry in tap["entries"]:
                sticky = NTF_STICKY if entry["sticky"] else 0
                kernel.ask(RTM_NEWNEIGH, ACK | CREATE, struct.pack("=BBHiHBB", socket.AF_BRIDGE, 0, 0, ifindex, NUD_NOARP, NTF_MASTER | sticky, 0) +
                           _attribute(2, bytes.fromhex(entry["mac"].replace(":", ""))))
            _attach(kernel, ifindex, tap["filters"])
            kernel.link(RTM_SETLINK, ifindex, flags=int(tap["up"]), change=1)
        if not tap["tun"]["persist"]:
            undo.pop_all()
            return fd
        fcntl.ioctl(fd, TUNSETPERSIST, 1)
    return None
