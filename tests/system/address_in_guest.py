#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap address where there are VLANs. Run by test_vlan.py on a kernel that has them."""
import json

import addresscase
import netcase
import sandbox
from addresscase import DNSMASQ, lines, mac_of
from netcase import POLICY
from sandbox import OTHER


class Vlans(addresscase.AddressCase):
    """The same address in two VLANs is two guests'."""

    def setUp(self):
        super().setUp()
        self.devices = [f"br0.{vlan}" for vlan in (100, 200, 300)]
        sandbox.batch("ip", *(f"link add link br0 name {name} up type vlan id {name[4:]}" for name in self.devices),
                      *(f"addr add 10.99.0.1/24 dev {name}" for name in self.devices))
        self.before = sandbox.links()

    def places(self, card):
        entry, = json.loads(self.address(card.name, "--json"))
        return [(one["address"], one["interface"], one["vlan"]) for one in entry["addresses"]]

    def test_on_a_bridge_that_filters_them(self):
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1")
        sandbox.batch("bridge", *(f"vlan add dev br0 vid {name[4:]} self" for name in self.devices))
        sandbox.write(POLICY, "allow br0 vlan=100 user=vmuser\nallow br0 vlan=200 user=vmother\n")
        cards = self.card(1), self.card(2, uid=OTHER)
        for card in cards:
            card.ask4("10.99.0.7", "10.99.0.1")
        for card, name in zip(cards, self.devices):
            self.soon({card.name: {"10.99.0.7": ["neighbour"]}}, card.name)
            self.assertEqual(self.places(card), [("10.99.0.7", name, int(name[4:]))])
        # Not by a VLAN that the MAC is not in: not even where a lease says so for another VLAN.
        sandbox.batch("ip", f"neigh replace 10.99.0.8 lladdr {mac_of(1)} dev br0.300", f"neigh replace 10.66.1.3 lladdr {mac_of(1)} dev br0",
                      f"neigh replace 10.99.0.9 lladdr {mac_of(1)} dev br0.200")
        sandbox.write(DNSMASQ, lines((mac_of(1), "10.99.0.7")))
        self.assertEqual(self.found(cards[0].name), {cards[0].name: {"10.99.0.7": ["neighbour", "lease"]}})
        self.assertEqual(self.found(cards[1].name), {cards[1].name: {"10.99.0.7": ["neighbour"]}})
        # The bridge's own frames are in the VLAN of its own port.
        sandbox.run("bridge", "vlan", "add", "dev", "br0", "vid", "100", "pvid", "untagged", "self")
        self.assertEqual(self.places(cards[0]), [("10.66.1.3", "br0", 100), ("10.99.0.7", "br0.100", 100)])
        self.assertEqual(self.found(cards[1].name), {cards[1].name: {"10.99.0.7": ["neighbour"]}})

    def test_on_a_bridge_that_does_not(self):
        card, other = self.card(1), self.card(2)
        sandbox.batch("ip", f"neigh replace 10.99.0.7 lladdr {mac_of(1)} dev br0.100", f"neigh replace 10.99.0.7 lladdr {mac_of(2)} dev br0.200",
                      f"neigh replace 10.99.0.8 lladdr {mac_of(2)} dev lo")
        card.murmur()
        other.murmur()
        self.soon({card.name: {"10.99.0.7": ["neighbour"]}, other.name: {"10.99.0.7": ["neighbour"]}})
        self.assertEqual(self.places(card), [("10.99.0.7", "br0.100", 100)])
        self.assertEqual(self.places(other), [("10.99.0.7", "br0.200", 200)])


def setUpModule():
    addresscase.private_files()


if __name__ == "__main__":
    netcase.main()
