#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the port filter costs: frames a second from one tap to another over a bridge, from a tap that is not locked and from others that are
locked to their MAC and 4 or 64 addresses, of which the last is the sender's. With --json FILE: {"unit": "frames/s", "runs", "sizes": {SIZE:
{"none", "4", "64", "ratio_4", "ratio_64"}}}, each the best of the runs, which take turns; SIZE is 60, 1514 or tso (60 kB, cut up by nobody)."""
import argparse
import fcntl
import json
import os
import struct
import subprocess
from collections import defaultdict

import portframes
import sandbox
from bridgehelper import IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUNSETIFF, await_

POLICY = "/etc/virt-tap/policy.conf"
TUNSETOFFLOAD, OFFLOADS = 0x400454D0, 0x01 | 0x02  # checksums, TCP of IPv4
KINDS = {"none": 0, "4": 4, "64": 64}
TO = bytes.fromhex("525400770099")


def opened(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(fd, TUNSETOFFLOAD, OFFLOADS)
    return fd


def make_taps(helper):
    """Returns the receiver's descriptor, and for each kind of sender its own and what makes a frame of it."""
    sandbox.make_bridge("br0", "mcast_snooping", "0")
    sandbox.run("ip", "link", "set", "br0", "up")
    senders = {}
    for number, (kind, addresses) in enumerate(KINDS.items()):
        mac = bytes.fromhex(f"5254007700{number:02x}")
        lock = f"mac=lock ip=lock ips=10.{number}.0.0/16" if addresses else ""
        sandbox.write(POLICY, f"allow br0 {lock}\n")
        sandbox.run(helper, "create", "--bridge=br0", f"--name=vtap-{kind}", "--vnet-hdr", f"--mac={mac.hex(':')}",
                    *(f"--ip=10.{number}.0.{last}" for last in range(1, addresses + 1)))
        senders[kind] = opened(f"vtap-{kind}"), mac, f"10.{number}.0.{addresses or 1}"
    sandbox.write(POLICY, "allow br0\n")
    sandbox.run(helper, "create", "--bridge=br0", "--name=vtap-to", "--vnet-hdr")
    receiver = opened("vtap-to")
    await_(lambda: "forwarding" in sandbox.run("bridge", "link", "show", "dev", "vtap-to").stdout)
    os.write(receiver, bytes(10) + portframes.ethernet(bytes(46), 0x88B5, portframes.BROADCAST, TO))  # the bridge learns where it is
    return receiver, senders


def frame(size, mac, address):
    """With its virtio-net header."""
    if size == "tso":
        data = portframes.ethernet(portframes.ip4(portframes.tcp(data=bytes(60000)), portframes.TCP, address), destination=TO, source=mac)
        return struct.pack("=BBHHHH", 1, 1, 54, 1448, 34, 16) + data
    payload = portframes.udp(1000, 2000, bytes(int(size) - 14 - 20 - 8))
    return bytes(10) + portframes.ethernet(portframes.ip4(payload, source=address), destination=TO, source=mac)


def measure(chosen, receiver, senders):
    """{size: {kind: [frames a second]}}"""
    figures = defaultdict(lambda: defaultdict(list))
    for run in range(chosen.runs):
        for size in ("60", "1514", "tso"):
            for kind in list(senders)[::-1 if run % 2 else 1]:
                fd, mac, address = senders[kind]
                done = subprocess.run([chosen.flow, str(fd), str(receiver), str(chosen.ms)], input=frame(size, mac, address), stdout=subprocess.PIPE,
                                      pass_fds=[fd, receiver], timeout=60, check=True)
                figures[size][kind].append(int(done.stdout))
    return figures


def main():
    parser = argparse.ArgumentParser(description="Measure what the port filter costs. Needs root.")
    parser.add_argument("--helper", required=True, help="as built")
    parser.add_argument("--flow", required=True, help="the compiled measuring program")
    parser.add_argument("--runs", type=int, default=8, help="of each (default: %(default)s)")
    parser.add_argument("--ms", type=int, default=400, help="that one takes (default: %(default)s)")
    parser.add_argument("--json", help="where to write the figures")
    chosen = parser.parse_args()
    chosen.helper, chosen.flow = os.path.realpath(chosen.helper), os.path.realpath(chosen.flow)
    sandbox.enter(limit=600)
    receiver, senders = make_taps(sandbox.install(chosen.helper))
    result = {"unit": "frames/s", "runs": chosen.runs, "sizes": {}}
    print(f"\n{'frames/s over a bridge, best':<34}{'not locked':>12}{'4 addresses':>13}{'ratio':>7}{'64 addresses':>14}{'ratio':>7}")
    for size, kinds in measure(chosen, receiver, senders).items():
        best = {kind: max(values) for kind, values in kinds.items()}
        best |= {f"ratio_{kind}": round(best[kind] / best["none"], 3) for kind in ("4", "64")}
        result["sizes"][size] = best
        print(f"{'TCP, 60 kB, by TSO' if size == 'tso' else f'{size} bytes':<34}{best['none']:>12,}{best['4']:>13,}{best['ratio_4']:>7.2f}"
              f"{best['64']:>14,}{best['ratio_64']:>7.2f}")
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")


main()
