#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""IP addresses that bind a guest (ip=lock): one guest's each, never the host's or its gateways', and refused in words otherwise."""
import os
import select
import socket
import struct
import time

import netcase
import sandbox
from bridgehelper import IFF_VNET_HDR, await_
from netcase import POLICY
from sandbox import OTHER, USER, USERS

ONE, TWO = "52:54:00:00:00:01", "52:54:00:00:00:02"
LOCKED = "mac=lock ip=lock"


def claims(name):
    """The claims to addresses of a tap."""
    return sorted(name for name in netcase.link(name)["altnames"] if name.startswith("virt-tap-ip."))


class Addresses(netcase.NetCase):
    def setUp(self):
        super().setUp()
        sandbox.run("ip", "link", "set", "br0", "up")

    def rules(self, *rules):
        sandbox.write(POLICY, "".join(f"allow br0 {rule}\n" for rule in rules))

    def guest(self, *addresses, mac=ONE, uid=USER, bridge="br0"):
        return self.grant(f"--mac={mac}", *(f"--ip={address}" for address in addresses), uid=uid, bridge=bridge, vnet=False)

    def refused(self, *addresses, says, mac=TWO, uid=OTHER, **more):
        return self.refuse(f"--mac={mac}", *(f"--ip={address}" for address in addresses), says=says, uid=uid, **more)


class Asked(Addresses):
    def test_claims(self):
        self.rules(f"{LOCKED} ips=10.66.1.0/24,2001:db8::/64,fe80::/64")
        with self.guest("10.66.1.5", "2001:DB8::5", "fe80::1") as answer:
            self.assertEqual(claims(answer.tap()[0]), ["virt-tap-ip.br0.0a420105", "virt-tap-ip.br0.20010db8000000000000000000000005",
                                                       "virt-tap-ip.br0.fe800000000000000000000000000001"])
        self.create("vtap-a", f"--mac={ONE}", "--ip=10.66.1.5")
        self.assertEqual(claims("vtap-a"), ["virt-tap-ip.br0.0a420105"])
        self.delete("--name=vtap-a")

    def test_64(self):
        self.rules(f"{LOCKED} ips=10.66.0.0/16")
        with self.guest(*(f"10.66.1.{number}" for number in range(1, 65))) as answer:
            self.assertEqual(len(claims(answer.tap()[0])), 64)
        self.refused(*(f"10.66.1.{number}" for number in range(1, 66)), says=["--ip=10.66.1.65", "64 addresses", "--ip=10.66.1.5"])

    def test_what_no_guest_can_have(self):
        self.rules(f"{LOCKED} ips=10.66.1.0/24")
        for address, says in (("10.66.1", "not an IP address"), ("10.66.1.5/24", "not an IP address"), ("br0", "not an IP address"),
                              ("224.0.0.5", "multicast"), ("ff02::1", "multicast"), ("127.0.0.1", "loopback"), ("::1", "loopback")):
            self.refused(address, says=[f"--ip={address}", says, "as in --ip="])
        self.refused("10.66.1.5", "10.66.1.5", says="given twice")

    def test_outside_of_ips(self):
        self.rules(f"{LOCKED} ips=10.66.1.0/24")
        for address in ("10.66.2.1", "2001:db8::5", "fe80::5"):
            self.refused(address, says=[f"--ip={address}", f"{POLICY}:1", "ips=10.66.1.0/24"])

    def test_none(self):
        for rule in (LOCKED, f"user={USERS[OTHER]} quota=1 {LOCKED}", f"user={USERS[OTHER]} {LOCKED} ips=10.66.1.0/24",
                     f"quota=1 {LOCKED} ips=10.66.1.0/24"):
            self.rules(rule)
            self.refused(says=[f"{POLICY}:1", "ip=lock", "--ip=ADDRESS", "--mac=MAC --ip=ADDRESS'", "policy explain"])

    def test_where_the_rule_does_not_lock(self):
        for rule in ("", "mac=lock"):
            self.rules(rule)
            self.refused("10.66.1.5", says=["--ip=10.66.1.5", f"{POLICY}:1 does not lock addresses", "leave --ip out, or add --lock=ip"])

    def test_rules_that_do_not_parse(self):
        for rule, says in (("ip=lock", "ip=lock requires mac=lock"), (f"{LOCKED} ips=", "ips= must be"), (f"{LOCKED} ips=10.66.1.5/24", "ips= must be"),
                           ("mac=lock ips=10.66.1.0/24", "ips= requires ip=lock"), ("serve=dhcp", "serve= requires mac=lock"),
                           ("mac=lock serve=dns", "serve= must be")):
            self.rules(rule)
            self.refused("10.66.1.5", says=[f"{POLICY}:1 does not parse", says])


class Occupied(Addresses):
    def setUp(self):
        super().setUp()
        for address in ("10.66.1.1/24", "2001:db8::1/64", "fe80::77/64"):
            sandbox.run("ip", "address", "add", address, "dev", "br0", "nodad")
        self.rules(f"user={USERS[OTHER]} quota=1 {LOCKED} ips=10.66.0.0/16,2001:db8::/64,fe80::/64", LOCKED)

    def test_the_hosts_own(self):
        sandbox.run("ip", "link", "set", "lo", "up")
        sandbox.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
        self.addCleanup(sandbox.run, "ip", "address", "del", "192.0.2.1/32", "dev", "lo")
        for address in ("10.66.1.1", "2001:db8::1", "192.0.2.1", "fe80::77"):
            self.refused(address, uid=USER, says=[f"cannot have {address}/", "this host's own", "--ip=ADDRESS"])
        sandbox.run("ip", "route", "add", "local", "198.51.100.0/24", "dev", "lo")
        self.refused("198.51.100.9", uid=USER, says=["cannot have 198.51.100.0/24", "this host's own"])
        sandbox.run("ip", "route", "del", "local", "198.51.100.0/24", "dev", "lo")
        self.refused(says=["cannot have 10.66.1.1/32", "this host's own"])  # among the rule's, which would all be its
        self.guest("10.66.1.2").close()

    def test_the_hosts_ipv6_addresses_without_routes(self):
        """Not usable yet on a bridge without a running port, nor on an interface that is down; and that of all routers, which is an anycast address."""
        sandbox.run("ip", "address", "add", "2001:db8:7::1/64", "dev", "br0")
        sandbox.run("ip", "link", "add", "up1", "type", "veth", "peer", "name", "far1")
        sandbox.run("ip", "address", "add", "2001:db8:8::1", "peer", "2001:db8:8::2", "dev", "up1")
        self.before = sandbox.links()
        with open("/proc/sys/net/ipv6/conf/br0/forwarding", "w", encoding="ascii") as file:
            file.write("1")
        self.rules(LOCKED)
        for address in ("2001:db8:7::1", "2001:db8:8::1", "2001:db8::"):
            self.refused(address, uid=USER, says=[f"cannot have {address}/", "this host's own"])
        self.guest("2001:db8:7::2", "2001:db8:8::2").close()
        sandbox.run("ip", "link", "delete", "up1")
        self.before = sandbox.links()

    def test_gateways(self):
        sandbox.run("ip", "link", "add", "up1", "type", "veth", "peer", "name", "far1")
        sandbox.run("ip", "link", "set", "up1", "up")
        sandbox.run("ip", "address", "add", "10.99.0.1/24", "dev", "up1")
        self.before = sandbox.links()
        for words in (("default", "via", "10.66.1.254", "dev", "br0"), ("10.7.0.0/16", "via", "inet6", "fe80::254", "dev", "br0"),
                      ("-6", "2001:db8:7::/48", "via", "2001:db8::254", "dev", "br0"), ("10.8.0.0/16", "via", "10.99.0.254"),
                      ("10.9.0.0/16", "nexthop", "via", "10.99.0.253", "dev", "up1", "nexthop", "via", "10.66.1.253", "dev", "br0"),
                      ("10.10.0.0/16", "table", "77", "via", "10.66.1.252", "dev", "br0")):
            option = words[:1] if words[0] == "-6" else ()
            sandbox.run("ip", *option, "route", "add", *words[len(option):])
        for address in ("10.66.1.254", "10.66.1.253", "10.66.1.252", "fe80::254", "2001:db8::254"):
            self.refused(address, uid=USER, says=[f"cannot have {address}/", "a gateway that this host uses there"])
        self.guest("10.99.0.254", "10.99.0.253", "10.66.1.5").close()  # those are elsewhere
        sandbox.run("ip", "link", "add", "link", "br0", "name", "top1", "type", "macvlan", "mode", "bridge")
        sandbox.run("ip", "link", "set", "top1", "up")
        self.before = sandbox.links()
        sandbox.run("ip", "route", "add", "10.11.0.0/16", "via", "10.66.1.251", "dev", "top1", "onlink")
        self.refused("10.66.1.251", uid=USER, says=["cannot have 10.66.1.251/", "a gateway that this host uses there"])
        for name in ("up1", "top1"):
            sandbox.run("ip", "link", "delete", name)
        self.before = sandbox.links()

    def test_gateways_of_nexthop_objects(self):
        """With this setting the kernel shows routes without what their next hops say."""
        with open("/proc/sys/net/ipv4/nexthop_compat_mode", "w", encoding="ascii") as file:
            file.write("0")
        self.rules(LOCKED)
        with self.guest("10.66.1.20"):  # the bridge has a carrier now
            self.look_at_objects()

    def look_at_objects(self):
        self.assertTrue(await_(lambda: netcase.link("br0")["operstate"] == "UP"))
        sandbox.run("ip", "nexthop", "add", "id", "1", "via", "10.66.1.254", "dev", "br0")
        sandbox.run("ip", "nexthop", "add", "id", "2", "via", "2001:db8::254", "dev", "br0")
        sandbox.run("ip", "nexthop", "add", "id", "3", "group", "1")
        sandbox.run("ip", "route", "add", "default", "nhid", "3")
        sandbox.run("ip", "-6", "route", "add", "2001:db8:7::/48", "nhid", "2")
        for address in ("10.66.1.254", "2001:db8::254"):
            self.refused(address, uid=USER, says=[f"cannot have {address}/", "a gateway that this host uses there"])
        self.guest("10.66.1.253", mac=TWO).close()
        sandbox.run("ip", "nexthop", "flush")

    def test_another_taps(self):
        self.rules(LOCKED)
        with self.guest("10.66.1.5", "fe80::5"):
            for address in ("10.66.1.5", "fe80::5"):
                self.refused("10.66.1.6", address, says=[f"cannot have {address}/", "another tap", "virt-tap list"])
            sandbox.make_bridge("br1")
            sandbox.write(POLICY, f"allow all {LOCKED}\n")
            self.guest("10.66.1.5", bridge="br1", uid=OTHER).close()
            sandbox.run("ip", "link", "delete", "br1")
        self.guest("10.66.1.5", mac=TWO, uid=OTHER).close()

    def test_what_follows_from_a_mac(self):
        """A guest's link-local address that follows from its MAC is its own, though not claimed: nobody else gets it, and none that another has."""
        self.rules(LOCKED)
        follows = {ONE: "fe80::5054:ff:fe00:1", TWO: "fe80::5054:ff:fe00:2"}
        with self.guest("10.66.1.5"):
            self.refused("10.66.1.6", follows[ONE], says=[f"cannot have {follows[ONE]}/128", "another tap", "virt-tap list"])
            self.guest("10.66.1.6", follows[TWO], mac=TWO, uid=OTHER).close()
        with self.guest("10.66.1.5", follows[TWO]):
            self.refused("10.66.1.6", says=[f"cannot have {follows[TWO]}/128", "another tap"])
        sandbox.run("ip", "address", "add", f"{follows[TWO]}/64", "dev", "br0", "nodad")
        self.refused("10.66.1.6", says=[f"cannot have {follows[TWO]}/128", "this host's own"])
        sandbox.run("ip", "address", "del", f"{follows[TWO]}/64", "dev", "br0")
        self.guest("10.66.1.6", mac=TWO, uid=OTHER).close()

    def test_networks(self):
        """Without --ip the rule's networks are the guest's: nobody else gets an address in them, nor a network that has one of others."""
        self.rules(f"user={USERS[OTHER]} quota=1 {LOCKED} ips=10.70.0.0/24,2001:db8:1::/64,fe80::/64", LOCKED)
        with self.guest(mac=TWO, uid=OTHER) as answer:
            self.assertEqual(claims(answer.tap()[0]), ["virt-tap-ip.br0.0a460000-24", "virt-tap-ip.br0.20010db8000100000000000000000000-64"])
            for address in ("10.70.0.9", "2001:db8:1::9"):
                self.refused(address, mac=ONE, uid=USER, says=["cannot have ", "another tap"])
            self.guest("10.70.1.9", "fe80::9").close()
        with self.guest("2001:db8:1::9"):
            self.refused(says=["cannot have 2001:db8:1::9/128", "another tap"])
            self.guest("10.70.0.9", mac=TWO, uid=OTHER).close()  # one of its own


class Frames(Addresses):
    """The port filter has the addresses: a sender of one's own crosses, a forged one does not."""

    def crosses(self, sender, receiver, data):
        os.write(sender.fds[0], data)
        end = time.monotonic() + 0.5
        while select.select(receiver.fds, [], [], max(0, end - time.monotonic()))[0]:
            if os.read(receiver.fds[0], 65536) == data:
                return True
        return False

    def both(self, *addresses, rule=f"{LOCKED} ips=10.66.1.0/24,2001:db8::/64"):
        self.rules(f"user={USERS[USER]} {rule}", "")
        locked, free = self.guest(*addresses), self.guest(mac=TWO, uid=OTHER)
        for answer in (locked, free):
            self.assertTrue(await_(lambda tap=answer.tap()[0]: netcase.link(tap)["linkinfo"]["info_slave_data"]["state"] == "forwarding"))
        return locked, free

    def test_asked(self):
        locked, free = self.both("10.66.1.5", "2001:db8::5")
        for address in ("10.66.1.5", "2001:db8::5"):
            self.assertTrue(self.crosses(locked, free, udp(address)), address)
        for address in ("10.66.1.6", "2001:db8::6", "10.66.2.5", "fe80::6"):
            self.assertFalse(self.crosses(locked, free, udp(address)), address)
        self.assertTrue(self.crosses(locked, free, arp("10.66.1.5")))
        self.assertFalse(self.crosses(locked, free, arp("10.66.1.6")))
        locked.close()
        free.close()

    def test_networks(self):
        locked, free = self.both(rule=f"quota=1 {LOCKED} ips=10.66.1.0/24,2001:db8::/64,fe80::/64")
        for address in ("10.66.1.5", "10.66.1.6", "2001:db8::6", "fe80::6"):
            self.assertTrue(self.crosses(locked, free, udp(address)), address)
        for address in ("10.66.2.5", "2001:db8:1::6"):
            self.assertFalse(self.crosses(locked, free, udp(address)), address)
        locked.close()
        free.close()

    def test_serve(self):
        for serve, crosses in (("", False), ("serve=dhcp,ra", True), ("serve=dhcpv6", False)):
            locked, free = self.both("10.66.1.5", rule=f"{LOCKED} {serve}")
            self.assertEqual(self.crosses(locked, free, udp("10.66.1.5", ports=(67, 68))), crosses, serve)
            self.assertTrue(self.crosses(locked, free, udp("10.66.1.5")))
            locked.close()
            free.close()

    def asking(self, *options):
        """A guest that asks to be locked under a rule that does not lock, and one that does not ask."""
        self.rules("")
        asks, free = self.grant(f"--mac={ONE}", *options, vnet=False), self.guest(mac=TWO, uid=OTHER)
        for answer in (asks, free):
            self.assertTrue(await_(lambda tap=answer.tap()[0]: netcase.link(tap)["linkinfo"]["info_slave_data"]["state"] == "forwarding"))
        return asks, free

    def test_locked_by_its_own_request(self):
        other = bytes.fromhex("ffffffffffff" + TWO.replace(":", ""))
        for options, foreign, crosses in ((("--lock=mac",), False, True), (("--lock=ip", "--ip=10.66.1.5"), False, False), ((), True, True)):
            asks, free = self.asking(*options)
            with self.subTest(options):
                self.assertTrue(self.crosses(asks, free, udp("10.66.1.5")))
                self.assertEqual(self.crosses(asks, free, udp("10.66.1.6")), crosses)
                self.assertEqual(self.crosses(asks, free, arp("10.66.1.6")), crosses)
                self.assertEqual(self.crosses(asks, free, other + udp("10.66.1.5")[12:]), foreign)
            asks.close()
            free.close()

    def test_serves_what_it_asks_for_only(self):
        for options, crosses in ((("--lock=mac",), False), (("--lock=mac", "--serve=dhcp"), True), (("--lock=mac", "--serve=ra"), False), ((), True)):
            asks, free = self.asking(*options)
            self.assertEqual(self.crosses(asks, free, udp("10.66.1.5", ports=(67, 68))), crosses, options)
            asks.close()
            free.close()
        self.rules("mac=lock serve=dhcp,ra", "")
        for options, crosses in (((), True), (("--serve=ra",), False)):
            locked, free = self.grant(f"--mac={ONE}", *options, vnet=False), self.grant(f"--mac={TWO}", uid=OTHER, vnet=False)
            for answer in (locked, free):
                self.assertTrue(await_(lambda tap=answer.tap()[0]: netcase.link(tap)["linkinfo"]["info_slave_data"]["state"] == "forwarding"))
            self.assertEqual(self.crosses(locked, free, udp("10.66.1.5", ports=(67, 68))), crosses, options)
            locked.close()
            free.close()


class Requests(Addresses):
    """--lock and --serve, in both of the helper's forms."""

    def test_created(self):
        self.rules("")
        self.create("vtap-a", f"--mac={ONE}", "--lock=ip", "--ip=10.66.1.5", "--serve=dhcp")
        self.assertEqual(claims("vtap-a"), ["virt-tap-ip.br0.0a420105"])
        self.assertTrue(netcase.link("vtap-a")["linkinfo"]["info_slave_data"]["locked"])
        self.refuse(f"--mac={TWO}", "--lock=ip", "--ip=10.66.1.5", uid=OTHER, says=["cannot have 10.66.1.5/", "another tap"])
        self.delete("--name=vtap-a")
        self.grant(f"--mac={TWO}", "--lock=ip", "--ip=10.66.1.5", uid=OTHER).close()

    def test_refused(self):
        for rule, options, says in (
                ("", ("--lock=mac",), ["--lock locks the guest to its MAC", "--mac=MAC"]),
                ("", (f"--mac={ONE}", "--lock=ip"), ["--lock=ip locks the guest to its IP addresses", "--ip=ADDRESS"]),
                ("", (f"--mac={ONE}", "--serve=dhcp"), [f"--serve=dhcp: {POLICY}:1 does not lock the guest", "--lock=mac"]),
                ("mac=lock", (f"--mac={ONE}", "--serve=dhcp"), [f"--serve=dhcp: {POLICY}:1 does not let", "write serve=dhcp in that rule"]),
                (f"{LOCKED} ips=10.66.1.0/24", (f"--mac={ONE}", "--lock=ip", "--ip=10.66.2.1"), ["--ip=10.66.2.1", "ips=10.66.1.0/24"]),
                ("macs=52:54:01", (f"--mac={ONE}", "--lock=mac"), ["52:54:01"])):
            self.rules(rule)
            with self.subTest(rule=rule, options=options):
                self.refuse(*options, says=says)
                self.denied("create", "--bridge=br0", "--name=vtap-a", *options, says=says)
        self.refuse("--lock=yes", status=2, says="--lock must be mac, or ip")
        self.refuse("--serve=dns", status=2, says="--serve must be dhcp, dhcpv6, ra")

    def test_by_qemus_rules(self):
        """Under bridge.conf, which has no terms, a guest may ask all the same."""
        with self.grant(f"--mac={ONE}", "--lock=ip", "--ip=10.66.1.5") as answer:
            self.assertEqual(claims(answer.tap()[0]), ["virt-tap-ip.br0.0a420105"])


def header(kind):
    return bytes.fromhex("ffffffffffff" + ONE.replace(":", "") + kind)


def udp(source, ports=(5000, 5001)):
    """A datagram from that address, in a broadcast frame without padding, which br_netfilter would cut off."""
    data = struct.pack("!HHHH18x", *ports, 26, 0)
    if ":" in source:
        return header("86dd") + struct.pack("!IHBB16s16s", 6 << 28, len(data), 17, 64, socket.inet_pton(socket.AF_INET6, source),
                                            socket.inet_pton(socket.AF_INET6, "2001:db8::99")) + data
    words = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton("10.66.1.99"))
    total = sum(struct.unpack("!10H", words))
    checksum = ~(total % 65535) & 0xffff  # the bridge drops a wrong one
    return header("0800") + words[:10] + struct.pack("!H", checksum) + words[12:] + data


def arp(sender):
    return header("0806") + struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, bytes.fromhex(ONE.replace(":", "")), socket.inet_aton(sender), bytes(6),
                                        socket.inet_aton("10.66.1.99")) + bytes(18)


class Vnet(Addresses):
    def test_no_vnet_headers(self):
        self.rules("vnet=no")
        self.denied("create", "--bridge=br0", "--name=vtap-a", "--vnet-hdr", says=["--vnet-hdr: ", f"{POLICY}:1", "vnet=no", "vnet_hdr=off"])
        with self.grant() as answer:  # as QEMU asks, which does without
            self.assertFalse(answer.tap()[1] & IFF_VNET_HDR)
        self.create("vtap-a")
        self.assertFalse(netcase.link("vtap-a")["linkinfo"]["info_data"]["vnet_hdr"])
        self.delete("--name=vtap-a")
        self.grant(vnet=False).close()


if __name__ == "__main__":
    netcase.main()
