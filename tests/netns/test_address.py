#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap address: a guest's own addresses, each with how the host knows it, and never another guest's."""
import json
import os
import subprocess
import time
from functools import partial

import addresscase
import bridgehelper
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
        sandbox.write(POLICY, "allow br0 quota=64\nallow br-lock mac=lock ip=lock ips=10.67.0.0/16\n")
        wanted, leases, asks = {}, [], []
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
                asks += [partial(card.ask6, link_local(mac)), partial(card.ask6, ip6)]
                wanted[card.name] = {ip6: ["neighbour"], link_local(mac): ["neighbour"]}
        sandbox.write(DNSMASQ, lines(*leases))
        self.soon(wanted, asks=asks)
        self.soon(wanted, asks=asks, uid=0)
        for name in list(wanted)[:5]:
            self.soon({name: wanted[name]}, name, asks=asks)
        self.address("vtap-g00", status=0)
        self.address("vtap-g04", status=1)
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

    def test_none(self):
        """In words, what was looked at and what can be done; in JSON as well."""
        self.assertIn("you have no taps", self.address(status=1))
        self.assertEqual(self.found(status=1), {})
        for word in ("nosuch", UUID, "br0", "\033[2J", "", "x" * 300):
            self.assertRegex(self.address(word, status=1), r"\Avirt-tap address: there is no tap '[^\n\033]*', and no [^\n\033]+\n\Z")
        card = self.card(1)
        said = self.address(card.name, status=1)
        self.assertRegex(said, r"\Avirt-tap address: no address of vtap-g01 is known: [^\n]+\n\Z")
        for words in ("--wait", "guest agent", "ip=lock"):
            self.assertIn(words, said)
        self.assertEqual(self.found(status=1), {card.name: {}})
        self.assertIn(" no address of any guest is known: no rule locks the guest to one, ", self.address(status=1))
        other = self.card(2)
        other.ask4("10.66.1.2")
        self.soon({card.name: {}, other.name: {"10.66.1.2": ["neighbour"]}})
        self.assertEqual([line.split()[:2] for line in self.address().splitlines()[1:]], [[card.name, "-"], [other.name, "10.66.1.2"]])
        self.address("vtap-g01", "vtap-g02", status=2)

    def test_whose_taps(self):
        """Without a name one's own, root all; by name anybody's, by a domain's one's own."""
        mine, others = self.card(1, f"--mac={mac_of(1)}"), self.card(2, uid=OTHER)
        self.create("vtap-a", f"--domain={UUID}", f"--mac={mac_of(3)}")
        sandbox.run("ip", "tuntap", "add", "dev", "plain0", "mode", "tap")
        sandbox.write(DNSMASQ, lines((mac_of(3), "10.66.1.3")))
        for card, address in ((mine, "10.66.1.1"), (others, "10.66.1.2")):
            card.ask4(address)
        a, b, c = ({"10.66.1.1": ["neighbour"]}, {"10.66.1.2": ["neighbour"]}, {"10.66.1.3": ["lease"]})
        self.soon({"vtap-a": c, "vtap-g01": a})
        self.assertEqual(self.found(uid=OTHER), {"vtap-g02": b})
        self.assertEqual(self.found(uid=0), {"vtap-a": c, "vtap-g01": a, "vtap-g02": b})
        self.assertEqual(self.found("vtap-g02"), {"vtap-g02": b})
        self.create("vtap-b", f"--domain={UUID}", f"--mac={mac_of(4)}", uid=OTHER)
        self.assertEqual(self.found(UUID.upper()), {"vtap-a": c})  # and not of the other, whose domain is said to have the same UUID
        self.assertIn(UUID, self.address(UUID, status=1, uid=0))
        self.delete("--name=vtap-b", uid=OTHER)
        self.assertEqual(self.found("plain0", status=1), {"plain0": {}})
        sandbox.run("ip", "link", "delete", "plain0")
        self.delete("--name=vtap-a")

    def test_list(self):
        """`list -v` has them, too; without it there is nothing of the sort."""
        card = self.card(1)
        for number in range(6):
            card.ask4(f"10.66.1.{number + 1}")
        every = {f"10.66.1.{number + 1}": ["neighbour"] for number in range(6)}
        self.soon({card.name: every})

        def run(*words):
            return sandbox.run(self.cli, "list", *words, uid=USER).stdout
        self.assertIn(" 10.66.1.1,10.66.1.2,10.66.1.3,10.66.1.4 +2 ", run("-v"))
        self.assertNotIn("10.66.1.1", run() + run("--json"))
        tap, = json.loads(run("--verbose", "--json"))
        self.assertEqual([one["address"] for one in tap.pop("addresses")], list(every))
        self.assertEqual([tap], json.loads(run("--json")))


class Others(AddressCase):
    """What looks like the guest's, and is not."""

    def test_mac_at_another_port(self):
        """A neighbour whose MAC has moved, or never was there."""
        card = self.card(1)
        card.ask4("10.66.1.1")
        self.soon({card.name: {"10.66.1.1": ["neighbour"]}})
        sandbox.batch("ip", "link add port0 master br0 up type veth peer name far0", "link set far0 up")
        sandbox.run("bridge", "fdb", "replace", mac_of(1), "dev", "port0", "master", "static")
        self.assertEqual(self.found(status=1), {card.name: {}})
        sandbox.run("bridge", "fdb", "del", mac_of(1), "dev", "port0", "master")
        self.assertEqual(self.found(status=1), {card.name: {}})  # the bridge has it nowhere
        card.murmur()
        self.soon({card.name: {"10.66.1.1": ["neighbour"]}})
        sandbox.batch("ip", "neigh flush dev br0", "link delete port0")
        self.assertEqual(self.found(status=1), {card.name: {}})

    def test_claimed_by_another(self):
        """A guest that sends as another one, whose MAC or address is claimed, has neither."""
        sandbox.write(POLICY, "allow br0 user=vmother mac=lock ip=lock ips=10.66.0.0/16\nallow br0\n")
        locked = self.card(2, f"--mac={mac_of(2)}", "--ip=10.66.1.2", uid=OTHER)
        named = self.card(3, f"--mac={mac_of(3)}")
        thief = self.card(1)
        thief.ask4("10.66.1.2")
        thief.ask4("10.66.1.1")
        self.soon({thief.name: {"10.66.1.1": ["neighbour"]}, named.name: {}})
        thief.hardware = named.hardware
        thief.ask4("10.66.1.3")
        self.assertTrue(await_(lambda: mac_of(3) in sandbox.run("ip", "neigh").stdout))
        self.assertEqual(self.found(), {thief.name: {"10.66.1.1": ["neighbour"]}, named.name: {}})
        named.ask4("10.66.1.3")
        self.soon({thief.name: {"10.66.1.1": ["neighbour"]}, named.name: {"10.66.1.3": ["neighbour"]}})
        self.assertEqual(self.found(locked.name), {locked.name: {"10.66.1.2": ["lock"]}})
        # What cannot be a locked guest's is not, whoever says so.
        sandbox.run("ip", "neigh", "replace", "10.66.9.9", "lladdr", mac_of(2), "dev", "br0")
        sandbox.write(DNSMASQ, lines((mac_of(2), "10.66.9.8"), (mac_of(2), "10.66.1.2")))
        self.assertEqual(self.found(locked.name), {locked.name: {"10.66.1.2": ["lease", "lock"][::-1]}})

    def test_leased_to_another(self):
        """An address of which a lease says that it is another guest's than the neighbour table does, which is old, or a lie: it is nobody's."""
        first, second = self.card(1), self.card(2)
        first.ask4("10.66.1.7")
        self.soon({first.name: {"10.66.1.7": ["neighbour"]}, second.name: {}})
        sandbox.write(DNSMASQ, lines((mac_of(2), "10.66.1.7")))
        self.assertEqual(self.found(), {first.name: {"10.66.1.7": ["neighbour"]}, second.name: {}})  # nobody is seen at that MAC
        second.murmur()
        self.soon({first.name: {}, second.name: {}})
        sandbox.write(DNSMASQ, lines((mac_of(2), "10.66.1.7"), (mac_of(3), "10.66.1.8")))
        named = self.card(3, f"--mac={mac_of(3)}")  # silent, but it claims the MAC
        self.assertEqual(self.found(named.name), {named.name: {"10.66.1.8": ["lease"]}})
        first.ask4("10.66.1.8")
        self.soon({first.name: {}, second.name: {}, named.name: {}})
        first.ask4("10.66.1.9")
        self.soon({first.name: {"10.66.1.9": ["neighbour"]}, second.name: {}, named.name: {}})
        second.ask4("10.66.1.7")
        named.ask4("10.66.1.8")
        self.soon({first.name: {"10.66.1.9": ["neighbour"]}, second.name: {"10.66.1.7": ["neighbour", "lease"]},
                   named.name: {"10.66.1.8": ["neighbour", "lease"]}})

    def test_two_servers(self):
        """Two that leased one address to two guests: the one that answers has it, else nobody."""
        first, second = self.card(1), self.card(2)
        sandbox.write(DNSMASQ, lines((mac_of(2), "10.66.1.7")))
        sandbox.write(NETWORKD.format("br0"), addresscase.networkd((mac_of(1), "10.66.1.7")))
        first.murmur()
        second.murmur()
        self.assertTrue(await_(lambda: mac_of(2) in sandbox.run("bridge", "fdb").stdout))
        self.assertEqual(self.found(status=1), {first.name: {}, second.name: {}})
        first.ask4("10.66.1.7")
        self.soon({first.name: {"10.66.1.7": ["neighbour", "lease"]}, second.name: {}})

    def test_lease_of_nobody_here(self):
        """Expired ones, of MACs at no port, or at another, of other bridges, of this host's own address, of IPv6 by its DUID."""
        card = self.card(1)
        card.murmur()
        sandbox.batch("ip", "link add port0 master br0 up type veth peer name far0", f"link set far0 address {mac_of(9)} up")
        sandbox.run("bridge", "fdb", "replace", mac_of(9), "dev", "port0", "master", "static")
        past = int(time.time()) - 10
        sandbox.write(DNSMASQ, lines(f"{past} {mac_of(1)} 10.66.1.1 * *\n", (mac_of(8), "10.66.1.8"), (mac_of(9), "10.66.1.9"), (mac_of(1), HOST4),
                                     "duid 00:01:00:01:2c:aa:bb:cc:52:54:00:66:00:01\n",
                                     f"0 6684673 2001:db8:66::99 guest 00:01:00:01:2c:aa:bb:cc:{mac_of(1)}\n"))
        sandbox.write(LIBVIRT.format("virbr0"), addresscase.status((mac_of(1), "10.66.1.10")))
        sandbox.write(NETWORKD.format("br1"), addresscase.networkd((mac_of(1), "10.66.1.11")))
        self.assertTrue(await_(lambda: mac_of(1) in sandbox.run("bridge", "fdb").stdout))
        self.assertEqual(self.found(status=1), {card.name: {}})
        sandbox.run("ip", "link", "delete", "port0")


class Many(AddressCase):
    def test_long_file(self):
        """Names and ids of their choice make leases long; what is too long for us is said, and not only left out."""
        guest = self.card(1)
        guest.murmur()
        more = [(f"02:00:01:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
                for number in range(131073)]
        text = lines((mac_of(1), "10.66.1.1"))
        for padding, says in (("0 x\n" * (5 << 18), ""), ("0 x\n" * (9 << 20), "above 32 MiB"), (lines(*more), "or 131072 leases in all")):
            sandbox.write(DNSMASQ, text + "\n" + padding)
            for words in (("address", guest.name), ("list", "-v")):
                said = sandbox.run(self.cli, *words, check=False).stdout
                self.assertIn(says, said)
                self.assertEqual("not looked at" in said, bool(says))
                self.assertEqual("10.66.1.1" in said, "MiB" not in says, said)

    def test_all_addresses_of_a_server(self):
        """A guest that took them all, and is a thousand neighbours, too, keeps nobody waiting for the others' addresses."""
        sandbox.write(POLICY, "allow br0 quota=64\n")
        greedy, *others = (self.card(number) for number in range(1, 22))
        leases = [(f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}", f"10.70.{number >> 8}.{number & 255}") for number in range(8000)]
        for number, (mac, _address) in enumerate(leases):
            greedy.hardware = bytes.fromhex(mac.replace(":", ""))
            if number < 900:
                greedy.ask4(f"10.66.{100 + (number >> 8)}.{number & 255}")
            else:
                greedy.murmur()
        others[7].murmur()
        sandbox.write(DNSMASQ, lines(*leases, (others[7].mac, "10.70.99.1")))
        self.soon({others[7].name: {"10.70.99.1": ["lease"]}}, others[7].name)
        before = os.times().children_user
        found = self.found()
        self.assertLess(os.times().children_user - before, 0.5)
        self.assertEqual({name: list(addresses) for name, addresses in found.items() if addresses and name != greedy.name}, {others[7].name: ["10.70.99.1"]})
        self.assertGreater(len(found[greedy.name]), 200)
        self.assertLess(len(found[greedy.name]), 1200)


class Files(AddressCase):
    """Leases of each server; and files that not only root or the service can have written."""

    def setUp(self):
        super().setUp()
        self.guest = self.card(1)
        self.guest.murmur()
        self.assertTrue(await_(lambda: mac_of(1) in sandbox.run("bridge", "fdb").stdout))
        self.lease = mac_of(1), "10.66.1.1"

    def leased(self, yes, **more):
        self.assertEqual(self.found(status=int(not yes), **more), {self.guest.name: {"10.66.1.1": ["lease"]} if yes else {}})

    def test_each_server(self):
        newer = {"ClientId": [255, 1, 2], "HardwareAddress": list(bytes.fromhex(mac_of(1).replace(":", "")))}
        for path, text in ((DNSMASQ, lines(self.lease)), (DNSMASQ, f"0 {mac_of(1).upper()} 10.66.1.1 * *"),
                           (LIBVIRT.format("br0"), addresscase.status(self.lease)),
                           (NETWORKD.format("br0"), addresscase.networkd(self.lease)), (NETWORKD.format("br0"), addresscase.networkd(self.lease, **newer)),
                           (NETWORK_MANAGER.format("br0"), lines(self.lease))):
            sandbox.write(path, text)
            self.leased(True)
            sandbox.write(path, text.replace("10.66.1.1", "10.66.1.1x").replace("[10, 66,", '["10", 66,'))
            self.leased(False)
            os.unlink(path)
        os.chmod("/var/lib/NetworkManager", 0o700)
        self.addCleanup(os.chmod, "/var/lib/NetworkManager", 0o755)
        sandbox.write(NETWORK_MANAGER.format("br0"), lines(self.lease))
        self.leased(False)
        self.leased(True, uid=0)

    def test_owner(self):
        """root's and the service's; nobody else's, who could write what they like."""
        account = int(sandbox.run("id", "-u", "dnsmasq").stdout)
        for uid, mode, yes in ((0, 0o644, True), (account, 0o644, True), (USER, 0o644, False), (OTHER, 0o644, False), (sandbox.NOBODY, 0o644, False),
                               (0, 0o664, False), (0, 0o646, False), (0, 0o600, False)):
            sandbox.write(DNSMASQ, lines(self.lease), mode=mode, uid=uid)
            with self.subTest(uid=uid, mode=oct(mode)):
                self.leased(yes)
        sandbox.write(NETWORK_MANAGER.format("br0"), lines(self.lease), uid=account)  # of another service
        os.unlink(DNSMASQ)
        self.leased(False)

    def test_folder(self):
        sandbox.write(DNSMASQ, lines(self.lease))
        self.addCleanup(os.chown, "/var/lib/misc", 0, 0)
        self.addCleanup(os.chmod, "/var/lib/misc", 0o755)
        for uid, mode, yes in ((USER, 0o755, False), (0, 0o775, False), (0, 0o1777, False), (0, 0o755, True)):
            os.chown("/var/lib/misc", uid, 0)
            os.chmod("/var/lib/misc", mode)
            with self.subTest(uid=uid, mode=oct(mode)):
                self.leased(yes)

    def test_no_regular_file(self):
        """Links, FIFOs, devices, folders; and it takes no time."""
        elsewhere = sandbox.RUN + "/leases"
        sandbox.write(elsewhere, lines(self.lease))
        for make in (lambda: os.symlink(elsewhere, DNSMASQ), lambda: os.mkfifo(DNSMASQ), lambda: os.mknod(DNSMASQ, 0o020644, os.makedev(1, 5))):
            make()
            began = time.monotonic()
            self.leased(False)
            self.leased(False, uid=0)
            self.assertLess(time.monotonic() - began, 10)
            os.unlink(DNSMASQ)
        os.mkdir(DNSMASQ)
        self.leased(False)
        os.rmdir(DNSMASQ)
        os.rename("/var/lib/misc", "/var/lib/elsewhere")
        os.symlink("elsewhere", "/var/lib/misc")
        sandbox.write(DNSMASQ, lines(self.lease))
        self.leased(False)
        os.unlink("/var/lib/misc")
        os.rename("/var/lib/elsewhere", "/var/lib/misc")

    def test_content(self):
        """Whatever is in it: the lines that are leases count, and nothing is printed of the rest."""
        good = f"{addresscase.LATER} {mac_of(1)} 10.66.1.1 "
        name = "\033]0;x\a\u202e"
        for text in (good + name, good, good + "x" * 5000 + "\n", "\n\n" + good, "x" * (4 << 20) + "\n" + good, good + "\0\0"):
            sandbox.write(DNSMASQ, text)
            self.leased(True)
            self.assertNotIn("\033", self.address())
        for text in ("", "\0" + good, "\0" * 4096, good.replace("52:", "5g:"), good.replace(" ", "\t"), good.replace(" ", "  "),
                     good.replace("10.66.1.1", "224.0.0.1"),
                     good.replace("10.66.1.1", "127.0.0.1"), good.replace("10.66.1.1", "10.66.1.1/24"), "-1" + good, "99999999999999999999999 " + good[11:],
                     f"{addresscase.LATER}\n{mac_of(1)} 10.66.1.1 x", good.replace("52:54", "53:54")):
            sandbox.write(DNSMASQ, text)
            with self.subTest(text=text[:80]):
                self.leased(False)
        os.unlink(DNSMASQ)
        whole = addresscase.status(self.lease)
        for text in ("[" * 100000, whole[:-1], "null", "{}", '{"Leases": 1}', '{"Leases": [1, null, [], {}]}', whole.replace('"52:', '"52:\\u0000'),
                     whole.replace("10.66.1.1", "10.66.1.1\\u0000"), whole.replace(f'"expiry-time": {addresscase.LATER}', '"expiry-time": "x"'),
                     addresscase.networkd(self.lease).replace("[10,", "[266,").replace("[1, 82", "[1, -174")):
            sandbox.write(LIBVIRT.format("br0"), text)
            with self.subTest(text=text[:80]):
                self.leased(False)
        sandbox.write(LIBVIRT.format("br0"), whole.replace('"x"', '"\\u001b[2J"'))
        self.leased(True)


class Agents(AddressCase):
    """What libvirt and the guest agents say, by a program in place of virt-tap-domain; tests/system/test_address.py has real ones."""
    RUNTIME = sandbox.RUN + "/runtime"
    ENV = {"XDG_RUNTIME_DIR": RUNTIME}

    def says(self, *cards, script="", status=0):
        """The program, which notes how it was called."""
        said = "".join("\t".join(card) + "\n" if isinstance(card, tuple) else card for card in cards)
        sandbox.write(sandbox.RUN + "/said", said)
        sandbox.write(sandbox.RUN + "/virt-tap-domain", f'#!/bin/sh\necho "$*" >>{sandbox.RUN}/calls\ncat {sandbox.RUN}/said\n{script}\nexit {status}\n', 0o755)
        sandbox.write(sandbox.RUN + "/calls", "", 0o666)

    def calls(self):
        with open(sandbox.RUN + "/calls", encoding="utf-8") as file:
            return file.read().splitlines()

    def setUp(self):
        super().setUp()
        sandbox.write(self.RUNTIME + "/libvirt/qemu/run/web.xml", "<domstatus/>")

    def test_which_guests_are_asked(self):
        """Only what is needed, and only where one runs: libvirtd is not started for nothing."""
        self.says()
        self.card(1)
        self.create("vtap-a", f"--domain={UUID}")
        self.address("vtap-a", status=1)
        self.assertEqual(self.calls(), [])  # without XDG_RUNTIME_DIR no libvirt is known
        for words, asked in ((("vtap-a",), f"-- {UUID}"), ((UUID,), f"-- {UUID}"), (("vtap-g01",), "--all"), ((), "--all"), (("web",), "-- web"),
                             (("--", "--all"), "-- --all")):
            self.says()
            self.address(*words, status=1, env=self.ENV)
            self.assertEqual(self.calls(), [f"domain agent --connect qemu:///session {asked}"])
        self.says(script="echo 'virt-tap domain agent: no connection to libvirt' >&2", status=1)
        said = self.address("vtap-a", "-c", "qemu:///system", status=1)
        self.assertEqual(self.calls(), [f"domain agent --connect qemu:///system -- {UUID}"])
        self.assertIn("virt-tap address: qemu:///system: no connection to libvirt\n", said)
        os.unlink(self.RUNTIME + "/libvirt/qemu/run/web.xml")
        self.says()
        self.address(status=1, env=self.ENV)
        sandbox.run(self.cli, "list", "-v", uid=USER, env=self.ENV)
        self.assertEqual(self.calls(), [])
        self.delete("--name=vtap-a")

    def test_what_they_say(self):
        """Of the card with that MAC; IPv6 by its zone where the neighbour table has it, too; also in list -v, and for a domain by its name."""
        card = self.card(1)
        card.ask6(link_local(mac_of(1)))
        self.soon({card.name: {link_local(mac_of(1)): ["neighbour"]}})
        self.says((card.name, mac_of(1), "-"), (card.name, mac_of(1), "10.66.1.1"), (card.name, mac_of(1).upper(), link_local(mac_of(1))),
                  (card.name, mac_of(1), "2001:db8:66::9"))
        wanted = {card.name: {"10.66.1.1": ["agent"], "2001:db8:66::9": ["agent"], link_local(mac_of(1)): ["neighbour", "agent"]}}
        for words in ((), (card.name,), ("web",)):
            self.assertEqual(self.found(*words, env=self.ENV), wanted)
        said = sandbox.run(self.cli, "list", "-v", "--json", uid=USER, env=self.ENV).stdout
        self.assertEqual([one["address"] for one in json.loads(said)[0]["addresses"]], list(wanted[card.name]))

    def test_lease_of_a_silent_guest(self):
        """libvirt knows its MAC, where the bridge has forgotten it; but not if it is another's."""
        card, other = self.card(1), self.card(2)
        sandbox.write(DNSMASQ, lines((mac_of(1), "10.66.1.1")))
        self.assertEqual(self.found(), {card.name: {}, other.name: {}})
        self.says((card.name, mac_of(1), "-"))
        self.assertEqual(self.found(env=self.ENV), {card.name: {"10.66.1.1": ["lease"]}, other.name: {}})
        sandbox.run("ip", "neigh", "replace", "10.66.1.1", "lladdr", mac_of(2), "dev", "br0")
        other.murmur()
        self.soon({card.name: {}, other.name: {"10.66.1.1": ["neighbour"]}}, env=self.ENV)
        other.hardware = card.hardware
        other.murmur()
        sandbox.run("ip", "neigh", "delete", "10.66.1.1", "dev", "br0")
        self.soon({card.name: {}, other.name: {"10.66.1.1": ["lease"]}}, env=self.ENV)

    def test_lies(self):
        """What an agent says is not believed against better knowledge: the host's address, others' locks, leases, neighbours and agents."""
        sandbox.write(POLICY, "allow br0 user=vmother mac=lock ip=lock ips=10.66.0.0/16\nallow br0\n")
        locked = self.card(2, f"--mac={mac_of(2)}", "--ip=10.66.1.2", uid=OTHER)
        liar, leased, neighbour, quiet = (self.card(number) for number in (1, 3, 4, 5))
        leased.murmur()
        neighbour.ask4("10.66.1.4")
        sandbox.write(DNSMASQ, lines((mac_of(3), "10.66.1.3")))
        wanted = {liar.name: {}, leased.name: {"10.66.1.3": ["lease"]}, neighbour.name: {"10.66.1.4": ["neighbour"]}, quiet.name: {}}
        self.soon(wanted)
        self.says(*((liar.name, mac_of(1), f"10.66.1.{number}") for number in (2, 3, 4, 5)), (liar.name, mac_of(1), HOST4), (liar.name, mac_of(1), "127.0.0.1"),
                  (liar.name, mac_of(1), "ff02::1"), (liar.name, mac_of(1), "0.0.0.0"), (quiet.name, mac_of(5), "10.66.1.5"),
                  (liar.name, mac_of(4), "10.66.1.9"))
        self.assertEqual(self.found(env=self.ENV), wanted)
        quiet.ask4("10.66.1.5")
        self.soon({**wanted, quiet.name: {"10.66.1.5": ["neighbour", "agent"]}}, env=self.ENV)
        self.says((locked.name, mac_of(2), "10.66.1.2"), (locked.name, mac_of(2), "10.66.9.9"), (locked.name, mac_of(2), "fe80::7"))
        self.assertEqual(self.found(locked.name, env=self.ENV), {locked.name: {"10.66.1.2": ["agent", "lock"][::-1], "fe80::7": ["agent"]}})

    def test_lines(self):
        """Others than `TAP MAC ADDRESS` are nothing."""
        card = self.card(1)
        good = f"{card.name}\t{mac_of(1)}\t10.66.1.1"
        for line in ("", "\t\t", card.name, f"{card.name}\t{mac_of(1)}", good + "\t", good + "/24", good.replace("\t", " "), good.replace(":", "-"), " " + good,
                     good.replace("10.66.1.1", "\033[2J"), "x" * 5000, good.replace(card.name, card.name * 9), "\0" + good, "\n" * 5000):
            self.says(line + "\n")
            self.assertEqual(self.found(env=self.ENV), {card.name: {}}, line[:80])
        for status in (0, 1):
            self.says("x" * 5000 + "\n" + good, status=status)
            self.assertEqual(self.found(env=self.ENV), {card.name: {"10.66.1.1": ["agent"]}})
        os.unlink(sandbox.RUN + "/virt-tap-domain")  # as where the package with it is not installed
        self.assertEqual(self.found(env=self.ENV), {card.name: {}})
        self.assertIn("the package virt-tap-hooks has it", self.address("-c", "qemu:///system", status=1))


class Wait(AddressCase):
    def start(self, *words, uid=USER):
        process = bridgehelper.start([self.cli, "address", *words], uid, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        return process

    def test_until_there_is_one(self):
        """For the tap, for an address that others can use, for the guest that has none yet."""
        process = self.start("vtap-g01", "--wait=30", "--json")
        everybody = self.start("--wait=30")
        card, other = self.card(1), self.card(2)
        card.ask6(link_local(mac_of(1)))
        other.ask4("10.66.1.2")
        self.soon({card.name: {link_local(mac_of(1)): ["neighbour"]}, other.name: {"10.66.1.2": ["neighbour"]}})
        time.sleep(0.7)
        self.assertIsNone(process.poll())
        self.assertIsNone(everybody.poll())
        card.ask4("10.66.1.1")
        self.assertEqual(process.wait(10), 0)
        self.assertIn("10.66.1.1", process.stdout.read())
        self.assertEqual(everybody.wait(10), 0)
        self.assertIn("10.66.1.2", everybody.stdout.read())

    def test_in_vain(self):
        card = self.card(1)
        began = time.monotonic()
        self.assertIn("no address of vtap-g01 is known", self.address(card.name, "--wait=1", status=1))
        self.assertIn("there is no tap 'vtap-x'", self.address("vtap-x", "--wait=1", status=1))
        self.assertGreater(time.monotonic() - began, 2)
        self.assertLess(time.monotonic() - began, 20)
        card.ask6(link_local(mac_of(1)))
        self.soon({card.name: {link_local(mac_of(1)): ["neighbour"]}})
        self.assertIn(link_local(mac_of(1)), self.address("--wait=1"))  # better than nothing
        process = self.start("vtap-x", "--wait")
        time.sleep(1)
        self.assertIsNone(process.poll())
        process.terminate()
        process.wait(10)
        for wrong in ("--wait=0", "--wait=x", "--wait=", "--wait=86401", "--json=1"):
            self.address(wrong, status=2)


if __name__ == "__main__":
    sandbox.enter()
    addresscase.private_files()
    netcase.needed.main()
