#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The hooks of one start of a domain with one card, against a bash hook with xmllint and ip(8) that does the same, in turn.

libvirt calls the hook three times: prepare, start, started. Their standard input was recorded from libvirt 9.0
(tests/data/hooks); "bare" is a bash hook that knows only this domain and checks nothing; "large" is the same domain with
comments up to 38 kB. Summed is the wall time of the three, from exec to exit; taps are removed in between.
--json FILE: {"unit": "ms", "runs", "small" and "large": {"ours", "bash", "bare": {"p50", "p95"}, "ratio" to bash}}. It judges nothing.
"""
import argparse
import json
import os
import statistics
import sys
import time

import hookhost
import sandbox

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/hooks")
EVENTS = ("prepare", "start", "started")
TAP = "vtap-web-5q3e4"
# The same work: any number of cards, the clone's check, policy.conf's rules, a quota of 16, and undoing, in as few processes as it
# takes. MAKE is what the kernel is told.
MAKE = r"""ip -batch - <<END
tuntap add dev $dev mode tap vnet_hdr
link set dev $dev master $bridge address fe${mac:2} mtu 1500 alias "virt-tap v=1 uid=0 domain=$uuid" addrgenmode none
link property add dev $dev altname virt-tap.$dev.$uuid
link set dev $dev up
END
"""
BASH = r"""#!/bin/bash
[ "$2" = prepare ] || exit 0
xml=$(</dev/stdin)
taps="//*[local-name()='taps' and namespace-uri()='urn:virt-tap']"
read -r count owner uuid < <(xmllint --xpath "concat(count($taps/*), ' ', $taps/@uuid, ' ', /domain/uuid, '
')" - <<<"$xml")
[[ $count -gt 0 ]] || exit 0
[[ $owner == "$uuid" ]] || { echo "this is a clone" >&2; exit 1; }
made=()
refuse() {
  echo "$dev on $bridge: $1" >&2
  for one in "${made[@]}"; do ip link delete "$one"; done
  exit 1
}
for ((i = 1; i <= count; i++)); do
  nic="//interface[@type='ethernet' and target/@managed='no' and target/@dev=$taps/*[$i]/@dev]"
  read -r dev bridge mac queues < <(xmllint --xpath "concat($taps/*[$i]/@dev, ' ', $taps/*[$i]/@bridge, ' ', $nic/mac/@address, ' ',
    $nic/driver/@queues, '
')" - <<<"$xml")
  [[ $dev == vtap-* && $mac ]] || refuse "no such interface"
  allowed=
  while read -r verb where _; do
    [[ $where == "$bridge" || $where == all ]] || continue
    [[ $verb != deny ]] || refuse "denied"
    [[ $verb != allow ]] || allowed=yes
  done </etc/virt-tap/policy.conf
  [[ $allowed ]] || refuse "not allowed"
  mine=0
  while read -r line; do [[ $line != *"virt-tap v=1 uid=0"* ]] || ((++mine)); done < <(ip -o link show master "$bridge")
  ((mine < 16)) || refuse "too many"
  """ + MAKE.replace("<<END", "<<END || refuse 'failed'") + r"""
  made+=("$dev")
done
"""
# The least that starts this one domain: one card, nothing checked.
BARE = r"""#!/bin/bash
[ "$2" = prepare ] || exit 0
read -r dev bridge mac uuid < <(xmllint --xpath "concat(//*[local-name()='tap']/@dev, ' ', //*[local-name()='tap']/@bridge,
  ' ', //interface[target/@managed='no']/mac/@address, ' ', /domain/uuid, '
')" -)
""" + MAKE


def event(path, name, file):
    """By posix_spawn(3), so that little of this process is in what is measured."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, file, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    start = time.perf_counter()
    pid = os.posix_spawn(path, [path, "web", name, "begin", "-"], hookhost.ENVIRONMENT, file_actions=actions)
    _pid, status = os.waitpid(pid, 0)
    took = time.perf_counter() - start
    if status:
        sys.exit(f"bench: {path} {name}: exit {os.waitstatus_to_exitcode(status)}")
    return took * 1000


def start_of_domain(path, size):
    took = sum(event(path, name, f"{sandbox.RUN}/{name}.{size}") for name in EVENTS)
    if TAP not in sandbox.links():
        sys.exit(f"bench: {path} made no tap")
    sandbox.run("ip", "link", "delete", TAP)
    return took


def read(name, size):
    with open(f"{DATA}/{name}.xml", "rb") as file:
        text = file.read()
    return text.replace(b"</devices>", b"  <!-- " + b"x" * max(0, size - len(text)) + b" -->\n  </devices>")


def summary(values):
    ordered = sorted(values)
    return {"p50": round(statistics.median(ordered), 3), "p95": round(ordered[-(-len(ordered) * 95 // 100) - 1], 3)}


def main():
    parser = argparse.ArgumentParser(description="Measure the hooks against bash with xmllint and ip. Needs root.")
    parser.add_argument("--hooks", required=True, help="the folder of the hooks, as built")
    parser.add_argument("--helper", required=True, help="the helper, as built")
    parser.add_argument("--runs", type=int, default=100, help="of each (default: %(default)s)")
    parser.add_argument("--json", help="where to write the figures")
    chosen = parser.parse_args()
    os.environ["VIRT_TAP_HOOKS"], os.environ["VIRT_TAP_HELPER"] = os.path.realpath(chosen.hooks), os.path.realpath(chosen.helper)
    chosen.json = chosen.json and os.path.realpath(chosen.json)
    sandbox.enter(limit=600)
    _helper, hooks = hookhost.install()
    sandbox.make_bridge("br0")
    sandbox.write("/etc/virt-tap/policy.conf", "allow br0\n")
    peers = {"ours": hooks + "/qemu", "bash": sandbox.RUN + "/hook.bash", "bare": sandbox.RUN + "/hook.bare"}
    for name, text in (("bash", BASH), ("bare", BARE)):
        sandbox.write(peers[name], text, 0o755)
    result = {"unit": "ms", "runs": chosen.runs}
    print(f"\n{'':<35}{'virt-tap':>12}{'bash':>20}{'ratio':>9}{'bare bash':>12}")
    for size, length in (("small", 0), ("large", 38_000)):
        for name in EVENTS:
            sandbox.write(f"{sandbox.RUN}/{name}.{size}", read(name, length))
        times = {name: [] for name in peers}
        for turn in range(chosen.runs + 2):
            for name, path in peers.items():
                took = start_of_domain(path, size)
                if turn >= 2:  # the first ones fill caches
                    times[name].append(took)
        figures = result[size] = {name: summary(values) for name, values in times.items()}
        figures["ratio"] = round(figures["ours"]["p50"] / figures["bash"]["p50"], 3)
        print(f"{f'hooks of a start, {size}':<30}{'ms':>5}{figures['ours']['p50']:>12.2f}{figures['bash']['p50']:>20.2f}"
              f"{figures['ratio']:>9.2f}{figures['bare']['p50']:>12.2f}")
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")


main()
