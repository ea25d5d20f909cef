#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What becomes of each child and attribute that libvirt's schema allows in an <interface>: a real libvirtd starts the guest with its own taps
and, rewritten, with ours; the taps and QEMU's arguments are compared. docs/domains.md has the table.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_HOOKS (as built), GUEST_KERNEL (a folder filled by tests/lib/guest-kernel) and
NWFILTER_FOLDER, where libvirt-daemon-config-nwfilter is unpacked.
"""
import json
import os
import re
import shutil
import unittest
import xml.etree.ElementTree as ET

import libvirthost
import needed
import sandbox
from libvirtcase import HostTest

TC = sandbox.RUN + "/tc.said"
SCHEMAS, RNG = "/usr/share/libvirt/schemas", "{http://relaxng.org/ns/structure/1.0}"
# Of type bridge, each by what stands in it. The first words of the table's rows.
KEPT = {"mac": "", "model": "<model type='e1000'/>", "target": "<target dev='mine0'/>", "rom": "<rom bar='off'/>", "boot": "<boot order='1'/>",
        "driver": "<driver queues='4' tx_queue_size='256'><host csum='off' tso4='off'/><guest tso6='off'/></driver>", "link": "<link state='down'/>",
        "address": "<address type='pci' domain='0x0000' bus='0x00' slot='0x1c' function='0x0'/>", "alias": "<alias name='ua-own'/>",
        "filterref": "<filterref filter='no-mac-spoofing'/>",
        "acpi": "<acpi index='77'/>", "tune": "<tune><sndbuf>1600</sndbuf></tune>", "backend": "<backend tap='/dev/net/tun'/>",
        "bandwidth": "<bandwidth><inbound average='1000' peak='5000' burst='512'/><outbound average='2000' burst='256'/></bandwidth>",
        "teaming": "<alias name='ua-team'/><teaming type='persistent'/>"}
OURS = {"source": "", "mtu": "<mtu size='1500'/>", "port": "<port isolated='yes'/>", "vlan": "<vlan><tag id='7'/></vlan>"}
LEFT = {"virtualport": "<virtualport type='openvswitch'/>", "script": "<script path='/bin/true'/>",
        "downscript": "<downscript path='/bin/true'/>", "coalesce": "<coalesce><rx><frames max='7'/></rx></coalesce>", "trustGuestRxFilters": "yes",
        "bandwidth": "<bandwidth><inbound average='1000' floor='200'/></bandwidth>",
        "vlan": "<vlan trunk='yes'><tag id='7' nativeMode='tagged'/><tag id='8'/></vlan>"}
TRUNK = "<vlan trunk='yes'><tag id='42'/><tag id='47' nativeMode='untagged'/></vlan>"
# libvirt refuses them in an interface of type bridge of QEMU's, or reads them in no such one.
NONE = {"type", "managed", "backenddomain", "guest", "ip", "route", "portForward"}
NIC = "<interface type='bridge'{attributes}><mac address='52:54:00:00:01:{number:02x}'/><source bridge='br0'/>{model}{more}{rom}</interface>"


def nic(number, more="", attributes=""):
    return NIC.format(number=number, more=more, attributes=attributes, model="" if "<model" in more else "<model type='virtio'/>",
                      rom="" if "<rom" in more else "<rom enabled='no'/>")


def in_schema():
    """Names of the children and attributes of <interface> in a domain."""
    defined, found, read = {}, set(), set()

    def load(name):
        for node in ET.parse(f"{SCHEMAS}/{name}").getroot().iter():
            if node.tag == RNG + "define":
                defined.setdefault(node.get("name"), []).append(node)
            elif node.tag == RNG + "include" and node.get("href") not in read:
                read.add(node.get("href"))
                load(node.get("href"))

    def walk(node, seen):
        for child in node:
            if child.tag in (RNG + "element", RNG + "attribute"):
                found.add(child.get("name"))
            elif child.tag == RNG + "ref" and child.get("name") not in seen:
                seen.add(child.get("name"))
                for other in defined.get(child.get("name"), ()):
                    walk(other, seen)
            elif child.tag != RNG + "ref":
                walk(child, seen)

    load("domain.rng")
    interface, = [node for part in defined["interface"] for node in part.iter(RNG + "element") if node.get("name") == "interface"]
    walk(interface, set())
    return found


class Table(unittest.TestCase):
    def test_names_all_that_the_schema_allows(self):
        with open(f"{os.environ['VIRT_TAP_SOURCE']}/docs/domains.md", encoding="utf-8") as file:
            table = file.read().partition("\n## What becomes of each part\n")[2].partition("\nAn interface that is left")[0]
        rows = dict(re.findall(r"(?m)^\| (`.*?) \| (.*?) \|$", table))
        named = {word: what for names, what in rows.items() for word in re.findall(r"`<?([A-Za-z]+)>?`", names)}
        self.assertEqual(set(named), set(KEPT) | set(OURS) | set(LEFT) | NONE)
        self.assertEqual(in_schema() - set(named), set(), "in libvirt's schema, and not in docs/domains.md")
        for names, start in ((KEPT, "kept"), (OURS, "by virt-tap"), (set(LEFT) - set(KEPT) - set(OURS), "left unchanged"), (NONE, "do not occur in")):
            for name in names:
                self.assertTrue(named[name].startswith(start), (name, named[name]))


class Effects(HostTest):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.make_host(1, "br0")
        cls.add_filters(cls.host)
        # Kernels for virtual machines have no sfq, which libvirt uses for <bandwidth>: what it asks tc for is compared instead.
        sandbox.write(f"{sandbox.RUN}/tc", f"#!/bin/sh\necho \"$*\" >>{TC}\n", 0o755)
        cls.host.run("mount", "--bind", f"{sandbox.RUN}/tc", shutil.which("tc"))

    def start(self, text):
        path = f"{sandbox.RUN}/effects.xml"
        sandbox.write(path, text)
        self.host.virsh("define", path)
        self.addCleanup(self.remove, self.host, "effects")
        sandbox.write(TC, "")
        self.host.virsh("start", "effects", "--paused")

    def text(self, *nics):
        return libvirthost.DOMAIN.format(name="effects", boot="", devices="".join(nics), uuid="<uuid>11111111-2222-4333-8444-000000000077</uuid>") \
            .replace("<type arch='x86_64' machine='pc'>", "<type arch='x86_64' machine='q35'>")

    def json(self, *command):
        return json.loads(self.host.run(*command).stdout or "[]")

    def effects(self):
        """By MAC: what the kernel has of each tap, and QEMU's arguments, without what says which tap it is."""
        pid = self.host.read("/run/libvirt/qemu/effects.pid").strip()
        words = self.host.run("cat", f"/proc/{pid}/cmdline").stdout.split("\0")
        given = [json.loads(word) for word in words if word.startswith("{")]
        found = {}
        for line in self.host.virsh("domiflist", "effects").splitlines():
            dev, _type, _source, _model, mac = line.split()
            link = self.json("ip", "-json", "-details", "link", "show", "dev", dev)[0]
            device, = [each for each in given if each.get("mac") == mac]
            netdev, = [each for each in given if each.get("id") == device["netdev"] and each["type"] == "tap"]
            fds = netdev.pop("fds", netdev.pop("fd", "")).split(":")
            with open(TC, encoding="ascii") as file:
                tc = [line.replace(dev, "TAP") for line in file if f" {dev} " in line]
            info = link["linkinfo"]
            found[mac] = {
                "link": {key: link.get(key) for key in ("mtu", "flags", "master", "txqlen", "promiscuity", "group")},
                "tap": {key: info["info_data"].get(key) for key in ("type", "pi", "vnet_hdr", "multi_queue")},
                "port": {key: info["info_slave_data"].get(key) for key in ("state", "isolated", "learning", "flood", "mcast_flood", "hairpin", "guard",
                                                                           "vlan_tunnel")},
                "filter": [line.replace(dev, "TAP") for line in self.host.run("ebtables", "-t", "nat", "-L").stdout.splitlines()
                           if re.search(rf"\b{dev}\b", line) or mac in line],
                "queues": len(fds), "tc": tc, "device": device, "netdev": netdev,
                "state": self.host.virsh("domif-getlink", "effects", mac).split()[-1]}
        return found

    def test_started_before_and_after(self):
        cases = [*KEPT.items(), *((name, more) for name, more in OURS.items() if name != "vlan")]  # libvirt 9.0 has none on Linux bridges
        before = self.text(*(nic(number, more) for number, (_name, more) in enumerate(cases)))
        self.start(before)
        theirs = self.effects()
        self.host.virsh("destroy", "effects")
        path = f"{sandbox.RUN}/before.xml"
        sandbox.write(path, self.host.virsh("dumpxml", "--inactive", "effects"))  # with all addresses
        sandbox.run(self.cli, "xml", "rewrite", "--strict", "--in-place", path)
        with open(path, encoding="utf-8") as file:
            self.start(file.read())
        ours = self.effects()
        self.assertEqual(len(self.host.taps()), len(cases))
        self.assertEqual(len(theirs), len(cases))
        for number, (name, _more) in enumerate(cases):
            mac = f"52:54:00:00:01:{number:02x}"
            with self.subTest(name):
                self.assertEqual(theirs[mac], ours[mac])
        which = {name: ours[f"52:54:00:00:01:{number:02x}"] for number, (name, _more) in enumerate(cases)}
        self.assertEqual((which["driver"]["queues"], which["link"]["state"], which["port"]["port"]["isolated"]), (4, "down", True))
        self.assertTrue(any("htb" in line for line in which["bandwidth"]["tc"]))
        self.assertTrue(any(line.startswith("-s 52:54:00:00:01:") for line in which["filterref"]["filter"]), which["filterref"])

    def test_left_unchanged(self):
        for name, more in LEFT.items():
            text = self.text(nic(1, "", f" {name}='{more}'") if more == "yes" else nic(1, more))
            path = f"{sandbox.RUN}/left.xml"
            sandbox.write(path, text)
            done = sandbox.run("sh", "-c", f"{self.cli} xml rewrite --strict {path} 2>{path}.said", check=False)
            with self.subTest(name):
                self.assertEqual((done.returncode, done.stdout), (3, text))
                with open(path + ".said", encoding="utf-8") as file:
                    self.assertIn("interface 1 is left as it is: ", file.read())

    def test_vlan(self):
        """libvirt 9.0 refuses it on Linux bridges; ours asks the policy for it."""
        path = f"{sandbox.RUN}/vlan.xml"
        self.addCleanup(self.remove, self.host, "effects")
        for more, asked in ((OURS["vlan"], "--vlan=7: "), (TRUNK, "--vlan=42,47: ")):
            sandbox.write(path, self.text(nic(1, more)))
            sandbox.write(path, sandbox.run(self.cli, "xml", "rewrite", "--strict", path).stdout)
            self.host.virsh("define", path)
            self.assertIn(asked, self.host.run("virsh", "start", "effects", check=False).stdout)

    def test_not_in_interfaces_of_type_bridge(self):
        """A libvirt that takes one of them is no longer what the table says."""
        for more in ("<ip address='192.0.2.1' family='ipv4'/>", "<route family='ipv4' address='192.0.2.0' prefix='24' gateway='192.0.2.1'/>"):
            path = f"{sandbox.RUN}/none.xml"
            sandbox.write(path, self.text(nic(1, more)))
            with self.subTest(more):
                self.assertNotEqual(self.host.run("virsh", "define", path, check=False).returncode, 0)


if __name__ == "__main__":
    sandbox.enter()
    libvirthost.prepare()
    needed.main()
