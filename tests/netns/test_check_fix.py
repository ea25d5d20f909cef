#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap check: what it says to type is typed, and the next check no longer finds what it was for.

Decisions, which are comments in the output, are taken here: the first one of each finding."""
import dataclasses
import json
import os
import re
import sys
import unittest

import checkcase
import sandbox
from sandbox import RUN, USER
from test_check import STATES

# Fixes that need what no sandbox has; others are tried in every state that offers them.
ELSEWHERE = {
    "kvm.device.missing": "the driver", "kvm.device.wrong": "the driver", "kvm.module.missing": "modules", "kvm.module.blocked": "modules",
    "kvm.module.absent": "packages", "kvm.vm.busy": "modules", "net.vhost.missing": "modules", "net.bridge.none": "a NIC", "net.bridge.missing": "a NIC",
    "net.bridge.inactive": "libvirtd", "net.filter.skipped": "nothing: it is the check itself", "qemu.missing": "packages", "qemu.broken": "packages",
    "qemu.accelerator": "packages", "libvirt.missing": "packages", "libvirt.broken": "packages", "libvirt.hooks.missing": "installed hooks",
    "libvirt.hooks.broken": "installed hooks", "libvirt.hooks.unseen": "libvirtd", "libvirt.network.bridge": "libvirtd", "helper.missing": "an installation",
    "helper.selinux": "SELinux", "helper.apparmor": "AppArmor", "groups.kvm.relogin": "a login", "groups.libvirt.relogin": "a login",
}
# These take another decision, or another host.
STATES_ELSEWHERE = {
    "a user whom the database does not know": "an account", "tun without driver": "another device is in its place",
    "a cable that is out": "a hand", "an uplink's name that a shell would run": "a hand",
    "firewall: the bridge family drops": "ibrname, which the tests' kernel may lack", "firewall: the raw table drops": "the second suggestion",
}
FIXER = r"""
import json, os, re, subprocess, sys
COMMAND = re.compile(r".*: ((?:ip|iptables|ip6tables|iptables-legacy|ip6tables-legacy|nft|sysctl|chmod|mount) .*)")
POLICY = "/etc/virt-tap/policy.conf"

def prepend(line):
    old = open(POLICY).read() if os.path.exists(POLICY) else ""
    open(POLICY, "w").write(line + "\n" + old)

before, user = sys.argv[1], int(sys.argv[2])
done = []
for finding in json.load(open(before))["findings"]:
    if finding["level"] not in ("failure", "warning") or finding["id"] in sys.argv[3:]:
        continue
    own, decided = finding["id"].startswith("qemu.session"), False
    for line in finding["fix"]:
        rule = re.match(r"# .*(?:with the rule|policy.conf): ((?:allow|include) .*)", line)
        if rule and not decided:
            prepend(rule[1])
        elif line.startswith("#"):
            found = re.match(COMMAND, line.replace("sudo ", "")) or re.match("# (mount .*)()", line.replace("sudo ", ""))
            if not found or decided:
                continue
            subprocess.run(["sh", "-c", found[1]], check=True, stdout=2)
        else:
            assert own or not user or line.startswith("sudo "), line
            if re.search("modprobe |networkctl reload|nmcli general reload", line):
                continue
            become = {"user": user or 64321, "group": user or 64321, "extra_groups": []} if own else {}
            subprocess.run(["sh", "-c", re.sub("^sudo ", "", line)], check=True, stdout=2, **become)
        decided = decided or line.startswith("#")
        done.append(finding["id"])
json.dump(sorted(set(done)), open(before + ".done", "w"))
"""


class Fixes(unittest.TestCase):
    def fix(self, state):
        """Types what it says; returns the ids for which something was typed, and what is found then."""
        words = f"python3 {RUN}/fixer.py $T/before {state.user} {' '.join(ELSEWHERE)}"
        home = f"chown vmuser {RUN}; chown -R vmuser {RUN}/.config 2>/dev/null || :\n" if state.area == "qemu" else ""
        setup = f'{state.setup}\n{home}"$@" >$T/before || :\n{words}\ncat $T/before.done; echo; set -e'
        if state.user == USER and state.area in ("kvm", "groups"):  # the next login has the new groups: asked for by root
            again = f"{RUN}/virt-tap check {state.area} {' '.join(state.options)} --user vmuser --json"
            setup += f"\n{again} || :; exit 0"
        done = checkcase.run(dataclasses.replace(state, setup=setup), "--json")
        try:
            typed, _, after = done.stdout.partition("\n")
            return json.loads(typed), {finding["id"]: finding["seen"] for finding in json.loads(after)["findings"]}
        except ValueError:
            raise AssertionError(f"{state.name}: {done.stdout!r} {done.stderr!r}") from None

    def test_each(self):
        checkcase.install()
        with open(f"{os.environ['VIRT_TAP_SOURCE']}/host/catalogue.c", encoding="ascii") as file:
            wrong = set(re.findall(r'\{\s*"([a-z]+[.][a-z.]+)",\s*FINDING_(?:FAILURE|WARNING)', file.read())) - set(ELSEWHERE)
        sandbox.write(f"{RUN}/fixer.py", FIXER)
        count = 0
        for state in STATES:
            if state.wrap or state.tree or state.name in STATES_ELSEWHERE or "exec " in state.setup or "check.hang" in state.expect or \
                    not wrong & set(state.expect.split()):
                continue
            if checkcase.needs_kvm(state) and not checkcase.has_kvm():
                continue
            with self.subTest(state=state.name):
                typed, found = self.fix(state)
                self.assertEqual([f"{name}: {found[name]}" for name in typed if name in found], [])
                count += bool(typed)
        print(f"fixes were applied in {count} states")
        self.assertGreaterEqual(count, 40)


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(verbosity=1, exit=False).result.wasSuccessful())
