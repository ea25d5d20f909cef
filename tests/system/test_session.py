#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A guest of a real 'virsh -c qemu:///session' gets on a bridge through the helper, or is told why not.

Needs VIRT_TAP_HELPER (the built helper) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import os
import re
import socket
import unittest

import guests
import libvirthost
import needed
import sandbox
from bridgehelper import await_

HOME = sandbox.RUN + "/session"
SERIAL = HOME + "/serial"
HOST, GUEST = "192.168.77.254", "192.168.77.1"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": HOME, "XDG_RUNTIME_DIR": HOME, "LC_ALL": "C",
               "XDG_CONFIG_HOME": HOME + "/config", "XDG_CACHE_HOME": HOME + "/cache"}
# Session libvirtd finds this file below $XDG_CONFIG_HOME, and takes the first line of a name: check puts its own there.
QEMU_CONF = 'bridge_helper = "{helper}"\nbridge_helper = "/nowhere"\n' + libvirthost.QEMU_CONF
DOMAIN = """<domain type='qemu'>
<name>{name}</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>{images.kernel}</kernel><initrd>{images.initramfs}</initrd>
<cmdline>{cmdline}</cmdline></os>
<features><acpi/></features>
<on_poweroff>destroy</on_poweroff>
<devices>
<controller type='usb' model='none'/><memballoon model='none'/>
<serial type='unix'><source mode='bind' path='{serial}'/></serial>
<interface type='bridge'><source bridge='{bridge}'/><model type='virtio'/><rom enabled='no'/></interface>
</devices>
</domain>
"""


def setUpModule():
    helper = sandbox.install(os.environ["VIRT_TAP_HELPER"])
    sandbox.write("/etc/qemu/bridge.conf", "allow br0\n")
    for bridge in ("br0", "br1"):
        sandbox.make_bridge(bridge)
    sandbox.run("ip", "address", "add", HOST + "/24", "dev", "br0")
    os.makedirs(HOME)
    os.chown(HOME, sandbox.USER, sandbox.USER)
    sandbox.write(HOME + "/config/libvirt/qemu.conf", QEMU_CONF.format(helper=helper))
    for folder in ("config", "config/libvirt"):
        os.chown(f"{HOME}/{folder}", sandbox.USER, sandbox.USER)


def virsh(*words, check=True):
    """Run virsh in the session of the unprivileged user; the first call starts the session's libvirtd."""
    return sandbox.run("virsh", "-q", "-c", "qemu:///session", *words, check=check, env=ENVIRONMENT, cwd=HOME, errors="replace", uid=sandbox.USER)


class Session(unittest.TestCase):
    def setUp(self):
        self.before = sandbox.links()

    def taps(self):
        return sandbox.links() - self.before

    def no_tap_remains(self):
        self.assertTrue(await_(lambda: not self.taps()), f"left over: {self.taps()}")

    def define(self, name, bridge):
        images = guests.prepare(needed.folder("GUEST_KERNEL"))
        xml = DOMAIN.format(name=name, bridge=bridge, images=images, serial=SERIAL,
                            cmdline=guests.kernel_arguments(GUEST + "/24"))
        sandbox.write(f"{HOME}/{name}.xml", xml)
        virsh("define", f"{HOME}/{name}.xml")
        self.addCleanup(virsh, "destroy", name, check=False)

    def test_messages_of_libvirts(self):
        """Those that README explains."""
        with open(os.environ["VIRT_TAP_SOURCE"] + "/README.md", encoding="utf-8") as file:
            readme = file.read()
        home = f"{sandbox.RUN}/mistaken"
        environment = {name: value.replace(HOME, home) for name, value in ENVIRONMENT.items()}
        os.makedirs(f"{home}/config/libvirt")
        sandbox.run("chown", "-R", str(sandbox.USER), home)

        def said(*words):
            done = sandbox.run("virsh", "-q", "-c", "qemu:///session", *words, check=False, env=environment, cwd=home, uid=sandbox.USER)
            self.assertNotEqual(done.returncode, 0)
            return done.stdout

        sandbox.write(f"{home}/config/libvirt/qemu.conf", "bridge_helper = /usr/local/libexec/virt-tap-helper\n")
        self.assertIn("Cannot recv data: Connection reset by peer", said("list"))
        sandbox.write(f"{home}/config/libvirt/qemu.conf", 'bridge_helper = "/nowhere"\n' + libvirthost.QEMU_CONF)
        sandbox.write(f"{home}/web.xml", libvirthost.DOMAIN.format(
            name="web", uuid="", boot="", devices="<interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface>"))
        sandbox.write(f"{home}/tap.xml", libvirthost.DOMAIN.format(
            name="tap", uuid="", boot="", devices="<interface type='ethernet'><target dev='vtap-x' managed='no'/></interface>"))
        for file, message in (("web", "is not a suitable bridge helper"), ("tap", "target managed='no' but specified dev doesn't exist")):
            self.assertIn(message, said("create", f"{home}/{file}.xml"))
            self.assertIn(message, readme)
        with open(f"{home}/libvirt/libvirtd.pid", encoding="ascii") as file:
            sandbox.run("kill", file.read().strip())

    def console(self):
        stream = socket.socket(socket.AF_UNIX)
        self.addCleanup(stream.close)
        stream.connect(SERIAL)
        return guests.Console(stream)

    def test_guest_on_the_bridge(self):
        self.define("allowed", "br0")
        virsh("start", "allowed")
        console = self.console()
        self.assertEqual(len(self.taps()), 1)
        tap = self.taps().pop()
        self.assertRegex(virsh("domiflist", "allowed").stdout, rf"^\s*{re.escape(tap)}\s+bridge\s+br0\s+virtio\s")
        console.wait_for(guests.READY)
        self.assertRegex(guests.ping(console, HOST), ", 0% packet loss$")
        answer = sandbox.run("busybox", "ping", "-c", "10", "-i", "0.1", "-W", "5", GUEST)
        self.assertIn(", 0% packet loss", answer.stdout)
        virsh("destroy", "allowed")
        self.no_tap_remains()

    def test_bridge_that_no_rule_allows(self):
        """libvirt does not wait for the end of stderr when the socket closes: the reason must arrive every time."""
        self.define("denied", "br1")
        refused = [virsh("start", "denied", check=False) for _ in range(20)]
        self.assertEqual({done.returncode for done in refused}, {1})
        said = {re.sub(r"--fd=\d+", "--fd=N", done.stdout) for done in refused}
        for text in said:
            self.assertRegex(text, r"/etc/qemu/bridge\.conf.*allow br1\n")
        self.assertEqual(len(said), 1, said)
        self.no_tap_remains()


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
