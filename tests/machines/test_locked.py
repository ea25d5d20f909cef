#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Whole machines behind a port that is locked to their addresses: systemd-networkd gets a lease and an address by advertisement, NetworkManager
makes up addresses (stable-privacy), and both reach everything without losing a frame. What they send from another address is dropped.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and MACHINES_FOLDER.
"""
import base64
import json
import os

import machine
import machinecase
import needed
import sandbox
from netcase import POLICY

MAC, LEASE, ADVERTISED = "52:54:00:77:00:01", "10.77.0.150", "fd77::5054:ff:fe77:1"
NETWORKD = {"/etc/systemd/network/10-eth0.network": "[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n"}
PROFILE = """[connection]
id=eth0
type=ethernet
interface-name=eth0

[ipv4]
method=auto

[ipv6]
method=auto
addr-gen-mode=stable-privacy
"""
NETWORKMANAGER = {"/etc/NetworkManager/system-connections/eth0.nmconnection": PROFILE}
KEY = "/var/lib/NetworkManager/secret_key"


class Locked(machinecase.MachineCase):
    DNSMASQ = (f"--dhcp-host={MAC},{LEASE}",)

    def plug(self, rule, *addresses):
        """A function that makes a tap on the segment by that rule."""
        helper = sandbox.install(os.environ["VIRT_TAP_HELPER"])
        sandbox.write(POLICY, f"allow lan user=root quota=1 mac=lock ip=lock {rule}\n")

        def made(_number):
            sandbox.run(helper, "create", "--bridge=lan", "--name=vtap-machine", f"--mac={MAC}", "--vnet-hdr", *(f"--ip={one}" for one in addresses))
            return "vtap-machine"
        return made

    @staticmethod
    def dropped():
        tap, = json.loads(sandbox.run(os.environ["VIRT_TAP_CLI"], "list", "--json").stdout)
        return tap["filter"]["dropped"]

    def judge(self, foreign):
        """All is reached and nothing was dropped, until the machine has an address that is not its own."""
        picture = self.settle("eth0")
        self.assertEqual(picture.reached, list(machinecase.REACHED))
        self.assertEqual(self.dropped(), 0, sandbox.run(os.environ["VIRT_TAP_CLI"], "show").stdout)
        self.machine.run(f"ip address add {foreign}/24 dev eth0")
        self.assertFalse(self.machine.ok("ping", "-n", "-c", "1", "-W", "3", "-I", foreign, machine.ROUTER))
        self.assertGreater(self.dropped(), 0)
        self.assertTrue(self.machine.ok("ping", "-n", "-c", "1", "-W", "3", "-I", LEASE, machine.ROUTER))
        return picture.addresses["eth0"]

    def test_networkd(self):
        for release in machinecase.wanted():
            with self.subTest(release):
                self.boot(release, "networkd", NETWORKD, plug=self.plug("ips=10.77.0.0/24,fd77::/64", LEASE, ADVERTISED))
                self.assertEqual(self.judge("10.77.0.66"), [f"{LEASE}/24", f"{ADVERTISED}/64"])
                self.machine.end()

    def test_networkmanager(self):
        """Its addresses follow from a key that it makes up: they are known once it was there without a lock."""
        for release in machinecase.wanted():
            with self.subTest(release):
                self.boot(release, "networkmanager", NETWORKMANAGER)
                lease, own = self.settle("eth0").addresses["eth0"]
                self.assertNotEqual(own, f"{ADVERTISED}/64")
                local = self.machine.run("ip -6 -o address show dev eth0 scope link").split()[3]
                key = self.machine.run(f"base64 -w 0 {KEY}")
                self.machine.end()
                self.boot(release, "networkmanager", {**NETWORKMANAGER, KEY: base64.b64decode(key)},
                          plug=self.plug("ips=10.77.0.0/24,fd77::/64,fe80::/64", *(one.split("/")[0] for one in (lease, own, local))))
                self.assertEqual(self.judge("10.77.0.66"), [lease, own])
                self.machine.end()


if __name__ == "__main__":
    sandbox.enter(limit=3600)
    needed.main()
