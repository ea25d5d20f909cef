# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests of the safe move share: a NIC whose network goes to a bridge, and must come back as it was."""
import unittest

import sandbox
import uplink
from bridgehelper import await_
from uplink import virt_tap


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

    def assert_restored(self, seconds=30):
        done = await_(lambda: "br0" not in sandbox.links() and not uplink.files(), seconds)
        self.assertTrue(done, (sandbox.links(), uplink.files()))
        await_(lambda: uplink.snapshot() == self.before, 3)  # the kernel adds local routes of IPv6 a little later
        self.assertEqual(uplink.snapshot(), self.before)
