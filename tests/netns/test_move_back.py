#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The safe move: what was moved comes back by itself, when nobody confirms, and wherever create is killed or fails."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import unittest

import faults
import sandbox
import uplink
from bridgehelper import await_
from movecase import MoveCase
from rounds import WALK_ALL
from uplink import HOST4, STATE

TRACE = sandbox.RUN + "/trace"
CHANGING = ("write", "sendmsg", "sendto", "rename", "unlink", "clone", "ioctl", "flock")  # a kill before any other is one before the next of these


class Back(MoveCase):
    def test_unconfirmed(self):
        """And nobody reads the system log, which is full: the guard ends nevertheless."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as writer:
            log.bind("/dev/log")
            self.addCleanup(os.unlink, "/dev/log")
            writer.connect("/dev/log")
            writer.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    writer.send(b"x")
            self.create(within="8s")  # a busy machine needs some of them for the move itself
            self.assertIn(HOST4 + "/24", uplink.addresses("br0"))
            self.assert_restored()
            self.assertTrue(await_(lambda: not self.guards(), 15))
        self.assertIn("'br0' has nothing to confirm", self.confirm(status=1))

    @staticmethod
    def guards():
        said = sandbox.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '").stdout
        return [line for line in said.split("virt-tap ") if "bridge guard" in line]

    def test_enter_on_the_terminal(self):
        for answer, status, within in ((b"\n", 0, "60s"), (b"", 1, "8s")):
            ours, theirs = os.openpty()
            process = subprocess.Popen([uplink.CLI, "bridge", "create", "br0", "--uplink", "eth0", "--confirm-within", within],
                                       stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertTrue(await_(lambda: "bridge.br0.moved" in uplink.files()))
            os.write(ours, answer)
            output, _ = process.communicate(timeout=20)
            os.close(ours)
            os.close(theirs)
            self.assertEqual(process.returncode, status, output)
            if answer:
                self.assertEqual(uplink.files(), ["bridge.br0.confirmed"])
                self.delete()
            self.assert_restored()

    def test_the_session_ends(self):
        """Whoever created it is hung up on, with its whole process group and its parent."""
        script = f"{uplink.CLI} bridge create br0 --uplink eth0 --confirm-within 8s; sleep 60"
        shell = subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        self.assertTrue(await_(lambda: "bridge.br0.moved" in uplink.files()))
        os.killpg(shell.pid, signal.SIGHUP)
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait(20)
        self.assert_restored()

    def test_stopped_midway(self):
        """One that neither goes on nor dies is ended when its time is over."""
        done = sandbox.run("timeout", "-s", "KILL", "20", "strace", "-qq", "-o", TRACE, "-e", "inject=rename:signal=SIGSTOP:when=1",
                           uplink.CLI, "bridge", "create", "br0", "--uplink", "eth0", "--confirm-within", "4s", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assert_restored()

    def run_by(self, wrap):
        return sandbox.run(*wrap, uplink.CLI, "bridge", "create", "br0", "--uplink", "eth0", check=False)

    def inject(self, name, nth, fault):
        return self.run_by(faults.inject(TRACE, name, nth, fault))

    def steps(self):
        """Those of the shortest of three runs: how often create looks for something depends on what else the machine does."""
        return min((self.steps_of_one_run() for _ in range(3)), key=len)

    def steps_of_one_run(self):
        """Every system call from the saving of the state on, as (name, how many of that name so far, whether it changes anything)."""
        self.assertEqual(self.run_by(["strace", "-qq", "-o", TRACE]).returncode, 0)
        with open(TRACE, encoding="utf-8", errors="replace") as file:
            calls = re.findall(r"^(\w+)\((.*)", file.read(), re.M)
        self.confirm()
        self.delete()
        self.assert_restored()
        first = next(i for i, (_, words) in enumerate(calls) if "bridge.br0.arming" in words and "O_CREAT" in words)
        counts, steps = {}, []
        for i, (name, words) in enumerate(calls):
            counts[name] = counts.get(name, 0) + 1
            if i >= first and name != "exit_group":
                steps.append((name, counts[name], name in CHANGING or "O_CREAT" in words))
        return steps

    def outcome(self):
        """What came of a move that was cut off: 'moved', and then it can be confirmed, or 'put back'."""
        settled = await_(lambda: not {"bridge.br0.moving", "bridge.br0.restoring"} & set(uplink.files()))
        self.assertTrue(settled, uplink.files())
        moved = uplink.files() == ["bridge.br0.moved"]
        if moved:
            self.confirm()
            self.delete()
        for left in uplink.files():  # killed before there was a guard
            self.assertEqual(left, "bridge.br0.arming")
            try:
                os.unlink(f"{STATE}/{left}")
            except FileNotFoundError:  # there was one, which took it just now: what comes of that counts
                return self.outcome()
        self.assert_restored()
        return "moved" if moved else "put back"

    def test_killed_anywhere(self):
        """At each system call that changes anything, and of the thousand others, most of which read settings, usually at every 60th."""
        steps = [step[:2] for i, step in enumerate(self.steps()) if step[2] or WALK_ALL or i % 60 == 0]
        outcomes = {"moved": 0, "put back": 0, "missed": 0}
        for name, nth in steps:
            with self.subTest(f"{name} {nth}"):
                self.inject(name, nth, "signal=SIGKILL")
                with open(TRACE, encoding="ascii") as file:
                    killed = file.read() == "INJECTED\n"
                outcomes[self.outcome() if killed else "missed"] += 1
                if not killed:  # how often create looks for the guard is not the same every time
                    self.outcome()
        print(f"\n{len(steps)} system calls: {outcomes}")
        self.assertGreater(outcomes["put back"], 20)
        self.assertLess(outcomes["missed"], len(steps) / 2)  # beside other work, the runs that were counted may have been slow ones

    def test_calls_failing(self):
        """A failure that create cannot survive leaves everything as it was. Of the writes, nearly all of which are of settings, usually every third."""
        steps = [step[:2] for step in self.steps() if step[0] in ("sendto", "sendmsg", "recvfrom", "rename", "ioctl", "clone", "write", "fsync")]
        if not WALK_ALL:
            steps = [step for step in steps if step[0] != "write" or step[1] % 3 == 0]
        outcomes = {"moved": 0, "put back": 0}
        for name, nth in steps:
            with self.subTest(f"{name} {nth}"):
                self.inject(name, nth, "error=EIO")
                outcomes[self.outcome()] += 1
        print(f"\n{len(steps)} failures: {outcomes}")
        self.assertGreater(outcomes["put back"], 5)


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
