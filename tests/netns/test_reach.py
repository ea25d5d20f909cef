#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A move of the uplink is kept only if the host reaches what it reached before: its gateways, and what --probe names."""
import os
import shutil
import sys
import time
import unittest

import sandbox
import uplink
from bridgehelper import await_
from uplink import ROUTER4, ROUTER6, virt_tap

DEAD = "192.0.2.77"
PING = "/usr/sbin/ping"


def setUpModule():
    """A /usr/sbin of one's own, with busybox's ping, and no other that would be found."""
    upper = sandbox.RUN + "/sbin"
    os.makedirs(upper + "/upper")
    os.makedirs(upper + "/work")
    sandbox.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/usr/sbin,upperdir={upper}/upper,workdir={upper}/work", "/usr/sbin")
    hidden = sandbox.RUN + "/hidden"
    sandbox.write(hidden, "")
    if os.path.exists("/usr/bin/ping"):
        sandbox.run("mount", "--bind", hidden, "/usr/bin/ping")


def port_security():
    """Between the router and the NIC a switch that passes only the NIC's MAC."""
    for words in (("link", "add", "sw", "address", "52:54:00:aa:00:02", "type", "bridge"), ("link", "set", "sw", "up"), ("addr", "flush", "dev", "wan"),
                  ("link", "set", "wan", "master", "sw"), ("addr", "add", ROUTER4 + "/24", "dev", "sw"),
                  ("addr", "add", ROUTER6 + "/64", "dev", "sw", "nodad")):
        uplink.ip(*words, netns="router")
    for words in (("link", "set", "dev", "wan", "learning", "off", "locked", "on"), ("fdb", "replace", "52:54:00:aa:00:01", "dev", "wan", "master", "static")):
        sandbox.run("bridge", "-n", "router", *words)


MOVES = ("--probe", ROUTER4), ("--confirm-within=60s",), ("--ignore-dependents",)  # options that only a move has a use for; `persist` for the last, too


class Reach(unittest.TestCase):
    def setUp(self):
        uplink.make()
        self.before = uplink.settled()
        self.addCleanup(uplink.remove)
        if not os.path.lexists(PING):
            os.symlink(shutil.which("busybox"), PING)

    def create(self, *options, within="60s", status=0):
        done = virt_tap("bridge", "create", "br0", "--uplink", "eth0", "--confirm-within", within, *options)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def assert_restored(self):
        self.assertTrue(await_(lambda: "br0" not in sandbox.links() and not uplink.files()), (sandbox.links(), uplink.files()))
        await_(lambda: uplink.snapshot() == self.before, 3)
        self.assertEqual(uplink.snapshot(), self.before)

    def test_what_answers_as_before_is_kept(self):
        said = self.create("--probe", ROUTER4, "--probe", ROUTER6, "--probe=203.0.113.1")
        self.assertNotIn("waiting", said)
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.assertEqual(virt_tap("bridge", "delete", "br0").returncode, 0)
        self.assert_restored()

    def test_what_does_not_answer_even_before(self):
        self.assertIn(f"nothing was changed: '{DEAD}' does not answer", self.create("--probe", ROUTER4, "--probe", DEAD, status=1))
        self.assertNotIn("br0", sandbox.links())

    def test_what_no_longer_answers_is_put_back(self):
        """As behind a switch that wants the NIC's own MAC: the gateway is asked for in any case."""
        port_security()
        self.before = uplink.settled()
        for options in ((), ("--probe", ROUTER4)):
            said = self.create("--mac", "52:54:00:aa:00:99", *options, within="6s", status=1)
            self.assertRegex(said, rf"the gateway ({ROUTER4}|{ROUTER6}) is not reached through 'br0', as it was through 'eth0'")
            self.assertIn("waiting until the gateway", said)
            self.assert_restored()
        self.create(within="6s")
        self.assertTrue(await_(lambda: not uplink.files(), 20))

    def test_killed_while_it_puts_all_back(self):
        """The guard goes on where create died, and so it is where the guard's time is over by then."""
        port_security()
        self.before = uplink.settled()
        for fault in ("KILL", "STOP"):
            done = sandbox.run("strace", "-qq", "-o", sandbox.RUN + "/trace", "-e", f"inject=rename:signal=SIG{fault}:when=1", uplink.CLI, "bridge",
                               "create", "br0", "--uplink", "eth0", "--mac", "52:54:00:aa:00:99", "--confirm-within=4s", check=False)
            self.assertIn("everything is restored", done.stdout)
            self.assertTrue(await_(lambda: not uplink.files(), 20), uplink.files())
            self.assert_restored()

    def test_a_gateway_that_was_dead_need_not_live(self):
        uplink.ip("route", "replace", "default", "via", DEAD, "metric", "100")
        self.create()

    def test_routes_of_advertisements_are_left_to_be_learnt(self):
        uplink.ip("-6", "route", "add", "default", "via", ROUTER6, "dev", "eth0", "proto", "ra", "metric", "1024", "expires", "1800")
        for _ in range(3):
            self.create()
            self.assertNotIn("proto ra", uplink.ip("-6", "route"))
            for verb in ("confirm", "delete"):
                self.assertEqual(virt_tap("bridge", verb, "br0").returncode, 0)
            self.assertNotIn("proto ra", uplink.ip("-6", "route"))

    def test_a_router_that_no_longer_advertises_itself(self):
        """It answers, but the host has no way to it: that is not as before."""
        uplink.ip("-6", "route", "flush", "proto", "boot", "dev", "eth0")
        uplink.ip("-6", "route", "add", "default", "via", ROUTER6, "dev", "eth0", "proto", "ra", "metric", "1024", "expires", "1800")
        self.assertIn(f"the gateway {ROUTER6} is not reached through 'br0'", self.create(within="8s", status=1))
        self.assertTrue(await_(lambda: "br0" not in sandbox.links() and not uplink.files()))

    def test_routers_that_do_not_exist(self):
        """Anybody on the wire can advertise thousands. Each was waited for, a second long, before anything else happened."""
        sandbox.batch(["ip", "-6"], *(f"route add default via fe80::bad:{n:x} dev eth0 proto ra metric {2000 + n} expires 1800" for n in range(1, 41)))
        begun = time.monotonic()
        self.create()
        self.assertLess(time.monotonic() - begun, 20)
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.assertEqual(uplink.addresses("eth0"), [])

    def test_without_ping(self):
        """The gateways take no program."""
        os.unlink(PING)
        self.assertIn("install iputils-ping", self.create("--probe", ROUTER4, status=1))
        self.create()

    def test_refused(self):
        for words, status, says in ((("create", "br0", "--uplink=eth0", "--probe=router"), 2, "takes an IPv4 or IPv6 address"),
                                    *((("create", "br0", *option), 2, "--uplink") for option in MOVES),
                                    *((("persist", "br0", "--uplink=eth0", *option), 2, "--apply") for option in MOVES[:2]),
                                    (("persist", "br0", "--uplink=eth0", "--apply", "--probe", "-1"), 2, "takes an IPv4 or IPv6 address")):
            done = virt_tap("bridge", *words)
            self.assertEqual(done.returncode, status, done.stdout)
            self.assertIn(says, done.stdout)
        self.assertNotIn("br0", sandbox.links())


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
