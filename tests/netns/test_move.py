#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The safe move: a NIC's network goes to a bridge and back, unharmed, and comes back by itself when it must."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

import sandbox
import uplink
from bridgehelper import await_
from uplink import HOST4, HOST6, ROUTER4, ROUTER6, STATE, virt_tap

TRACE = sandbox.RUN + "/trace"


class MoveCase(unittest.TestCase):
    def setUp(self):
        uplink.make()
        self.before = uplink.snapshot()
        self.addCleanup(uplink.remove)

    def create(self, *options, within="60s", status=0):
        done = virt_tap("bridge", "create", "br0", "--uplink", "eth0", "--confirm-within", within, *options)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def confirm(self, status=0):
        done = virt_tap("bridge", "confirm", "br0")
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def delete(self, *options, status=0):
        done = virt_tap("bridge", "delete", "br0", *options)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def assert_restored(self, seconds=10):
        done = await_(lambda: "br0" not in sandbox.links() and not uplink.files(), seconds)
        self.assertTrue(done, (sandbox.links(), uplink.files()))
        await_(lambda: uplink.snapshot() == self.before, 3)  # the kernel adds local routes of IPv6 a little later
        self.assertEqual(uplink.snapshot(), self.before)


class There(MoveCase):
    def test_everything_moves_and_comes_back(self):
        self.create()
        self.assertEqual(uplink.addresses("eth0"), [])
        self.assertEqual(sorted(uplink.addresses("br0")),
                         sorted([HOST4 + "/24", "192.0.2.11/24", "198.51.100.7/32", HOST6 + "/64", "2001:db8::11/64"]))
        info = json.loads(uplink.ip("-j", "addr", "show", "dev", "br0"))[0]
        self.assertEqual(info["address"], "52:54:00:aa:00:01")
        self.assertIn("br0:web", [a.get("label") for a in info["addr_info"]])
        self.assertTrue(all(a.get("nodad") and not a.get("tentative") for a in info["addr_info"] if a["family"] == "inet6"))
        short = next(a for a in info["addr_info"] if a["local"] == "198.51.100.7")
        self.assertTrue(2900 < short["valid_life_time"] <= 3000 and 1900 < short["preferred_life_time"] <= 2000, short)
        routes = uplink.ip("route", "show", "table", "all") + uplink.ip("-6", "route", "show", "table", "all")
        for route in (rf"default via {ROUTER4} dev br0 metric 100 mtu 1400", r"203.0.113.0/24 via \S+ dev br0 table 77 src 192.0.2.11",
                      rf"default via {ROUTER6} dev br0 metric 512", r"2001:db8:7::/48 via \S+ dev br0 table 77"):
            self.assertRegex(routes, route)
        self.assertNotRegex(routes, r"via \S+ dev eth0")
        self.assertIn("192.0.2.99 dev br0", uplink.ip("neigh", "show", "nud", "permanent"))
        self.confirm()
        self.assertEqual(uplink.files(), ["bridge.br0.confirmed"])
        self.delete()
        self.assert_restored()

    def test_a_name_with_a_dash(self):
        """Which the guard, too, must not take for an option."""
        done = virt_tap("bridge", "create", "--uplink", "eth0", "--confirm-within", "60s", "--", "-br")
        self.assertEqual(done.returncode, 0, done.stdout)
        for verb in ("confirm", "delete"):
            done = virt_tap("bridge", verb, "--", "-br")
            self.assertEqual(done.returncode, 0, done.stdout)
        self.assert_restored()

    def test_own_address_stays_with_the_bridge(self):
        self.create("--address", "10.9.8.7/24", "--address", "2001:db8:99::1/64", "--mtu", "1400")
        self.assertIn("10.9.8.7/24", uplink.addresses("br0"))
        self.assertEqual(json.loads(uplink.ip("-j", "link", "show", "br0"))[0]["mtu"], 1400)
        self.confirm()
        self.delete()
        self.assert_restored()

    def test_settings_of_neighbours_and_routers_go_along(self):
        for key, value in (("ipv6/conf/eth0/accept_ra", "2"), ("ipv4/neigh/eth0/gc_stale_time", "77"), ("ipv4/conf/eth0/arp_ignore", "1")):
            uplink.sysctl(key, value)
        uplink.ip("link", "set", "eth0", "addrgenmode", "none")
        self.before = uplink.snapshot()
        self.create()
        for key, value in (("ipv6/conf/br0/accept_ra", "2"), ("ipv4/neigh/br0/gc_stale_time", "77"), ("ipv4/conf/br0/arp_ignore", "1"),
                           ("ipv6/conf/br0/addr_gen_mode", "1")):
            with open("/proc/sys/net/" + key, encoding="ascii") as file:
                self.assertEqual(file.read().strip(), value, key)
        self.confirm()
        self.delete()
        self.assert_restored()

    def test_disabled_ipv6_stays_disabled(self):
        uplink.sysctl("ipv6/conf/eth0/disable_ipv6", "1")
        self.before = uplink.snapshot()
        self.create()
        self.assertEqual(uplink.ip("-6", "addr", "show", "dev", "br0"), "")
        self.confirm()
        self.delete()
        self.assert_restored()

    def test_a_stream_and_a_session_go_on(self):
        with uplink.Echo(), socket.create_connection((ROUTER4, 7), 20) as session4, socket.create_connection((ROUTER6, 7), 20) as session6:
            stream = uplink.Stream()
            for act in (self.create, self.confirm, self.delete):
                act()
                for session in (session4, session6):
                    session.settimeout(20)
                    session.sendall(b"still there")
                    self.assertEqual(session.recv(64), b"still there")
            gap = stream.finish()
        print(f"\nlongest time without reply: {gap * 1000:.0f} ms")
        self.assertLess(gap, 1)
        self.assert_restored()

    def test_many_addresses_and_routes(self):
        batch = "".join(f"addr add 10.{i // 250}.{i % 250}.1/24 dev eth0\n" for i in range(200))
        batch += "".join(f"addr add 2001:db8:5::{i:x}/64 dev eth0 nodad\n" for i in range(1, 101))
        batch += "".join(f"route add 172.{16 + i // 250}.{i % 250}.0/24 via {ROUTER4} table {100 + i % 3}\n" for i in range(500))
        batch += "".join(f"-6 route add 2001:db8:{0x1000 + i:x}::/48 via {ROUTER6}\n" for i in range(500))
        for family in ("", "-6 "):
            lines = [line.removeprefix("-6 ") for line in batch.splitlines(True) if line.startswith("-6 ") == bool(family)]
            sandbox.run("ip", *family.split(), "-batch", "-", stdin=None, input="".join(lines))
        self.before = uplink.snapshot()
        begin = time.monotonic()
        self.create()
        print(f"\n305 addresses and 1,004 routes: {time.monotonic() - begin:.3f} s")
        self.assertEqual(len(uplink.addresses("br0")), 305)
        self.assertEqual(uplink.ip("route", "show", "table", "all", "dev", "br0").count("via " + ROUTER4), 502)
        self.assertEqual(uplink.ip("-6", "route", "show", "table", "all", "dev", "br0").count("via " + ROUTER6), 502)
        self.confirm()
        self.delete()
        self.assert_restored()

    def test_a_route_that_could_not_be_set_again(self):
        """Its gateway's subnet has no address any more: it would be lost, so nothing is begun."""
        uplink.ip("-6", "addr", "flush", "dev", "eth0", "scope", "global")
        self.before = uplink.snapshot()
        self.assertIn("via 2001:db8::1 dev eth0", uplink.ip("-6", "route"))
        self.assertIn("through 2001:db8::1 could not be set again", self.create(status=1))
        self.assert_restored()


class Back(MoveCase):
    def test_unconfirmed(self):
        self.create(within="1s")
        self.assertIn(HOST4 + "/24", uplink.addresses("br0"))
        self.assert_restored()
        self.assertIn("'br0' has nothing to confirm", self.confirm(status=1))

    def test_enter_on_the_terminal(self):
        for answer, status in ((b"\n", 0), (b"", 1)):
            ours, theirs = os.openpty()
            process = subprocess.Popen([uplink.CLI, "bridge", "create", "br0", "--uplink", "eth0", "--confirm-within=2s"],
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
        script = f"{uplink.CLI} bridge create br0 --uplink eth0 --confirm-within 1s; sleep 30"
        shell = subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        self.assertTrue(await_(lambda: "bridge.br0.moved" in uplink.files()))
        os.killpg(shell.pid, signal.SIGHUP)
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait(20)
        self.assert_restored()

    def test_stopped_midway(self):
        """One that neither goes on nor dies is ended when its time is over."""
        done = sandbox.run("timeout", "-s", "KILL", "20", "strace", "-qq", "-o", TRACE, "-e", "inject=rename:signal=SIGSTOP:when=1",
                           uplink.CLI, "bridge", "create", "br0", "--uplink", "eth0", "--confirm-within", "1s", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assert_restored()

    def strace(self, *options):
        return sandbox.run("strace", "-qq", "-o", TRACE, *options, uplink.CLI, "bridge", "create", "br0", "--uplink", "eth0",
                           check=False)

    def steps(self):
        """Every system call from the saving of the state on, as (name, how many of that name so far)."""
        self.assertEqual(self.strace().returncode, 0)
        with open(TRACE, encoding="utf-8", errors="replace") as file:
            calls = re.findall(r"^(\w+)\((.*)", file.read(), re.M)
        self.confirm()
        self.delete()
        self.assert_restored()
        first = next(i for i, (_, words) in enumerate(calls) if "bridge.br0.arming" in words and "O_CREAT" in words)
        counts, steps = {}, []
        for i, (name, _) in enumerate(calls):
            counts[name] = counts.get(name, 0) + 1
            if i >= first and name != "exit_group":
                steps.append((name, counts[name]))
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
        """At each system call, but of the hundreds by which settings are read and written only at every eighth."""
        steps = [step for i, step in enumerate(self.steps()) if step[0] not in ("openat", "read", "close") or i % 8 == 0]
        outcomes = {"moved": 0, "put back": 0, "missed": 0}
        for name, nth in steps:
            with self.subTest(f"{name} {nth}"):
                self.strace("-e", f"inject={name}:signal=SIGKILL:when={nth}")
                with open(TRACE, encoding="utf-8", errors="replace") as file:
                    killed = "killed by SIGKILL" in file.read()
                outcomes[self.outcome() if killed else "missed"] += 1
                if not killed:  # how often create looks for the guard is not the same every time
                    self.outcome()
        print(f"\n{len(steps)} system calls: {outcomes}")
        self.assertGreater(outcomes["put back"], 20)
        self.assertLess(outcomes["missed"], 10)

    def test_calls_failing(self):
        """A failure that create cannot survive leaves everything as it was."""
        steps = [step for step in self.steps() if step[0] in ("sendto", "recvfrom", "rename", "ioctl", "clone", "write", "fsync")]
        outcomes = {"moved": 0, "put back": 0}
        for name, nth in steps:
            with self.subTest(f"{name} {nth}"):
                self.strace("-e", f"inject={name}:error=EIO:when={nth}")
                outcomes[self.outcome()] += 1
        print(f"\n{len(steps)} failures: {outcomes}")
        self.assertGreater(outcomes["put back"], 5)


if __name__ == "__main__":
    sandbox.enter(300)
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
