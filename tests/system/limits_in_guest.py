#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What a Linux without the limits of multicast groups (6.3) and learned addresses (6.7) grants, and what check says of it;
and multicast snooping in each VLAN. Run by test_older_kernel.py on such a kernel."""
import json
import os
import subprocess

import bridgehelper
import linkattrs
import multicast
import netcase
import sandbox
from linkattrs import BR_MAX_LEARNED, PORT_MAX_GROUPS, PORT_ROUTER
from sandbox import USER
from test_port_limits import Limits, SOURCE, snooping


class WithoutTheLimits(Limits):
    def check(self):
        """What check net finds, by identifier."""
        cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        done = bridgehelper.run([cli, "check", "net", "--json"], USER, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return {finding["id"]: finding for finding in json.loads(done.stdout)["findings"]}

    def says(self):
        found = self.check()
        for name, version in (("net.limit.addresses", "6.7"), ("net.limit.groups", "6.3")):
            self.assertEqual(found[name]["level"], "warning")
            self.assertIn(os.uname().release, found[name]["seen"])
            self.assertIn(version, found[name]["fix"][0])

    def test_a_grant_stands_and_check_tells(self):
        if BR_MAX_LEARNED in linkattrs.bridge("br0"):  # a release whose kernel has both
            self.assertEqual({"net.limit.addresses", "net.limit.groups"} & set(self.check()), set())
            return
        self.says()  # of a bridge without ports
        answer, name = self.guest("mac=lock isolated=yes")
        port = linkattrs.port(name)
        self.assertEqual((port[PORT_ROUTER], port.get(PORT_MAX_GROUPS)), (0, None))
        self.says()
        answer.close()


class EachVlan(Limits):
    """The bridge snoops in each VLAN, where each port has a setting for each."""

    def setUp(self):
        super().setUp()
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1", "mcast_vlan_snooping", "1")
        for vlan in ("1", "100"):
            sandbox.run("bridge", "vlan", "add", "vid", vlan, "dev", "br0", "self")
            sandbox.run("bridge", "vlan", "global", "set", "vid", vlan, "dev", "br0", "mcast_snooping", "1")

    def router(self, terms):
        """Whether a tap by such a rule is a multicast router's after a query, in its VLAN: the setting, and the state."""
        answer, name = self.guest(terms)
        for frame in (multicast.igmp(multicast.QUERY4, SOURCE, b""), multicast.mld(multicast.QUERY6, SOURCE, b"")):
            os.write(answer.fds[0], frame)
        vlan, = json.loads(sandbox.run("bridge", "-json", "-d", "vlan", "show", "dev", name).stdout)[0]["vlans"]
        state = bridgehelper.await_(lambda: name in sandbox.run("bridge", "-d", "vlan", "global", "show", "dev", "br0").stdout, seconds=0.3)
        answer.close()
        return vlan["vlan"], vlan["mcast_router"], bool(state)

    def test_a_protected_port(self):
        self.assertEqual(self.router("mac=lock"), (1, 0, False))
        self.assertEqual(self.router("isolated=yes"), (1, 0, False))
        self.assertEqual(self.router("mac=lock isolated=yes vlan=100"), (100, 0, False))

    def test_another(self):
        """Shows that the test above can fail."""
        self.assertEqual(self.router("vlan=100"), (100, 1, True))

    def test_each_vlan_of_a_trunk(self):
        answer, name = self.guest("isolated=yes vlan=100,200-210,300 native=205")
        vlans = json.loads(sandbox.run("bridge", "-json", "-d", "vlan", "show", "dev", name).stdout)[0]["vlans"]
        found = {vlan: entry["mcast_router"] for entry in vlans for vlan in range(entry["vlan"], entry.get("vlanEnd", entry["vlan"]) + 1)}
        self.assertEqual(found, {vlan: 0 for vlan in (100, *range(200, 211), 300)})
        answer.close()

    def test_snooping_in_each_vlan_that_begins_later(self):
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "mcast_vlan_snooping", "0")
        answer, name = self.guest("mac=lock vlan=100")
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "mcast_vlan_snooping", "1")
        vlan, = json.loads(sandbox.run("bridge", "-json", "-d", "vlan", "show", "dev", name).stdout)[0]["vlans"]
        self.assertEqual((vlan["mcast_router"], snooping()), (0, 1))
        answer.close()


if __name__ == "__main__":
    netcase.main()
