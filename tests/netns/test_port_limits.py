#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What one guest cannot use up or take over, though frames of its own may cross: the bridge's multicast snooping, its place as
a multicast router's port, and the table of addresses. Run on the kernel here, which may have all limits, and by
tests/system/test_older_kernel.py on one that lacks two."""
import os
import struct
import subprocess

import bridgehelper
import linkattrs
import multicast
import netcase
import sandbox
from linkattrs import BR_HASH_MAX, BR_MAX_LEARNED, PORT_MAX_GROUPS, PORT_N_GROUPS, PORT_ROUTER
from netcase import POLICY
from sandbox import USER

BRIDGES = "/etc/virt-tap/bridges.conf"
GUEST = "52:54:00:00:00:01"
SOURCE = bytes.fromhex(GUEST.replace(":", ""))
GROUPS, ALL_GROUPS, LEARNED = 64, 65536, 16384
JOINS = 6000
PROTECTED = ("mac=lock", "isolated=yes", "mac=lock isolated=yes")


def groups4(count):
    return (bytes([239, 1, number >> 8, number & 255]) for number in range(count))


def groups6(count):
    return (bytes.fromhex("ff02" + "0" * 18 + "01ff") + number.to_bytes(3, "big") for number in range(count))


def snooping():
    with open("/sys/class/net/br0/bridge/multicast_snooping", encoding="ascii") as file:
        return int(file.read())


def routers():
    """The names of the ports that are multicast routers' now."""
    said = sandbox.run("bridge", "-d", "mdb", "show").stdout
    return [word for line in said.splitlines() if line.startswith("router ports on br0:") for word in line.split()[4:]]


class Limits(netcase.NetCase):
    def setUp(self):
        super().setUp()
        os.unlink(netcase.QEMU_ACL)
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "1")

    def guest(self, terms, *options, uid=USER):
        """A tap of a guest, once the bridge forwards for it; its descriptor and its name."""
        sandbox.write(POLICY, f"allow br0 {terms}\n")
        answer = self.grant(f"--mac={GUEST}", *options, uid=uid, vnet=False)
        name = answer.tap()[0]
        self.addCleanup(answer.close)
        self.assertTrue(bridgehelper.await_(lambda: netcase.link(name)["linkinfo"]["info_slave_data"]["state"] == "forwarding"))
        return answer, name


class Ports(Limits):
    def test_what_is_set(self):
        for terms in PROTECTED:
            answer, name = self.guest(terms)
            self.is_limited(name)
            answer.close()
        sandbox.write(POLICY, "allow br0\n")
        self.create("vtap-a", "--isolated", f"--mac={GUEST}", "--multi-queue")
        self.is_limited("vtap-a")
        self.delete("--name=vtap-a")

    def is_limited(self, name):
        port = linkattrs.port(name)
        self.assertEqual(port[PORT_ROUTER], 0)
        self.assertIn(port.get(PORT_MAX_GROUPS), (GROUPS, None))  # None: before Linux 6.3
        if PORT_MAX_GROUPS in port:
            self.assertEqual(linkattrs.bridge("br0")[BR_HASH_MAX], ALL_GROUPS)

    def test_others_are_as_the_kernel_makes_them(self):
        before = linkattrs.bridge("br0")[BR_HASH_MAX]
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "200")
        for terms in ("", "guard=yes"):
            sandbox.write(POLICY, f"allow br0 {terms}\n")
            with self.grant(f"--mac={GUEST}") as answer:
                port = linkattrs.port(answer.tap()[0])
                self.assertEqual((port[PORT_ROUTER], port.get(PORT_MAX_GROUPS, 0)), (1, 0))
        self.assertEqual(linkattrs.bridge("br0")[BR_HASH_MAX], before)

    def test_a_bridges_own_higher_limit_stays(self):
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "mcast_hash_max", str(2 * ALL_GROUPS))
        self.guest("mac=lock")[0].close()
        self.assertEqual(linkattrs.bridge("br0")[BR_HASH_MAX], 2 * ALL_GROUPS)


class Multicast(Limits):
    def queries(self, answer):
        for frame in (multicast.igmp(multicast.QUERY4, SOURCE, b""), multicast.mld(multicast.QUERY6, SOURCE, b"")):
            os.write(answer.fds[0], frame)

    def test_a_query_makes_no_router_of_a_protected_port(self):
        for terms in PROTECTED:
            answer, _ = self.guest(terms)
            self.queries(answer)
            self.assertFalse(bridgehelper.await_(routers, seconds=0.3), terms)
            answer.close()

    def test_it_does_of_another(self):
        """Shows that the test above can fail."""
        answer, name = self.guest("")
        self.queries(answer)
        self.assertTrue(bridgehelper.await_(lambda: name in routers()))
        answer.close()

    def join(self, answer, kind, groups):
        make, join = (multicast.igmp, multicast.JOIN4) if kind == 4 else (multicast.mld, multicast.JOIN6)
        for group in groups:
            os.write(answer.fds[0], make(join, SOURCE, group))

    def test_joins(self):
        """Thousands from one port; the bridge goes on snooping, and the port is in as many as it may be."""
        answer, name = self.guest("mac=lock isolated=yes")
        if PORT_MAX_GROUPS not in linkattrs.port(name):
            answer.close()  # Linux before 6.3: nothing is limited, as virt-tap check says
            return
        self.join(answer, 4, groups4(JOINS))
        self.join(answer, 6, groups6(JOINS))
        self.assertEqual(linkattrs.port(name)[PORT_N_GROUPS], GROUPS)
        self.assertEqual(snooping(), 1)
        answer.close()

    def test_joins_of_ipv6_alone(self):
        answer, name = self.guest("isolated=yes")
        if PORT_MAX_GROUPS in linkattrs.port(name):
            self.join(answer, 6, groups6(JOINS))
            self.assertEqual((snooping(), linkattrs.port(name)[PORT_N_GROUPS]), (1, GROUPS))
        answer.close()

    def test_joins_of_an_unprotected_port(self):
        """Shows that the tests above can fail; it is in the documents."""
        answer, _ = self.guest("")
        self.join(answer, 4, groups4(JOINS))
        self.assertEqual(snooping(), 0)
        answer.close()

    def test_as_many_groups_as_it_may_be_in(self):
        """A guest with 40 addresses is not hindered."""
        answer, name = self.guest("mac=lock")
        self.join(answer, 6, groups6(40))
        said = sandbox.run("bridge", "mdb", "show", "dev", "br0").stdout
        self.assertEqual(said.count(f"port {name} grp ff02::1:ff00:"), 40)
        answer.close()


class Learned(Limits):
    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: os.path.exists(BRIDGES) and os.unlink(BRIDGES))
        self.knows = BR_MAX_LEARNED in linkattrs.bridge("br0")
        sandbox.write(BRIDGES, "bridge br-lab\n")
        sandbox.write(POLICY, "allow all\n")

    def limit(self, name="br-lab"):
        return linkattrs.bridge(name).get(BR_MAX_LEARNED)

    def make(self):
        self.assertEqual(self.ask("bridge", "--bridge=br-lab").status, 0)
        self.before |= {"br-lab"}

    def test_a_declared_bridge(self):
        self.make()
        self.assertEqual(self.limit(), LEARNED if self.knows else None)
        if not self.knows:
            return
        for number, kept in ((0, LEARNED), (50000, 50000), (100, 100)):  # what an administrator chose stays
            linkattrs.limit_learning("br-lab", number)
            with self.grant(bridge="br-lab"):
                self.assertEqual(self.limit(), kept)

    def test_one_guest_does_not_fill_the_memory(self):
        self.make()
        with self.grant(bridge="br-lab", vnet=False) as answer:
            for number in range(LEARNED + 4000):
                os.write(answer.fds[0], b"\xff" * 6 + b"\x02\x10" + struct.pack("!I", number) + b"\x88\xb5" + bytes(46))
            found = sum("extern_learn" not in line and "permanent" not in line
                        for line in sandbox.run("bridge", "fdb", "show", "br", "br-lab").stdout.splitlines())
        self.assertEqual(found, LEARNED if self.knows else LEARNED + 4000)

    def test_bridge_create(self):
        cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        done = subprocess.run([cli, "bridge", "create", "br-new"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done)
        self.before |= {"br-new"}
        self.assertEqual(self.limit("br-new"), LEARNED if self.knows else None)
        with open("/sys/class/net/br-new/addr_assign_type", encoding="ascii") as file:
            self.assertEqual(file.read().strip(), "3")  # NET_ADDR_SET


if __name__ == "__main__":
    netcase.main()
