#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Bridges on demand: made as bridges.conf declares them, by whoever comes first; finished by whoever comes next."""
import os
import struct

import bridgehelper
import linkattrs
import netcase
import sandbox
from netcase import POLICY
from ondemandcase import ADDRESSES, addresses, BRIDGES, OnDemand, WHOLE
from sandbox import OTHER, USER


class Made(OnDemand):
    def test_whole_with_the_first_tap(self):
        with self.grant(bridge="br-lab") as answer:
            link = self.is_whole()
            tap = netcase.link(answer.tap()[0])
            self.assertEqual((tap["master"], tap["mtu"]), ("br-lab", 1400))
            self.assertTrue(tap["linkinfo"]["info_slave_data"]["isolated"])
        self.assertEqual(self.is_whole()["ifindex"], link["ifindex"])  # it stays, and is not made again
        with self.grant(bridge="br-lab"):
            self.assertEqual(self.is_whole()["ifindex"], link["ifindex"])
        made, granted, again = self.said()
        self.assertEqual(made, f"made for uid {USER}: bridge br-lab by {POLICY}:1, as {BRIDGES}:1 declares it")
        for line in (granted, again):
            self.assertRegex(line, r"^granted to uid \d+: tap vtap-0 on bridge br-lab")

    def test_by_each_verb(self):
        self.create("vtap-a", bridge="br-lab")
        self.is_whole()
        self.assertEqual(netcase.link("vtap-a")["master"], "br-lab")
        self.delete("--name=vtap-a")
        self.remove()
        self.make()
        self.is_whole()
        self.make()
        self.assertEqual(len(self.said()), 4)

    def test_options(self):
        sandbox.write(BRIDGES, "# the lab\n\nbridge br-lab\tmac=02:00:00:00:66:01 stp=yes \n")
        link = self.make()
        info = link["linkinfo"]["info_data"]
        self.assertEqual((link["address"], link["mtu"], info["stp_state"], info["forward_delay"]),
                         ("02:00:00:00:66:01", 1500, 1, 1500))
        self.assertEqual(addresses("br-lab"), [])
        with self.grant(bridge="br-lab") as answer:
            self.assertFalse(netcase.link(answer.tap()[0])["linkinfo"]["info_slave_data"]["isolated"])
        self.remove()
        sandbox.write(BRIDGES, "bridge br-lab stp=yes forward_delay=4\n")
        self.assertEqual(self.make()["linkinfo"]["info_data"]["forward_delay"], 400)

    def test_its_mac_is_its_own_and_stays(self):
        first = self.make()["address"]
        for _ in range(2):
            with self.grant(bridge="br-lab"):
                self.assertEqual(netcase.link("br-lab")["address"], first)
        self.remove()
        self.assertEqual(self.make()["address"], first)
        self.remove()
        sandbox.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        other = self.make()["address"]
        self.remove()
        os.unlink("/etc/machine-id")
        boot = self.make()["address"]  # a host without: this boot's number
        self.remove()
        sandbox.write("/etc/machine-id", "uninitialized\n")
        self.assertEqual(self.make()["address"], boot)
        os.unlink("/etc/machine-id")
        self.assertEqual(len({first, other, boot}), 3)
        os.mkdir("/etc/machine-id")
        self.remove()
        self.denied("bridge", "--bridge=br-lab", says=["br-lab", "machine-id", "mac=MAC"])
        os.rmdir("/etc/machine-id")
        sandbox.write(BRIDGES, "bridge br-lab\nbridge br-lab2\n")
        macs = set()
        for name in ("br-lab", "br-lab2"):
            self.assertEqual(self.ask("bridge", f"--bridge={name}").status, 0)
            macs.add(netcase.link(name)["address"])
        sandbox.run("ip", "link", "delete", "br-lab2")
        self.assertEqual(len(macs), 2, "two bridges of a host have one MAC")

    def test_the_mtu_outlives_the_ports(self):
        """The kernel gives a bridge 1,500 again with its last port, unless the MTU was set once it was there."""
        with self.grant(bridge="br-lab"):
            pass
        self.assertTrue(bridgehelper.await_(lambda: not any(name.startswith("vtap-") for name in sandbox.links())))
        self.assertEqual(netcase.link("br-lab")["mtu"], 1400)

    def test_an_mtu_too_small_for_ipv6(self):
        sandbox.write(BRIDGES, "bridge br-lab mtu=1000 address=10.66.0.1/24\n")
        self.assertEqual(self.make()["mtu"], 1000)
        self.make()

    def test_without_ipv6(self):
        sandbox.run("sysctl", "-w", "net.ipv6.conf.default.disable_ipv6=1")
        sandbox.write(BRIDGES, "bridge br-lab address=10.66.0.1/24\n")
        self.make()
        self.assertEqual(addresses("br-lab"), ["10.66.0.1/24"])
        self.remove()
        sandbox.write(BRIDGES, WHOLE)
        self.is_refusal(self.ask("bridge", "--bridge=br-lab"), says=[f"{BRIDGES}:1", "second address"])
        sandbox.run("sysctl", "-w", "net.ipv6.conf.default.disable_ipv6=0")


class Advertisements(OnDemand):
    PREFIX = bytes.fromhex("fd990000000000000000000000000000")

    def frame(self):
        """A router advertisement with a prefix to make addresses of, and a default route."""
        source, group = (bytes.fromhex(text) for text in ("fe80" + "0" * 27 + "9", "ff02" + "0" * 27 + "1"))
        body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
        body += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 7200, 3600, 0) + self.PREFIX
        total = sum(struct.unpack(f"!{(40 + len(body)) // 2}H", source + group + struct.pack("!II", len(body), 58) + body))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        body = body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:]
        return (bytes.fromhex("333300000001" "525400000009" "86dd") + struct.pack("!IHBB", 6 << 28, len(body), 58, 255) +
                source + group + body)

    def advertise(self, bridge):
        """A guest does so, often; returns whether the host took it, be it the address or the route."""
        def taken():
            os.write(answer.fds[0], self.frame())
            return "fd99" in sandbox.run("ip", "-6", "addr").stdout or "default" in sandbox.run("ip", "-6", "route").stdout
        with self.grant(bridge=bridge, vnet=False) as answer:
            return bridgehelper.await_(taken, seconds=2)

    def test_a_guest_cannot_configure_the_host(self):
        self.assertTrue(self.advertise("br0"), "an ordinary bridge takes it: the test's own frame is no good")
        sandbox.run("ip", "link", "delete", "br0")
        self.before -= {"br0"}
        self.assertFalse(self.advertise("br-lab"))

    def test_what_was_set_again_is_mended(self):
        self.make()
        for key in ("accept_ra", "autoconf"):
            sandbox.run("sysctl", "-w", f"net.ipv6.conf.br-lab.{key}=1")
            self.make()
            self.is_whole()
        self.assertIn("router advertisements accepted", self.said()[-1])

    def test_where_it_cannot_be_switched_off(self):
        """As in containers, where /proc/sys is not to be written."""
        sandbox.run("mount", "--bind", "/proc/sys", "/proc/sys")
        sandbox.run("mount", "-o", "remount,bind,ro", "/proc/sys")
        try:
            self.refuse_and_keep(says=[f"{BRIDGES}:1", "router advertisements", "Read-only"])
            self.assertNotIn("UP", netcase.link("br-lab")["flags"])
        finally:
            sandbox.run("umount", "/proc/sys")
        self.make()
        self.is_whole()

    def refuse_and_keep(self, says):
        self.is_refusal(self.call(bridge="br-lab"), says)
        self.assertEqual(sandbox.links() - self.before, {"br-lab"})


class HalfMade(OnDemand):
    def test_whatever_is_missing_is_mended(self):
        mac = self.make()["address"]
        for words, command in (
                ("second address, down", "ip link set br-lab down"),  # with which the kernel drops those of IPv6
                ("alias, second address, down", "ip link set br-lab down alias ''"), ("mtu", "ip link set br-lab mtu 1500"),
                ("second address", f"ip addr del {ADDRESSES[1]} dev br-lab"), ("address", f"ip addr del {ADDRESSES[0]} dev br-lab")):
            self.said()
            sandbox.run("sh", "-c", command)
            with self.grant(bridge="br-lab"):
                self.is_whole()
            self.assertEqual(self.said()[0],
                             f"completed for uid {USER}: bridge br-lab by {POLICY}:1, as {BRIDGES}:1 declares it: {words}")
        self.remove()
        # a moment after it was made
        sandbox.run("ip", "link", "add", "br-lab", "address", mac, "type", "bridge", "forward_delay", "0")
        with self.grant(bridge="br-lab"):
            self.is_whole()

    def test_one_that_somebody_else_made_is_used_as_it_is(self):
        sandbox.make_bridge("br-lab", "stp_state", "1")
        limited = linkattrs.BR_MAX_LEARNED in linkattrs.bridge("br-lab")  # Linux 6.7
        sandbox.run("ip", "addr", "add", ADDRESSES[1], "dev", "br-lab")
        before = (netcase.state(), addresses("br-lab"))
        self.make()
        self.assertEqual((netcase.state(), addresses("br-lab")), before)
        self.assertEqual(self.said(), [
            f"bridge br-lab, used for uid {USER} as it is, differs from {BRIDGES}:1: "
            "router advertisements accepted, mtu, address, " + ("learned addresses not limited, " if limited else "") + "mac, stp, forward_delay"])
        with self.grant(bridge="br-lab") as answer:  # the ports are ours: isolated, whoever made the bridge
            self.assertTrue(netcase.link(answer.tap()[0])["linkinfo"]["info_slave_data"]["isolated"])

    def test_one_with_the_mac_of_a_users_tap_is_used_as_it_is(self):
        """A bridge without a MAC of its own takes the lowest of its ports', and a tap's holder may choose that."""
        mac = self.make()["address"]
        self.remove()
        self.said()
        sandbox.run("ip", "link", "add", "br-lab", "type", "bridge")
        sandbox.run("ip", "link", "set", "br-lab", "up")
        self.addCleanup(sandbox.run, "ip", "link", "delete", "br-lab", check=False)
        with self.grant(bridge="br-lab") as answer:
            sandbox.run("ip", "link", "set", answer.tap()[0], "address", mac)
            self.assertEqual(netcase.link("br-lab")["address"], mac)
            before = (netcase.link("br-lab")["mtu"], addresses("br-lab"))
            self.make()
            self.assertEqual((netcase.link("br-lab")["mtu"], addresses("br-lab")), before)
        self.assertNotIn("completed", "".join(self.said()))

    def test_one_of_a_command_is_used_as_it_is(self):
        mac = self.make()["address"]
        self.remove()
        self.said()
        cli = os.path.join(os.path.dirname(netcase.HELPER), "../cli/virt-tap-bridge")
        sandbox.run(cli, "bridge", "create", "br-lab", "--mtu=9000", "--address=10.99.0.1/24")
        self.addCleanup(sandbox.run, "ip", "link", "delete", "br-lab", check=False)
        self.assertEqual(netcase.link("br-lab")["address"], mac)
        before = (netcase.state(), addresses("br-lab"))
        self.make()
        self.assertEqual((netcase.state(), addresses("br-lab")), before)
        self.assertIn("used for uid", self.said()[0])

    def test_one_of_ours_that_was_changed_is_used_as_it_is(self):
        self.make()
        self.said()
        sandbox.run("ip", "link", "set", "br-lab", "type", "bridge", "stp_state", "1")
        self.make()
        self.assertEqual(netcase.link("br-lab")["linkinfo"]["info_data"]["stp_state"], 1)
        self.assertEqual(len(said := self.said()), 1)
        self.assertRegex(said[0], rf"differs from {BRIDGES}:1: stp")


class Refused(OnDemand):
    """One line, the cause, the remedy, and nothing changed. What the file may say is tested in tests/unit/test_bridges.c."""

    def refused(self, says, bridge="br-lab"):
        self.refuse(bridge=bridge, says=says)
        self.denied("bridge", f"--bridge={bridge}", says=says)
        self.denied("create", f"--bridge={bridge}", "--name=vtap-a", says=says)

    def test_the_policy_is_asked_first(self):
        sandbox.write(POLICY, f"allow br-lab user={OTHER}\n")
        self.refused(says="no rule")
        sandbox.write(POLICY, "allow all\ndeny br-lab\n")
        self.refused(says=f"{POLICY}:2 denies bridge 'br-lab'")

    def test_the_terms_of_a_tap_are_none_of_a_bridges(self):
        sandbox.write(POLICY, "allow br-lab macs=52:54:00 mac=lock\n")
        self.refuse(bridge="br-lab", says="--mac")
        self.make()
        self.is_whole()

    def test_what_is_not_declared(self):
        self.refused(bridge="br-other", says=["no bridge 'br-other'", BRIDGES])
        os.unlink(BRIDGES)
        self.refused(says=["no bridge 'br-lab'", BRIDGES])
        self.assertEqual(self.ask("bridge", "--bridge=br0").status, 0)  # it is there: nothing to do

    def test_files_that_do_not_count(self):
        for text, says in (("bridge br-lab colour=red\n", f"{BRIDGES}:1: unknown bridge option 'colour='"),
                           ("bridge br-a address=10.0.0.1/8\nbridge br-b address=10.66.0.1/24\n", f"{BRIDGES}:2: the address"),
                           ("nonsense\n", f"{BRIDGES}:1: ")):
            sandbox.write(BRIDGES, text)
            for bridge in ("br-lab", "br0"):  # br0 could be declared isolated behind the error
                self.refused(bridge=bridge, says=says)
        for how in ({"mode": 0o666}, {"uid": USER}):
            sandbox.write(BRIDGES, WHOLE, **how)
            self.refused(says=[BRIDGES, "root"])
        sandbox.write(BRIDGES, WHOLE, mode=0o600)
        self.refused(says=[BRIDGES, "cannot be read by this user", "chmod"])
        os.rename(BRIDGES, BRIDGES + ".real")
        os.symlink(BRIDGES + ".real", BRIDGES)
        self.refused(says=[BRIDGES, "symbolic link"])
        os.unlink(BRIDGES)
        os.unlink(BRIDGES + ".real")
        os.mkdir(BRIDGES)
        self.refused(says=[BRIDGES, "folder"])
        os.rmdir(BRIDGES)

    def test_names_of_other_devices(self):
        sandbox.run("ip", "link", "add", "br-lab", "type", "veth", "peer", "name", "veth-b")
        self.refused(says=["'br-lab'", f"{BRIDGES}:1", "another kind: veth"])
        self.remove()
        sandbox.run("ip", "link", "property", "add", "dev", "br0", "altname", "br-lab")
        self.refused(says=["'br-lab'", f"{BRIDGES}:1", "alternative name of 'br0'"])
        sandbox.run("ip", "link", "property", "del", "dev", "br0", "altname", "br-lab")

    def test_usage(self):
        for words, says in ((["bridge"], "--bridge=BRIDGE"), (["bridge", "--bridge=br-lab", "--name=vtap-a"], "does not take the option"),
                            (["bridge", "--bridge=br-lab", "--fd=3"], "does not take the option"), (["bridge", "br-lab"], "no such option")):
            self.denied(*words, says=says, status=2)


if __name__ == "__main__":
    netcase.main()
