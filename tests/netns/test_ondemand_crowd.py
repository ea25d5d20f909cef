#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Bridges on demand when many ask at once, and the helper is killed or fails anywhere."""
import os
import random
import re
import signal
import socket
import subprocess

import bridgehelper
import netcase
import sandbox
from faults import inject
from ondemandcase import BRIDGES, CALLERS, CONF, OnDemand, read, ROUNDS, TRACE
from sandbox import USER, USERS


class Death(OnDemand):
    """Killed at each of its system calls, or failing at it: the next caller has a whole bridge."""

    def run_by(self, wrap):
        return self.ask("bridge", "--bridge=br-lab", uid=0, wrap=wrap)

    def strace(self, *options):
        return self.run_by(["strace", "-qq", "-o", TRACE, "-u", USERS[USER], *options])

    def test_at_each_system_call(self):
        self.assertEqual(self.strace().status, 0)
        counts, stages, begun = {}, set(), False
        for name, arguments in re.findall(r"^(\w+)\((.*)", read(TRACE), re.M)[1:]:
            counts[name] = counts.get(name, 0) + 1
            begun = begun or BRIDGES in arguments
            if not begun:
                continue  # before it has read what is declared it does nothing to any bridge: test_death.py has that
            for fault in ("signal=SIGKILL", "error=ENOMEM"):
                with self.subTest(f"{name} {counts[name]} {fault}"):
                    if "br-lab" in sandbox.links():
                        self.remove()
                    done = self.run_by(inject(TRACE, name, counts[name], fault, USER)).status == 0
                    stages.add(self.stage())
                    if not done:
                        self.assertEqual(self.ask("bridge", "--bridge=br-lab").status, 0)
                    self.is_whole()
        self.assertGreater(len(stages), 5, stages)  # it did die in between

    def stage(self):
        """How far it got."""
        if "br-lab" not in sandbox.links():
            return ()
        return tuple(read(path) for path in (*(f"/sys/class/net/br-lab/{key}" for key in ("ifalias", "mtu", "flags")),
                                             *(f"{CONF}/br-lab/{key}" for key in ("accept_ra", "autoconf"))))

    def test_the_capability_is_effective_only_while_it_acts(self):
        self.assertEqual(self.strace("-e", "trace=capset").status, 0)
        effective = ["effective=1<<CAP_NET_ADMIN" in line for line in read(TRACE).splitlines() if line.startswith("capset")]
        effective = effective[effective.index(True):]  # made, then completed, with looks between
        self.assertGreaterEqual(len(effective), 4)
        self.assertEqual(effective, [True, False] * (len(effective) // 2))

    def meanwhile(self, before, act):
        """The helper, stopped once it has seen what before() left, when act() comes in between; and what it answers."""
        before()
        self.assertEqual(self.strace("-e", "trace=sendmsg,capset").status, 0)
        before()
        self.said()
        raised = re.findall(r"^\w+", read(TRACE), re.M)
        raised = raised[:raised.index("capset", raised.index("sendmsg"))].count("capset") + 1
        process = bridgehelper.Call(
            ["strace", "-qq", "-o", TRACE, "-u", USERS[USER], "-e", f"inject=capset:signal=SIGSTOP:when={raised}", self.helper,
             "bridge", "--bridge=br-lab"], pass_socket=False)
        pid = process.process.pid
        self.assertTrue(bridgehelper.await_(lambda: "stopped by SIGSTOP" in read(TRACE)))
        act()
        state = netcase.state()
        os.kill(int(read(f"/proc/{pid}/task/{pid}/children")), signal.SIGCONT)
        answer = process.finish()
        self.assertEqual((answer.status, answer.stderr), (0, ""))
        return state

    def test_somebody_else_makes_it_at_that_moment(self):
        """What is there then is not changed."""
        state = self.meanwhile(lambda: "br-lab" in sandbox.links() and self.remove(),
                               lambda: sandbox.make_bridge("br-lab", "stp_state", "1"))
        self.assertEqual(netcase.state(), state)
        self.assertEqual(netcase.link("br-lab")["linkinfo"]["info_data"]["stp_state"], 1)
        self.assertRegex(self.said()[-1], "used for uid .* as it is, differs")

    def test_somebody_deletes_it_at_that_moment(self):
        """While it is completed: it is made again."""
        for what in ("ip link set br-lab down", "sysctl -w net.ipv6.conf.br-lab.accept_ra=1", "ip addr del 10.66.0.1/24 dev br-lab",
                     "ip link set br-lab down alias ''", "ip link set br-lab mtu 1500"):
            with self.subTest(what=what):
                self.make()
                self.meanwhile(lambda: sandbox.run("sh", "-c", what), self.remove)
                self.is_whole()
                self.remove()


class AtOnce(OnDemand):
    """Many who ask for a bridge that is missing, in the same moment, some of whom are killed midway."""

    def start(self, gate, wrap):
        """A caller, by the command `wrap`, that waits for the gate to close."""
        ours, theirs = socket.socketpair()
        process = bridgehelper.start(
            ["sh", "-c", 'read -r _; exec "$@"', "caller", *wrap, self.helper, "--br=br-lab", f"--fd={theirs.fileno()}"],
            stdin=gate, stderr=subprocess.PIPE, pass_fds=[theirs.fileno()], uid=USER)
        theirs.close()
        return process, ours

    def round(self):
        gate, handle = os.pipe()
        callers = [self.start(gate, ["timeout", "-s", "KILL", str(random.uniform(0.0005, 0.05))] if i % 4 == 0 else [])
                   for i in range(CALLERS)]
        os.close(gate)
        os.close(handle)
        for process, _ours in callers:
            process.wait(bridgehelper.LIMIT)
        link = self.is_whole()
        survivors = 0
        for process, ours in callers:
            error = process.stderr.read().decode()
            process.stderr.close()
            if process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL):
                continue
            self.assertEqual((process.returncode, error), (0, ""))
            survivors += 1
        ports = [name for name in sandbox.links() if name.startswith("vtap-")]
        self.assertGreaterEqual(len(ports), survivors)  # a victim may have answered before it died
        for name in ports:
            tap = netcase.link(name)
            self.assertEqual((tap["master"], "UP" in tap["flags"]), ("br-lab", True))
        for _process, ours in callers:
            ours.close()
        self.assertTrue(bridgehelper.await_(lambda: sandbox.links() - self.before == {"br-lab"}))
        self.assertEqual(netcase.link("br-lab")["ifindex"], link["ifindex"])
        self.remove()
        return CALLERS - survivors

    def test_one_bridge_for_all(self):
        killed = [self.round() for _ in range(ROUNDS)]
        self.assertGreater(sum(killed), 0, "nobody was killed midway")
        print(f"\n{ROUNDS} rounds of {CALLERS} callers: {sum(killed)} killed midway")


if __name__ == "__main__":
    netcase.main(limit=600 + 5 * ROUNDS)
