#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""`policy apply` where VLANs change, on a Debian kernel under TCG: the kernel here may be without them. A share of
apply_in_guest.py; with VIRT_TAP_THOROUGH=1 all of it, which takes minutes under TCG.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and VIRT_TAP_PORTJUDGE (the built programs) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import os
import shutil
import unittest

import kernelhost
import needed
from rounds import THOROUGH

SHARE = [f"apply_in_guest.{test}" for test in (
    "Vlans.test_everything_at_once", "Trunks.test_protocol_of_the_bridge", "Frames.test_from_trunk_to_trunk_under_a_flood")]
TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


class OnADebianKernel(unittest.TestCase):
    def test_policy_apply(self):
        helper, cli, judge = (os.path.realpath(os.environ[f"VIRT_TAP_{name}"]) for name in ("HELPER", "CLI", "PORTJUDGE"))
        status, output = kernelhost.run(
            needed.folder("GUEST_KERNEL"), ["python3", f"{TESTS}/lib/inguest.py", *(["apply_in_guest"] if THOROUGH else SHARE)],
            programs=[helper, cli, judge, shutil.which("tc")],
            files=[f"{TESTS}/{folder}" for folder in ("lib", "netns", "system")], modules=["bridge", "tun", "veth", "sch_ingress", "cls_bpf"], limit=600,
            env={"VIRT_TAP_HELPER": helper, "VIRT_TAP_CLI": cli, "VIRT_TAP_PORTJUDGE": judge, "PYTHONPATH": f"{TESTS}/lib:{TESTS}/netns:{TESTS}/system",
                 "VIRT_TAP_FEW": "1"})
        self.assertEqual(status, 0, output)


if __name__ == "__main__":
    needed.main()
