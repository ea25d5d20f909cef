#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The hooks and the helper under AppArmor, on a Debian kernel under TCG: the kernel that the tests run on may have none.

Needs VIRT_TAP_CLI, VIRT_TAP_HELPER and VIRT_TAP_HOOKS (as built), GUEST_KERNEL (a folder filled by tests/lib/guest-kernel), and
APPARMOR_FOLDER, where Debian's apparmor and libvirtd's profile are unpacked.
"""
import glob
import os
import unittest

import kernelhost
import needed
import sanitized

HERE = os.path.dirname(os.path.realpath(__file__))


class OnADebianKernel(unittest.TestCase):
    def test_hooks(self):
        env = {name: os.path.realpath(os.environ[name]) for name in ("VIRT_TAP_CLI", "VIRT_TAP_HELPER", "VIRT_TAP_HOOKS")}
        env["APPARMOR_FOLDER"] = needed.folder("APPARMOR_FOLDER")
        env["HELPER_PROFILE"] = os.path.dirname(os.path.dirname(env["VIRT_TAP_HELPER"])) + "/data/snippets/virt-tap-helper"
        hooks = [os.path.join(env["VIRT_TAP_HOOKS"], driver) for driver in ("qemu", "network", "daemon")]
        # Since Debian 13 everything is below /usr.
        [env["APPARMOR_PARSER"]] = glob.glob(env["APPARMOR_FOLDER"] + "/**/sbin/apparmor_parser", recursive=True)
        packages = [env["APPARMOR_FOLDER"] + "/etc/apparmor.d", env["APPARMOR_PARSER"], env["HELPER_PROFILE"]]
        status, output = kernelhost.run(
            needed.folder("GUEST_KERNEL"), ["python3", f"{HERE}/apparmor_in_guest.py"], programs=[env["VIRT_TAP_CLI"], env["VIRT_TAP_HELPER"], *hooks],
            files=[HERE, *packages], limit=300, modules=("tun", "bridge", "sch_ingress", "cls_bpf"), arguments="apparmor=1 security=apparmor", env=env)
        self.assertEqual(status, 0, output)
        self.assertIn("\nOK\n", output)


if __name__ == "__main__":
    sanitized.leave_out(__file__)
    needed.main()
