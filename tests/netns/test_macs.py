#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A guest's MAC is one guest's: no second tap of ours gets it, whatever a holder does to his own, and no host's is given away."""
import fcntl
import socket
import struct
import unittest

import netcase
import sandbox
from bridgehelper import await_
from sandbox import OTHER

ONE, TWO = "52:54:00:00:00:0a", "52:54:00:00:00:0b"
TOP = "52:54:00:99:00:01"
TIMERS = dict.fromkeys(("hold_timer", "message_age_timer", "forward_delay_timer"))
SIOCSIFHWADDR, ARPHRD_ETHER = 0x8924, 1


def octets(mac):
    return bytes.fromhex(mac.replace(":", ""))


def set_mac(fd, mac):
    fcntl.ioctl(fd, SIOCSIFHWADDR, struct.pack("16sH14s8x", b"", ARPHRD_ETHER, octets(mac)))


def entry(mac):
    """What the bridge's table says of that MAC, in one line."""
    return sandbox.run("bridge", "fdb", "get", mac, "br", "br0", check=False).stdout.strip()


class Macs(netcase.NetCase):
    def setUp(self):
        super().setUp()
        sandbox.write(netcase.POLICY, "allow br0 mac=lock\nallow br1\n")

    def test_two_taps(self):
        """Held, persistent, locked or not: the second is refused; on another bridge it is not, and not when the first is gone."""
        for policy in ("allow br0 mac=lock\nallow br1\n", "allow br0\nallow br1\n"):
            sandbox.write(netcase.POLICY, policy)
            sandbox.make_bridge("br1")
            self.before = sandbox.links()
            with self.grant(f"--mac={ONE}") as answer:
                claims = netcase.link(answer.tap()[0])["altnames"]
                self.assertIn("virt-tap-mac.br0.52540000000a", claims)
                shows = "ip link show dev virt-tap-mac.br0.52540000000a"
                self.refuse(f"--mac={ONE}", uid=OTHER, says=["--mac", "another tap on bridge 'br0'", f"`{shows}` shows it"])
                self.assertIn(answer.tap()[0], sandbox.run(*shows.split()).stdout)
                self.refuse("--mac=52:54:00:00:00:0A", says="another tap")
                with self.grant(f"--mac={ONE}", bridge="br1"), self.grant(f"--mac={TWO}", uid=OTHER):
                    pass
            self.create("vtap-a", f"--mac={ONE}")
            self.refuse(f"--mac={ONE}", uid=OTHER, says="another tap")
            self.delete("--name=vtap-a")
            self.grant(f"--mac={ONE}", uid=OTHER).close()
            sandbox.run("ip", "link", "delete", "br1")

    def test_a_holder_cannot_make_the_bridge_forget(self):
        """Setting one's own MAC to a neighbour's removes the neighbour's entry; his claim stays."""
        with self.grant(f"--mac={ONE}", uid=OTHER), self.grant(f"--mac={TWO}") as mine:
            for mac in (ONE, "fe" + TWO[2:]):
                set_mac(mine.fds[0], mac)
            self.assertNotIn("dev ", entry(ONE))
            self.refuse(f"--mac={ONE}", says="another tap")

    def test_what_is_local_on_the_bridge(self):
        """The host's own MAC, an uplink's, and that of a guest of libvirt's own taps."""
        sandbox.run("ip", "link", "add", "up0", "address", "52:54:00:11:22:33", "type", "veth", "peer", "name", "wan0")
        sandbox.run("ip", "link", "add", "vnet0", "address", "fe:54:00:44:55:66", "type", "veth", "peer", "name", "wan1")
        for port in ("up0", "vnet0"):
            sandbox.run("ip", "link", "set", port, "master", "br0", "up")
        self.before = sandbox.links()
        for policy in ("allow br0 mac=lock\n", "allow br0\n"):
            sandbox.write(netcase.POLICY, policy)
            self.refuse("--mac=52:54:00:77:00:fe", says=["--mac", "'br0'", "has that MAC itself"])
            self.refuse("--mac=52:54:00:11:22:33", says=["--mac", "'up0'", "has that MAC itself"])
            self.refuse("--mac=52:54:00:44:55:66", says=["--mac", "'vnet0'", "speaks for a guest"])
            self.grant("--mac=52:54:00:44:55:67").close()
        for port in ("up0", "vnet0"):
            sandbox.run("ip", "link", "delete", port)
        self.before = sandbox.links()

    def test_the_bridges_own_where_its_entry_is_gone(self):
        sandbox.run("bridge", "fdb", "del", "52:54:00:77:00:fe", "dev", "br0", "self", check=False)
        sandbox.run("bridge", "fdb", "flush", "dev", "br0", check=False)  # what iproute2 calls it from 6.1 on
        self.assertIn("not found", entry("52:54:00:77:00:fe"))
        for policy in ("allow br0 mac=lock\n", "allow br0\n"):
            sandbox.write(netcase.POLICY, policy)
            self.refuse("--mac=52:54:00:77:00:fe", says=["--mac", "'br0'", "has that MAC itself"])

    def test_of_an_interface_on_top_of_the_bridge(self):
        """Also of a container's, which has it in a network namespace of its own; its name is not known here then."""
        for name, mac in (("top0", TOP), ("top1", "52:54:00:99:00:02")):
            sandbox.run("ip", "link", "add", "link", "br0", "name", name, "address", mac, "type", "macvlan", "mode", "bridge")
        sandbox.run("ip", "netns", "add", "container")
        self.addCleanup(sandbox.run, "ip", "netns", "delete", "container")
        sandbox.run("ip", "link", "set", "top0", "netns", "container", "up")
        sandbox.run("ip", "-n", "container", "link", "set", "top0", "up")
        sandbox.run("ip", "link", "set", "top1", "up")
        self.before = sandbox.links()
        for policy in ("allow br0 mac=lock\nallow br1\n", "allow br0\nallow br1\n"):
            sandbox.write(netcase.POLICY, policy)
            for mac in (TOP, "52:54:00:99:00:02"):
                self.refuse(f"--mac={mac}", says=["--mac", "an interface on top of bridge 'br0' has that MAC", "give the guest another"])
            self.grant("--mac=52:54:00:99:00:03").close()
            sandbox.make_bridge("br1")
            self.before = sandbox.links()
            self.grant(f"--mac={TOP}", bridge="br1").close()
            sandbox.run("ip", "link", "delete", "br1")
            self.before = sandbox.links()
        sandbox.run("ip", "link", "delete", "top1")
        sandbox.run("ip", "-n", "container", "link", "delete", "top0")
        self.grant(f"--mac={TOP}").close()
        self.before = sandbox.links()

    def test_a_frame_does_not_move_it(self):
        """From an unlocked port, with the locked guest's source."""
        sandbox.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "wan0")
        for words in (("up0", "master", "br0", "up"), ("wan0", "up")):
            sandbox.run("ip", "link", "set", *words)
        self.before = sandbox.links()
        with self.grant(f"--mac={ONE}") as answer, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            name = answer.tap()[0]
            self.assertRegex(entry(ONE), f"dev {name} .*sticky.*static")
            wire.bind(("wan0", 0))
            wire.send(octets("ffffffffffff") + octets(TWO) + b"\x88\xb5" + bytes(46))
            self.assertTrue(await_(lambda: "dev up0" in entry(TWO)), entry(TWO))  # frames do arrive, and are learnt
            wire.send(octets("ffffffffffff") + octets(ONE) + b"\x88\xb5" + bytes(46))
            wire.send(octets("ffffffffffff") + octets("525400000001") + b"\x88\xb5" + bytes(46))
            self.assertTrue(await_(lambda: "dev up0" in entry("52:54:00:00:00:01")))  # so that one was handled
            self.assertIn(f"dev {name} ", entry(ONE))
        sandbox.run("ip", "link", "delete", "up0")
        self.before = sandbox.links()

    def test_firewall_flush_leaves_protection(self):
        """What protects is no firewall rule: flushing all of them, as reloads do, changes nothing."""
        with self.grant(f"--mac={ONE}") as answer:
            name = answer.tap()[0]
            before = netcase.link(name)["linkinfo"]["info_slave_data"]
            sandbox.run("nft", "add", "table", "ip", "some")
            sandbox.run("nft", "flush", "ruleset")
            after = netcase.link(name)["linkinfo"]["info_slave_data"]
            self.assertEqual((before["locked"], before["learning"]), (True, False))
            self.assertEqual({**before, **TIMERS}, {**after, **TIMERS})
            self.assertRegex(entry(ONE), f"dev {name} .*sticky.*static")


if __name__ == "__main__":
    sandbox.enter()
    unittest.main()
