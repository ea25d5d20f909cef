#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap address: a guest's own addresses, each with how the host knows it, and never another guest's."""
import json
import os
import time

import addresscase
import netcase
import sandbox
from addresscase import DNSMASQ, HOST4, LIBVIRT, NETWORK_MANAGER, NETWORKD, AddressCase, lines, link_local, mac_of
from bridgehelper import await_
from netcase import POLICY
from sandbox import OTHER, USER

UUID = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3"


class Address(AddressCase):
    def test_fifty_guests(self):
        """By DHCP, static, with IPv6 only, locked, silent: each has its own, and no other's."""
        sandbox.make_bridge("br-lock")
        sandbox.write(POLICY, "allow br0\nallow br-lock mac=lock ip=lock ips=10.67.0.0/16\n")
        wanted, leases = {}, []
        for number in range(50):
            ip4, ip6, mac = f"10.66.1.{number}", f"2001:db8:66::{number + 16:x}", mac_of(number)
            if number % 5 == 3:
                card = self.card(number, f"--mac={mac}", f"--ip=10.67.0.{number}", bridge="br-lock")
                wanted[card.name] = {f"10.67.0.{number}": ["lock"]}
                continue
            card = self.card(number)
            wanted[card.name] = {}
            if number % 5 == 0:
                card.murmur()
                leases.append((mac, ip4))
                wanted[card.name] = {ip4: ["lease"]}
            elif number % 5 == 1:
                card.ask4(ip4)
                wanted[card.name] = {ip4: ["neighbour"]}
            elif number % 5 == 2:
                card.ask6(link_local(mac))
                card.ask6(ip6)
                wanted[card.name] = {ip6: ["neighbour"], link_local(mac): ["neighbour"]}
        sandbox.write(DNSMASQ, lines(*leases))
        self.soon(wanted)
        self.assertEqual(self.found(uid=0), wanted)
        for name, addresses in wanted.items():
            self.assertEqual(self.found(name, status=not addresses), {name: addresses})
        sandbox.run("ip", "link", "delete", "br-lock")

    def test_sources_join(self):
        """One address with all that know it; in words, too."""
        card = self.card(1, f"--mac={mac_of(1)}")
        card.ask4("10.66.1.1")
        sandbox.write(DNSMASQ, lines((mac_of(1), "10.66.1.1")))
        self.soon({card.name: {"10.66.1.1": ["neighbour", "lease"]}})
        said = self.address(card.name)
        self.assertEqual(said.splitlines()[0].split(), ["TAP", "ADDRESS", "FROM", "MAC", "VLAN", "DOMAIN"])
        self.assertEqual(said.splitlines()[1].split(), [card.name, "10.66.1.1", "neighbour,lease", mac_of(1), "-", "-"])
        entry, = json.loads(self.address("--json"))
        self.assertEqual(entry, {"tap": card.name, "bridge": "br0", "domain": None, "domain_name": None, "addresses": [
            {"address": "10.66.1.1", "interface": "br0", "vlan": None, "mac": mac_of(1), "sources": ["neighbour", "lease"]}]})

    def test_link_local_with_its_interface(self):
        card = self.card(1)
        card.ask6(link_local(mac_of(1)))
        self.soon({card.name: {link_local(mac_of(1)): ["neighbour"]}})
        self.assertIn(f"{link_local(mac_of(1))}%br0 ", self.address())


if __name__ == "__main__":
    sandbox.enter()
    addresscase.private_files()
    netcase.needed.main()
