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
    "libvirt.hooks.broken": "installed hooks", "libvirt.hooks.foreign": "installed hooks",
    "libvirt.hooks.unseen": "libvirtd", "libvirt.network.bridge": "libvirtd", "helper.missing": "an installation",
    "helper.selinux": "SELinux", "helper.apparmor": "AppArmor", "groups.kvm.relogin": "a login", "groups.libvirt.relogin": "a login",
}
# These take another decision, or another host.
STATES_ELSEWHERE = {
    "a user whom the database does not know": "an account", "tun without driver": "another device is in its place",
    "a cable that is out": "a hand", "an uplink's name that a shell would run": "a hand",
    "firewall: the bridge family drops": "ibrname, which the tests' kernel may lack", "firewall: the raw table drops": "the second suggestion",
}
FIXER = r"""
import json, os, re, subprocess, sys, time
COMMAND = re.compile(r".*: ((?:mv|ip|iptables|ip6tables|iptables-legacy|ip6tables-legacy|nft|sysctl|chmod|mount) .*)")
ADD = "#!/bin/sh\nprintf '%s\\n' \"$LINE\" >>\"$1\"\n"
CORRECT = "#!/bin/sh\nsed -i 's/ *[,#].*//; s/[*]/0/' \"$1\"\n"
before, user = sys.argv[1], int(sys.argv[2])

def edit(script, *words, **env):
    with open(before + ".editor", "w") as file:
        file.write(script)
    os.chmod(file.name, 0o755)
    words = [os.path.dirname(sys.argv[0]) + "/virt-tap", "policy", "edit", *words]
    subprocess.run(words, check=True, stdout=2, env={**os.environ, "VISUAL": file.name, **env})

done, failed = set(), set()
for finding in json.load(open(before))["findings"]:
    if finding["level"] == "failure":
        failed.add(finding["id"])
    if finding["level"] not in ("failure", "warning") or finding["id"] in sys.argv[3:]:
        continue
    own, decided = finding["id"].startswith(("qemu.session", "libvirt.hooks.session")), False
    become = {"user": user or 64321, "group": user or 64321, "extra_groups": []} if own else {}
    for line in finding["fix"]:
        rule = re.match(r"# .*(?:virt-tap policy edit and add|policy.conf): ((?:allow|include) .*)", line)
        if rule and not decided:
            edit(ADD, LINE=rule[1])
        elif "correct that line: " in line and "policy edit" in line:
            edit(CORRECT, line.split()[-1])
        elif line.startswith("#"):
            found = re.match(COMMAND, line.replace("sudo ", "")) or re.match("# (mount .*)()", line.replace("sudo ", ""))
            if not found or decided:
                continue
            subprocess.run(["sh", "-c", found[1]], check=True, stdout=2, **become)
        else:
            assert own or not user or line.startswith("sudo "), line
            if re.search("modprobe |networkctl reload|nmcli general reload", line):
                continue
            subprocess.run(["sh", "-c", re.sub("^sudo ", "", line)], check=True, stdout=2, **become)
            while line.startswith("kill ") and os.path.exists(line[len("kill $(cat "):-1]):
                time.sleep(0.1)
        decided = decided or line.startswith("#")
        done.add(finding["id"])
json.dump([sorted(done), sorted(failed)], open(before + ".done", "w"))
"""


class Fixes(unittest.TestCase):
    def fix(self, state):
        """Types what it says; returns the ids for which something was typed, those that failed before, and what is found then."""
        words = f"python3 {RUN}/fixer.py $T/before {state.user} {' '.join(ELSEWHERE)}"
        home = f"chown vmuser {RUN}; chown -R vmuser {RUN}/.config 2>/dev/null || :\n" if state.area == "qemu" else ""
        setup = f'{state.setup}\n{home}"$@" >$T/before || :\n{words}\ncat $T/before.done; echo; set -e'
        if state.user == USER and state.area in ("kvm", "groups"):  # the next login has the new groups: asked for by root
            again = f"{RUN}/virt-tap check {state.area} {' '.join(state.options)} --user vmuser --json"
            setup += f"\n{again} || :; exit 0"
        done = checkcase.run(dataclasses.replace(state, setup=setup), "--json")
        try:
            typed, _, after = done.stdout.partition("\n")
            return *map(set, json.loads(typed)), {finding["id"]: finding for finding in json.loads(after)["findings"]}
        except ValueError:
            raise AssertionError(f"{state.name}: {done.stdout!r} {done.stderr!r}") from None

    def test_each(self):
        checkcase.install()
        with open(f"{os.environ['VIRT_TAP_SOURCE']}/host/catalogue_list.h", encoding="ascii") as file:
            wrong = set(re.findall(r'FINDING\(\s*\w+,\s*"([a-z]+[.][a-z.]+)",\s*FINDING_(?:FAILURE|WARNING)', file.read())) - set(ELSEWHERE)
        sandbox.write(f"{RUN}/fixer.py", FIXER)
        warned = failed = 0
        for state in STATES:
            if state.wrap or state.tree or state.name in STATES_ELSEWHERE or "exec " in state.setup or "check.hang" in state.expect or \
                    not wrong & set(state.expect.split()):
                continue
            if checkcase.needs_kvm(state) and not checkcase.has_kvm():
                continue
            with self.subTest(state=state.name):
                typed, before, found = self.fix(state)
                self.assertEqual([found[name] for name in typed if name in found], [])
                new = [each for each in found.values() if each["level"] == "failure" and each["id"] not in before]
                self.assertEqual([each for each in new if each["area"] not in ("kvm", "groups")], [])  # this machine may have no KVM
                mended = typed and before - set(found)
                failed += bool(mended)
                warned += bool(typed and not mended)
        print(f"failures were mended in {failed} states, warnings in {warned} others")
        self.assertGreaterEqual(failed, 40)


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(verbosity=1, exit=False).result.wasSuccessful())
