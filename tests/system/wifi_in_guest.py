#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What becomes of a Wi-Fi uplink. Run by test_wifi.py on a kernel that has mac80211_hwsim, and so wlan0."""
import os
import subprocess
import sys
import unittest

CLI = os.environ["VIRT_TAP_CLI"]


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)


class WiFi(unittest.TestCase):
    def test_refused(self):
        """With the reason and the alternative; nothing is changed."""
        run("ip", "link", "set", "wlan0", "up")
        run("ip", "addr", "add", "192.0.2.10/24", "dev", "wlan0")
        before = run("ip", "-j", "addr").stdout
        self.assertIn("192.0.2.10", before)
        for verb in ("create", "persist"):
            done = run(CLI, "bridge", verb, "br0", "--uplink", "wlan0", *(["--format=networkd"] if verb == "persist" else []))
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("'wlan0' is Wi-Fi", done.stdout)
            self.assertIn("bridge persist nat0 --nat", done.stdout)
        self.assertEqual(run("ip", "-j", "addr").stdout, before)
        self.assertFalse(os.path.exists("/run/virt-tap") and os.listdir("/run/virt-tap"))
        self.assertFalse(os.path.exists("/etc/systemd/network"))

    def test_the_kernel_would_refuse_it_too(self):
        """So that what we say of it is true."""
        run("ip", "link", "add", "br1", "type", "bridge")
        done = run("ip", "link", "set", "wlan1", "master", "br1")
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout, "not supported|does not allow")


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
