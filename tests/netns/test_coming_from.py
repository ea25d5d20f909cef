#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""docs/coming-from.md: each command of virt-tap's in its tables does what the page says of it, beside what `ip` does.

Needs VIRT_TAP_HELPER and VIRT_TAP_CLI.
"""
import json
import os
import re
import shlex
import unittest

import documents
import sandbox
from sandbox import OTHER, USER, USERS


def rows(heading):
    """The rows of the table under a heading: lists of cells."""
    text = documents.read(f"{documents.SOURCE}/docs/coming-from.md").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")][2:]


def quoted(cell):
    """What it has in backticks, with accounts of the sandbox for those of the page."""
    names = {"alice": USERS[USER], "kvm": USERS[OTHER]}
    return [re.sub(r"\b(alice|kvm)\b", lambda name: names[name[0]], text) for text in re.findall("`([^`]+)`", cell)]


def link(name):
    return json.loads(sandbox.run("ip", "-d", "-json", "link", "show", "dev", name).stdout)[0]


class ComingFrom(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sandbox.install(os.environ["VIRT_TAP_HELPER"])
        cls.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)

    def tearDown(self):
        sandbox.delete_links()

    def type(self, command, status=0):
        program, *words = shlex.split(command)
        self.assertEqual(program, "virt-tap")
        done = sandbox.run(self.cli, *words, check=False)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def test_brctl(self):
        commands = {theirs: quoted(ours)[0] for theirs, ours, _ in rows("brctl")}
        for name in ("eth1", "eth2"):
            sandbox.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}x")
        self.type(commands["`addbr br0`"])
        mac = link("br0")["address"]
        self.assertIn("UP", link("br0")["flags"])
        sandbox.run("ip", "address", "add", "192.0.2.1/24", "dev", "eth2")
        self.type(commands["`addif br0 eth1 eth2`"], status=1)
        self.assertNotIn("master", link("eth1"))
        sandbox.run("ip", "address", "flush", "dev", "eth2")
        self.type(commands["`addif br0 eth1 eth2`"])
        for name in ("eth1", "eth2"):
            self.assertEqual((link(name)["master"], "UP" in link(name)["flags"]), ("br0", True))
        self.assertEqual(link("br0")["address"], mac)
        self.assertRegex(self.type(commands["`show`"]), r"(?s)\Abr0 .*eth1 .*eth2 ")
        for _time in range(2):
            self.type(commands["`delif br0 eth1 eth2`"])
            self.assertNotIn("master", link("eth1") | link("eth2"))
        sandbox.run("ip", "tuntap", "add", "dev", "vtap-0", "mode", "tap")
        sandbox.run("ip", "link", "set", "vtap-0", "master", "br0")
        self.assertIn("1 tap lost the bridge", self.type(commands["`delbr br0`"]))
        self.assertNotIn("br0", sandbox.links())
        self.type(commands["`stp br0 on`"])
        self.assertEqual(link("br0")["linkinfo"]["info_data"]["stp_state"], 1)

    def test_taps(self):
        made, deleted = [], False
        for _tunctl, ip, ours in rows("tunctl, ip tuntap"):
            (theirs,), (ours,) = quoted(ip), quoted(ours)
            name = theirs.split()[2]
            with self.subTest(ours):
                if theirs.startswith("del "):
                    self.type(ours)
                    self.assertNotIn(name, sandbox.links())
                    self.type(ours, status=1)
                    sandbox.run("ip", "tuntap", *theirs.split())
                    deleted = True
                    continue
                self.type(ours)
                mine = link(name)
                self.type(ours, status=1)
                sandbox.run("ip", "link", "delete", name)
                sandbox.run("ip", "tuntap", *theirs.split())
                self.assertEqual([mine[key] for key in ("flags", "mtu")] + [mine["linkinfo"]["info_data"]],
                                 [link(name)[key] for key in ("flags", "mtu")] + [link(name)["linkinfo"]["info_data"]])
                made.append(name)
        self.assertEqual((len(made), deleted), (5, True))

    def test_policy(self):
        sandbox.make_bridge("br0")
        for _lxc, rule in rows("lxc-user-nic"):
            sandbox.write("/etc/virt-tap/policy.conf", f"{quoted(rule)[0]}\n")
            user = OTHER if "group=" in rule else USER
            quota = re.search(r"quota=(\d+)", rule)[1]
            self.assertIn(f"0 of {quota} taps in use", self.type(f"virt-tap policy explain --user {user} --bridge br0"))
            for number in range(int(quota) + 1):
                self.type(f"virt-tap tap create vtap-{number} --bridge br0 --user {user}", status=int(number == int(quota)))
            sandbox.delete_links()
            sandbox.make_bridge("br0")

    def test_check(self):
        """What it names are areas."""
        for _theirs, ours in rows("kvm-ok, virt-host-validate"):
            for area in re.findall("`([a-z]+)`", ours):
                self.assertIn(sandbox.run(self.cli, "check", area, check=False).returncode, (0, 1), area)

    def test_domains(self):
        """Each option is one of the verb's."""
        for _theirs, ours in rows("virt-xml, virsh attach-interface"):
            for command in quoted(ours):
                words = command.split()
                if words[0] != "virt-tap":
                    continue
                known = self.type(f"virt-tap --list-options {words[1]} {words[2]}")
                for word in words[3:]:
                    if word.startswith("--"):
                        self.assertRegex(known, rf"(?m)^{word}\b")


if __name__ == "__main__":
    sandbox.enter()
    unittest.main()
