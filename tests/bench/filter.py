#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the port filter costs: frames a second of processor time, from one tap to another over a bridge, from a tap that is not locked and from
others that are locked to their MAC and 4 or 64 addresses, of which the last is the sender's. With --json FILE: {"unit": "frames/s", "runs",
"kernel", "sizes": {SIZE: {"none", "4", "64", "ratio_4", "ratio_64"}}}, each the best of the runs, in each of which the taps take turns; SIZE is
60, 1514 or tso (60 kB, cut up by nobody). With --kernel FOLDER, filled by tests/lib/guest-kernel, on that Debian kernel, under TCG, and beside it
"clean", "ratio_clean": an unlocked tap with libvirt's filter clean-traffic and 4 addresses, by ebtables, which the kernel here may lack."""
import argparse
import fcntl
import glob
import json
import os
import struct
import subprocess
import sys
from collections import defaultdict

import kernelhost
import portframes
import sandbox
from bridgehelper import IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUNSETIFF, await_

POLICY = "/etc/virt-tap/policy.conf"
TUNSETOFFLOAD, OFFLOADS = 0x400454D0, 0x01 | 0x02  # checksums, TCP of IPv4
KINDS, CLEAN = {"none": 0, "4": 4, "64": 64}, 4  # addresses
TITLES = {"none": "not locked", "4": "4 addresses", "64": "64 addresses", "clean": "clean-traffic"}
TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
MODULES = ("bridge", "tun", "sch_ingress", "cls_bpf", "nf_tables", "nft_compat", "nft_meta_bridge", "ebt_ip", "ebt_arp")
TO = bytes.fromhex("525400770099")


def opened(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(fd, TUNSETOFFLOAD, OFFLOADS)
    return fd


def clean_traffic(tap, mac, addresses):
    """What libvirt's filter of that name is by ebtables (src/nwfilter/nwfilter_ebiptables_driver.c and its XML), for what the guest sends."""
    ways = {"mac": ("", [f"-s {mac}"]),
            "ipv4-ip": ("-p 0x0800", ["-p 0x0800 --ip-src 0.0.0.0 --ip-proto udp", *(f"-p 0x0800 --ip-src {one}" for one in addresses)]),
            "arp-mac": ("-p 0x0806", [f"-p 0x0806 --arp-mac-src {mac}"]), "arp-ip": ("-p 0x0806", [f"-p 0x0806 --arp-ip-src {one}" for one in addresses])}
    root = f"libvirt-I-{tap}"
    lines = [f"-N {root}", *(f"-N I-{tap}-{name}" for name in ways)]
    for name, (matches, good) in ways.items():
        lines += [f"-A {root} {matches} -j I-{tap}-{name}", *(f"-A I-{tap}-{name} {one} -j RETURN" for one in good), f"-A I-{tap}-{name} -j DROP"]
        if name.endswith("-ip"):
            lines.append(f"-A {root} {matches} -j ACCEPT")
    for line in (*lines, f"-A {root} -p 0x8035 -j ACCEPT", f"-A {root} -j DROP", f"-A PREROUTING -i {tap} -j {root}"):
        sandbox.run("ebtables", "-t", "nat", *line.split())


def make_taps(helper, kinds):
    """Returns the receiver's descriptor, and for each kind of sender its own and what makes a frame of it."""
    sandbox.make_bridge("br0", "mcast_snooping", "0")
    sandbox.run("ip", "link", "set", "br0", "up")
    senders = {}
    for number, (kind, addresses) in enumerate(kinds.items()):
        mac = bytes.fromhex(f"5254007700{number:02x}")
        lock = f"mac=lock ip=lock ips=10.{number}.0.0/16" if kind in KINDS and addresses else ""
        own = [f"10.{number}.0.{last}" for last in range(1, addresses + 1)]
        sandbox.write(POLICY, f"allow br0 {lock}\n")
        sandbox.run(helper, "create", "--bridge=br0", f"--name=vtap-{kind}", "--vnet-hdr", f"--mac={mac.hex(':')}",
                    *(f"--ip={address}" for address in own if lock))
        if kind == "clean":
            clean_traffic(f"vtap-{kind}", mac.hex(":"), own)
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
    for _ in range(chosen.runs):
        for size in ("60", "1514", "tso"):
            arguments = []
            for kind, (fd, mac, address) in senders.items():
                path = f"/run/frame-{kind}"
                with open(path, "wb") as file:
                    file.write(frame(size, mac, address))
                arguments += [str(fd), path]
            done = subprocess.run([chosen.flow, str(receiver), str(chosen.ms), *arguments], stdout=subprocess.PIPE, text=True,
                                  pass_fds=[receiver, *(fd for fd, _, _ in senders.values())], timeout=60, check=True)
            for kind, value in zip(senders, done.stdout.split()):
                figures[size][kind].append(int(value))
    return figures


def on_kernel(chosen):
    """The same there; returns what it has for --json."""
    plugins = [path for name in ("ebt_*", "xt_standard", "xt_limit") for path in glob.glob(f"/usr/lib/*/xtables/lib{name}.so")]
    status, said = kernelhost.run(
        chosen.kernel, ["python3", f"{TESTS}/bench/filter.py", "--helper", chosen.helper, "--flow", chosen.flow, "--runs", str(chosen.runs), "--ms",
                        str(chosen.ms), "--clean-traffic", "--json", "/proc/self/fd/1"],
        programs=[chosen.helper, chosen.flow, "ebtables", *plugins], files=[f"{TESTS}/lib", f"{TESTS}/bench"], modules=MODULES, limit=900,
        env={"PYTHONPATH": f"{TESTS}/lib", "VIRT_TAP_PORTJUDGE": ""})
    table, found, figures = said.partition("\n{")
    if status or not found:
        sys.exit(f"filter: on the kernel of {chosen.kernel}: exit {status}: {said}")
    print(table)
    return json.loads(found + figures)


def here(chosen):
    sandbox.enter(limit=900)
    receiver, senders = make_taps(sandbox.install(chosen.helper), KINDS | ({"clean": CLEAN} if chosen.clean_traffic else {}))
    result = {"unit": "frames/s", "runs": chosen.runs, "kernel": os.uname().release, "sizes": {}}
    print(f"\n{f'frames/s over a bridge, {os.uname().release}':<56}", *(f"{TITLES[kind]:>14}{'' if kind == 'none' else '  ratio'}" for kind in senders))
    for size, kinds in measure(chosen, receiver, senders).items():
        best = {kind: max(values) for kind, values in kinds.items()}
        ratios = {f"ratio_{kind}": round(best[kind] / best["none"], 3) for kind in best if kind != "none"}
        result["sizes"][size] = best | ratios
        print(f"{'TCP, 60 kB, by TSO' if size == 'tso' else f'{size} bytes':<56}",
              *(f"{value:>14,}" + (f"{ratios[f'ratio_{kind}']:>7.2f}" if kind != "none" else "") for kind, value in best.items()))
    return result


def main():
    parser = argparse.ArgumentParser(description="Measure what the port filter costs. Needs root.")
    parser.add_argument("--helper", required=True, help="as built")
    parser.add_argument("--flow", required=True, help="the compiled measuring program")
    parser.add_argument("--runs", type=int, default=8, help="of each (default: %(default)s)")
    parser.add_argument("--ms", type=int, default=1000, help="that a run takes for each size (default: %(default)s)")
    parser.add_argument("--json", help="where to write the figures")
    parser.add_argument("--kernel", help="a folder with a Debian kernel, to measure on it, under TCG")
    parser.add_argument("--clean-traffic", action="store_true", help="measure libvirt's filter, too, by ebtables")
    chosen = parser.parse_args()
    chosen.helper, chosen.flow = os.path.realpath(chosen.helper), os.path.realpath(chosen.flow)
    result = on_kernel(chosen) if chosen.kernel else here(chosen)
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")


main()
