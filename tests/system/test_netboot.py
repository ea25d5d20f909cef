#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Guests behind ports that are locked to their addresses. iPXE, QEMU's own network boot, gets a lease and a file by IPv4, an address by router
advertisement and a file by IPv6; Linux (busybox) gets a lease and an address by advertisement, looks whether others have its addresses, and reaches
another one by both. With one byte of its addresses changed neither reaches anything.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import json
import os
import subprocess
import tempfile

import guests
import needed
import sandbox
from bridgehelper import IFF_VNET_HDR, await_
from netcase import POLICY

CLI = os.environ["VIRT_TAP_CLI"]
MAC, LEASE, ADVERTISED = "52:54:00:77:00:01", "10.77.0.150", "fd77::5054:ff:fe77:1"
PEER, PEER_LEASE, PEER_ADVERTISED = "52:54:00:77:00:02", "10.77.0.152", "fd77::5054:ff:fe77:2"
LEASES = {MAC: LEASE, PEER: PEER_LEASE}
SCRIPT = "#!ipxe\nifconf --configurator ipv6 net0\nimgfetch tftp://[fd77::1]/six\n"


class Locked(needed.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.helper = sandbox.install(os.environ["VIRT_TAP_HELPER"])
        sandbox.make_bridge("br0", "mcast_snooping", "0")
        cls.addClassCleanup(sandbox.run, "ip", "link", "delete", "br0")
        sandbox.run("sh", "-euc", "ip address add 10.77.0.1/24 dev br0; ip address add fd77::1/64 dev br0 nodad; ip link set br0 up;"
                    "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
        sandbox.write(POLICY, "allow br0 mac=lock ip=lock ips=10.77.0.0/24,fd77::/64\n")
        folder = tempfile.TemporaryDirectory(dir=sandbox.RUN)
        cls.addClassCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        for name, text in (("boot.ipxe", SCRIPT), ("six", "reached\n"), ("log", "")):
            sandbox.write(f"{folder.name}/{name}", text)
        cls.log = f"{folder.name}/log"
        command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file", "--bind-dynamic", "--no-hosts", "--port=0",
                   f"--log-facility={cls.log}", f"--dhcp-leasefile={folder.name}/leases", "--no-ping", "--interface=br0",
                   "--dhcp-range=10.77.0.100,10.77.0.199,1h", *(f"--dhcp-host={mac},{lease}" for mac, lease in LEASES.items()),
                   "--dhcp-boot=boot.ipxe", "--enable-ra",
                   "--dhcp-range=fd77::,ra-stateless,64,1h", "--enable-tftp", f"--tftp-root={folder.name}"]
        cls.dnsmasq = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        cls.addClassCleanup(cls.dnsmasq.wait, 10)
        cls.addClassCleanup(cls.dnsmasq.kill)

    def boot(self, *addresses):
        """A guest without a disk, locked to these addresses."""
        open(self.log, "w", encoding="ascii").close()
        helper = " ".join([self.helper, f"--mac={MAC}", *(f"--ip={address}" for address in addresses)])
        command = guests.command(f"tap,id=n0,helper={helper}", MAC, device="virtio-net-pci,bootindex=1")
        guest = guests.Qemu(command)
        self.addCleanup(guest.end)

    @staticmethod
    def dropped(mac=MAC):
        return next(tap["filter"]["dropped"] for tap in json.loads(sandbox.run(CLI, "list", "--json").stdout) if tap["bound"]["mac"] == mac)

    def said(self, text):
        with open(self.log, encoding="ascii") as file:
            return text in file.read()


class Netboot(Locked):
    def test_both_families(self):
        self.boot(LEASE, ADVERTISED)
        self.assertTrue(await_(lambda: self.said(f"six to {ADVERTISED}"), guests.LIMIT))
        self.assertTrue(self.said(f"boot.ipxe to {LEASE}"))
        self.assertLess(self.dropped(), 5)  # none of Debian 12's; two of Debian 13's, which it does without

    def test_another_address(self):
        """The lease is offered, since a guest without an address may ask for one, but what it sends from there is dropped."""
        self.boot("10.77.0.151")
        self.assertTrue(await_(lambda: self.said(f"DHCPACK(br0) {LEASE}") and self.dropped() > 0, guests.LIMIT))
        self.assertFalse(self.said("boot.ipxe to"))

    def test_another_address_by_advertisement(self):
        """It makes up the one that it is not locked to, and gets its file by IPv4 only."""
        self.boot(LEASE, "fd77::5054:ff:fe77:3")
        self.assertTrue(await_(lambda: self.said(f"boot.ipxe to {LEASE}") and self.dropped() > 2, guests.LIMIT))
        self.assertFalse(self.said("six to"))


class Linux(Locked):
    """Two guests, without vnet headers, which QEMU asks for and does not need."""

    def guest(self, mac, *addresses):
        helper = " ".join([self.helper, f"--mac={mac}", *(f"--ip={address}" for address in addresses)])
        qemu = guests.Qemu(guests.command(f"tap,id=n0,helper={helper}", mac, *guests.boot_options(self.images, "")))
        self.addCleanup(qemu.end)
        return qemu

    @staticmethod
    def has(guest, address):
        """Whether it has it, and has found that nobody else does."""
        said = guest.console.run("ip -6 address show dev eth0")[1]
        return f" {address}/64 " in said and " tentative" not in said

    @staticmethod
    def leased(guest):
        return guest.console.run("udhcpc -n -q -t 3 -T 1 -i eth0 -s /lease >/dev/null 2>&1")[0] == 0

    @staticmethod
    def reaches(guest, address, *options):
        return ", 0% packet loss" in guest.console.run(f"ping -c 3 -i 0.2 -W 2 {' '.join(options)} {address}")[1]

    def one_byte_changed(self, guest):
        """Of its IPv4 address, its IPv6 address, and its MAC; and reaches the other again when it is its own."""
        for command, undone, options, peer in (
                ("ip address add 10.77.0.151/24 dev eth0", "ip address del 10.77.0.151/24 dev eth0", ("-I", "10.77.0.151"), PEER_LEASE),
                ("ip -6 address add fd77::5054:ff:fe77:5/64 dev eth0; sleep 2", "ip -6 address del fd77::5054:ff:fe77:5/64 dev eth0",
                 ("-I", "fd77::5054:ff:fe77:5"), PEER_ADVERTISED),
                ("ip link set eth0 address 52:54:00:77:00:05", f"ip link set eth0 address {MAC}", (), PEER_LEASE)):
            with self.subTest(command):
                before = self.dropped()
                self.assertEqual(guest.console.run(command)[0], 0)
                self.assertFalse(self.reaches(guest, peer, *options))
                self.assertGreater(self.dropped(), before)
                if not options:
                    self.assertFalse(self.leased(guest))
                guest.console.run(undone)
                self.assertTrue(await_(lambda to=peer: self.reaches(guest, to)))

    def test_two_of_them(self):
        sandbox.write(POLICY, "allow br0 mac=lock ip=lock ips=10.77.0.0/24,fd77::/64 vnet=no\n")
        type(self).images = guests.prepare(needed.folder("GUEST_KERNEL"))
        one, other = both = [self.guest(MAC, LEASE, ADVERTISED), self.guest(PEER, PEER_LEASE, PEER_ADVERTISED)]
        for guest in both:
            guest.ready()
            guest.console.run("printf '#!/bin/sh\\n[ $1 != bound ] || ip address add $ip/24 dev eth0\\n' >/lease; chmod +x /lease")
        for guest, lease, address in ((one, LEASE, ADVERTISED), (other, PEER_LEASE, PEER_ADVERTISED)):
            self.assertTrue(self.leased(guest))
            self.assertTrue(await_(lambda at=guest, to=address: self.has(at, to), guests.LIMIT, 0.5), guest.console.run("ip address")[1])
            self.assertIn(f" {lease}/24 ", guest.console.run("ip address show dev eth0")[1])
        for guest, peers in ((one, (PEER_LEASE, PEER_ADVERTISED)), (other, (LEASE, ADVERTISED))):
            for peer in peers:
                self.assertTrue(self.reaches(guest, peer))
        self.assertEqual((self.dropped(MAC), self.dropped(PEER)), (0, 0))
        for tap in json.loads(sandbox.run(CLI, "list", "--json").stdout):
            with open(f"/sys/class/net/{tap['name']}/tun_flags", encoding="ascii") as file:
                self.assertFalse(int(file.read(), 16) & IFF_VNET_HDR)
        self.one_byte_changed(one)


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
