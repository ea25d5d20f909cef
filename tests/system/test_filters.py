#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Packet filters of a real libvirtd: the system's enforces them on our taps; a session's has none, and the tap's port filter stands in.
A real guest sends in its own name, and lies.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_HOOKS (as built), GUEST_KERNEL (a folder filled by tests/lib/guest-kernel) and
NWFILTER_FOLDER, where libvirt-daemon-config-nwfilter is unpacked.
"""
import os
import re
import socket

import guests
import libvirthost
import needed
import sandbox
from bridgehelper import await_
from libvirtcase import _helper_of, DOMAIN, HookTest, HostTest, POLICY
from virshell import Virsh

HOST, GUEST, OTHER = "192.168.77.254", "192.168.77.1", "192.168.77.9"
MAC, FOREIGN = "52:54:00:00:00:01", "52:54:00:00:00:99"
PARAMETER = f"<parameter name='IP' value='{GUEST}'/>"
NIC = (f"<interface type='bridge'><mac address='{MAC}'/><source bridge='br0'/><model type='virtio'/><rom enabled='no'/>"
       "{}</interface><serial type='unix'><source mode='bind' path='{}'/></serial>")


def filterref(name, more=PARAMETER):
    return f"<filterref filter='{name}'>{more}</filterref>"


class Lies:
    """A guest that lies, through its console."""

    def crosses(self, console, *options):
        """Whether the host answers its ping."""
        _status, said = console.run(f"ping -c 2 -i 0.2 -W 1 {' '.join(options)} {HOST}")
        return ", 0% packet loss" in said

    def lies_that_cross(self, console):
        """By what it forges. In its own name it gets through, before and after."""
        self.assertTrue(self.crosses(console))
        console.run(f"ip address add {OTHER}/24 dev eth0")
        address = self.crosses(console, "-I", OTHER)
        console.run(f"ip address del {OTHER}/24 dev eth0; ip link set eth0 down; ip link set eth0 address {FOREIGN}; ip link set eth0 up")
        mac = self.crosses(console)
        console.run(f"ip link set eth0 down; ip link set eth0 address {MAC}; ip link set eth0 up")
        self.assertTrue(await_(lambda: self.crosses(console)))
        return {name for name, crosses in (("address", address), ("mac", mac)) if crosses}


class System(HostTest, Lies):
    SERIAL = "/var/lib/libvirt/serial"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.make_host(1, "br0")
        cls.host.run("ip", "address", "add", HOST + "/24", "dev", "br0")
        cls.filters = cls.add_filters(cls.host)

    def lies(self, more):
        taps = self.define(self.host, "liar", NIC.format(more, self.SERIAL), boot=self.boot(GUEST + "/24"))
        self.assertEqual(self.host.virsh("dumpxml", "--inactive", "liar").partition("<devices>")[2].count("<filterref"), more.count("<filterref"))
        self.host.virsh("start", "liar")
        self.has(self.host, *taps)
        console = self.console(self.host, self.SERIAL)
        console.wait_for(guests.READY)
        said = self.lies_that_cross(console)
        self.host.virsh("destroy", "liar")
        self.has(self.host)
        self.host.virsh("undefine", "liar")
        self.assertNotIn("vtap-", self.host.run("ebtables", "-t", "nat", "-L").stdout)
        return said

    def test_enforced_on_our_taps(self):
        self.assertEqual(self.lies(""), {"address", "mac"})
        self.assertEqual(self.lies(filterref("clean-traffic")), set())
        self.assertEqual(self.lies(filterref("no-mac-spoofing", "")), {"address"})

    def test_shown(self):
        sandbox.write(sandbox.RUN + "/liar.xml", DOMAIN.format(name="liar", uuid="", boot="", devices=NIC.format(filterref("clean-traffic"), self.SERIAL)))
        self.host.virsh("define", sandbox.RUN + "/liar.xml")
        self.addCleanup(self.remove, self.host, "liar")
        for verb, says in (("show", " could be a tap on br0\n"), ("rewrite", "liar is redefined\n"), ("restore", "liar is redefined\n")):
            said = self.host.run(self.cli, "domain", verb, "-c", "qemu:///system", *(["--yes"] if verb != "show" else []), "liar").stdout
            self.assertIn(says, said)
            self.assertNotIn("in place of its packet filter", said)
            self.assertEqual(self.host.virsh("dumpxml", "--inactive", "liar").count("<filterref filter='clean-traffic'"), 1)

    def test_documented(self):
        """Of all that libvirt comes with, the table has those that one might use for a lock."""
        with open(f"{os.environ['VIRT_TAP_SOURCE']}/docs/domains.md", encoding="utf-8") as file:
            table = file.read().partition("\n## Packet filters\n")[2].partition("\n## ")[0]
        named = {name for row in re.findall(r"(?m)^\| (`.*?) \|", table) for name in re.findall(r"`([a-z-]+)`", row)}
        self.assertLessEqual(named, self.filters)
        self.assertEqual({name for name in self.filters if name.endswith("-spoofing") or name.startswith("clean-")} - named, {"no-ipv6-spoofing"})


class Session(HookTest, Lies):
    HOME = sandbox.RUN + "/session"
    ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": HOME, "XDG_RUNTIME_DIR": HOME, "LC_ALL": "C",
                   "XDG_CONFIG_HOME": HOME + "/config", "XDG_CACHE_HOME": HOME + "/cache"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sandbox.make_bridge("br0")
        sandbox.run("ip", "address", "add", HOST + "/24", "dev", "br0")
        sandbox.run("mkdir", "-p", "/etc/libvirt/hooks/qemu.d")
        sandbox.run("ln", "-sf", cls.hooks + "/qemu", "/etc/libvirt/hooks/qemu.d/50-virt-tap")
        sandbox.write(cls.HOME + "/config/libvirt/qemu.conf", f'bridge_helper = "{_helper_of(cls.hooks)}"\n' + libvirthost.QEMU_CONF)
        for folder in ("", "/config", "/config/libvirt"):
            os.chown(cls.HOME + folder, sandbox.USER, sandbox.USER)
        virsh = Virsh((), ["-c", "qemu:///session"], env=cls.ENVIRONMENT, cwd=cls.HOME, uid=sandbox.USER)
        cls.addClassCleanup(virsh.end)
        cls.virsh = staticmethod(virsh.checked)

    def run_here(self, *command, **options):
        return sandbox.run(*command, env=self.ENVIRONMENT, cwd=self.HOME, uid=sandbox.USER, **options)

    def rewrite(self, *options, verb="rewrite"):
        return self.run_here(self.cli, "domain", verb, "-c", "qemu:///session", *(["--yes"] if verb != "show" else []), *options, "liar").stdout

    def define(self, more, boot=""):
        sandbox.write(self.HOME + "/liar.xml", DOMAIN.format(name="liar", uuid="", boot=boot, devices=NIC.format(more, self.HOME + "/serial")))
        self.virsh("define", self.HOME + "/liar.xml")
        self.addCleanup(self.virsh, "undefine", "liar", check=False)
        self.addCleanup(self.virsh, "destroy", "liar", check=False)
        return self.virsh("dumpxml", "--inactive", "liar")

    def test_libvirt_starts_no_domain_with_one(self):
        """What docs/domains.md says, of libvirt's own interfaces and of ours. Once that changes, so may we."""
        sandbox.write(POLICY, "allow br0\n")
        self.define(filterref("clean-traffic"))
        self.assertRegex(self.virsh("start", "liar", check=False), "unexpected nwfilter URI path '/session'|no connection driver available for nwfilter")
        sandbox.run(self.cli, "xml", "rewrite", "--in-place", self.HOME + "/liar.xml")
        self.virsh("undefine", "liar")
        self.virsh("define", self.HOME + "/liar.xml")
        self.assertRegex(self.virsh("start", "liar", check=False), "unexpected nwfilter URI path '/session'|no connection driver available for nwfilter")
        self.assertTrue(await_(lambda: not any(name.startswith("vtap-") for name in sandbox.links())))

    def test_the_port_filter_stands_in(self):
        sandbox.write(POLICY, "allow br0\n")
        for more, crosses, options in (("", {"address", "mac"}, ()), (filterref("clean-traffic"), set(), ()),
                                       (filterref("no-mac-spoofing", ""), {"address"}, ()), (filterref("no-arp-spoofing", ""), set(), (f"--ip={GUEST}",))):
            with self.subTest(more):
                before = self.define(more, self.boot(GUEST + "/24"))
                self.rewrite(*options)
                self.assertNotIn("<filterref", self.virsh("dumpxml", "--inactive", "liar").partition("</metadata>")[2])
                self.virsh("start", "liar")
                stream = socket.socket(socket.AF_UNIX)
                self.addCleanup(stream.close)
                stream.connect(self.HOME + "/serial")
                console = guests.Console(stream)
                console.wait_for(guests.READY)
                self.assertEqual(self.lies_that_cross(console), crosses)
                self.virsh("destroy", "liar")
                self.assertTrue(await_(lambda: not any(name.startswith("vtap-") for name in sandbox.links())))
                self.rewrite(verb="restore")
                self.assertEqual(self.virsh("dumpxml", "--inactive", "liar"), before)
                self.virsh("undefine", "liar")

    def test_said(self):
        sandbox.write(POLICY, "allow br0\n")
        self.define(filterref("clean-traffic"))
        for uri in ("qemu:///session", f"qemu+unix:///session?socket={self.HOME}/libvirt/libvirt-sock"):
            self.assertIn(f"could be a tap on br0, lock=ip, {GUEST}\n", self.run_here(self.cli, "domain", "show", "-c", uri, "liar").stdout)
        self.assertIn("interface 1 has lock='ip' in place of its packet filter clean-traffic", self.rewrite())
        for uri in ("qemu:///session", f"qemu+unix:///session?socket={self.HOME}/libvirt/libvirt-sock"):
            self.assertIn(f" on br0, lock=ip, {GUEST}\n", self.run_here(self.cli, "domain", "show", "-c", uri, "liar").stdout)
        self.virsh("undefine", "liar")
        self.define(filterref("clean-traffic", ""))
        for verb in ("show", "rewrite"):
            self.assertIn("its packet filter clean-traffic learns the guest's addresses", self.rewrite(verb=verb))

    def test_refused_by_the_policy(self):
        """A filter that the rule's terms do not allow: the start is refused, with what to change."""
        for rule, more, options, says in (("mac=lock ip=lock ips=10.0.0.0/8", filterref("clean-traffic"), (), f"--ip={GUEST}: {POLICY}:1 allows only"),
                                          ("mac=lock", filterref("no-mac-spoofing", ""), ("--serve=dhcp",), f"--serve=dhcp: {POLICY}:1 does not let")):
            sandbox.write(POLICY, f"allow br0 {rule}\n")
            self.define(more)
            self.rewrite(*options)
            self.assertIn(says, self.virsh("start", "liar", check=False))
            self.assertFalse(any(name.startswith("vtap-") for name in sandbox.links()))
            self.virsh("undefine", "liar")


if __name__ == "__main__":
    sandbox.enter()
    libvirthost.prepare()
    needed.main()
