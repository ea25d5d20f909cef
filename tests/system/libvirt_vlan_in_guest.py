#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Domains with <vlan> under a real libvirtd. Run by libvirt_vlan.py on a kernel whose bridges filter VLANs."""
import json
import os
import re
import shutil

import bridgehelper
import guests
import hookhost
import libvirthost
import needed
import sandbox
import sanitized
import virshell
from libvirtcase import DOMAIN, HostTest, nic, POLICY
from test_migration import Migration

# TCG under TCG.
sanitized.SLOWER = 10
virshell.LIMIT = 600
bridgehelper.await_.__defaults__ = (200, 0.1)
guests.Console.wait_for.__defaults__ = (1500,)
guests.Console.finish.__defaults__ = (1500,)
guests.Console.run.__defaults__ = (1500,)

# By what the domain has: the port's VLANs.
UNTAGGED = ["PVID", "Egress Untagged"]
CASES = {
    "<vlan><tag id='42'/></vlan>": {42: UNTAGGED},
    "<vlan trunk='yes'><tag id='42'/><tag id='47'/></vlan>": {42: [], 47: []},
    "<vlan trunk='yes'><tag id='42'/><tag id='47' nativeMode='untagged'/></vlan>": {42: [], 47: UNTAGGED},
    "<vlan><tag id='42'/></vlan><port isolated='yes'/><driver queues='2'/>": {42: UNTAGGED},
}
BANDWIDTH = "<bandwidth><inbound average='1000' peak='5000' burst='512'/><outbound average='2000' burst='256'/></bandwidth>"
RULE = "allow br0 vlan=42,47 native=47 quota=20\n"


def install():
    """As hookhost does, but into the root, which is this boot's alone."""
    built = os.environ["VIRT_TAP_HELPER"]
    helper = re.search(r"helper=(/\S+)", sandbox.run(built, "--help").stdout)[1]
    hooks = os.path.join(os.path.dirname(helper), "virt-tap/hooks")
    os.makedirs(hooks, exist_ok=True)
    shutil.copy(built, helper)
    command = f"{os.path.dirname(os.path.dirname(helper))}/bin/virt-tap"
    os.makedirs(os.path.dirname(command), exist_ok=True)
    shutil.copy(os.environ["VIRT_TAP_CLI"], command)
    for driver in ("qemu", "network", "daemon"):
        shutil.copy(os.path.join(os.environ["VIRT_TAP_HOOKS"], driver), hooks)
    return helper, hooks


class VlanTest(HostTest):
    maxDiff = None

    @classmethod
    def uninstall(cls):
        pass


class Vlans(VlanTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.make_host(1, "br0")
        cls.host.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1")
        cls.host.write(POLICY, RULE)
        cls.since = tuple(int(part) for part in re.search(r"(\d+)\.(\d+)", cls.host.run("libvirtd", "--version").stdout).groups())

    def ports(self):
        """By MAC: what the kernel has of each tap."""
        found = {}
        for line in self.host.virsh("domiflist", "web").splitlines():
            dev, *_, mac = line.split()
            link, = json.loads(self.host.run("ip", "-d", "-json", "link", "show", dev).stdout)
            port, = json.loads(self.host.run("bridge", "-json", "vlan", "show", "dev", dev).stdout)
            info = link["linkinfo"]
            found[mac] = {"vlans": {vlan["vlan"]: vlan.get("flags", []) for vlan in port["vlans"]}, "mtu": link["mtu"], "master": link["master"],
                          "flags": link["flags"], "isolated": info["info_slave_data"]["isolated"], "vnet_hdr": info["info_data"]["vnet_hdr"],
                          "multi_queue": info["info_data"]["multi_queue"]}
        return found

    def test_vlans(self):
        macs = [f"52:54:00:00:01:{number:02x}" for number in range(len(CASES))]
        cards = [nic(mac=mac, more=more) for mac, more in zip(macs, CASES)]
        path = f"{sandbox.RUN}/web.xml"
        sandbox.write(path, DOMAIN.format(name="web", boot="", devices="".join(cards), uuid=""))
        self.host.virsh("define", path)
        self.addCleanup(self.remove, self.host, "web")
        done = self.host.run("virsh", "start", "--paused", "web", check=False)
        if self.since < (11, 0):
            self.assertIn("vlan tag not supported", done.stdout)
        else:
            self.assertEqual(done.returncode, 0, done.stdout)
            theirs = self.ports()
            self.host.virsh("destroy", "web")
        self.host.run(self.cli, "domain", "rewrite", "--yes", "web")
        self.host.virsh("start", "--paused", "web")
        ours = self.ports()
        self.assertEqual({mac: port["vlans"] for mac, port in ours.items()}, dict(zip(macs, CASES.values())))
        if self.since >= (11, 0):
            self.assertEqual(theirs, ours)

    def limits(self):
        """What the real tc shows of the domain's only tap."""
        dev = self.host.virsh("domiflist", "web").split()[0]
        self.assertTrue(self.host.run("tc", "qdisc", "show", "dev", dev).stdout)
        shown = [self.host.run("tc", kind, "show", "dev", dev).stdout.replace(dev, "TAP") for kind in ("qdisc", "class", "filter")]
        shown[0] = re.sub(r"direct_packets_stat \d+", "", shown[0])  # what IPv6 says when the tap comes up
        return [*shown, self.host.run("tc", "filter", "show", "dev", dev, "ingress").stdout]

    def test_bandwidth(self):
        """The kernels that the other tests run on may lack what libvirt uses for it."""
        path = f"{sandbox.RUN}/limited.xml"
        sandbox.write(path, DOMAIN.format(name="web", boot="", devices=nic(mac="52:54:00:00:01:01", more=BANDWIDTH), uuid=""))
        self.host.virsh("define", path)
        self.addCleanup(self.remove, self.host, "web")
        self.host.virsh("start", "--paused", "web")
        theirs = self.limits()
        self.host.virsh("destroy", "web")
        self.host.run(self.cli, "domain", "rewrite", "--yes", "web")
        self.host.virsh("start", "--paused", "web")
        self.assertEqual(theirs, self.limits())
        self.assertIn("htb", theirs[0])
        self.assertIn("police", theirs[3])
        # Where the port filter is, libvirt cannot put its limit of what the guest sends; nor the port filter where that limit is.
        self.host.write(POLICY, RULE.replace("vlan", "mac=lock vlan", 1))
        self.addCleanup(self.host.write, POLICY, RULE)
        dev = self.host.virsh("domiflist", "web").split()[0]
        said = self.host.run(self.cli, "policy", "apply", check=False).stdout
        self.assertEqual(theirs, self.limits())
        self.assertIn(f"`virsh domiftune DOMAIN {dev} --outbound 0`", said)
        self.host.virsh("domiftune", "web", dev, "--outbound", "0")
        self.host.run(self.cli, "policy", "apply")
        self.assertIn("bpf", self.limits()[3])
        self.host.virsh("destroy", "web")
        self.assertIn("cannot limit what a locked guest sends", self.host.run("virsh", "start", "web", check=False).stdout)
        text = self.host.virsh("dumpxml", "--inactive", "web")
        sandbox.write(path, re.sub("<outbound [^>]*/>", "", text))
        self.host.virsh("define", path)
        self.host.virsh("start", "--paused", "web")
        limits = self.limits()
        self.assertEqual(theirs[1], limits[1])
        self.assertIn("bpf", limits[3])
        dev = self.host.virsh("domiflist", "web").split()[0]
        self.assertIn("unexpected exit status", self.host.run("virsh", "domiftune", "web", dev, "--outbound", "2000", check=False).stdout)
        self.assertEqual(limits[3], self.limits()[3])


class EverythingOn(Migration):
    """In VLAN 42 of both bridges, which is tagged between the hosts."""
    EVERYTHING = Migration.EVERYTHING + "<vlan><tag id='42'/></vlan>"
    RULE = Migration.RULE + " vlan=42"
    PLUGGED = [*Migration.PLUGGED, "--vlan=42"]
    PATIENCE = 60
    uninstall = VlanTest.uninstall

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for host, bridge in ((cls.one, "brA"), (cls.two, "brB")):
            host.run("ip", "link", "set", bridge, "type", "bridge", "vlan_filtering", "1")
            host.run("bridge", "vlan", "add", "dev", bridge, "vid", "42", "pvid", "untagged", "self")
            host.run("bridge", "vlan", "add", "dev", "trunk0", "vid", "42")

    def everything(self, host):
        found = super().everything(host)
        self.assertEqual(found["vlan"], 42)
        return found


if __name__ == "__main__":
    os.makedirs("/mnt", exist_ok=True)
    if not os.path.exists("/var/run"):
        os.makedirs("/var", exist_ok=True)
        os.symlink("/run", "/var/run")
    sandbox.enter(2400)
    hookhost.install = install
    libvirthost.prepare()
    needed.main()
