#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Taps of each format that was released (tests/data/formats), made without the helper: they are listed, repaired, counted and deleted by today's
programs, which write the newest of these formats to the letter. What a later version wrote is left alone, in words.

A change of a format gets a new version, in docs/interfaces.md and in what is written. VIRT_TAP_FREEZE=1 then adds its folder, which is named
after the version of virt-tap; the others stay.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and VIRT_TAP_PORTJUDGE.
"""
import json
import os

import netcase
import rawtap
import sandbox
from applycase import ApplyCase, kernel
from formats import FOLDER, versions
from netcase import POLICY, QEMU_ACL
from sandbox import OTHER, USER

VERSIONS = versions()
UUID = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3"
MAC = "52:54:00:00:00:0"
# What is frozen: the rule (None: bridge.conf), and the helper's words.
KINDS = {
    "vtap-plain": ("quota=3", "create"),
    "vtap-mac": ("quota=3", "create", f"--mac={MAC}1"),
    "vtap-locked": ("quota=5 mac=lock ip=lock ips=10.66.0.0/16,2001:db8::/64 isolated=yes serve=dhcp,ra", "create", f"--mac={MAC}2", "--ip=10.66.1.5",
                    "--ip=2001:db8::5", f"--domain={UUID}", "--serve=dhcp"),
    "vtap-asks": ("quota=3", "create", f"--mac={MAC}3", "--ip=10.66.1.6", "--lock=ip", "--isolated"),
    "vtap-network": (f"user={USER} quota=1 mac=lock ip=lock ips=10.66.2.0/24,fe80::/64", "create", f"--mac={MAC}4"),
    "vtap-range": ("uid=64000-65000 quota=4", "create"),
    "vtap-queues": ("quota=3 mtu=1400", "create", "--multi-queue", "--vnet-hdr", f"--domain={UUID}"),
    "vtap-none": (None, "create"),
    "vtap-held": ("quota=3 mac=lock", "grant", f"--mac={MAC}5"),
}


def entries(version):
    with open(f"{FOLDER}/{version}/taps.json", encoding="ascii") as file:
        return json.load(file)


class FormatCase(ApplyCase):
    def allow(self, rule):
        if os.path.exists(POLICY):
            os.unlink(POLICY)
        if rule is not None:
            self.rule(f"allow br0 {rule}")
        else:
            sandbox.write(QEMU_ACL, "allow br0\n")

    def written(self, name, rule, *words):
        """Such a tap as the helper makes it."""
        self.allow(rule)
        if words[0] == "create":
            self.create(name, *words[1:])
        else:
            with self.grant(*words[1:], f"--name={name}") as answer:
                self.fds.append(os.dup(answer.fds[0]))
        tap = rawtap.read(name)
        if not any(word.startswith("--mac=") for word in words):  # then it is random
            tap["alias"] = tap["alias"].replace(tap["mac"], "fe:00:00:00:00:01")
            tap["mac"] = "fe:00:00:00:00:01"
        return {"rule": rule, "words": list(words), "tap": tap}

    def made(self, entry):
        """A tap of a format, without the helper, under its rule."""
        self.allow(entry["rule"])
        fd = rawtap.make(entry["tap"])
        if fd is not None:
            self.fds.append(fd)
        return entry["tap"]["name"]

    def remove(self, name):
        while self.fds:
            os.close(self.fds.pop())
        if name in sandbox.links():
            sandbox.run("ip", "link", "delete", name)

    def each(self, check, of=lambda entry: True):
        """Makes the taps of all versions, one after another, and calls check(name, entry) for each."""
        for version in VERSIONS:
            for entry in filter(of, entries(version)):
                with self.subTest(version=version, tap=entry["tap"]["name"]):
                    name = self.made(entry)
                    try:
                        check(name, entry)
                    finally:
                        self.remove(name)

    def listed(self, name):
        found = json.loads(sandbox.run(self.program, "list", "--json").stdout)
        return next((tap for tap in found if tap["name"] == name), None)


class Written(FormatCase):
    def test_today(self):
        """But for the program of the port filter, which nobody reads back: repair replaces it by today's."""
        frozen = entries(VERSIONS[-1])
        self.assertEqual({entry["tap"]["name"]: (entry["rule"], *entry["words"]) for entry in frozen}, KINDS)
        for old in frozen:
            name = old["tap"]["name"]
            with self.subTest(tap=name):
                new = self.written(name, old["rule"], *old["words"])
                for entry in (old, new):
                    for one in entry["tap"]["filters"]:
                        if one["preference"] == 1:
                            del one["program"]
                    if not new["tap"]["port"].keys() >= {"max_groups"}:  # Linux before 6.3
                        entry["tap"]["port"].pop("max_groups", None)
                self.assertEqual(new, old, "a new form needs a new version: see the top of this file")
                self.remove(name)


class Old(FormatCase):
    """Taps of versions before, and of this one."""

    def test_listed(self):
        def check(name, entry):
            found, alias = self.listed(name), entry["tap"]["alias"]
            self.assertEqual((found["owner"]["uid"], found["bridge"], found["changed"]),
                             (USER, "br0", {"mac": False, "owner": False, "persistence": False}))
            self.assertEqual(found["domain"], UUID if UUID in alias else None)
            self.assertEqual(found["claim"].split(".")[:3], ["virt-tap", "br0", str(USER)])
            self.assertEqual(bool(found["filter"] and found["filter"]["attached"]), bool(entry["tap"]["filters"]))
            if name == "vtap-locked":
                self.assertEqual(found["bound"], {"mac": f"{MAC}2", "ip": ["10.66.1.5", "2001:db8::5"]})
        self.each(check)

    def test_repaired(self):
        """They are as the policy has them, but for a filter of another version; and are again once they were taken off and stripped."""
        def check(name, entry):
            before = rawtap.read(name)
            for text in self.repair().values():
                self.assertRegex(text, r"\Achanged by \S+: port filter\Z")
            whole = rawtap.read(name)
            self.assertEqual({**whole, "filters": 0}, {**before, "filters": 0})
            sandbox.run("ip", "link", "set", name, "nomaster")
            if entry["tap"]["filters"]:
                sandbox.run("tc", "qdisc", "del", "dev", name, "clsact")
            self.assertIn("on bridge 'br0' again", self.repair()[name])
            self.assertEqual(rawtap.read(name), whole)
            self.assertEqual(self.verb("policy", "apply"), {})
        self.each(check)

    def test_filter_of_another_version(self):
        """It is there, as far as anybody can see, and today's takes its place."""
        def check(name, entry):
            self.assertTrue(self.listed(name)["filter"]["attached"])
            self.assertRegex(self.repair()[name], r"\Achanged by \S+: port filter\Z")
            self.assertEqual(rawtap.read(name)["filters"][1:], entry["tap"]["filters"][1:])
            self.assertEqual(self.repair(), {})

        def other(entry):
            if entry["tap"]["filters"]:  # it takes the length of the frame to no use first
                entry["tap"]["filters"][0]["program"] = "8000000000000000" + entry["tap"]["filters"][0]["program"]
            return entry["tap"]["filters"]
        self.each(check, other)

    def test_counted(self):
        """In their quota: with taps of today's it is used up."""
        def check(_name, entry):
            quota = int(entry["rule"].partition("quota=")[2].split()[0])
            own = ["--mac=52:54:00:00:01:{:02x}"] + ["--ip=10.66.3.{}"] * ("ips=10.66.0.0" in entry["rule"])
            words = [[word.format(number) for word in own] for number in range(1, quota + 1)]
            for number in range(quota - 1):
                self.create(f"vtap-n{number}", *words[number])
            self.assertIn(f"(quota={quota})", self.ask("create", "--bridge=br0", "--name=vtap-more", *words[-1]).stderr)
            for number in range(quota - 1):
                self.remove(f"vtap-n{number}")
        self.each(check, lambda entry: entry["rule"])

    def test_claimed(self):
        """Nobody gets their MAC or their addresses."""
        def check(_name, entry):
            self.allow("quota=9 mac=lock ip=lock ips=10.66.0.0/16,2001:db8::/64")
            for word in entry["words"]:
                if word.startswith("--mac="):
                    self.denied("create", "--bridge=br0", "--name=vtap-more", word, "--ip=10.66.3.1", uid=OTHER, says="has that MAC")
                elif word.startswith("--ip="):
                    self.denied("create", "--bridge=br0", "--name=vtap-more", f"--mac={MAC}9", word, uid=OTHER, says="another tap there has it")
        self.each(check)

    def test_deleted(self):
        """By their owner only, by name, by domain; and those that are not held by gc."""
        def check(name, entry):
            self.denied("delete", f"--name={name}", uid=OTHER, says=f"belongs to uid {USER}")
            if UUID in entry["tap"]["alias"]:
                self.delete(f"--domain={UUID}", uid=OTHER)
                self.assertIn(name, sandbox.links())
                self.delete(f"--domain={UUID}")
            else:
                self.delete(f"--name={name}")
            self.assertNotIn(name, sandbox.links())
            rawtap.make(entry["tap"])
            self.assertIn(f"{name}: removed", sandbox.run(self.program, "gc", "--all", "--wait=0").stdout)
            self.assertNotIn(name, sandbox.links())
        self.each(check, lambda entry: entry["tap"]["tun"]["persist"])

    def test_revoked(self):
        def check(name, _entry):
            self.rule("deny br0")
            self.assertIn("deleted: ", self.apply("--revoke", dry=False)[name])
            self.assertNotIn(name, sandbox.links())
        self.each(check)


class Later(FormatCase):
    """Taps whose alias is of a later version, or has words that this one does not know."""

    def test_left_alone(self):
        entry = next(entry for entry in entries(VERSIONS[-1]) if entry["tap"]["name"] == "vtap-locked")
        alias = entry["tap"]["alias"]
        says = "left alone: it was made by a later virt-tap than this, "
        for later in (alias.replace("v=1", "v=2"), alias.replace(" stays", " stays more"), alias.replace("v=1 ", "v=1 more=1 "),
                      alias.replace("asks=dhcp", "asks=dhcp,more"), "virt-tap v=2"):
            entry["tap"]["alias"] = later
            name = self.made(entry)
            sandbox.run("ip", "link", "set", name, "nomaster")
            before = kernel()
            with self.subTest(alias=later):
                found = self.listed(name)
                self.assertEqual((found["owner"]["uid"], found["domain"]), (USER, None))
                self.assertIn(says, self.repair(status=1)[name])
                for words in (("repair", name), ("repair", "br0"), ("policy", "apply"), ("policy", "apply", "--revoke")) if "v=2 " in later else ():
                    self.assertIn(says, self.verb(*words, status=1)[name])
                self.assertIn(f"{name}: {says}", sandbox.run(self.program, "gc", "--all", "--wait=0").stdout)
                for uid in (USER, 0) if "v=2 " in later else (USER,):
                    self.denied("delete", f"--name={name}", uid=uid, says=(f"tap '{name}' was made by a later virt-tap, so it is not deleted",
                                                                           f"ip link delete dev {name}"))
                    self.denied("delete", f"--name={name}", "--force", uid=uid, says="was made by a later virt-tap")
                    self.delete(f"--domain={UUID}", uid=uid)
                self.assertEqual(kernel(), before)
            self.remove(name)

    def test_claims_stay(self):
        """Those of a kind that this version does not know are neither read nor removed; those that it knows are in force, whatever the alias says."""
        entry = next(entry for entry in entries(VERSIONS[-1]) if entry["tap"]["name"] == "vtap-locked")
        entry["tap"]["claims"].append("virt-tap-more.br0.525400000002")
        name = self.made(entry)
        sandbox.run("ip", "link", "set", name, "nomaster")
        self.assertIn("on bridge 'br0' again", self.repair()[name])
        self.assertEqual(rawtap.read(name)["claims"], sorted(entry["tap"]["claims"]))
        sandbox.run("ip", "link", "set", name, "alias", "virt-tap v=2")
        self.rule("allow br0 quota=1")
        self.denied("create", "--bridge=br0", "--name=vtap-more", says="(quota=1)")
        self.denied("create", "--bridge=br0", "--name=vtap-more", f"--mac={MAC}2", uid=OTHER, says="has that MAC")
        self.remove(name)

    def test_they_are_counted(self):
        """Where a quota was lowered, with those that are there, the newest are beyond it."""
        entry = next(entry for entry in entries(VERSIONS[-1]) if entry["tap"]["name"] == "vtap-plain")
        entry["tap"]["alias"] = "virt-tap v=2"
        name = self.made(entry)
        self.create("vtap-new")
        self.rule("allow br0 quota=1")
        said = self.verb("policy", "apply", status=1)
        self.assertIn("(quota=1)", said["vtap-new"])
        self.remove(name)


if os.environ.get("VIRT_TAP_FREEZE"):
    class Freeze(FormatCase):
        """Writes down what is written now."""

        def test_freeze(self):
            version = sandbox.run(self.program, "--version").stdout.split()[1]
            self.assertFalse(os.path.exists(f"{FOLDER}/{version}/taps.json"), "it is frozen already")
            found = []
            for name, kind in KINDS.items():
                found.append(self.written(name, *kind))
                self.remove(name)
            os.makedirs(f"{FOLDER}/{version}", exist_ok=True)
            with open(f"{FOLDER}/{version}/taps.json", "w", encoding="ascii") as file:
                json.dump(found, file, indent=1)
                file.write("\n")


if __name__ == "__main__":
    netcase.main()
