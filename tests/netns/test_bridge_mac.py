#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The host's own MAC on a bridge: no tap that is granted changes it, and check and policy check warn where a tap's holder can."""
import fcntl
import json
import os
import shlex
import struct
import subprocess

import netcase
import sandbox
from netcase import POLICY
from sandbox import OTHER, USER

SIOCSIFHWADDR = 0x8924
BRIDGES = "/etc/virt-tap/bridges.conf"
FIRST = "52:54:00:00:00:0b"
LOWER = ("52:54:00:00:00:0a", "02:00:00:00:00:01", "00:00:00:00:00:02", "fc:ff:ff:ff:ff:fe", "52:00:00:00:00:00")


def address(name):
    with open(f"/sys/class/net/{name}/address", encoding="ascii") as file:
        return file.read().strip()


def assign_type(name):
    with open(f"/sys/class/net/{name}/addr_assign_type", encoding="ascii") as file:
        return int(file.read())


class BridgeMac(netcase.NetCase):
    """br1 is as `ip link add` makes it: it takes the lowest MAC of its ports'."""

    def setUp(self):
        super().setUp()
        self.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        sandbox.run("ip", "link", "add", "br1", "type", "bridge", "stp_state", "0", "forward_delay", "0")
        while address("br1") >= "fe:":  # a random one, which a tap would not lower
            sandbox.run("ip", "link", "del", "br1")
            sandbox.run("ip", "link", "add", "br1", "type", "bridge", "stp_state", "0", "forward_delay", "0")
        sandbox.run("ip", "link", "set", "br1", "up")
        self.before |= {"br1"}
        sandbox.write(POLICY, "allow all\n")

    def virt_tap(self, *words, status=0):
        done = subprocess.run([self.cli, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout


class Granted(BridgeMac):
    def test_a_bridge_of_taps_keeps_its_mac(self):
        with self.grant(f"--mac={FIRST}", bridge="br1", uid=OTHER):
            before = address("br1")
            self.assertEqual(before, "fe:54:00:00:00:0b")
            for mac in LOWER:
                for words in ((), ("--use-vnet",)):
                    with self.grant(f"--mac={mac}", *words, bridge="br1") as answer:
                        self.is_sound(answer.tap()[0], mac, before)
            for _ in range(20):  # a random one
                with self.grant(bridge="br1") as answer:
                    self.is_sound(answer.tap()[0], None, before)
            for mac in ("fe:00:00:00:00:0b", "fe:54:00:00:00:0b", "FE:ff:ff:ff:ff:ff"):
                self.refuse(f"--mac={mac}", bridge="br1", says="begins with fe")

    def is_sound(self, tap, guest, before):
        """The tap's own MAC is none that a guest can have, and the bridge's is as before."""
        self.assertRegex(address(tap), "^fe:")
        self.assertNotEqual(address(tap), guest)
        self.assertEqual(address("br1"), before)

    def test_taps_that_stay(self):
        self.create("vtap-a", f"--mac={FIRST}", bridge="br1", uid=OTHER)
        before = address("br1")
        for number, mac in enumerate(LOWER):
            self.create(f"vtap-{number}", f"--mac={mac}", "--multi-queue", bridge="br1")
            self.is_sound(f"vtap-{number}", mac, before)
        listed = json.loads(self.virt_tap("list", "--json"))
        self.assertTrue(not any(any(tap["changed"].values()) for tap in listed), listed)
        for name in ("vtap-a", *(f"vtap-{number}" for number in range(len(LOWER)))):
            self.delete(f"--name={name}", uid=0)

    def test_an_uplinks_mac_stays(self):
        sandbox.run("ip", "link", "add", "eth0", "address", "52:54:00:aa:00:01", "type", "veth", "peer", "name", "wan")
        self.before |= {"eth0", "wan"}
        sandbox.run("ip", "link", "set", "eth0", "master", "br1", "up")
        for mac in LOWER:
            with self.grant(f"--mac={mac}", bridge="br1") as answer:
                self.is_sound(answer.tap()[0], mac, "52:54:00:aa:00:01")

    def test_plain_devices(self):
        """Of root's own: tap create without policy."""
        for _ in range(20):
            self.virt_tap("tap", "create", "tap0", "--bridge=br1")
            before = address("br1")
            self.virt_tap("tap", "create", "tap1", "--bridge=br1")
            self.is_sound("tap1", None, before)
            for name in ("tap1", "tap0"):
                self.virt_tap("tap", "delete", name)
        self.virt_tap("tap", "create", "tap0", "--bridge=br1")
        self.assertIn("'br1' would take it as its own", self.virt_tap("tap", "create", "tap1", "--bridge=br1", "--mac=02:00:00:00:00:01", status=1))
        self.assertIn("not a MAC that a device may have", self.virt_tap("tap", "create", "tap1", "--mac=00:00:00:00:00:00", status=2))
        self.virt_tap("tap", "create", "tap1", "--bridge=br0", "--mac=02:00:00:00:00:01")  # whose MAC is fixed
        self.assertEqual((address("tap1"), address("br0")), ("02:00:00:00:00:01", "52:54:00:77:00:fe"))
        for name in ("tap1", "tap0"):
            self.virt_tap("tap", "delete", name)


class Warned(BridgeMac):
    def found(self, *words):
        """What check finds of a bridge's MAC."""
        done = subprocess.run([self.cli, "check", "net", "--json", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        return [finding for finding in json.loads(done.stdout)["findings"] if finding["id"] == "net.bridge.mac"]

    def policy_warnings(self):
        return [line for line in self.virt_tap("policy", "check").splitlines() if "is not fixed" in line]

    def test_a_holder_changes_it_and_both_warn(self):
        with self.grant(f"--mac={FIRST}", bridge="br1") as answer:
            fcntl.ioctl(answer.fds[0], SIOCSIFHWADDR, struct.pack("16sH6s16x", answer.tap()[0].encode(), 1, bytes([0, 0, 0, 0, 0, 2])))
            self.assertEqual(address("br1"), "00:00:00:00:00:02")
            finding, = self.found("--bridge=br1")
            self.assertEqual(finding["level"], "warning")
            self.assertIn("br1 is not fixed", finding["seen"])
            self.assertEqual(finding["fix"][0], "ip link set dev br1 address 00:00:00:00:00:02")
            for words in ("bridge_hw", "MACAddress=", "cloned-mac-address", "netplan"):
                self.assertIn(words, finding["fix"][1])
            line, = self.policy_warnings()
            self.assertTrue(line.startswith(f"{POLICY}:1: warning: the MAC of bridge 'br1' is not fixed"), line)
            self.assertIn("ip link set dev br1 address 00:00:00:00:00:02", line)
            # the command ends it
            sandbox.run(*shlex.split(finding["fix"][0]))
            self.assertEqual((self.found("--bridge=br1"), self.policy_warnings()), ([], []))
            fcntl.ioctl(answer.fds[0], SIOCSIFHWADDR, struct.pack("16sH6s16x", answer.tap()[0].encode(), 1, bytes([0, 0, 0, 0, 0, 1])))
            self.assertEqual(address("br1"), "00:00:00:00:00:02")

    def test_a_bridge_whose_last_port_is_gone(self):
        """It has no MAC at all: the command gives it one."""
        with self.grant(f"--mac={FIRST}", bridge="br1"):
            pass
        self.assertEqual(address("br1"), "00:00:00:00:00:00")
        command, hint = self.found("--bridge=br1")[0]["fix"]
        self.assertRegex(command, r"^ip link set dev br1 address [0-9a-f][26ae](:[0-9a-f]{2}){5}$")
        self.assertIn("MACAddress=" + command.split()[-1], hint)
        sandbox.run(*shlex.split(command))
        self.assertEqual(self.found("--bridge=br1"), [])
        self.assertNotEqual(address("br1"), "00:00:00:00:00:00")

    def test_which_bridges_a_policy_is_warned_of(self):
        for text, lines in (("allow br0\n", []), ("allow br0\nallow br1\n", [2]), (f"allow br1 user={USER}\nallow all\n", [1]),
                            ("allow all\ndeny br1\n", []), (f"allow all\ndeny br1 user={OTHER}\n", [1]), ("allow br9\n", []),
                            ("deny all\nallow br1\n", []), ("allow br1 mac=lock\n", [1])):
            sandbox.write(POLICY, text)
            self.assertEqual([int(line.split(":")[1]) for line in self.policy_warnings()], lines, text)
        self.virt_tap("policy", "check", "--strict", status=3)
        os.unlink(POLICY)
        sandbox.write(netcase.QEMU_ACL, "allow br1\n")
        self.assertEqual(len(self.policy_warnings()), 1)

    def test_a_name_that_a_shell_would_run(self):
        sandbox.run("ip", "link", "set", "br1", "down", "name", "b;reboot")
        self.before = self.before - {"br1"} | {"b;reboot"}
        self.assertRegex(self.found("--bridge=b;reboot")[0]["fix"][0], r"^ip link set dev 'b;reboot' address ")
        self.assertIn("ip link set dev 'b;reboot' address ", self.policy_warnings()[0])


class Ours(BridgeMac):
    def test_bridges_that_we_make_have_a_fixed_one(self):
        sandbox.write(BRIDGES, "bridge br-lab\nbridge br-own mac=02:00:00:00:66:01\n")
        self.addCleanup(os.unlink, BRIDGES)
        for name in ("br-lab", "br-own"):
            self.assertEqual(self.ask("bridge", f"--bridge={name}").status, 0)
        self.virt_tap("bridge", "create", "br-new")
        names = ("br-lab", "br-own", "br-new")
        self.before |= set(names)
        for name in names:
            before = address(name)
            self.assertEqual(assign_type(name), 3)
            with self.grant("--mac=02:00:00:00:00:00", bridge=name) as answer:
                fcntl.ioctl(answer.fds[0], SIOCSIFHWADDR, struct.pack("16sH6s16x", answer.tap()[0].encode(), 1, bytes([0, 0, 0, 0, 0, 2])))
                self.assertEqual(address(name), before)
            self.assertEqual(address(name), before)


if __name__ == "__main__":
    netcase.main()
