#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The check against libvirt's virt-host-validate, in turn, in one run: wall time from exec to exit.

The areas qemu and libvirt are left out, since they run other programs. Both see the same host: a bridge, the helper
installed, a policy, and /dev/kvm. --json FILE: {"unit": "ms", "runs", "ours", "theirs": {"p50", "p95"}, "ratio": {"p50",
"p95"}}. It judges nothing."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

import sandbox

THEIRS = "virt-host-validate"


def timed(command):
    """In ms. Without timeout=, for which subprocess would look in ever longer steps, 16 ms and 32 ms from the start, and
    no figure could lie between; the sandbox's limit ends all."""
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                          cwd="/", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    if done.returncode not in (0, 1):
        sys.exit(f"bench: {command[0]} failed, exit {done.returncode}")
    return (time.perf_counter() - start) * 1000


def percentile(values, percent):
    """Nearest rank: a value that was really measured."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def install_helper(helper):
    """Where this build looks for it, on an overlay of this namespace alone."""
    path = re.search(r"helper=(/\S+)", sandbox.run(helper, "--help").stdout)[1]
    prefix = os.path.dirname(os.path.dirname(path))
    sandbox.run("mount", "-t", "tmpfs", "tmpfs", "/mnt")
    for folder in ("upper", "work"):
        os.mkdir(f"/mnt/{folder}")
    sandbox.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={prefix},upperdir=/mnt/upper,workdir=/mnt/work", prefix)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copyfile(helper, path)
    os.chmod(path, 0o755)
    sandbox.run("setcap", "cap_net_admin=p", path)


def main():
    parser = argparse.ArgumentParser(description="Measure virt-tap check against virt-host-validate. Needs root.")
    parser.add_argument("--command", required=True, help="virt-tap, as built")
    parser.add_argument("--helper", required=True, help="the helper, as built")
    parser.add_argument("--runs", type=int, default=100, help="of each (default: %(default)s)")
    parser.add_argument("--json", help="where to write the figures")
    chosen = parser.parse_args()
    chosen.command, chosen.helper = os.path.realpath(chosen.command), os.path.realpath(chosen.helper)
    sandbox.enter(limit=600)
    install_helper(chosen.helper)
    sandbox.make_bridge("br0")
    sandbox.write("/etc/virt-tap/policy.conf", "allow br0\n")
    os.mknod("/dev/kvm", 0o20600, os.makedev(10, 232))
    commands = {"ours": [chosen.command, "check", "kvm", "groups", "net", "helper"], "theirs": [THEIRS]}
    times = {name: [] for name in commands}
    for turn in range(chosen.runs + 2):
        for name, command in commands.items():
            took = timed(command)
            if turn >= 2:  # the first ones fill caches
                times[name].append(took)
    result = {"unit": "ms", "runs": chosen.runs}
    for name, values in times.items():
        result[name] = {f"p{p}": round(percentile(values, p), 3) for p in (50, 95)}
    result["ratio"] = {p: round(result["ours"][p] / result["theirs"][p], 3) for p in ("p50", "p95")}
    print(f"\n{'':<35}{'virt-tap':>12}{THEIRS:>20}{'ratio':>9}")
    for p in ("p50", "p95"):
        print(f"{'check, ' + p:<30}{'ms':>5}{result['ours'][p]:>12.1f}{result['theirs'][p]:>20.1f}{result['ratio'][p]:>9.2f}")
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")


main()
