#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The helper killed at each of its system calls, and each of its system calls failing in turn (tests/lib/inject.c).

Whatever happens, it is one of two things: a complete grant and exit 0; or another exit, and no tap once the caller has
closed its socket and what it got. A failure that the dynamic loader survives is a complete grant."""
import re

import bridgehelper
import netcase
import sandbox
from faults import inject
from sandbox import USER, USERS

TRACE = sandbox.RUN + "/trace"
ERRORS = ("EIO", "ENOMEM", "EINTR")


class Faults(netcase.NetCase):
    def run_by(self, wrap):
        return bridgehelper.call([*wrap, self.helper])

    def inject(self, name, nth, fault):
        return self.run_by(inject(TRACE, name, nth, fault, USER))

    def walk(self):
        """Every system call of a run without fault after its execve, as (name, how many of that name so far)."""
        self.run_by(["strace", "-qq", "-o", TRACE, "-u", USERS[USER]]).close()
        with open(TRACE, encoding="ascii") as file:
            trace = file.read()
        names = re.findall(r"^(\w+)\(", trace, re.M)
        self.assertEqual((names[0], names[-1]), ("execve", "exit_group"))
        if ".gcda" in trace:  # ./dev coverage: what writes the counts at the end is not ours
            names = re.findall(r"^(\w+)\(", trace[:trace.index(".gcda")], re.M)[:-1]
        counts, steps = {}, []
        for name in names[1:]:
            counts[name] = counts.get(name, 0) + 1
            steps.append((name, counts[name]))
        return steps


class Death(Faults):
    def is_granted(self, name, nth, what):
        """One run with that fault; returns whether it ended in a grant."""
        with self.inject(name, nth, what) as answer:
            with open(TRACE, encoding="ascii") as file:
                self.assertEqual(file.read(), "INJECTED\n", "the fault did not happen")
            if answer.status == 0:
                self.assertTrue(answer.granted, answer)
                self.assertEqual(netcase.link(answer.tap()[0])["master"], "br0")
                self.assertIn("UP", netcase.link(answer.tap()[0])["flags"])
            elif answer.fds:  # dying after the answer: all that was sent is the one tap
                self.assertTrue((len(answer.fds), answer.data) == (1, b"\0") and what.startswith("signal"), answer)
            granted = answer.status == 0
        self.assertTrue(bridgehelper.await_(lambda: sandbox.links() == self.before), sandbox.links())
        return granted

    def test_killed_anywhere(self):
        steps = self.walk()
        for name, nth in steps:
            with self.subTest(f"{name} {nth}"):
                self.assertFalse(self.is_granted(name, nth, "signal=SIGKILL"))
        self.assertGreater(len(steps), 60)

    def test_each_call_failing(self):
        steps = [step for step in self.walk() if step[0] != "exit_group"]
        survived, sockets = set(), set()
        for name, nth in steps:
            for error in ERRORS:
                with self.subTest(f"{name} {nth} {error}"):
                    if self.is_granted(name, nth, f"error={error}"):
                        survived.add(name)
                        sockets |= {nth} if name == "socket" else set()
        print("\nsurvived failures of: " + " ".join(sorted(survived)))
        self.assertFalse(survived & {"capset", "getsockopt", "sendmsg", "ioctl"}, "needed, yet may fail")
        self.assertEqual(len(sockets), 1, "the system log's alone may fail")

    def test_time_limit(self):
        with self.inject("getsockopt", 1, "signal=SIGALRM") as answer:
            self.assertEqual((answer.status, answer.fds), (1, []))
            self.assertRegex(answer.stderr, r"\Avirt-tap-helper: gave up after 30 s[^\n]*\n\Z")


class Create(Faults):
    """Before its last step a tap that is to stay is gone with us; after it, whole."""

    def run_by(self, wrap):
        return self.ask("create", "--bridge=br0", "--name=vtap-a", "--multi-queue", uid=0, wrap=wrap)

    def is_whole(self):
        tap = netcase.link("vtap-a")
        info = tap["linkinfo"]["info_data"]
        return (tap["master"], "UP" in tap["flags"], info["user"], info["persist"]) == ("br0", True, USERS[USER], True)

    def test_killed_anywhere(self):
        steps = self.walk()
        self.delete("--name=vtap-a")
        stayed = 0
        for name, nth in steps:
            with self.subTest(f"{name} {nth}"):
                self.inject(name, nth, "signal=SIGKILL")
                bridgehelper.await_(lambda: "vtap-a" not in sandbox.links(), seconds=0.2)
                if "vtap-a" in sandbox.links():
                    self.assertTrue(self.is_whole())
                    self.delete("--name=vtap-a")
                    stayed += 1
        self.assertTrue(0 < stayed < 9, stayed)

    def test_each_call_failing(self):
        steps = [step for step in self.walk() if step[0] not in ("exit_group", "getuid")]  # which cannot fail
        self.delete("--name=vtap-a")
        for name, nth in steps:
            with self.subTest(f"{name} {nth}"):
                if self.inject(name, nth, "error=ENOMEM").status == 0:
                    self.assertTrue(self.is_whole())
                    self.delete("--name=vtap-a")
                self.assertEqual(sandbox.links(), self.before)


class Delete(Faults):
    """Gone, or as it was."""

    def run_by(self, wrap):
        return self.ask("delete", "--name=vtap-a", uid=0, wrap=wrap)

    def test_each_call_failing_or_the_last(self):
        self.create("vtap-a")
        before = netcase.state()
        steps = self.walk()
        for name, nth in steps:
            for fault in ("error=ENOMEM", "signal=SIGKILL"):
                with self.subTest(f"{name} {nth} {fault}"):
                    if "vtap-a" not in sandbox.links():
                        self.create("vtap-a")
                        before = netcase.state()
                    done = self.inject(name, nth, fault).status == 0
                    if "vtap-a" in sandbox.links():
                        self.assertFalse(done)
                        self.assertEqual(netcase.state(), before)
        if "vtap-a" in sandbox.links():
            self.delete("--name=vtap-a")


if __name__ == "__main__":
    netcase.main()
