#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Wi-Fi uplinks, on a Debian kernel under TCG: mac80211_hwsim makes phys that a kernel takes for real ones.

Needs VIRT_TAP_CLI (the built command) and GUEST_KERNEL_FULL (a folder filled by tests/lib/guest-kernel DIR full).
"""
import os
import unittest

import kernelhost
import needed

HERE = os.path.dirname(os.path.realpath(__file__))


class OnADebianKernel(unittest.TestCase):
    def test_wifi(self):
        cli = os.path.realpath(os.environ["VIRT_TAP_CLI"])
        status, output = kernelhost.run(needed.folder("GUEST_KERNEL_FULL"), ["python3", f"{HERE}/wifi_in_guest.py"],
                                        programs=[cli, f"{cli}-bridge"], files=[HERE],
                                        modules=["bridge", "mac80211_hwsim"], limit=200, env={"VIRT_TAP_CLI": cli})
        self.assertEqual(status, 0, output)
        self.assertIn("\nOK\n", output)


if __name__ == "__main__":
    needed.main()
