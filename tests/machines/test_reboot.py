#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""`bridge persist`, proved by rebooting: test_reboot.py MANAGER.

A whole Debian machine of that network manager gets a bridge, reboots, and must have the same addresses, on the bridge, reach and resolve
what it did, and let a guest be reached; after `bridge unpersist` and one more reboot it must be as it was before, to the byte,
and after `bridge delete` at once, too. A second `persist` in between changes what is there, and no more.
By default one case runs; with VIRT_TAP_MACHINES=all every case, on each Debian that is not older than the one that virt-tap was
built on. MACHINES_FOLDER has the images (tests/lib/machineimage.py).
"""
import sys

import machinecase
import needed
import sandbox

MANAGER = sys.argv[1]
NETWORKD, NETPLAN = "/etc/systemd/network/10-lan.network", "/etc/netplan/10-lan.yaml"
INTERFACES, PROFILE = "/etc/network/interfaces", "/etc/NetworkManager/system-connections/lan.nmconnection"


def interfaces(*stanzas):
    return {INTERFACES: "\n\n".join(["source /etc/network/interfaces.d/*", "auto lo\niface lo inet loopback", *stanzas]) + "\n"}


def networkd(*lines):
    return {NETWORKD: "\n".join(["[Match]", "Name=eth0", "", "[Network]", *lines]) + "\n"}


def netplan(*lines):
    return {NETPLAN: "network:\n  version: 2\n  renderer: networkd\n  ethernets:\n    eth0:\n" + "".join(f"      {line}\n" for line in lines)}


def profile(ipv4, ipv6=("method=auto",)):
    return {PROFILE: "\n".join(["[connection]", "id=lan", "uuid=5d0b7a3e-6a55-4c6e-9a8e-2b3f7c0f7700", "type=ethernet", "interface-name=eth0",
                                "", "[ipv4]", *ipv4, "", "[ipv6]", *ipv6]) + "\n"}


DNS = {"/etc/resolv.conf": "nameserver 10.77.0.1\n"}  # of a host without resolvconf, whose file is the administrator's
DHCP, STATIC_V4, DUAL, ONLINK, DHCPV6 = "dhcp", "static", "dual-stack", "on-link gateway", "DHCPv6"
# A server whose addresses depend on who the client says it is.
STATEFUL = ("--dhcp-range=fd77::1000,fd77::1fff,64,1h",)
CONFIGURATIONS = {
    "ifupdown": {
        DHCP: interfaces("allow-hotplug eth0\niface eth0 inet dhcp\niface eth0 inet6 auto"),
        STATIC_V4: {**DNS, **interfaces("auto eth0\niface eth0 inet static\n    address 10.77.0.50/24\n    gateway 10.77.0.1\n"
                                        "    dns-nameservers 10.77.0.1\n    post-up touch /run/firewall")},
        DUAL: {**DNS, **interfaces("auto eth0\niface eth0 inet static\n    address 10.77.0.50/24\n    gateway 10.77.0.1\n"
                                   "iface eth0 inet6 static\n    address fd77::50/64\n    gateway fd77::1")},
        ONLINK: {**DNS, **interfaces("auto eth0\niface eth0 inet static\n    address 10.88.0.50/32\n"
                                     "    up ip route add 10.77.0.1 dev $IFACE\n    up ip route add default via 10.77.0.1 dev $IFACE")},
        DHCPV6: {**DNS, **interfaces("auto eth0\niface eth0 inet static\n    address 10.77.0.50/24\n    gateway 10.77.0.1\n"
                                     "iface eth0 inet6 dhcp")},
        "VLAN": {**DNS, **interfaces("auto eth0\niface eth0 inet manual", "auto eth0.10\niface eth0.10 inet static\n    address 10.78.0.50/24\n"
                                     "    gateway 10.78.0.1\n    vlan-raw-device eth0")},
        "bond": {**DNS, **interfaces("auto bond0\niface bond0 inet static\n    address 10.77.0.50/24\n    gateway 10.77.0.1\n"
                                     "    bond-slaves eth0 eth1\n    bond-mode active-backup\n    bond-miimon 100")},
    },
    "networkd": {
        DHCP: networkd("DHCP=yes"),
        STATIC_V4: networkd("Address=10.77.0.50/24", "Gateway=10.77.0.1", "DNS=10.77.0.1"),
        DUAL: networkd("Address=10.77.0.50/24", "Gateway=10.77.0.1", "Address=fd77::50/64", "Gateway=fd77::1", "DNS=10.77.0.1",
                       "IPv6AcceptRA=no"),
        ONLINK: networkd("Address=10.88.0.50/32", "DNS=10.77.0.1", "", "[Route]", "Gateway=10.77.0.1", "GatewayOnLink=yes"),
        DHCPV6: networkd("Address=10.77.0.50/24", "Gateway=10.77.0.1", "DNS=10.77.0.1", "DHCP=ipv6", "",
                         "[IPv6AcceptRA]", "Token=prefixstable"),
        "VLAN": {NETWORKD: "[Match]\nName=eth0\n\n[Network]\nVLAN=eth0.10\nLinkLocalAddressing=no\n",
                 "/etc/systemd/network/10-vlan.netdev": "[NetDev]\nName=eth0.10\nKind=vlan\n\n[VLAN]\nId=10\n",
                 "/etc/systemd/network/10-vlan.network": "[Match]\nName=eth0.10\n\n[Network]\nAddress=10.78.0.50/24\nGateway=10.78.0.1\n"
                                                         "DNS=10.77.0.1\n"},
        "bond": {NETWORKD: "[Match]\nName=eth0 eth1\n\n[Network]\nBond=bond0\n",
                 "/etc/systemd/network/10-bond.netdev": "[NetDev]\nName=bond0\nKind=bond\n\n[Bond]\nMode=active-backup\nMIIMonitorSec=100ms\n",
                 "/etc/systemd/network/10-bond.network": "[Match]\nName=bond0\n\n[Network]\nAddress=10.77.0.50/24\nGateway=10.77.0.1\n"
                                                         "DNS=10.77.0.1\n"},
    },
    "netplan": {
        DHCP: netplan("dhcp4: true"),
        STATIC_V4: netplan("addresses: [10.77.0.50/24]", "routes: [{to: default, via: 10.77.0.1}]", "nameservers: {addresses: [10.77.0.1]}"),
        DUAL: netplan("addresses: [10.77.0.50/24, 'fd77::50/64']", "routes: [{to: default, via: 10.77.0.1}, {to: default, via: 'fd77::1'}]",
                      "nameservers: {addresses: [10.77.0.1]}", "accept-ra: false"),
        ONLINK: netplan("addresses: [10.88.0.50/32]", "routes: [{to: default, via: 10.77.0.1, on-link: true}]",
                        "nameservers: {addresses: [10.77.0.1]}"),
        DHCPV6: netplan("addresses: [10.77.0.50/24]", "routes: [{to: default, via: 10.77.0.1}]", "nameservers: {addresses: [10.77.0.1]}",
                        "dhcp6: true"),
    },
    "networkmanager": {
        DHCP: profile(["method=auto"]),
        STATIC_V4: profile(["method=manual", "address1=10.77.0.50/24,10.77.0.1", "dns=10.77.0.1;"]),
        DUAL: profile(["method=manual", "address1=10.77.0.50/24,10.77.0.1", "dns=10.77.0.1;"], ["method=manual", "address1=fd77::50/64,fd77::1"]),
        ONLINK: profile(["method=manual", "address1=10.88.0.50/32", "gateway=10.77.0.1", "dns=10.77.0.1;"]),
        DHCPV6: profile(["method=manual", "address1=10.77.0.50/24,10.77.0.1", "dns=10.77.0.1;"]),
    },
}
# How a case differs: its uplink, NICs, and where its guest lives.
UPLINKS = {"VLAN": "eth0.10", "bond": "bond0"}
GUESTS = {"VLAN": ("10.78.0.60", "10.78.0.1")}
AGAIN = "again"
# End with `bridge delete`, the others with `bridge unpersist`: each case does one on one Debian, the other on the next.
DELETED = {"bookworm": (DHCP, "bond"), "trixie": (STATIC_V4, DUAL, ONLINK, "VLAN")}
# dhclient is the only client that ifupdown runs for `inet6 dhcp`, and Debian 13 has dhcpcd.
MISSING = (("trixie", "ifupdown", DHCPV6),)
ESSENTIAL = {"ifupdown": DHCP, "networkd": STATIC_V4, "netplan": DUAL, "networkmanager": DHCP}


class Reboot(machinecase.MachineCase):
    def setUp(self):
        self.DNSMASQ = STATEFUL if DHCPV6 in self.id() else ()
        super().setUp()

    def check(self, release, case):
        files = CONFIGURATIONS[MANAGER][case]
        uplink = UPLINKS.get(case, "eth0")
        self.boot(release, MANAGER, files, nics=2 if case == "bond" else 1)
        before = self.settle(uplink)
        self.machine.run(f"virt-tap bridge persist br0 --uplink {uplink}")
        self.machine.reboot()
        after = self.settle("br0", before.addresses[uplink])
        self.assertEqual(after.addresses, {"br0" if name == uplink else name: found for name, found in before.addresses.items()})
        # As sets, for the kernel may have learnt a route, too, before NetworkManager told it not to; it expires.
        self.assertEqual(set(after.defaults), {(gateway, "br0" if name == uplink else name) for gateway, name in before.defaults})
        self.assertEqual((after.reached, after.resolves), (before.reached, before.resolves))
        self.assertLessEqual(set(after.failed.split()), set(before.failed.split()))
        self.reach_guest("br0", *GUESTS.get(case, ("10.77.0.60", "10.77.0.1")))
        if case in DELETED[release]:
            self.machine.run("virt-tap bridge delete br0")
            self.assert_same(self.settle(uplink, before.addresses[uplink]), before, "at once, after `bridge delete`")
        else:
            self.machine.run("virt-tap bridge unpersist br0")
        self.machine.reboot()
        self.assert_same(self.settle(uplink, before.addresses[uplink]), before)

    def check_again(self, release):
        """A second persist after the reboot: of the bridge as it is, which would write the same, and of one with another MTU, which it has
        after the next reboot; then `unpersist`."""
        self.boot(release, MANAGER, CONFIGURATIONS[MANAGER][DHCP])
        before = self.settle("eth0")
        printed = self.machine.run("virt-tap bridge persist br0 --uplink eth0 --print")
        self.machine.run("virt-tap bridge persist br0 --uplink eth0")
        self.machine.reboot()
        self.settle("br0", before.addresses["eth0"])
        bridge = "br0"
        if MANAGER == "networkmanager":  # which has only the port's profile in force
            status, said = self.machine.run("virt-tap bridge persist br0", check=False)
            self.assertEqual((status, "run `virt-tap bridge delete br0`, then persist it again" in said), (1, True), said)
            self.machine.run("virt-tap bridge delete br0")
            bridge = "eth0"
            self.assert_same(self.settle("eth0", before.addresses["eth0"]), before, "after `bridge delete`")
        self.assertEqual(self.machine.run("virt-tap bridge persist br0 --uplink eth0 --print"), printed)
        self.machine.run(f"ip link set eth0 mtu 1400; ip link set {bridge} mtu 1400; virt-tap bridge persist br0 --uplink eth0")
        self.machine.reboot()
        after = self.settle("br0", before.addresses["eth0"])
        self.assertEqual((after.addresses["br0"], after.reached, after.resolves), (before.addresses["eth0"], before.reached, before.resolves))
        self.assertEqual(self.machine.run("cat /sys/class/net/br0/mtu /sys/class/net/eth0/mtu"), "1400\n1400\n")
        self.machine.run("virt-tap bridge unpersist br0")
        self.machine.reboot()
        self.assert_same(self.settle("eth0", before.addresses["eth0"]), before)
        self.assertEqual(self.machine.run("cat /sys/class/net/eth0/mtu"), "1500\n")


def add(release, case):
    def test(self):
        if case == AGAIN:
            self.check_again(release)
        else:
            self.check(release, case)
    setattr(Reboot, f"test_{release}_{case.replace(' ', '_').replace('-', '_')}", test)


if __name__ == "__main__":
    sandbox.enter(limit=20000)
    for release in machinecase.wanted():
        for case in (*CONFIGURATIONS[MANAGER], AGAIN):
            if (machinecase.ALL or case == ESSENTIAL[MANAGER]) and (release, MANAGER, case) not in MISSING:
                add(release, case)
    del sys.argv[1]
    needed.main()
