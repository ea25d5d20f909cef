# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""<vlan> of domains of a real libvirtd, on a Debian kernel under TCG: what libvirt makes of it (from 11.0 on) and what becomes of it once the domain
is rewritten, and a guest with everything on that is saved, restored, migrated, unplugged and plugged again.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_HOOKS (as built) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel). A guest under
TCG runs under TCG here: it takes minutes, so test_vlan.py runs it for a release only (VIRT_TAP_THOROUGH=1).
"""
import glob
import os
import unittest

import kernelhost
import needed

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
MODULES = ["bridge", "tun", "veth", "sch_ingress", "cls_bpf", "sch_htb", "sch_sfq", "cls_u32", "cls_fw", "act_police"]
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
FILES = ["/usr/share/seabios", "/usr/share/libvirt", *glob.glob("/usr/lib/ipxe/qemu/efi-virtio.rom"), *glob.glob("/usr/share/qemu/efi-virtio.rom"),
         *(f"/usr/share/qemu/{name}" for name in ("keymaps", "kvmvapic.bin", "linuxboot_dma.bin", "linuxboot.bin"))]
UNWANTED = ("vbox", "xen", "lxc", "vz", "storage")  # drivers of libvirt's


def programs():
    drivers = [path for path in glob.glob(f"{LIBRARIES}/libvirt/connection-driver/*.so") if not any(name in path for name in UNWANTED)]
    tcg = glob.glob(f"{LIBRARIES}/qemu/accel-tcg-x86_64.so")  # built in on Debian 13
    return ["libvirtd", "virsh", "qemu-system-x86_64", "tc", "nft", "nsenter", "hostname", "/usr/lib/libvirt/libvirt_iohelper", *drivers, *tcg]


class Libvirt(unittest.TestCase):
    def test_vlans(self):
        env = {name: os.path.realpath(os.environ[name]) for name in ("VIRT_TAP_HELPER", "VIRT_TAP_CLI", "VIRT_TAP_HOOKS")}
        env["GUEST_KERNEL"] = needed.folder("GUEST_KERNEL")
        hooks = [os.path.join(env["VIRT_TAP_HOOKS"], driver) for driver in ("qemu", "network", "daemon")]
        commands = glob.glob(env["VIRT_TAP_CLI"] + "-*")
        status, output = kernelhost.run(
            env["GUEST_KERNEL"], ["python3", f"{TESTS}/system/libvirt_vlan_in_guest.py", "Vlans", "EverythingOn.test_everything_on"],
            modules=MODULES, memory=3072, limit=2400,
            programs=[env["VIRT_TAP_HELPER"], env["VIRT_TAP_CLI"], *filter(os.path.isfile, commands), *hooks, *programs()],
            files=[f"{TESTS}/lib", f"{TESTS}/system", f"{env['GUEST_KERNEL']}/boot", *inner_modules(env["GUEST_KERNEL"]), *FILES],
            env={**env, "LC_ALL": "C", "PYTHONPATH": f"{TESTS}/lib:{TESTS}/system"})
        self.assertEqual(status, 0, output)
        self.assertIn("\nOK\n", output)


def inner_modules(folder):
    return glob.glob(f"{folder}/lib/modules/*/kernel/drivers/virtio") + glob.glob(f"{folder}/lib/modules/*/kernel/drivers/net/*.ko") + \
        glob.glob(f"{folder}/lib/modules/*/kernel/net/core")
