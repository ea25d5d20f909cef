#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The safe move: a NIC's network goes to a bridge and back, unharmed."""
import json
import socket
import sys
import time
import unittest

import sandbox
import uplink
from movecase import MoveCase
from rounds import rounds
from uplink import HOST4, HOST6, ROUTER4, ROUTER6, virt_tap


class There(MoveCase):
    def test_everything_moves_and_comes_back(self):
        self.create()
        self.assertEqual(uplink.addresses("eth0"), [])
        self.assertEqual(sorted(uplink.addresses("br0")),
                         sorted([HOST4 + "/24", "192.0.2.11/24", "198.51.100.7/32", HOST6 + "/64", "2001:db8::11/64"]))
        info = json.loads(uplink.ip("-j", "addr", "show", "dev", "br0"))[0]
        self.assertEqual(info["address"], "52:54:00:aa:00:01")
        self.assertIn("br0:web", [a.get("label") for a in info["addr_info"]])
        self.assertTrue(all(a.get("nodad") and not a.get("tentative") for a in info["addr_info"] if a["family"] == "inet6"))
        short = next(a for a in info["addr_info"] if a["local"] == "198.51.100.7")
        self.assertTrue(2900 < short["valid_life_time"] <= 3000 and 1900 < short["preferred_life_time"] <= 2000, short)
        routes = uplink.ip("route", "show", "table", "all") + uplink.ip("-6", "route", "show", "table", "all")
        for route in (rf"default via {ROUTER4} dev br0 metric 100 mtu 1400", r"203.0.113.0/24 via \S+ dev br0 table 77 src 192.0.2.11",
                      rf"default via {ROUTER6} dev br0 metric 512", r"2001:db8:7::/48 via \S+ dev br0 table 77"):
            self.assertRegex(routes, route)
        self.assertNotRegex(routes, r"via \S+ dev eth0")
        self.assertIn("192.0.2.99 dev br0", uplink.ip("neigh", "show", "nud", "permanent"))
        self.confirm()
        self.assertEqual(uplink.files(), ["bridge.br0.confirmed"])
        self.delete()
        self.assert_restored()

    def test_a_name_with_a_dash(self):
        """Which the guard, too, must not take for an option."""
        done = virt_tap("bridge", "create", "--uplink", "eth0", "--confirm-within", "60s", "--", "-br")
        self.assertEqual(done.returncode, 0, done.stdout)
        for verb in ("confirm", "delete"):
            done = virt_tap("bridge", verb, "--", "-br")
            self.assertEqual(done.returncode, 0, done.stdout)
        self.assert_restored()

    def test_own_address_stays_with_the_bridge(self):
        self.create("--address", "10.9.8.7/24", "--address", "2001:db8:99::1/64", "--mtu", "1400")
        self.assertIn("10.9.8.7/24", uplink.addresses("br0"))
        self.assertEqual(json.loads(uplink.ip("-j", "link", "show", "br0"))[0]["mtu"], 1400)
        self.confirm()
        self.delete()
        self.assert_restored()

    def test_settings_of_neighbours_and_routers_go_along(self):
        for key, value in (("ipv6/conf/eth0/accept_ra", "2"), ("ipv4/neigh/eth0/gc_stale_time", "77"), ("ipv4/conf/eth0/arp_ignore", "1")):
            uplink.sysctl(key, value)
        uplink.ip("link", "set", "eth0", "addrgenmode", "none")
        self.before = uplink.snapshot()
        self.create()
        for key, value in (("ipv6/conf/br0/accept_ra", "2"), ("ipv4/neigh/br0/gc_stale_time", "77"), ("ipv4/conf/br0/arp_ignore", "1"),
                           ("ipv6/conf/br0/addr_gen_mode", "1")):
            with open("/proc/sys/net/" + key, encoding="ascii") as file:
                self.assertEqual(file.read().strip(), value, key)
        self.confirm()
        self.delete()
        self.assert_restored()

    def test_disabled_ipv6_stays_disabled(self):
        uplink.sysctl("ipv6/conf/eth0/disable_ipv6", "1")
        self.before = uplink.snapshot()
        self.create()
        self.assertEqual(uplink.ip("-6", "addr", "show", "dev", "br0"), "")
        self.confirm()
        self.delete()
        self.assert_restored()

    def test_a_stream_and_a_session_go_on(self):
        with uplink.Echo(), socket.create_connection((ROUTER4, 7), 20) as session4, socket.create_connection((ROUTER6, 7), 20) as session6:
            stream = uplink.Stream()
            for act in (self.create, self.confirm, self.delete) * rounds(4, 60):
                act()
                for session in (session4, session6):
                    session.settimeout(20)
                    session.sendall(b"still there")
                    self.assertEqual(session.recv(64), b"still there")
            gap = stream.finish()
        print(f"\nlongest time without reply: {gap * 1000:.0f} ms")
        self.assertLess(gap, 1)
        self.assert_restored()

    def test_many_addresses_and_routes(self):
        batch = "".join(f"addr add 10.{i // 250}.{i % 250}.1/24 dev eth0\n" for i in range(200))
        batch += "".join(f"addr add 2001:db8:5::{i:x}/64 dev eth0 nodad\n" for i in range(1, 101))
        batch += "".join(f"route add 172.{16 + i // 250}.{i % 250}.0/24 via {ROUTER4} table {100 + i % 3}\n" for i in range(500))
        batch += "".join(f"-6 route add 2001:db8:{0x1000 + i:x}::/48 via {ROUTER6}\n" for i in range(500))
        for family in ("", "-6 "):
            lines = [line.removeprefix("-6 ") for line in batch.splitlines(True) if line.startswith("-6 ") == bool(family)]
            sandbox.run("ip", *family.split(), "-batch", "-", stdin=None, input="".join(lines))
        self.before = uplink.snapshot()
        begin = time.monotonic()
        self.create()
        print(f"\n305 addresses and 1,004 routes: {time.monotonic() - begin:.3f} s")
        self.assertEqual(len(uplink.addresses("br0")), 305)
        self.assertEqual(uplink.ip("route", "show", "table", "all", "dev", "br0").count("via " + ROUTER4), 502)
        self.assertEqual(uplink.ip("-6", "route", "show", "table", "all", "dev", "br0").count("via " + ROUTER6), 502)
        self.confirm()
        self.delete()
        self.assert_restored()

    def test_a_route_that_could_not_be_set_again(self):
        """Its gateway's subnet has no address any more: it would be lost, so nothing is begun."""
        uplink.ip("-6", "addr", "flush", "dev", "eth0", "scope", "global")
        self.before = uplink.snapshot()
        self.assertIn("via 2001:db8::1 dev eth0", uplink.ip("-6", "route"))
        self.assertIn("through 2001:db8::1 could not be set again", self.create(status=1))
        self.assert_restored()


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
