#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""iPXE, QEMU's own network boot, behind a port that is locked to its addresses: it gets a lease and a file by IPv4, an address by router
advertisement and a file by IPv6. With another address than it is locked to it gets no file.

Needs VIRT_TAP_HELPER and VIRT_TAP_CLI.
"""
import json
import os
import subprocess
import tempfile

import guests
import needed
import sandbox
from bridgehelper import await_
from netcase import POLICY

CLI = os.environ["VIRT_TAP_CLI"]
MAC, LEASE, ADVERTISED = "52:54:00:77:00:01", "10.77.0.150", "fd77::5054:ff:fe77:1"
SCRIPT = "#!ipxe\nifconf --configurator ipv6 net0\nimgfetch tftp://[fd77::1]/six\n"


class Netboot(needed.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.helper = sandbox.install(os.environ["VIRT_TAP_HELPER"])
        sandbox.make_bridge("br0", "mcast_snooping", "0")
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
                   "--dhcp-range=10.77.0.100,10.77.0.199,1h", f"--dhcp-host={MAC},{LEASE}", "--dhcp-boot=boot.ipxe", "--enable-ra",
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

    def said(self, text):
        with open(self.log, encoding="ascii") as file:
            return text in file.read()

    @staticmethod
    def dropped():
        tap, = json.loads(sandbox.run(CLI, "list", "--json").stdout)
        return tap["filter"]["dropped"]

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


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
