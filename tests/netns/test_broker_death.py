#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Both ends of the broker killed at each of their system calls, and each of those failing in turn: a share of them, or all with
VIRT_TAP_WALK=all.

Whatever happens is one of two things: a complete grant to the user who asked, or no tap once the peer has closed what it got. The broker
then serves the next one, or is dead and its successor does; nothing else is left."""
import contextlib
import os
import re
import subprocess

import bridgehelper
import brokercase
import netcase
import rounds
import sandbox
from faults import inject
from sandbox import USER, USERS

TRACE = sandbox.RUN + "/trace"
ERRORS = ("EIO", "ENOMEM", "EINTR")
NEEDED = {"capset", "setgroups", "setresuid", "setresgid", "recvmsg", "recvfrom", "ioctl"}


def numbered(names):
    """(name, how many of that name so far) for each."""
    counts = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        yield name, counts[name]


def share(steps, of):
    steps = list(steps)
    return steps if rounds.WALK_ALL else steps[len(steps) // 3 % of::of]


def names_in(trace):
    return re.findall(r"^(?:\d+ +)?(\w+)\(", trace, re.M)


class Walk(brokercase.BrokerCase):
    def setUp(self):
        super().setUp()
        for folder in ("/etc/virt-tap", "/etc/qemu"):  # or the first runs would wait for them to settle
            os.utime(folder, (1_000_000_000, 1_000_000_000))

    def is_users(self, fds):
        """What was granted is whole."""
        name, _flags = bridgehelper.Answer(0, "", fds=fds).tap()
        tap = netcase.link(name)
        self.assertEqual((tap["master"], "UP" in tap["flags"], tap["linkinfo"]["info_data"]["user"]), ("br0", True, USERS[USER]))

    def is_clean(self):
        self.assertTrue(bridgehelper.await_(lambda: sandbox.links() == self.before), sandbox.links())
        if self.broker.poll() is not None:
            self.start_broker()
        self.raw_tap(USER)


class Client(Walk):
    def once(self, wrap):
        return bridgehelper.call([*wrap, self.helper])

    def steps(self):
        self.once(["strace", "-qq", "-o", TRACE, "-u", USERS[USER]]).close()
        with open(TRACE, encoding="utf-8", errors="replace") as file:
            names = names_in(file.read())
        self.assertEqual((names[0], names[-1]), ("execve", "exit_group"))
        return [step for step in numbered(names) if step[0] not in ("execve", "exit_group")]

    def test_killed_anywhere(self):
        steps = share(self.steps(), 8)
        for name, nth in steps:
            with self.subTest(f"{name} {nth}"):
                with self.once(inject(TRACE, name, nth, "signal=SIGKILL", USER)) as answer:
                    self.assertNotEqual(answer.status, 0)
                self.is_clean()

    def test_each_call_failing(self):
        survived = set()
        for name, nth in share(self.steps(), 8):
            for error in ERRORS if rounds.WALK_ALL else ERRORS[:1]:
                with self.subTest(f"{name} {nth} {error}"):
                    with self.once(inject(TRACE, name, nth, f"error={error}", USER)) as answer:
                        if answer.status == 0:
                            survived.add(name)
                            self.assertTrue(answer.granted, answer)
                            self.is_users(answer.fds)
                    self.is_clean()
        print("\nsurvived failures of: " + " ".join(sorted(survived)))
        self.assertFalse(survived & {"connect", "sendmsg", "sendto", "socket"}, "needed, yet may fail")


class Broker(Walk):
    @contextlib.contextmanager
    def traced(self, *options):
        """The broker and each child that it starts, by strace."""
        sandbox.write(TRACE, "")
        with subprocess.Popen(["strace", "-f", "-qq", "-o", TRACE, *options, "-p", str(self.broker.pid)], stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as strace:
            def is_traced():
                with open(f"/proc/{self.broker.pid}/status", encoding="ascii") as file:
                    return f"TracerPid:\t{strace.pid}\n" in file.read()
            try:
                self.assertTrue(bridgehelper.await_(is_traced, step=0.002))
                yield
                bridgehelper.await_(lambda: self.broker.poll() is not None or not brokercase.children(self.broker.pid), step=0.002)
            finally:
                strace.terminate()

    def steps(self):
        """Those of the child for one request."""
        with self.traced():
            self.raw_tap(USER)
        with open(TRACE, encoding="utf-8", errors="replace") as file:
            lines = [re.match(r"(\d+) +(.*)", line) for line in file]
        child = next(line[1] for line in lines if line and line[2].startswith("recvmsg("))
        names = names_in("\n".join(line[2] for line in lines if line and line[1] == child))
        return [step for step in numbered(names) if step[0] not in ("exit_group", "getuid", "getpid", "times")]  # which cannot fail

    def once(self, name, nth, fault):
        """One request with that fault; returns whether it was granted."""
        with self.traced("-e", f"trace={name}", "-e", f"inject={name}:{fault}:when={nth}"):
            try:
                status, _text, fds = brokercase.ask(USER, *brokercase.TAP)
            except (ConnectionError, FileNotFoundError):
                status, fds = None, []
        with contextlib.ExitStack() as held:
            for fd in fds:
                held.callback(os.close, fd)
            if status == 0:
                self.assertEqual(len(fds), 1)
                self.is_users(fds)
        with open(TRACE, encoding="utf-8", errors="replace") as file:
            self.assertRegex(file.read(), r"INJECTED|SIGKILL|= \?")
        self.is_clean()
        return status == 0

    def test_a_child_is_no_broker(self):
        """One that cannot wait for the broker ends: it must not go on in its place, as root."""
        self.assertFalse(self.once("read", 1, "error=EIO"))
        self.assertTrue(bridgehelper.await_(lambda: not brokercase.children(self.broker.pid), step=0.002))

    def test_killed_anywhere(self):
        for name, nth in share(self.steps(), 9):
            with self.subTest(f"{name} {nth}"):
                self.once(name, nth, "signal=KILL")

    def test_each_call_failing(self):
        survived = set()
        for name, nth in share(((name, nth) for name, nth in self.steps() if name != "close"), 9):  # it never leaves a descriptor open
            for error in ERRORS[:2] if rounds.WALK_ALL else ERRORS[:1]:
                with self.subTest(f"{name} {nth} {error}"):
                    if self.once(name, nth, f"error={error}"):
                        survived.add(name)
        print("\nsurvived failures of: " + " ".join(sorted(survived)))
        self.assertFalse(survived & NEEDED, "needed, yet may fail")
        self.stop_broker()  # a close() that failed at our word has left its descriptor open
        self.start_broker()


if __name__ == "__main__":
    netcase.main(3000)
