#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap bridge: what it makes and shows, what it refuses, with which words, and that a refusal changes nothing."""
import json
import os
import subprocess
import sys
import time
import unittest

import sandbox
import uplink
from bridgehelper import await_
from sandbox import USER
from uplink import HOST4, ROUTER4, ROUTER6, STATE, virt_tap


class BridgeCase(unittest.TestCase):
    settled = None  # the host's network, once it was at rest

    def setUp(self):
        uplink.make()
        self.addCleanup(uplink.remove)

    def done(self, *words, status=0):
        done = virt_tap("bridge", *words)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def refused(self, *words, says=(), status=1):
        """One line with all of says in it, and nothing changed."""
        if uplink.snapshot() != self.settled:
            self.settled = uplink.settled()
        said = self.done(*words, status=status)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, said)
        if status == 1:
            self.assertRegex(said, r"\Avirt-tap bridge \w+: [^\n]+\n\Z")
        if uplink.snapshot() != self.settled:  # the kernel may still do something
            self.assertEqual(uplink.settled(), self.settled)
        self.assertEqual([name for name in uplink.files() if not name.endswith(("moved", "confirmed"))], [])

    @staticmethod
    def link(name):
        return json.loads(uplink.ip("-j", "-d", "link", "show", "dev", name))[0]

    @staticmethod
    def picture(*words):
        return json.loads(virt_tap(*words, "--json").stdout)["bridges"]


class Alone(BridgeCase):
    def test_defaults(self):
        self.done("create", "br0")
        link = self.link("br0")
        data = link["linkinfo"]["info_data"]
        self.assertEqual((data["stp_state"], data["forward_delay"], data["mcast_snooping"]), (0, 0, 1))
        self.assertIn("UP", link["flags"])
        mac = link["address"]
        self.assertEqual(int(mac[:2], 16) & 3, 2)
        uplink.ip("link", "add", "p0", "address", "02:00:00:00:00:01", "type", "veth", "peer", "name", "p1")
        self.done("add", "br0", "p0")
        self.assertEqual(self.link("br0")["address"], mac, "changed with its port")
        for key in ("accept_ra", "autoconf"):
            with open(f"/proc/sys/net/ipv6/conf/br0/{key}", encoding="ascii") as file:
                self.assertEqual(file.read().strip(), "0")
        self.done("delete", "br0")
        self.assertNotIn("br0", sandbox.links())

    def test_options(self):
        self.done("create", "br0", "--address=10.1.2.3/24", "--address", "2001:db8:1::1/64", "--mtu=9000", "--mac", "02:00:00:00:AA:01",
                  "--stp", "on")
        link = self.link("br0")
        self.assertEqual((link["mtu"], link["address"], link["linkinfo"]["info_data"]["stp_state"]), (9000, "02:00:00:00:aa:01", 1))
        self.assertEqual(uplink.addresses("br0"), ["10.1.2.3/24", "2001:db8:1::1/64"])

    def test_twice_is_once(self):
        words = ("create", "br0", "--address=10.1.2.3/24", "--mtu", "1400")
        self.done(*words)
        index = sandbox.ifindex("br0")
        self.done(*words)
        self.done("create", "br0")
        self.assertEqual(sandbox.ifindex("br0"), index)
        await_(lambda: "NO-CARRIER" in uplink.ip("link", "show", "br0"))  # the kernel notices a little later
        for option, says in (("--mtu=1300", "another MTU"), ("--mac=02:00:00:00:00:01", "another MAC"), ("--stp=on", "another STP"),
                             ("--address=10.1.2.4/24", "another address"), ("--uplink=eth0", "another uplink")):
            self.refused("create", "br0", option, says=says)
        self.assertEqual(self.done("delete", "br0"), "")
        self.assertIn("nothing was changed: there is no bridge 'br0'", self.done("delete", "br0"))

    def test_taps_on_it(self):
        """Their guests run on, without network."""
        self.done("create", "br0")
        for name in ("vtap-a", "vtap-b", "other"):
            uplink.ip("tuntap", "add", name, "mode", "tap")
            self.addCleanup(uplink.ip, "link", "delete", name)
            uplink.ip("link", "set", name, "master", "br0")
        said = self.done("delete", "br0")
        self.assertIn("2 taps lost the bridge", said)
        self.assertIn("virt-tap repair", said)

    def test_ports(self):
        self.done("create", "br0")
        self.done("create", "br1")
        uplink.ip("link", "add", "p0", "type", "veth", "peer", "name", "p1")
        self.done("add", "br0", "p0")
        self.done("add", "br0", "p0")
        self.assertEqual(self.link("p0")["master"], "br0")
        self.refused("add", "br1", "p0", says="already part of 'br0'")
        self.refused("remove", "br1", "p0", says="not a port of 'br1'")
        self.done("remove", "br0", "p0")
        self.done("remove", "br0", "p0")
        self.assertNotIn("master", self.link("p0"))
        self.refused("add", "br0", "eth0", says=("has addresses", "--uplink eth0"))
        self.refused("add", "br0", "lo", says="loopback")
        self.refused("add", "br0", "br1", says="a bridge itself")
        self.refused("add", "br0", "nosuch", says="no interface 'nosuch'")
        self.refused("add", "eth0", "p0", says="'eth0' is not a bridge")
        self.refused("remove", "nosuch", "p0", says="no bridge 'nosuch'")
        uplink.ip("tuntap", "add", "dev", "tun0", "mode", "tun")
        self.refused("add", "br0", "tun0", says="not an Ethernet device")

    def test_no_vlan_filtering_in_this_kernel_is_said(self):
        probe = sandbox.run("ip", "link", "add", "br9", "type", "bridge", "vlan_filtering", "1", check=False)
        if probe.returncode == 0:
            uplink.ip("link", "delete", "br9")
            self.done("create", "br0", "--vlan-filtering")
            self.assertEqual(self.link("br0")["linkinfo"]["info_data"]["vlan_filtering"], 1)
        else:
            self.refused("create", "br0", "--vlan-filtering", says="cannot make the bridge")


class Show(BridgeCase):
    def test_the_picture(self):
        self.done("create", "br0", "--uplink", "eth0")
        self.done("confirm", "br0")
        uplink.ip("tuntap", "add", "dev", "vtap-a", "mode", "tap", "user", str(USER))
        uplink.ip("link", "set", "vtap-a", "address", "fe:54:00:00:00:01", "up",
                  "alias", f"virt-tap v=1 uid={USER} domain=8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3 stays mac=fe:54:00:00:00:01")
        self.done("add", "br0", "vtap-a")
        sandbox.run("bridge", "link", "set", "dev", "vtap-a", "isolated", "on", "locked", "on")
        bridges = self.picture("bridge", "show", "br0")
        self.assertEqual(bridges, self.picture("show"))
        ports = {port["name"]: port for port in bridges[0]["ports"]}
        self.assertEqual((ports["eth0"]["role"], ports["eth0"]["state"]), ("uplink", "forwarding"))
        tap = ports["vtap-a"]
        self.assertEqual((tap["role"], tap["owner"], tap["domain"], tap["carrier"]),
                         ("tap", {"uid": USER, "name": "vmuser"}, "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3", False))
        self.assertEqual(tap["protection"], ["isolated", "mac=lock"])
        self.assertIn(HOST4 + "/24", bridges[0]["addresses"])
        tree = virt_tap("show").stdout
        self.assertRegex(tree, r"(?m)^br0  up, mtu 1500, .*192\.0\.2\.10/24")
        self.assertRegex(tree, r"(?m)^├─ eth0 +uplink, forwarding$")
        self.assertRegex(tree, r"(?m)^└─ vtap-a +tap of vmuser, domain 8d0f\S+, no carrier \[isolated,mac=lock\]$")
        dot = virt_tap("show", "--dot").stdout
        for line in ('"br0" -- "vtap-a";', '"br0" -- "eth0";', '"vtap-a" -- "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3" [style=dashed];'):
            self.assertIn(line, dot)

    def test_odd_names_do_no_harm(self):
        self.done("create", 'b"\\\u00e9\x9b')
        self.assertNotIn("\x9b", virt_tap("show").stdout)
        self.assertIn('"b\\"\\\\\u00e9\\u009b"', virt_tap("show", "--dot").stdout)
        self.assertNotIn("\x9b", virt_tap("show", "--json").stdout)
        self.assertEqual(self.picture("show")[0]["name"], 'b"\\\u00e9\x9b')

    def test_as_anybody(self):
        self.done("create", "br0")
        done = sandbox.run(sandbox.install(uplink.CLI, caps=None), "show", uid=USER)
        self.assertRegex(done.stdout, r"(?m)^br0  up, mtu 1500$")
        self.refused("show", "eth0", says="'eth0' is not a bridge")
        self.refused("show", "nosuch", says="no bridge 'nosuch'")

    def test_output_that_fails(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([uplink.CLI, "show", "--json"], stdout=full, stderr=subprocess.PIPE, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)


class Refused(BridgeCase):
    def create(self, *words, **more):
        self.refused("create", "br0", "--uplink", "eth0", *words, **more)

    def test_words(self):
        for address in ("", "10.1.2.3", "10.1.2.3/33", "10.1.2.3/0", "10.1.2/24", "300.1.2.3/24", "10.1.2.3/24x", "2001:db8::1/129", "::/64",
                        "224.0.0.1/24", "ff02::1/64", "0.0.0.0/8", "10.1.2.3/-1", "10.1.2.3/ 8", "2001:db8::1%eth0/64", "1" * 60 + "/8",
                        "127.0.0.1/8", "169.254.1.0/24", "10.1.2.255/24", "fe80::1/64"):
            self.refused("create", "br0", "--address", address, status=2, says="--address takes")
        for mtu in ("67", "65522", "65535", "65536", "x", "", "-1", "1500x", "99999999999999999999"):
            self.refused("create", "br0", "--mtu", mtu, status=2, says="from 68 to 65521")
        for mac in ("01:00:00:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00", "x", "02:00:00:00:00:01:02"):
            self.refused("create", "br0", "--mac", mac, status=2, says="is not a MAC")
        for name in ("a" * 16, "a/b", "a b", ".", "..", "a%d", "a:b", ""):
            self.refused("create", name, status=2, says="is not a name for an interface")
        for limit in ("0", "x", "-1", "60h", "99999999999", "", "1441m"):
            self.refused("create", "br0", "--confirm-within", limit, status=2, says="is not a time")
        self.refused("create", "br0", "--stp", "maybe", status=2, says="--stp=on|off")
        self.refused("create", "br0", "--mtu=1500", "--mtu=1500", status=2, says="--mtu is given twice")
        for words in (("create",), ("create", "a", "b"), ("create", "a", "--nosuch"), ("delete",), ("add", "br0"), ("confirm",),
                      ("show", "a", "b"), ("nosuch",), ()):
            self.refused(*words, status=2)

    def test_not_root(self):
        cli = sandbox.install(uplink.CLI, caps=None)
        before = uplink.snapshot()
        for words in (("create", "br0"), ("delete", "br0"), ("add", "br0", "eth0"), ("remove", "br0", "eth0"), ("confirm", "br0")):
            done = sandbox.run(cli, "bridge", *words, check=False, uid=USER)
            self.assertEqual(done.returncode, 1)
            self.assertIn("requires root", done.stdout)
        self.assertEqual(uplink.snapshot(), before)

    def test_the_kind_of_device(self):
        self.refused("create", "br0", "--uplink", "nosuch", says="no interface 'nosuch'")
        self.refused("create", "br0", "--uplink", "lo", says="loopback")
        self.refused("create", "eth0", "--uplink", "eth0", says="is taken")
        self.refused("create", "lo", says="is taken")
        sandbox.make_bridge("br1")
        self.refused("create", "br0", "--uplink", "br1", says="a bridge itself")
        uplink.ip("tuntap", "add", "dev", "tun0", "mode", "tun")
        self.refused("create", "br0", "--uplink", "tun0", says="not an Ethernet device")
        uplink.ip("link", "add", "p0", "type", "veth", "peer", "name", "p1")
        uplink.ip("link", "set", "p0", "master", "br1")
        self.refused("create", "br0", "--uplink", "p0", says="already part of the bridge 'br1'")

    def test_addresses_that_are_there(self):
        self.create("--address", HOST4 + "/24", says=("there already, on 'eth0'", "moves with it"))

    def test_networks_that_are_there(self):
        """The host would look for all of that network on the bridge: its gateway, and who types this by ssh."""
        for address in (ROUTER4 + "/24", ROUTER4 + "/16", ROUTER6 + "/64"):
            before = uplink.ip("route"), uplink.ip("-6", "route")
            self.refused("create", "br1", "--address", address, says=("of 'eth0'", "another network"))
            self.assertEqual((uplink.ip("route"), uplink.ip("-6", "route")), before)
            self.assertNotIn("br1", sandbox.links())
        self.done("create", "br1", "--address", "192.0.2.129/28")  # a part without addresses of the host
        self.done("delete", "br1")

    def test_managers(self):
        index = sandbox.ifindex("eth0")
        for path, text, says in ((f"/run/NetworkManager/devices/{index}", "[device]\nmanaged=true\n", "managed by NetworkManager"),
                                 (f"/run/systemd/netif/links/{index}", "ADMIN_STATE=configured\n", "managed by systemd-networkd")):
            sandbox.write(path, text)
            self.create(says=(says, "persist br0 --uplink eth0"))
            os.unlink(path)

    def test_what_names_the_uplink(self):
        """Each of these would stop matching without a word."""
        cases = (
            (("ip", "link", "add", "mv0", "link", "eth0", "type", "macvlan"), ("ip", "link", "del", "mv0"), "macvlan 'mv0'"),
            (("ip", "rule", "add", "iif", "eth0", "lookup", "77", "pref", "500"), ("ip", "rule", "del", "pref", "500"), "ip rule 500"),
            (("ip", "-6", "rule", "add", "oif", "eth0", "lookup", "77", "pref", "501"), ("ip", "-6", "rule", "del", "pref", "501"), "ip rule 501"),
            (("ip", "nexthop", "add", "id", "7", "via", ROUTER4, "dev", "eth0"), ("ip", "nexthop", "del", "id", "7"), "ip nexthop id 7"),
            (("nft", "add table inet t; add chain inet t c; add rule inet t c iifname eth0 drop"), ("nft", "flush ruleset"), "nft: iifname \"eth0\" drop"),
            (("nft", "add table inet t; add chain inet t c; add rule inet t c iif eth0 drop"), ("nft", "flush ruleset"), "nft: iif \"eth0\" drop"),
            (("nft", 'add table inet t; add chain inet t c; add rule inet t c iifname "et*" drop'), ("nft", "flush ruleset"), 'nft: iifname "et*" drop'),
            (("nft", "add table inet t; add set inet t s { type ifname; elements = { eth0, eth7 } }"), ("nft", "flush ruleset"), "elements"))
        for make, undo, says in cases:
            done = sandbox.run(*make, check=False)
            if make[0] == "ip" and "not supported" in done.stdout:
                self.skipTest(done.stdout)
            self.assertEqual(done.returncode, 0, (make, done.stdout))
            with self.subTest(says):
                self.create(says=(says, "--ignore-dependents"))
            sandbox.run(*undo)
        uplink.sysctl("ipv4/conf/eth0/rp_filter", "2")
        self.create(says="sysctl net.ipv4.conf.eth0.rp_filter=2")
        uplink.sysctl("ipv4/conf/eth0/rp_filter", "0")
        self.done("create", "br0", "--uplink", "eth0")

    def test_routers_of_networkd(self):
        """It has a nexthop for each router that it hears, and makes them anew on the bridge."""
        sandbox.run("ip", "nexthop", "add", "id", "7", "via", ROUTER4, "dev", "eth0", "protocol", "ra")
        self.addCleanup(sandbox.run, "ip", "nexthop", "flush", check=False)
        self.done("create", "br0", "--uplink", "eth0")

    def test_tc_filters(self):
        for parent in ("clsact", "ingress"):
            sandbox.run("tc", "qdisc", "add", "dev", "eth0", parent)
            done = sandbox.run("tc", "filter", "add", "dev", "eth0", "ingress", "prio", "1", "bpf", "da", "bytecode", "1,6 0 0 0,", check=False)
            if done.returncode == 0:
                self.create(says="tc filters")
            sandbox.run("tc", "qdisc", "del", "dev", "eth0", parent)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_other_names_do_not_count(self):
        sandbox.run("nft", "add table inet t; add chain inet t c; add rule inet t c iifname eth01 drop; add rule inet t c iifname veth0 drop; "
                           "add rule inet t c iifname eth0.5 drop; add rule inet t c iifname \"ex*\" drop")
        self.addCleanup(sandbox.run, "nft", "flush ruleset")
        self.done("create", "br0", "--uplink", "eth0")

    def test_told_to_ignore_them(self):
        sandbox.run("nft", "add table inet t; add chain inet t c; add rule inet t c iifname eth0 drop")
        self.addCleanup(sandbox.run, "nft", "flush ruleset")
        self.done("create", "br0", "--uplink", "eth0", "--ignore-dependents")

    def test_the_state(self):
        self.done("create", "br0", "--uplink", "eth0", "--confirm-within", "60s")
        with open(f"{STATE}/bridge.br0.moved", encoding="ascii") as file:
            state = file.read()
        self.refused("delete", "br0", says="not confirmed yet")
        damages = ((state[:100], "is damaged"), ("", "is damaged"), ("[]", "is damaged"), (state.replace('"routes":["', '"routes":["ff'), "is damaged"),
                   (state.replace('"boot":"', '"boot":"0'), "of another boot"))
        for text, says in damages:
            with open(f"{STATE}/bridge.br0.moved", "w", encoding="ascii") as file:
                file.write(text)
            self.refused("confirm", "br0", says=(says, "bridge.br0.moved"))
        later = state.replace('"format":1', '"format":2')
        self.is_left_to_a_later_version("moved", later, ("confirm", "br0"), ("delete", "br0"))
        with open(f"{STATE}/bridge.br0.moved", "w", encoding="ascii") as file:
            file.write(state)
        self.done("confirm", "br0")
        self.refused("confirm", "br0", says="'br0' has nothing to confirm")
        self.refused("confirm", "nosuch", says="'nosuch' has nothing to confirm")
        self.assertTrue(await_(lambda: sandbox.run("pgrep", "-f", "bridge guard", check=False).returncode != 0), "the guard stays")
        for text, says in damages:
            with open(f"{STATE}/bridge.br0.confirmed", "w", encoding="ascii") as file:
                file.write(text)
            self.refused("delete", "br0", says=(says, "--uplink"))
        self.is_left_to_a_later_version("confirmed", later, ("delete", "br0"), ("delete", "br0", "--uplink", "eth0"))
        os.unlink(f"{STATE}/bridge.br0.confirmed")
        self.refused("delete", "br0", "--uplink", "nosuch", says="no interface 'nosuch'")
        self.refused("delete", "br0", "--uplink", "lo", says="not a port of 'br0'")
        self.done("delete", "br0", "--uplink", "eth0")
        self.assertIn(HOST4 + "/24", uplink.addresses("eth0"))

    def is_left_to_a_later_version(self, phase, text, *calls):
        path = f"{STATE}/bridge.br0.{phase}"
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        for words in calls:
            done = uplink.virt_tap("bridge", *words)
            self.assertEqual((done.returncode, f"nothing was changed: {path} was written by a later virt-tap" in done.stdout or
                              f"{path} was written by a later virt-tap; 'br0' will be restored" in done.stdout), (1, True), done.stdout)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), text)

    def test_what_a_later_version_left(self):
        """A state of a bridge that is gone, and a bridge: neither replaced nor deleted."""
        os.makedirs(STATE, mode=0o755, exist_ok=True)
        for phase in ("arming", "moving", "moved", "restoring", "confirmed"):
            self.is_left_to_a_later_version(phase, '{"format":2}', ("create", "br0", "--uplink", "eth0"))
            os.unlink(f"{STATE}/bridge.br0.{phase}")
        sandbox.make_bridge("br0")
        uplink.ip("link", "set", "br0", "alias", "virt-tap v=2 uplink=eth0")
        self.refused("delete", "br0", says="'br0' was made by a later virt-tap; use that one")

    def test_a_way_out_is_not_deleted(self):
        sandbox.make_bridge("br0")
        uplink.ip("addr", "flush", "dev", "eth0")
        uplink.ip("link", "set", "eth0", "master", "br0")
        uplink.ip("addr", "add", HOST4 + "/24", "dev", "br0")
        uplink.ip("route", "add", "default", "via", ROUTER4)
        time.sleep(2.5)  # until the kernel has made the bridge's and the port's IPv6 addresses and routes
        self.refused("delete", "br0", says=("default route", "--uplink"))
        self.done("delete", "br0", "--uplink", "eth0")
        self.assertEqual(uplink.addresses("eth0"), [HOST4 + "/24"])
        self.assertRegex(uplink.ip("route"), f"default via {ROUTER4} dev eth0")


class Dhcp(BridgeCase):
    """A real client, whose lease the bridge keeps alive."""

    def setUp(self):
        super().setUp()
        uplink.ip("addr", "flush", "dev", "eth0", "scope", "global")
        uplink.ip("-6", "route", "flush", "table", "all", "via", uplink.ROUTER6)
        sandbox.write(sandbox.RUN + "/udhcpd.conf", f"start 192.0.2.50\nend 192.0.2.60\ninterface wan\nlease_file {sandbox.RUN}/leases\n"
                      "option subnet 255.255.255.0\noption router 192.0.2.1\noption lease 10\n")
        sandbox.write(sandbox.RUN + "/leases", "")
        self.server = subprocess.Popen(["ip", "netns", "exec", "router", "busybox", "udhcpd", "-f", sandbox.RUN + "/udhcpd.conf"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)
        sandbox.write(sandbox.RUN + "/script", '#!/bin/sh\n[ "$1" = bound ] || [ "$1" = renew ] || exit 0\n'
                      'ip addr replace "$ip/24" dev "$interface" valid_lft "$lease" preferred_lft "$lease"\n', mode=0o755)

    def pids(self, interface):
        return sandbox.run("pgrep", "-f", f"udhcpc .*{interface}", check=False).stdout.split()

    def test_the_client_moves_along(self):
        sandbox.run("busybox", "udhcpc", "-b", "-i", "eth0", "-s", sandbox.RUN + "/script", "-p", sandbox.RUN + "/udhcpc.eth0.pid")
        leased = uplink.addresses("eth0")
        self.assertEqual(len(leased), 1)
        self.done("create", "br0", "--uplink", "eth0")
        self.done("confirm", "br0")
        self.assertTrue(await_(lambda: self.pids("br0") and not self.pids("eth0")))
        self.assertEqual(uplink.addresses("br0"), leased)

        def renewed():
            life = [a["valid_life_time"] for a in json.loads(uplink.ip("-j", "addr", "show", "dev", "br0"))[0]["addr_info"] if a["family"] == "inet"]
            return life and life[0] >= 9

        await_(lambda: not renewed(), 5)
        self.assertTrue(await_(renewed, 15), "the lease is not kept alive")
        self.done("delete", "br0")
        self.assertTrue(await_(lambda: self.pids("eth0") and not self.pids("br0")))
        self.assertEqual(uplink.addresses("eth0"), leased)
        for pid in self.pids("eth0"):
            os.kill(int(pid), 9)


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
