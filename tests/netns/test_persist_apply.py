#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""persist --apply with a manager that takes its time: slow is no failure, and what hangs is ended with all it started."""
import os
import shutil
import sys
import unittest

import bridgehelper
import sandbox
import uplink
from uplink import ROUTER4, virt_tap

HOOK, PIDS = "/etc/network/if-pre-up.d/slow", sandbox.RUN + "/pids"


class Slow(unittest.TestCase):
    """ifupdown, with a hook that waits as a DHCP client would: without a word."""

    def setUp(self):
        uplink.make()
        self.addCleanup(uplink.remove)
        for address in ("198.51.100.7/32", "2001:db8::11/64"):
            uplink.ip("addr", "del", address, "dev", "eth0")
        uplink.ip("route", "replace", "default", "via", ROUTER4, "dev", "eth0", "metric", "100")
        shutil.rmtree("/etc/network", ignore_errors=True)
        shutil.rmtree("/run/network", ignore_errors=True)
        sandbox.write("/etc/network/interfaces", "auto lo\niface lo inet loopback\n")
        sandbox.write("/run/network/ifstate", "lo=lo\n")
        for folder in ("interfaces.d", "if-pre-up.d", "if-up.d", "if-down.d", "if-post-down.d"):
            os.mkdir("/etc/network/" + folder)

    @staticmethod
    def apply(within):
        return virt_tap("bridge", "persist", "br0", "--uplink=eth0", "--format=ifupdown", "--apply", "--lossy", "--confirm-within", within, limit=60)

    @staticmethod
    def hook(command):
        sandbox.write(HOOK, f'#!/bin/sh\n[ "$IFACE" = br0 ] || exit 0\n{command}\n', mode=0o755)

    def test_silent_for_longer_than_ten_seconds(self):
        self.hook("sleep 11")
        done = self.apply("60s")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("master br0", uplink.ip("link", "show", "eth0"))
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.assertEqual(virt_tap("bridge", "delete", "br0").returncode, 0)

    def test_hangs(self):
        """Longer than the time to confirm: everything is put back, and ifup does not go on behind it."""
        before = uplink.snapshot()
        self.hook(f"echo $PPID >{PIDS}; exec sleep 600")
        done = self.apply("2s")
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertTrue(bridgehelper.await_(lambda: not uplink.files() and "br0" not in sandbox.links(), 30), uplink.files())
        self.assertTrue(bridgehelper.await_(lambda: uplink.snapshot() == before))
        with open(PIDS, encoding="ascii") as file:
            pids = file.read().split()
        self.assertEqual(len(pids), 1)
        self.assertTrue(bridgehelper.await_(lambda: not os.path.exists(f"/proc/{pids[0]}")), "it goes on")


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
