#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What a Debian kernel under TCG, which lacks two of the limits, grants and tells; and all of test_port_limits.py there.

Needs VIRT_TAP_HELPER and VIRT_TAP_CLI (the built programs) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import os
import unittest

import kernelhost
import needed

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
SUITES = ("limits_in_guest", "test_port_limits")


class OnADebianKernel(unittest.TestCase):
    def test_limits(self):
        helper, cli = (os.path.realpath(os.environ[name]) for name in ("VIRT_TAP_HELPER", "VIRT_TAP_CLI"))
        status, output = kernelhost.run(
            needed.folder("GUEST_KERNEL"), ["python3", f"{TESTS}/lib/inguest.py", *SUITES],
            programs=[helper, cli, f"{cli}-bridge"], files=[f"{TESTS}/{folder}" for folder in ("lib", "netns", "system")],
            modules=["bridge", "tun", "veth", "sch_ingress", "cls_bpf"], limit=300,
            env={"VIRT_TAP_HELPER": helper, "VIRT_TAP_CLI": cli, "PYTHONPATH": f"{TESTS}/lib:{TESTS}/netns:{TESTS}/system"})
        self.assertEqual(status, 0, output)
        self.assertIn("\nOK\n", output, "skipped")


if __name__ == "__main__":
    needed.main()
