#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Domains that migrate between two real libvirtds, and get their taps from the hooks on the one they come to.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_HOOKS (as built) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import json
import re
import shutil
import subprocess
import time

import guests
import libvirthost
import needed
import sandbox
from bridgehelper import await_
from libvirtcase import BRIDGES, HostTest, nic, POLICY, SECRET, VNC

TC_SAID = "/run/tc.said"
# An interface with everything on, its rule, and what gives another one the same; libvirt_vlan.py adds a VLAN.
EVERYTHING = ("<mtu size='9000'/><driver queues='4'/><port isolated='yes'/><bandwidth>"
              "<inbound average='1000' peak='5000' burst='512'/></bandwidth>")
RULE = "mac=lock ip=lock ips=192.168.77.0/24"
PLUGGED = ["--queues=4", "--mtu=9000", "--isolated", "--lock=ip", "--ip=192.168.77.1"]
PORT = {"isolated", "locked", "learning", "flood", "mcast_flood", "guard", "hairpin", "mcast_router", "multicast_router", "neigh_suppress", "vlan_tunnel"}


class Migration(HostTest):
    """Between two hosts whose bridges have other names, on one segment; at the destination the tap's name is taken."""
    MAC = "52:54:00:00:00:01"
    EVERYTHING, RULE, PLUGGED, PATIENCE = EVERYTHING, RULE, PLUGGED, 5  # seconds for an answer

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.one, cls.two = cls.make_host(1, "brA"), cls.make_host(2, "brB")
        for link in ("mig0", "trunk0"):
            sandbox.run("ip", "link", "add", f"{link}a", "type", "veth", "peer", "name", f"{link}b")
        for host, bridge, end in ((cls.one, "brA", "a"), (cls.two, "brB", "b")):
            for link in ("mig0", "trunk0"):
                sandbox.run("ip", "link", "set", link + end, "netns", str(host.pid), "name", link)
                host.run("ip", "link", "set", link, "up")
            host.run("ip", "link", "set", "trunk0", "master", bridge)
            host.run("ip", "address", "add", f"10.99.0.{host.number}/24", "dev", "mig0")
            host.run("ip", "address", "add", f"192.168.77.{250 + host.number}/24", "dev", bridge)
        cls.one.write(BRIDGES, "map bridge brB brA\n")
        cls.two.write(BRIDGES, "map bridge brA brB\n")

    def setUp(self):
        self.has(self.one)
        self.has(self.two)

    def guest(self, *options):
        """A domain on the first host, rewritten with options, whose tap's name the second has already. Returns that name."""
        serial = "<serial type='unix'><source mode='bind' path='/var/lib/libvirt/serial'/></serial>"
        tap, = self.define(self.one, "web", nic("brA", mac=self.MAC), serial, VNC, boot=self.boot(), options=options)
        self.addCleanup(self.remove, self.two, "web")
        self.two.run("ip", "tuntap", "add", tap, "mode", "tap")
        self.addCleanup(self.two.run, "ip", "link", "delete", tap, check=False)
        return tap

    def run_guest(self):
        """Returns its console."""
        self.one.virsh("start", "web")
        console = self.console(self.one, "/var/lib/libvirt/serial")
        console.wait_for(guests.READY)
        return console

    def migrate(self, host, to, *options, check=True):
        done = host.run("virsh", "migrate", *options, "web", f"qemu+tcp://{to.name}/system", check=check)
        self.assertNotIn(SECRET[:8], done.stdout)
        return done

    def reaches(self, host):
        """Once QEMU has announced where the guest is now, as it does just after it runs there; until then a frame may go to the old place."""
        self.assertTrue(await_(lambda: host.run("busybox", "ping", "-c", "1", "-W", "1", "192.168.77.1", check=False).returncode == 0))
        said = host.run("busybox", "ping", "-c", "3", "-i", "0.2", "-W", "5", "192.168.77.1", check=False)
        self.assertIn(" 0% packet loss", said.stdout)

    def test_live_there_and_back(self):
        tap = self.guest()
        self.run_guest()
        self.reaches(self.two)
        self.migrate(self.one, self.two, "--live", "--p2p")
        self.has(self.one)
        renamed = self.two.taps() - {tap}
        self.assertEqual(len(renamed), 1)
        self.assertIn("master brB", self.two.run("ip", "link", "show", min(renamed)).stdout)
        self.reaches(self.one)
        self.migrate(self.two, self.one, "--live", "--p2p")
        self.has(self.two, tap)
        self.has(self.one, *renamed)
        self.assertIn("master brA", self.one.run("ip", "link", "show", min(renamed)).stdout)
        self.reaches(self.two)
        self.one.virsh("destroy", "web")
        self.has(self.one)
        self.has(self.two, tap)

    def locked(self, host, bridge):
        """The guest's tap there has its filter."""
        tap, = (tap for tap in json.loads(host.run(self.cli, "list", "--json").stdout) if tap["bridge"] == bridge)
        self.assertEqual((tap["bound"], tap["filter"]["attached"]), ({"mac": self.MAC, "ip": ["192.168.77.1"]}, True))
        return tap["filter"]["dropped"]

    def test_live_and_locked(self):
        """A guest under ip=lock keeps its connection and loses nothing to either host's filter, QEMU's announcements included."""
        for host, bridge in ((self.one, "brA"), (self.two, "brB")):
            before = host.read(POLICY)
            host.write(POLICY, f"allow {bridge} mac=lock ip=lock ips=192.168.77.0/24\n")
            self.addCleanup(host.write, POLICY, before)
        self.guest("--ip=192.168.77.1")
        self.run_guest().run("nc -ll -p 7 -e cat & until netstat -ltn | grep -q :7; do sleep 0.1; done")
        with subprocess.Popen(self.two.enter("busybox", "nc", "192.168.77.1", "7"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
            self.addCleanup(peer.kill)

            def echoes(word):
                peer.stdin.write(f"{word}\n")
                peer.stdin.flush()
                self.assertEqual(peer.stdout.readline(), f"{word}\n")
            echoes("before")
            self.assertEqual(self.locked(self.one, "brA"), 0)
            self.migrate(self.one, self.two, "--live", "--p2p")
            echoes("after")
            self.migrate(self.two, self.one, "--live", "--p2p")
            echoes("back")
            self.assertEqual(self.locked(self.one, "brA"), 0)
            peer.stdin.close()
        self.one.virsh("destroy", "web")

    def everything(self, host):
        """What guards and limits the guest's only tap there, and what tc was asked to do for the tap."""
        tap, = json.loads(host.run(self.cli, "list", "--json").stdout)
        link, = json.loads(host.run("ip", "-d", "-json", "link", "show", tap["name"]).stdout)
        info = link["linkinfo"]
        queues = info["info_data"]["numqueues"] + info["info_data"]["numdisabled"]  # a guest with one CPU uses one of them
        asked = [line.replace(tap["name"], "TAP") for line in host.read(TC_SAID).splitlines() if f" {tap['name']} " in line]
        return {"bound": tap["bound"], "filter": tap["filter"]["attached"], "dropped": tap["filter"]["dropped"], "protection": tap["protection"],
                "vlan": tap["vlan"], "mtu": link["mtu"], "queues": queues, "vnet_hdr": info["info_data"]["vnet_hdr"],
                "port": {key: value for key, value in info["info_slave_data"].items() if key in PORT}, "bandwidth": sorted(set(asked)),
                "limits": host.virsh("domiftune", "web", tap["name"]).split()}

    def ready_for_everything(self):
        """Both hosts have jumbo frames and lock guests, and a tc that only writes down what it was asked: kernels for virtual machines have
        no sfq, which libvirt uses for <bandwidth>."""
        for host, bridge in ((self.one, "brA"), (self.two, "brB")):
            before = host.read(POLICY)
            host.write(POLICY, f"allow {bridge} {self.RULE}\n")
            self.addCleanup(host.write, POLICY, before)
            for link, mtu in (("trunk0", "9000"), (bridge, "9000")):
                host.run("ip", "link", "set", link, "mtu", mtu)
                self.addCleanup(host.run, "ip", "link", "set", link, "mtu", "1500")
            host.write("/run/tc", f"#!/bin/sh\necho \"$*\" >>{TC_SAID}\n", 0o755)
            host.write(TC_SAID, "")
            host.run("mount", "--bind", "/run/tc", shutil.which("tc"))
            self.addCleanup(host.run, "umount", shutil.which("tc"))

    def unplug(self, host):
        """If the guest takes long to release the interface, what the command then says to type."""
        done = host.run(self.cli, "domain", "detach", "web", self.MAC, check=False)
        if done.returncode:
            later = re.search("has not released .*remove the tap with: virt-tap (domain detach web [^;]*);", done.stdout)
            self.assertTrue(later, done.stdout)
            self.assertTrue(await_(lambda: self.MAC not in host.virsh("domiflist", "web"), 2 * self.PATIENCE))
            host.run(self.cli, *later[1].split())

    def test_everything_on(self):
        """MTU, queues, isolation, lock and bandwidth are the same after a restore, a migration, and when the interface was unplugged and plugged
        again."""
        self.ready_for_everything()
        serial = "<serial type='unix'><source mode='bind' path='/var/lib/libvirt/serial'/></serial>"
        self.define(self.one, "web", nic("brA", self.EVERYTHING, self.MAC), serial, VNC, boot=self.boot(), options=["--lock=ip", "--ip=192.168.77.1"])
        self.addCleanup(self.remove, self.two, "web")
        console = self.run_guest()

        def same(host, other):
            ping = ("busybox", "ping", "-W", str(self.PATIENCE), "-s", "8900", "192.168.77.1")
            self.assertTrue(await_(lambda: other.run(*ping, "-c", "1", check=False).returncode == 0, 2 * self.PATIENCE))  # a slow guest's ARP
            self.assertIn(" 0% packet loss", other.run(*ping, "-c", "3", "-i", "0.2", check=False).stdout)
            self.assertEqual(self.everything(host), wanted)

        wanted = self.everything(self.one)
        self.assertEqual((wanted["mtu"], wanted["queues"], wanted["filter"], wanted["dropped"]), (9000, 4, True, 0))
        self.assertEqual(wanted["bound"], {"mac": self.MAC, "ip": ["192.168.77.1"]})
        self.assertEqual([wanted["port"][key] for key in ("isolated", "locked", "learning")], [True, True, False])
        self.assertTrue(any("htb" in line for line in wanted["bandwidth"]))
        self.assertIn("1000", wanted["limits"])
        same(self.one, self.two)
        image = "/var/lib/libvirt/web.image"
        self.one.virsh("save", "web", image)
        self.has(self.one)
        self.one.virsh("restore", image)
        same(self.one, self.two)
        self.migrate(self.one, self.two, "--live", "--p2p")
        self.has(self.one)
        same(self.two, self.one)
        self.unplug(self.two)
        self.has(self.two)
        self.two.run(self.cli, "domain", "attach", "web", "--bridge=brB", f"--mac={self.MAC}", *self.PLUGGED)
        tap, = self.two.taps()
        self.two.virsh("domiftune", "web", tap, "--inbound", "1000,5000,512")
        console = self.console(self.two, "/var/lib/libvirt/serial")
        console.run("until ip addr add 192.168.77.1/24 dev eth0; do sleep 0.1; done; ip link set eth0 up")
        same(self.two, self.one)
        self.migrate(self.two, self.one, "--live", "--p2p")
        self.has(self.two)
        same(self.one, self.two)
        self.one.virsh("destroy", "web")
        self.has(self.one)

    def test_aborted(self):
        tap = self.guest()
        self.run_guest()
        self.one.virsh("migrate-setspeed", "web", "1")
        virsh = subprocess.Popen(["nsenter", "-t", str(self.one.pid), "-a", "virsh", "migrate", "--live", "web", "qemu+tcp://host2/system"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertTrue(await_(lambda: len(self.two.taps()) == 2))
        time.sleep(0.5)
        self.one.virsh("domjobabort", "web")
        virsh.communicate(timeout=60)
        self.assertNotEqual(virsh.returncode, 0)
        self.has(self.two, tap)
        self.has(self.one, tap)
        self.reaches(self.two)

    def test_refused_at_the_destination(self):
        """The source lives on; the reason is in its virsh's error."""
        tap = self.guest()
        self.run_guest()
        for path, text, says in ((POLICY, "allow brX\n", "on bridge 'brB'"), (BRIDGES, "nonsense\n", f"{BRIDGES}:1")):
            before = self.two.read(path)
            self.two.write(path, text)
            done = self.migrate(self.one, self.two, "--live", "--p2p", check=False)
            self.two.write(path, before)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(says, done.stdout)
            self.has(self.two, tap)
            self.has(self.one, tap)
            self.assertEqual(self.one.virsh("domstate", "web").strip(), "running")

    def test_offline(self):
        """It fires migrate only, whose output becomes the definition there."""
        tap = self.guest()
        self.migrate(self.one, self.two, "--offline", "--persistent")
        self.has(self.one)
        self.has(self.two, tap)
        xml = self.two.virsh("dumpxml", "web")
        self.assertIn('bridge="brB"', xml.replace("'", '"'))
        self.two.virsh("start", "web")
        self.assertEqual(len(self.two.taps()), 2)
        self.two.virsh("destroy", "web")
        self.has(self.two, tap)

    def test_secrets(self):
        """What migrate is given holds the screen's password: it is in no log of either host."""
        self.guest()
        self.one.virsh("start", "--paused", "web")
        self.migrate(self.one, self.two, "--live", "--p2p")
        self.assertIn(SECRET[:8], self.two.virsh("dumpxml", "--security-info", "web"))
        for host in (self.one, self.two):
            for path in (libvirthost.LOG, "/var/log/libvirt/qemu/web.log"):
                self.assertNotIn(SECRET[:8], host.read(path))
        self.two.virsh("destroy", "web")


if __name__ == "__main__":
    sandbox.enter()
    libvirthost.prepare()
    needed.main()
