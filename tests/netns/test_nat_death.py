#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap bridge persist --nat --apply, and the deletion of such a bridge, killed whenever they are about to run a program: what is called next completes
it, or takes it back whole. How the files are written in one step is in test_persist_death.py. With VIRT_TAP_WALK=all at each program and of each
way to make the bridge; usually at a share of them."""
import glob
import os
import re
import signal
import unittest

import nathost
import needed
import sandbox
import test_nat
import uplink
from bridgehelper import await_
from faults import inject
from rounds import WALK_ALL
from uplink import virt_tap

PROGRAM, TRACE = uplink.CLI + "-bridge", sandbox.RUN + "/trace"
VERBS = {"persist": ("persist", "nat0", "--nat", "--apply"), "delete": ("delete", "nat0"), "unpersist": ("unpersist", "nat0")}


def settled():
    """What was started goes on when virt-tap is killed: until its end."""
    for _ in range(100):
        names = sandbox.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '").stdout
        if not any(name in names for name in ("systemctl", "networkctl ", "nft -f", "iptables ", "nmcli ")):
            return
        await_(lambda: False, 0.05)


class Death:
    """Mixed into a class of test_nat.py, for its host."""
    TABLE = "virt_tap_nat_nat0"

    def state(self):
        settled()
        rules = re.sub(r"(?ms)^table ip6? io.systemd.nat \{.*?^\}\n", lambda table: table[0] if "elements" in table[0] else "", nathost.ruleset())
        return nathost.tree(), rules, sandbox.links(), glob.glob("/run/virt-tap-nat-*")

    def call(self, verb, wrap=()):
        return sandbox.run(*wrap, PROGRAM, "bridge", *VERBS[verb], check=False)

    def well(self, verb):
        done = self.call(verb)
        self.assertEqual(done.returncode, 0, done.stdout)

    def is_whole(self):
        shown = virt_tap("bridge", "persist", "nat0", "--nat", "--apply").stdout
        self.assertNotIn("running", shown)  # there is nothing to do
        self.assertIn(self.TABLE, nathost.ruleset())
        self.assertIn("nat0", sandbox.links())

    def kill(self, verb, nth, then):
        """Returns whether it came to that."""
        if verb == "delete":
            self.well("persist")
        done = self.call(verb, inject(TRACE, "clone", nth, "signal=SIGKILL"))
        settled()
        if done.returncode != -signal.SIGKILL:
            self.assertEqual(done.returncode, 0, done.stdout)
            return False
        if then == "persist":
            if "delete it first" in self.call("persist").stdout:
                self.well("delete")
            self.well("persist")
            self.is_whole()
        self.well("delete")
        self.assertEqual(self.state(), self.before)
        return True

    def walk(self, verb, share):
        self.before = self.state()
        nth, came = 1, True
        while came:
            then = "persist" if nth // share % 2 else "delete"
            with self.subTest(f"{verb}, program {nth}, then {then}"):
                came = False
                came = self.kill(verb, nth, then)
            nth += 1 if WALK_ALL else share
        self.call("delete")
        self.assertGreater(nth, 3)

    def test_persist(self):
        self.walk("persist", 6)

    def test_delete(self):
        self.walk("delete", 6)


class Unit(Death, test_nat.Dnsmasq):
    def setUp(self):
        super().setUp()
        sandbox.write("/etc/systemd/system/docker.service", "[Service]\nExecStart=/bin/true\n")
        self.addCleanup(os.unlink, "/etc/systemd/system/docker.service")
        for words in (("-N", "DOCKER-USER"), ("-A", "DOCKER-USER", "-j", "RETURN")):
            sandbox.run("iptables", *words)


class Networkd(Death, test_nat.Networkd):
    pass


class Shared(Death, test_nat.Shared):
    TABLE = "nm-shared-nat0"


FORMS = (Unit, Networkd, Shared) if WALK_ALL else (Unit, Networkd)


def load_tests(loader, _, __):
    """Of these classes, not what they inherit of tests."""
    return unittest.TestSuite(form(name) for form in FORMS for name in vars(Death) if name.startswith("test_"))


if __name__ == "__main__":
    sandbox.enter(1800 if WALK_ALL else 380)
    sandbox.install(uplink.CLI, "virt-tap", caps=None)
    needed.main()
