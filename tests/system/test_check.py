#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap check in guests of QEMU's, whose processors are chosen: one with AMD's extension, which QEMU emulates, and
KVM's real modules; and one without.

Needs VIRT_TAP_CLI (the built command) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import glob
import json
import os
import re
import unittest

import guests
import needed
import sandbox
from initramfs import Initramfs

COMMAND = os.path.abspath(os.environ["VIRT_TAP_CLI"])
MODULES = ("irqbypass", "kvm", "kvm-amd")


def module(name):
    return glob.glob(f"{needed.folder('GUEST_KERNEL')}/lib/modules/*/kernel/**/{name}.ko", recursive=True)[0]


def archive():
    """What is added to the guest's initramfs: the command with its libraries, and KVM's modules where modprobe has them."""
    root = Initramfs()
    files = {f"modules.kvm/{name}.ko": module(name) for name in MODULES} | {"bin/virt-tap": COMMAND}
    files |= {library: library for library in re.findall(r"/\S+", sandbox.run("ldd", COMMAND).stdout)}
    for name, path in files.items():
        with open(path, "rb") as file:
            root.file(name, file.read(), 0o755)
    release = module("kvm").split("/lib/modules/")[1].split("/")[0]
    listed = "".join(f"kernel/{name}.ko:\n" for name in MODULES).encode()  # depmod runs when the package is installed
    root.file(f"lib/modules/{release}/modules.dep", listed)
    return root.bytes()


class Guests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.images = guests.prepare(needed.folder("GUEST_KERNEL"))
        with open(cls.images.initramfs, "ab") as file:
            file.write(archive())

    def boot(self, cpu):
        qemu = guests.Qemu(guests.command("user,id=n0,restrict=on", "52:54:00:77:00:01", "-cpu", cpu,
                                          *guests.boot_options(self.images, "10.0.2.15/24")))
        self.addCleanup(qemu.end)
        qemu.ready()
        return qemu.console

    def check(self, console):
        """The findings about KVM: name to what was seen."""
        status, output = console.run("virt-tap check kvm --json")
        self.assertIn(status, (0, 1), output)
        return {finding["id"]: finding["seen"] for finding in json.loads(output)["findings"]}

    def test_with_the_extension(self):
        console = self.boot("qemu64")
        self.assertEqual(list(self.check(console)), ["kvm.module.missing"])
        for name in MODULES:
            self.assertEqual(console.run(f"insmod /modules.kvm/{name}.ko"), (0, ""))
        self.assertEqual(list(self.check(console)), ["kvm.device", "kvm.vm", "kvm.vcpu.native"])
        console.run("rm /dev/kvm")
        self.assertEqual(list(self.check(console)), ["kvm.device.missing"])

    def test_without_the_extension(self):
        console = self.boot("qemu64,-svm")
        self.assertEqual(list(self.check(console)), ["kvm.cpu.nested"])
        console = self.boot("qemu64,-svm,-hypervisor")
        self.assertEqual(list(self.check(console)), ["kvm.cpu.none"])


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
