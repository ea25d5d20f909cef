#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The benchmark: our helper against the distribution's qemu-bridge-helper, called as QEMU calls them, in one run.

It makes the place (namespaces, bridges, file capabilities, bridge.conf), lets the C program measure, and says what
came out: a table for people, and with --json FILE everything for programs:

  unit          "µs", of every figure but memory
  runs          calls of each helper in each scenario of one caller
  machine       kernel, cpus: where it was measured
  scenarios     one each for empty, held_50, held_1000 (one caller, that many taps held on the bridge), callers_8
                (eight at once), policy_200 and names_200 (ours has a policy of 200 rules, see write_policy(), theirs
                the one line of all the other scenarios), protected (on a bridge with STP, ours has a rule with
                mac=lock, isolated=yes, guard=yes and a quota; theirs protects nothing), bound (likewise, with
                ip=lock and 8 addresses, 4 of IPv6), beside (likewise, with another guest bound on this host: for the
                first, and when the last ends, the kernel patches its code, clsact's static keys); in each: ours
                and theirs {runs, min, p50, p95, p99, mean} and ratio {p50, p95, p99}, ours/theirs
  growth        what 950 more taps on the bridge cost one call: p50 of held_1000 less p50 of held_50 {ours, theirs,
                ratio}
  broker        one caller without the file capability through a running broker, and with it without: through, direct
                {runs, ...}, ratio {p50, p95, p99}
  memory_kb     peak resident memory of the helper's process: ours and theirs {runs, p50, max}, ratio of the maxima

It judges nothing: it fails only if something could not be run. Figures on a busy machine are worth little, but both
helpers are measured in turn, so the ratios hold better than the figures.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict

import bridgehelper
import sandbox

SOCKET = "/run/virt-tap/broker"
THEIRS = "/usr/lib/qemu/qemu-bridge-helper"
BRIDGE = "br0"
PLACES = {"empty": 0, "held_50": 50, "held_1000": 1000}
CALLERS = 8
TITLES = {"empty": "empty bridge", "held_50": "50 taps held", "held_1000": "1,000 taps held",
          f"callers_{CALLERS}": f"{CALLERS} callers at once", "policy_200": "200 rules", "names_200": "200 rules, names, 5 files",
          "protected": "all protection", "bound": "all of it, 8 addresses", "beside": "likewise, a second guest"}
BOUND = ["--mac=52:54:00:12:34:56", *(f"--ip=10.66.0.{number}" for number in range(5, 9)), *(f"--ip=2001:db8::{number}" for number in range(5, 9))]
POLICY, RULES, PER_FILE = "/etc/virt-tap/policy.conf", 200, 40  # the last: of the policy with includes


def options():
    parser = argparse.ArgumentParser(description="Measure our helper against qemu-bridge-helper. Needs root.")
    parser.add_argument("--helper", required=True, help="our helper, as built")
    parser.add_argument("--bench", required=True, help="the compiled measuring program")
    parser.add_argument("--baseline", default=THEIRS, help="the helper to compare with (default: %(default)s)")
    parser.add_argument("--baseline-caps", default="cap_net_admin=ep",
                        help="its file capability (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=300,
                        help="calls of each helper in each scenario (default: %(default)s)")
    parser.add_argument("--json", help="where to write the figures")
    return parser.parse_args()


def change_root():
    """As on an ordinary host, /etc is no mount of its own: the sandbox's is, for which each start would read mountinfo."""
    sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt")
    for entry in os.scandir("/"):
        copy = f"/mnt/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), copy)
        elif entry.name == "etc":
            sandbox.run("cp", "-a", entry.path, copy)
        elif entry.is_dir() and entry.name != "mnt":
            os.mkdir(copy)
            sandbox.run("mount", "--rbind", entry.path, copy)
    os.chroot("/mnt")
    os.chdir("/")


def make_place(name, stp=0):
    """A network namespace with the bridge, for one number of held taps: so that all can be measured in turn."""
    sandbox.run("ip", "netns", "add", name)
    sandbox.run("ip", "-n", name, "link", "set", "lo", "up")
    sandbox.run("ip", "-n", name, "link", "add", BRIDGE, "address", "52:54:00:77:00:fe", "type", "bridge",
                "stp_state", str(stp), "forward_delay", "2" if stp else "0")
    sandbox.run("ip", "-n", name, "link", "set", BRIDGE, "up")
    return f"/run/netns/{name}"


def write_accounts():
    with open("/etc/passwd", "a", encoding="ascii") as users, open("/etc/group", "a", encoding="ascii") as groups:
        for number in range(20):
            users.write(f"bench{number:0>2}:x:{70000 + number}:{70000 + number}::/:/bin/sh\n")
            groups.write(f"bench{number:0>2}:x:{70000 + number}:\n")


def write_policy(prefix, per_file):
    """A policy as a large site may have it: ten bridges, users and groups (by number with the prefix '700', by name with
    'bench'), so many rules in each included file, 0: all in one; the rule that allows the caller is the last of all,
    so that each other of the bridge is looked at, and no name stands twice for a bridge."""
    kinds = ["allow {} user={} quota=4", "allow {} group={} quota=8 name=vtap-x*", "deny {} user={}", "deny {} group=7{:0>4} user={}"]
    rules = []
    for i in range(RULES - 1):
        name = f"{prefix}{i // 40 * 4 + i % 4:0>2}"
        rules.append(kinds[i % 4].format(f"br{i // 4 % 10}", name if i % 4 < 3 else i, i))
    caller = str(sandbox.USER) if prefix.isdigit() else sandbox.USERS[sandbox.USER]
    rules.append(f"allow {BRIDGE} user={caller} quota=4")
    included = RULES - per_file if per_file else 0
    for start in range(0, included, per_file or 1):
        sandbox.write(f"{POLICY}.d/{start}.conf", "\n".join(rules[start:start + per_file]) + "\n")
    sandbox.write(POLICY, "\n".join([f"include {POLICY}.d/*.conf"] * bool(per_file) + rules[included:]) + "\n")


def time_calls(chosen, figures, callers, places, option="", caps="cap_net_admin=p"):
    """Run the measuring program, `option` being more for ours, with blanks between; adds its figures as {scenario: {helper: [value, ...]}}."""
    ours = sandbox.install(chosen.helper, "virt-tap-helper", caps=caps)
    theirs = sandbox.install(chosen.baseline, "qemu-bridge-helper", caps=chosen.baseline_caps)
    command = [chosen.bench, ours, theirs, BRIDGE, str(sandbox.USER), str(chosen.runs), str(callers), option, *places]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd="/", check=False,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    if done.returncode != 0:
        sys.exit(f"bench: the measuring program failed, exit {done.returncode}; what it said is above")
    for line in done.stdout.splitlines():
        scenario, helper, value = line.split()
        figures[scenario][helper].append(float(value))


def through_broker(chosen, figures):
    """Our helper by a running broker, and directly, in turn."""
    command = ["nsenter", "--net=/run/netns/empty", sandbox.install(chosen.helper, "broker"), "broker", "--listen", SOCKET]
    broker = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        if not bridgehelper.await_(lambda: os.path.exists(SOCKET)):
            sys.exit("bench: the broker did not start")
        both = argparse.Namespace(**{**vars(chosen), "baseline": chosen.helper, "baseline_caps": "cap_net_admin=p"})
        time_calls(both, figures, 0, ["broker:0:/run/netns/empty"], caps=None)
    finally:
        broker.terminate()
        broker.wait()


def measure(chosen):
    """Returns the figures of all scenarios."""
    figures = defaultdict(lambda: defaultdict(list))
    sandbox.write("/etc/qemu/bridge.conf", f"allow {BRIDGE}\n")
    time_calls(chosen, figures, CALLERS, [f"{name}:{held}:{make_place(name)}" for name, held in PLACES.items()])
    through_broker(chosen, figures)
    write_accounts()
    for scenario, prefix, per_file in (("policy_200", "700", 0), ("names_200", "bench", PER_FILE)):
        write_policy(prefix, per_file)
        time_calls(chosen, figures, 0, [f"{scenario}:0:/run/netns/empty"])
    sandbox.write(POLICY, f"allow {BRIDGE} quota=4 mac=lock isolated=yes guard=yes\n")
    time_calls(chosen, figures, 0, [f"protected:0:{make_place('protected', stp=1)}"], "--mac=52:54:00:12:34:56")
    sandbox.write(POLICY, f"allow {BRIDGE} quota=4 mac=lock ip=lock ips=10.66.0.0/16,2001:db8::/64 isolated=yes guard=yes\n")
    time_calls(chosen, figures, 0, [f"bound:0:{make_place('bound', stp=1)}"], " ".join(BOUND))
    make_place("other", stp=1)
    sandbox.run("ip", "netns", "exec", "other", sandbox.install(chosen.helper), "create", f"--bridge={BRIDGE}", "--name=vtap-other", *BOUND)
    time_calls(chosen, figures, 0, ["beside:0:/run/netns/bound"], " ".join(BOUND))
    return figures


def percentile(values, percent):
    """Nearest rank: a value that was really measured."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def summary(values):
    return {"runs": len(values), "min": min(values), **{f"p{p}": percentile(values, p) for p in (50, 95, 99)},
            "mean": round(statistics.fmean(values), 3)}


def ratio(ours, theirs):
    return round(ours / theirs, 4) if theirs else None


def evaluate(figures, runs):
    """The figures as the JSON documented above."""
    scenarios = {}
    for name in TITLES:
        both = {helper: summary(figures[name][helper]) for helper in ("ours", "theirs")}
        both["ratio"] = {p: ratio(both["ours"][p], both["theirs"][p]) for p in ("p50", "p95", "p99")}
        scenarios[name] = both
    broker = {name: summary(figures["broker"][helper]) for name, helper in (("through", "ours"), ("direct", "theirs"))}
    broker["ratio"] = {p: ratio(broker["through"][p], broker["direct"][p]) for p in ("p50", "p95", "p99")}
    growth = {helper: round(scenarios["held_1000"][helper]["p50"] - scenarios["held_50"][helper]["p50"], 3)
              for helper in ("ours", "theirs")}
    growth["ratio"] = ratio(growth["ours"], growth["theirs"])
    memory = {helper: {"runs": len(values), "p50": percentile(values, 50), "max": max(values)}
              for helper, values in figures["memory"].items()}
    memory["ratio"] = ratio(memory["ours"]["max"], memory["theirs"]["max"])
    machine = {"kernel": os.uname().release, "cpus": len(os.sched_getaffinity(0))}
    return {"unit": "µs", "runs": runs, "machine": machine,
            "scenarios": scenarios, "growth": growth, "broker": broker, "memory_kb": memory}


def row(title, unit, ours, theirs, share):
    share = "-" if share is None else f"{share:.2f}"
    print(f"{title:<30}{unit:>5}{ours:>12,.0f}{theirs:>12,.0f}{share:>9}")


def show(result):
    print(f"\n{'':<35}{'virt-tap':>12}{'QEMU':>12}{'ratio':>9}")
    for name, title in TITLES.items():
        both = result["scenarios"][name]
        for p in ("p50", "p95", "p99"):
            row(f"{title}, {p}", "µs", both["ours"][p], both["theirs"][p], both["ratio"][p])
    growth, memory = result["growth"], result["memory_kb"]
    row("growth, 50 to 1,000 taps", "µs", growth["ours"], growth["theirs"], growth["ratio"])
    print(f"\n{'exec to descriptor through a running broker':<45}{'through':>9}{'direct':>8}{'ratio':>7}")
    for p, share in result["broker"]["ratio"].items():
        print(f"{p:<40}{'µs':>5}{result['broker']['through'][p]:>9,.0f}{result['broker']['direct'][p]:>8,.0f}{share:>7.2f}")
    print()
    row("peak memory", "kB", memory["ours"]["max"], memory["theirs"]["max"], memory["ratio"])
    print(f"\n{result['runs']} calls of each helper in each scenario, in turn; exec to descriptor; "
          f"kernel {result['machine']['kernel']}, {result['machine']['cpus']} CPUs")


def main():
    chosen = options()
    if chosen.runs < 1:
        sys.exit("bench: --runs must be at least 1")
    for path in (chosen.helper, chosen.bench, chosen.baseline):
        if not os.access(path, os.X_OK):
            sys.exit(f"bench: {path} is not there or not executable"
                     + (" (Debian package qemu-system-common has it)" if path == THEIRS else ""))
    chosen.helper, chosen.bench = os.path.realpath(chosen.helper), os.path.realpath(chosen.bench)
    sandbox.enter(limit=3600)
    change_root()
    result = evaluate(measure(chosen), chosen.runs)
    show(result)
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2, ensure_ascii=False)
            file.write("\n")


main()
