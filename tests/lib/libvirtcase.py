# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests with the hooks and a real libvirtd share: hosts, their domains, and what their guests are made of."""
import glob
import os
import re
import socket
import unittest

import guests
import hookhost
import libvirthost
import needed
import sandbox
from bridgehelper import await_
from libvirthost import DOMAIN

POLICY, BRIDGES = "/etc/virt-tap/policy.conf", "/etc/virt-tap/bridges.conf"
SECRET = "hunter2-of-the-screen"
NIC = "<interface type='bridge'>{mac}<source bridge='{bridge}'/><model type='virtio'/>{more}<rom enabled='no'/></interface>"
VNC = f"<graphics type='vnc' port='-1' autoport='yes' passwd='{SECRET[:8]}'/>"


def nic(bridge="br0", more="", mac=""):
    return NIC.format(bridge=bridge, more=more, mac=f"<mac address='{mac}'/>" if mac else "")


class HookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        _helper, cls.hooks = hookhost.install()
        cls.addClassCleanup(cls.uninstall)
        cls.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        cls.images = guests.prepare(needed.folder("GUEST_KERNEL"))

    @classmethod
    def uninstall(cls):
        sandbox.run("umount", "-l", os.path.dirname(os.path.dirname(_helper_of(cls.hooks))))
        sandbox.run("umount", "-l", "/mnt")

    def boot(self, address="192.168.77.1/24"):
        return (f"<kernel>{self.images.kernel}</kernel><initrd>{self.images.initramfs}</initrd>"
                f"<cmdline>{guests.kernel_arguments(address)}</cmdline>")


def _helper_of(hooks):
    return os.path.join(os.path.dirname(os.path.dirname(hooks)), "virt-tap-helper")


class HostTest(HookTest):
    """A host or two, and what their guests are made of."""

    @classmethod
    def make_host(cls, number, bridge):
        host = libvirthost.Host(number, cls.hooks)
        cls.addClassCleanup(host.end)
        host.run("ip", "link", "add", bridge, "address", f"52:54:00:77:00:f{number}", "type", "bridge", "forward_delay", "0")
        host.run("ip", "link", "set", bridge, "up")
        host.write(POLICY, f"allow {bridge} quota=200\n")
        return host

    @staticmethod
    def add_filters(host):
        """The packet filters that libvirt comes with. Returns their names."""
        paths = glob.glob(needed.folder("NWFILTER_FOLDER") + "/**/nwfilter/*.xml", recursive=True)
        for path in paths:
            with open(path, encoding="utf-8") as file:
                host.write(f"/etc/libvirt/nwfilter/{os.path.basename(path)}", file.read())
        host.stop()
        host.start()
        return {os.path.basename(path).removesuffix(".xml") for path in paths}

    def define(self, host, name, *devices, boot="", uuid="", options=()):
        """A domain that was rewritten, with those options of `virt-tap xml rewrite`. Returns its taps' names."""
        path = f"{sandbox.RUN}/{name}.xml"
        sandbox.write(path, DOMAIN.format(name=name, boot=boot, devices="".join(devices), uuid=uuid))
        sandbox.run(self.cli, "xml", "rewrite", "--in-place", *options, path)
        with open(path, encoding="utf-8") as file:
            rewritten = file.read()
        host.virsh("define", path)
        self.addCleanup(self.remove, host, name)
        return set(re.findall(r"<vt:tap dev='([^']+)'", rewritten))

    @staticmethod
    def remove(host, name):
        host.virsh("destroy", name, check=False)
        host.virsh("managedsave-remove", name, check=False)
        host.virsh("undefine", name, check=False)

    def has(self, host, *taps):
        """These taps are there, and no others."""
        self.assertTrue(await_(lambda: host.taps() == set(taps)), f"{host.taps()} instead of {set(taps)}")

    def console(self, host, path):
        stream = socket.socket(socket.AF_UNIX)
        self.addCleanup(stream.close)
        stream.connect(host.path(path))
        return guests.Console(stream)
