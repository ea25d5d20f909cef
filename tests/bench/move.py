#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The benchmark of the safe move: for how long a host is cut off while its NIC becomes the port of a bridge.

A datagram goes to the router and back every 5 ms, while the host's network, an address by DHCP, moves to a bridge: once by
virt-tap bridge create --uplink, once by the old recipe (brctl addbr, brctl addif, ip addr flush, dhclient br0; here by
ip(8), and busybox's DHCP client, which is quick). The longest time without a reply counts. Figures with --json FILE:
unit "ms", runs, ours and theirs {p50, max}, ratio of p50.
"""
import argparse
import json
import statistics
import subprocess
import time

import sandbox
import uplink
from bridgehelper import await_

SCRIPT = """#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr replace "$ip/24" dev "$interface"
ip route replace default via "$router" dev "$interface"
"""
UDHCPD = f"""start 192.0.2.50
end 192.0.2.50
interface wan
lease_file {sandbox.RUN}/leases
offer_time 1
option subnet 255.255.255.0
option router {uplink.ROUTER4}
option lease 3600
"""


def lease(interface):
    sandbox.run("busybox", "udhcpc", "-n", "-q", "-i", interface, "-s", sandbox.RUN + "/script")


def ours():
    done = uplink.virt_tap("bridge", "create", "br0", "--uplink", "eth0")
    assert done.returncode == 0, done.stdout
    uplink.virt_tap("bridge", "confirm", "br0")


def theirs():
    uplink.ip("link", "add", "br0", "type", "bridge")
    uplink.ip("link", "set", "br0", "up")
    uplink.ip("link", "set", "eth0", "master", "br0")
    uplink.ip("addr", "flush", "dev", "eth0")
    lease("br0")


def outage(move):
    """Milliseconds, on a host made anew."""
    uplink.make()
    uplink.ip("addr", "flush", "dev", "eth0", "scope", "global")
    uplink.ip("-6", "route", "flush", "table", "all", "via", uplink.ROUTER6)
    sandbox.write(sandbox.RUN + "/leases", "")
    server = subprocess.Popen(["ip", "netns", "exec", "router", "busybox", "udhcpd", "-f", sandbox.RUN + "/udhcpd.conf"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.2)
        lease("eth0")
        with uplink.Echo():
            stream = uplink.Stream()
            move()
            assert await_(lambda: "192.0.2.50/24" in uplink.addresses("br0"))
            return 1000 * stream.finish()
    finally:
        server.kill()
        server.wait(20)
        uplink.remove()


def main():
    parser = argparse.ArgumentParser(description="Measure the outage of a move to a bridge. Needs root.")
    parser.add_argument("--runs", type=int, default=10, help="of each (default: %(default)s)")
    parser.add_argument("--json", help="where to write the figures")
    chosen = parser.parse_args()
    sandbox.enter(limit=600)
    sandbox.write(sandbox.RUN + "/script", SCRIPT, mode=0o755)
    sandbox.write(sandbox.RUN + "/udhcpd.conf", UDHCPD)
    times = {"ours": [], "theirs": []}
    for _ in range(chosen.runs):
        times["ours"].append(outage(ours))
        times["theirs"].append(outage(theirs))
    result = {"unit": "ms", "runs": chosen.runs}
    for name, values in times.items():
        result[name] = {"p50": round(statistics.median(values), 1), "max": round(max(values), 1)}
    result["ratio"] = round(result["ours"]["p50"] / result["theirs"]["p50"], 3)
    print(f"\n{'no reply while the NIC joins a bridge':<38}{'virt-tap':>10}{'the old recipe':>16}{'ratio':>8}")
    print(f"{'p50, ms':<38}{result['ours']['p50']:>10.0f}{result['theirs']['p50']:>16.0f}{result['ratio']:>8.3f}")
    print(f"{'longest, ms':<38}{result['ours']['max']:>10.0f}{result['theirs']['max']:>16.0f}")
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")


main()
