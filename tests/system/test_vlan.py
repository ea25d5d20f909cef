#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Protected ports on a Debian kernel under TCG: VLANs and trunks, which the kernel here may be without, the port filter,
all of test_protect.py, and guests' addresses in VLANs.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_PORTJUDGE and VIRT_TAP_HOOKS (the built programs) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import os
import unittest

import kernelhost
import needed
from rounds import THOROUGH

if THOROUGH:
    from libvirt_vlan import Libvirt  # noqa: F401 (a test)

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
SUITES = ("vlan_in_guest", "port_filter_in_guest", "test_protect", "address_in_guest")


class OnADebianKernel(unittest.TestCase):
    def test_protected_ports(self):
        helper, cli, judge, hooks = (os.path.realpath(os.environ[f"VIRT_TAP_{name}"]) for name in ("HELPER", "CLI", "PORTJUDGE", "HOOKS"))
        status, output = kernelhost.run(
            needed.folder("GUEST_KERNEL"), ["python3", f"{TESTS}/lib/inguest.py", *SUITES],
            programs=[helper, cli, f"{cli}-bridge", judge, f"{hooks}/qemu"], files=[f"{TESTS}/{folder}" for folder in ("lib", "netns", "system")],
            modules=["bridge", "8021q", "tun", "veth", "sch_ingress", "cls_bpf"], limit=450,
            env={"VIRT_TAP_HELPER": helper, "VIRT_TAP_CLI": cli, "VIRT_TAP_PORTJUDGE": judge, "VIRT_TAP_HOOKS": hooks,
                 "PYTHONPATH": f"{TESTS}/lib:{TESTS}/netns:{TESTS}/system", "VIRT_TAP_FEW": "1"})
        self.assertEqual(status, 0, output)
        self.assertIn("\nOK\n", output, "skipped")


if __name__ == "__main__":
    needed.main()
