#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The examples of README.md and of the manual pages, typed in their order by a reader: they do what the text says, and print what it shows.

Every example of every document is taken by a test here or in test_guides.py. After a change of what is printed, VIRT_TAP_REFRESH=1 in this
script's environment puts it into README.md or docs/*.md; look at the difference."""
import contextlib
import os
import select
import socket
import threading

import bridgehelper
import brokerhost
import documents
import libvirthost
import needed
import reader
import sandbox
import uplink
from bridgehelper import await_
from reader import ALICE, HOME, Guest, Reader

POLICY, BRIDGES, QEMU_CONF = "/etc/virt-tap/policy.conf", "/etc/virt-tap/bridges.conf", f"{HOME}/.config/libvirt/qemu.conf"
HELPER = "/usr/local/libexec/virt-tap-helper"


@contextlib.contextmanager
def forward(tap, name):
    """Meanwhile, pass frames between a tap and a network card, as QEMU does."""
    card, (stop, stopped) = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)), os.pipe()
    card.bind((name, 0))

    def run():
        while stop not in (ready := select.select([tap, card, stop], [], [])[0]):
            if tap in ready:
                card.send(os.read(tap, 65536))
            if card in ready:
                frame, place = card.recvfrom(65536)
                if place[2] != socket.PACKET_OUTGOING:
                    os.write(tap, frame)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        os.write(stopped, b"x")
        thread.join()
        card.close()
        os.close(stop)
        os.close(stopped)


class Readme(Reader):
    def test_readme(self):
        with self.read("README.md"):
            self.not_tried("./dev demo", "both take minutes and packages, and are what runs this test")
            for command, _ in self.next("./dev setup install").commands():
                self.type(f"cd {documents.SOURCE} && {command}", user=0)
            self.not_tried("sudo apt install ./virt-tap_*.deb", "tests/packages/test_machine.py types it on whole machines")
            self.first_steps()
            self.qemu()
            self.libvirt()
            self.dhcp()
            self.taps_that_stay()
            self.many_users()
            self.not_tried("  you ", "a picture")

    def first_steps(self):
        self.not_tried("sudo virt-tap setup alice", "tests/machines/test_setup.py types it on whole machines")
        self.types("sudo virt-tap bridge create br-lab --address")
        self.assertIn("master br0", uplink.ip("link", "show", "eth0"))
        self.assertIn("192.0.2.10/24", uplink.addresses("br0"))
        self.types("sudo virt-tap policy edit")
        self.types("$ virt-tap check helper --bridge br0")

    def qemu(self):
        guest = Guest(self, self.next("qemu-system-x86_64").commands()[0][0])
        self.types("$ virt-tap show")
        self.assertEqual(guest.end()[2], ["52:54:00:0a:00:01"])

    def libvirt(self):
        self.writes("bridge_helper", QEMU_CONF, libvirthost.QEMU_CONF, user=ALICE)
        card = self.next("<interface").text
        self.define("web", card)
        self.virsh("start", "web")
        self.assertTrue(await_(lambda: "vtap-0" in sandbox.links()), sandbox.links())
        self.assertIn("--timeout=120", self.type(f"tr '\\0' ' ' </proc/$(cat {HOME}/libvirt/libvirtd.pid)/cmdline"))  # README says so
        (daemon, _), = self.next("pid=").commands()
        with open(f"{HOME}/libvirt/libvirtd.pid", encoding="ascii") as file:
            old = file.read().strip()
        self.type(daemon)
        self.assertFalse(os.path.exists(f"/proc/{old}"), "the next daemon finds this one's pid file locked, exits, and virsh waits five seconds for its socket")
        self.assertIn("running", self.virsh("domstate", "web"))
        self.reconnected("web")
        self.virsh("destroy", "web")
        self.types("sudo virt-tap hooks enable")
        self.type(daemon)
        self.virsh("start", "web")
        self.assertTrue(await_(lambda: any(name.startswith("vtap-web-") for name in sandbox.links())), sandbox.links())
        self.virsh("destroy", "web")

    def dhcp(self):
        """A guest's network card, which is at the other end of a tap of alice's, gets an address."""
        sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib/misc")
        self.addCleanup(sandbox.run, "umount", "-l", "/var/lib/misc")
        command, = self.next("sudo dnsmasq").commands()
        self.type(f"{command[0]} --pid-file=/run/dnsmasq.pid")
        self.addCleanup(sandbox.run, "sh", "-c", "kill $(cat /run/dnsmasq.pid)")
        uplink.ip("netns", "add", "guest")
        self.addCleanup(uplink.ip, "netns", "delete", "guest")
        uplink.ip("link", "add", "wire0", "up", "type", "veth", "peer", "name", "eth0", "address", "52:54:00:0a:00:02", "netns", "guest")
        uplink.ip("link", "set", "eth0", "up", netns="guest")
        with open(POLICY, "a", encoding="utf-8") as file:
            file.write("allow br-lab\n")
        with bridgehelper.call(HELPER, bridge="br-lab", uid=ALICE, vnet=False) as answer, forward(answer.fds[0], "wire0"):
            said = self.type("ip netns exec guest busybox udhcpc -i eth0 -n -q -f -s /bin/true -t 10 -T 1", user=0)
            self.assertIn("10.66.0.1", said)
            self.types("$ virt-tap address")

    def taps_that_stay(self):
        self.types("virt-tap tap create vtap-db")
        self.types("sudo virt-tap tap create tap0")
        self.assertIn("master br0", uplink.ip("link", "show", "tap0"))

    def many_users(self):
        for name in ("br-web", "br-mgmt", "br1"):
            sandbox.make_bridge(name)
        self.writes("allow br-lab group=students", POLICY)
        self.assertIn("errors 0, warnings 0", self.type("virt-tap policy check"))
        self.assertIn("yes: alice", self.type("virt-tap policy explain --bridge br-lab"))
        self.types("qemu-system-x86_64 -m 1G")
        self.types("$ qemu-system-x86_64 -netdev tap,id=n0,br=br-mgmt", status=1)
        self.types("$ virt-tap check", status=1)


class Pages(Reader):
    """The manual pages that need no domain of libvirt's."""

    def there(self, *bridges):
        for name in bridges:
            sandbox.make_bridge(name)
        sandbox.write(POLICY, "".join(f"allow {name}\n" for name in bridges))

    def test_virt_tap(self):
        self.there("br0", "br-lab")
        with self.read("virt-tap.1"):
            self.not_tried("NAME\t", "the columns of `list`, which are compared below")
            self.not_tried("FILE:LINE: error:", "the form of a finding, which is compared below")
            self.not_tried("sudo virt-tap setup alice", "tests/machines/test_setup.py types it on whole machines")
            self.types("virt-tap tap create vtap-web")
            self.type("virt-tap tap create vtap-web --bridge br0 --mac 52:54:00:0a:00:01")
            sandbox.run("ip", "neigh", "replace", "192.0.2.77", "lladdr", "52:54:00:0a:00:01", "dev", "br0")
            self.assertIn(" 192.0.2.77 ", self.types("virt-tap address --wait"))
            self.type("virt-tap tap delete vtap-web")
            sandbox.write(f"{HOME}/new.conf", "allow br-lab user=alice\n", uid=ALICE, gid=ALICE)
            self.assertIn("yes: alice", self.types("virt-tap policy check"))
            self.type("virt-tap tap create vtap-old --bridge br-lab --mac 52:54:00:0a:00:02")
            sandbox.write(POLICY, "allow br-lab user=alice mac=lock\n")
            self.assertRegex(self.types("sudo virt-tap policy apply --dry-run"), "vtap-old: would be changed(?s:.*)vtap-old: changed by")
            sandbox.write(POLICY, "allow br-lab user=alice\n")
        columns = [line.split("\t")[0] for line in documents.blocks("virt-tap.1")[0].text.splitlines()]
        self.type("virt-tap tap create vtap-x --bridge br-lab")
        self.assertEqual(self.type("virt-tap list").splitlines()[0].split(), columns)
        sandbox.write(f"{HOME}/new.conf", "allow br-lab user=nosuch\nalow\n", uid=ALICE, gid=ALICE)
        said = self.type("virt-tap policy check new.conf", status=1)
        self.assertRegex(said, r"(?m)^\S*new\.conf:1: warning: ")
        self.assertRegex(said, r"(?m)^\S*new\.conf:2: error: ")

    def test_check(self):
        with self.read("virt-tap-check.1"):
            self.types("virt-tap check kvm groups", status=1)  # there is no /dev/kvm here
            self.there("br0")
            command, = self.next("virt-tap check --user alice --bridge br0").commands()
            self.assertRegex(self.type(command[0], user=0, status=1), r"ok +/etc/virt-tap/policy.conf:1 allows br0 to alice")
            for command, _ in self.next("virt-tap check --user alice --fix").commands():
                said = self.type(command, user=0, status=1)
        self.assertIn("bridge_helper", said)
        with open(QEMU_CONF, encoding="utf-8") as file:
            self.assertEqual(file.read(), f'bridge_helper = "{HELPER}" # the first one applies\n')
        self.assertEqual(os.stat(QEMU_CONF).st_uid, ALICE)

    def test_helper(self):
        self.there("br0")
        brokerhost.with_systemd(self, HELPER)
        with self.read("virt-tap-helper.8"):
            self.types("sudo virt-tap broker enable")
            self.type("sudo virt-tap broker disable")
            broker = brokerhost.by_hand(self, self.next(f"{HELPER} broker").commands()[0][0])
            broker.terminate()
            broker.wait(40)
            line = self.next("qemu-system-x86_64").commands()[0][0]
            self.boots(line)
            named = self.next("-netdev tap").text.strip()
            guest = Guest(self, line.replace(line[line.index("-netdev"):line.index(" -device")], named))
            self.assertEqual(guest.taps, ["vtap-web"])
            self.assertEqual(guest.end()[0], 0)
            self.writes("bridge_helper", QEMU_CONF, libvirthost.QEMU_CONF, user=ALICE)
            self.define("web", self.next("<interface").text)
            self.virsh("start", "web")
            self.virsh("destroy", "web")
            self.types(f"{HELPER} create")
            os.chown(HELPER, 0, 0)  # as a copy does, this loses the capability
            self.type(f"{HELPER} bridge --bridge=br0", status=1)
            self.types("setcap", user=0)
            self.type(f"{HELPER} bridge --bridge=br0")

    def test_policy(self):
        self.there("br-lab", "br-web", "br-cell", "br-agent", "br-mgmt")
        with self.read("virt-tap-policy.5"):
            self.not_tried("allow BRIDGE", "the syntax")
            self.writes("allow br-lab group=students", POLICY)
        self.assertIn("errors 0, warnings 0", self.type("virt-tap policy check"))
        for name, bridge, status in (("alice", "br-lab", 0), ("vmadmin", "br-lab", 0), ("alice", "br-web", 0), ("alice", "br-mgmt", 1)):
            said = self.type(f"virt-tap policy explain --bridge {bridge}", reader.USERS[name], status)
            self.assertIn(("yes: ", "no: ")[status] + name, said)
        self.assertIn("vlan: 100,200-210\nnative: 100\n", self.type("virt-tap policy explain --bridge br-dmz", reader.USERS["alice"], 1))  # no such bridge
        self.type("virt-tap tap create vtap-alice-1 --bridge br-lab")
        self.assertIn("mac=", self.type("virt-tap tap create vtap-w --bridge br-web", status=1))
        self.type("virt-tap tap create vtap-w --bridge br-web --mac=52:54:00:0a:00:01")
        self.assertIn("ips=10.70.0.9", self.type("virt-tap tap create vtap-c --bridge br-cell --mac=52:54:00:0b:00:01 --ip=10.70.0.8", status=1))
        self.type("virt-tap tap create vtap-c --bridge br-cell --mac=52:54:00:0b:00:01")

    def test_bridges(self):
        with self.read("virt-tap-bridges.5"):
            self.not_tried("bridge NAME", "the syntax")
            self.writes("bridge br-lab address=10.66.0.1/24", BRIDGES)
        sandbox.write(POLICY, "allow br-lab\nallow br-core\n")
        for name, words in (("br-lab", "10.66.0.1/24"), ("br-core", "mtu 9000")):
            self.type(f"virt-tap tap create vtap-{name} --bridge {name}")
            self.assertIn(words, uplink.ip("addr", "show", "dev", name))

    def test_bridge(self):
        with self.read("virt-tap-bridge.8"):
            self.not_tried("# virt-tap show --drops=vtap-0", "no guest lies here: tests/netns/test_show_drops.py has some that do")
            self.types("virt-tap bridge create br0 --uplink eth0", user=0)
            self.type("virt-tap bridge unpersist br0", user=0)
            self.type("virt-tap bridge delete br0", user=0)
            self.types("virt-tap bridge create br0 --uplink eth0 </dev/null", user=0)
            self.type("virt-tap bridge delete br0", user=0)
            self.types("virt-tap bridge persist br0 --uplink eth0 --apply", user=0)
            self.not_tried("virt-tap bridge persist nat0 --nat --apply", "it takes a network manager, or systemd: tests/netns/test_nat.py has them")
        self.assertIn("192.0.2.10/24", uplink.addresses("br0"))


if __name__ == "__main__":
    reader.enter()
    needed.main()
