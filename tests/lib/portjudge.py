# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What a port is bound to, and the program that the product makes of it, run by the kernel: tests/lib/portjudge.c."""
import ipaddress
import os
import struct
import subprocess
from dataclasses import dataclass

PROGRAM = os.environ["VIRT_TAP_PORTJUDGE"]
SERVE = {"dhcp": 1, "dhcpv6": 2, "ra": 4, "stp": 8}


@dataclass(frozen=True)
class Binding:
    """As net/binding.h has it. networks and host are of ipaddress; egress is as in a rule, "" none."""
    mac: bytes
    ip_lock: bool = False
    serve: frozenset = frozenset()
    networks: tuple = ()
    egress: str = ""
    host: tuple = ()
    vlans: frozenset = frozenset()
    untagged: int = 0
    protocol: int = 0x8100


def networks(*texts):
    return tuple(ipaddress.ip_network(text) for text in texts)


def packed(nets):
    return struct.pack("=H", len(nets)) + b"".join(struct.pack("BB16s", net.version, net.prefixlen, net.network_address.packed) for net in nets)


class Judge:
    """The program of a binding, in the kernel of whoever started this."""

    def __init__(self, program=PROGRAM, uid=0):
        ids = {"user": uid, "group": uid, "extra_groups": []} if uid else {}
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **ids)
        self.length = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(60) == 0

    def _ask(self, data):
        self.process.stdin.write(data + b"E")
        self.process.stdin.flush()
        return self.process.stdout

    def bind(self, binding):
        """Make its program; returns the number of instructions, 0 if there are too many."""
        served = sum(SERVE[name] for name in binding.serve)
        data = struct.pack("=c6sBB", b"B", binding.mac, binding.ip_lock, served) + packed(binding.networks)
        data += struct.pack("=H", len(binding.egress)) + binding.egress.encode() + packed(binding.host)
        data += struct.pack(f"={3 + len(binding.vlans)}H", binding.untagged, binding.protocol, len(binding.vlans), *binding.vlans)
        self.length = struct.unpack("=I", self._ask(data).read(4))[0]
        return self.length

    def go_through_a_tap(self):
        """From here on; the next is bind(). Requires root."""
        self.process.stdin.write(b"T")

    def passes(self, frames):
        """Which of the frames pass, a list of bools."""
        verdicts = []
        for at in range(0, len(frames), 1000):  # its answers have to fit into the pipe
            part = frames[at:at + 1000]
            out = self._ask(b"".join(b"F" + struct.pack("=H", len(frame)) + frame for frame in part))
            verdicts += out.read(len(part))
        return [verdict == 1 for verdict in verdicts]

    def explain(self, frame, tag=0, tag_type=0):
        """Whether `virt-tap show --drops` lets a captured frame pass, and what it would say of it; tag: that in the frame's metadata."""
        asked = b"D" + struct.pack("=HHHH", tag_type != 0, tag, tag_type, len(frame)) + frame
        done, _, reason = self._ask(asked).readline().decode().rstrip("\n").partition(" ")
        return done == "1", reason

    def attach(self, ifindex):
        """Attach it, with this process' privileges; returns why not, '' if it is."""
        done, _, why = self._ask(b"A" + struct.pack("=I", ifindex)).readline().decode().rstrip("\n").partition(" ")
        return "" if done == "1" else why

    def read(self, ifindex):
        """Whether a filter is attached, whether it is that of the binding, and how many frames it dropped."""
        attached, bound, dropped = map(int, self._ask(b"R" + struct.pack("=I", ifindex)).readline().split())
        return bool(attached), bool(bound), dropped
