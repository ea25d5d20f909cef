#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap tap create and delete of plain taps and tuns: what tunctl and ip tuntap do, beside ip tuntap itself."""
import errno
import fcntl
import json
import os
import struct
import sys
import unittest

import bridgehelper
import sandbox
from bridgehelper import IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_TUN, IFF_VNET_HDR, attach
from sandbox import OTHER, USER, USERS


def link(name):
    found = json.loads(sandbox.run("ip", "-d", "-j", "link", "show", "dev", name).stdout)[0]
    return found, found["linkinfo"]["info_data"]


class Device(unittest.TestCase):
    def setUp(self):
        sandbox.make_bridge("br0")
        self.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)

    def tearDown(self):
        for name in sandbox.links() - {"lo"}:
            sandbox.run("ip", "link", "delete", name, check=False)  # or it went with its peer

    def virt_tap(self, *words, uid=0, status=0):
        before = sandbox.links()
        done = sandbox.run(self.cli, "tap", *words, check=False, uid=uid)
        self.assertEqual(done.returncode, status, done.stdout)
        if status:
            self.assertEqual(sandbox.links(), before)
            self.assertEqual(done.stdout.count("\n"), 1, done.stdout)
        return done.stdout

    def test_as_ip_tuntap_makes_them(self):
        """Each of ip tuntap's words, and what the kernel then says of the device."""
        user, group = ("--user", USERS[USER]), ("--group", USERS[OTHER])
        for ours, theirs in ((user, ("user", str(USER))), (user + group, ("user", str(USER), "group", str(OTHER))),
                             (group, ("group", str(OTHER))), (user + ("--vnet-hdr",), ("user", str(USER), "vnet_hdr")),
                             (user + ("--multi-queue",), ("user", str(USER), "multi_queue")), (user + ("--packet-info",), ("user", str(USER), "pi")),
                             (("--user=4242",), ("user", "4242"))):
            for mode in ("tap", "tun"):
                with self.subTest(ours=ours, mode=mode):
                    self.assertEqual(self.virt_tap("create", "mine", "--mode", mode, *ours), "")
                    sandbox.run("ip", "tuntap", "add", "dev", "theirs", "mode", mode, *theirs)
                    (one, info), (other, same) = link("mine"), link("theirs")
                    self.assertEqual(info, same)
                    self.assertEqual([one[key] for key in ("flags", "mtu", "link_type")], [other[key] for key in ("flags", "mtu", "link_type")])
                    self.virt_tap("delete", "mine")
                    self.virt_tap("delete", "theirs")
        self.assertEqual(sandbox.links(), {"lo", "br0"})

    def test_who_may_open_it(self):
        self.virt_tap("create", "a0", "--user", USERS[USER])
        self.virt_tap("create", "g0", "--group", USERS[USER])
        self.virt_tap("create", "n0")  # ip tuntap's would be anybody's
        self.virt_tap("create", "m0", f"--user={USER}", "--multi-queue", "--vnet-hdr")
        self.virt_tap("create", "t0", f"--user={USER}", "--mode=tun")
        for name, flags, users in (("a0", IFF_TAP, {USER}), ("g0", IFF_TAP, {USER}), ("n0", IFF_TAP, set()),
                                   ("m0", IFF_TAP | IFF_MULTI_QUEUE | IFF_VNET_HDR, {USER}), ("t0", IFF_TUN, {USER})):
            for uid in (USER, OTHER):
                self.assertEqual(attach(name, flags | IFF_NO_PI, uid), 0 if uid in users else errno.EPERM, (name, uid))

    def test_on_a_bridge(self):
        """The old recipe: tunctl, ip link set up, brctl addif."""
        self.virt_tap("create", "tap0", "--user", USERS[USER], "--bridge", "br0")
        found, _ = link("tap0")
        self.assertEqual((found["master"], found["inet6_addr_gen_mode"], "UP" in found["flags"]), ("br0", "none", True))
        self.assertTrue(found["address"].startswith("fe:"), found["address"])
        self.virt_tap("create", "tap1", "--mac=52:54:00:12:34:56", "--up")
        found, _ = link("tap1")
        self.assertEqual((found["address"], found.get("master"), "UP" in found["flags"]), ("52:54:00:12:34:56", None, True))
        self.virt_tap("create", "tap2")
        self.assertNotIn("UP", link("tap2")[0]["flags"])

    def test_refusals(self):
        self.virt_tap("create", "tap0")
        sandbox.run("ip", "link", "add", "dummy0", "type", "veth")
        for words, says in ((("create", "tap0"), "'tap0' is taken"), (("create", "dummy0"), "'dummy0' is taken"), (("create", "br0", "--user=0"), "is taken"),
                            (("create", "tap1", "--user=nosuch"), "no such user"), (("create", "tap1", "--user="), "no such user"),
                            (("create", "tap1", "--group=nosuch"), "no such group"), (("create", "tap1", "--user=4294967295"), "no such user"),
                            (("create", "tap1", "--bridge=nosuch"), "no such interface"), (("create", "tap1", "--bridge=dummy0"), "not a bridge"),
                            (("create", "tap1", "--bridge=" + 20 * "b"), "no such interface"),
                            (("delete", "nosuch"), "does not exist"), (("delete", "dummy0"), "neither a tap nor a tun"),
                            (("delete", 20 * "x"), "does not exist"),
                            (("delete", ""), "does not exist")):
            with self.subTest(words=words):
                self.assertIn(says, self.virt_tap(*words, status=1))
        for words, says in ((("create", "tap1", "--mode=bridge"), "--mode=tap|tun: 'bridge' is not one of these"),
                            (("create", "tun1", "--mode=tun", "--bridge=br0"), "a tun carries IP packets"),
                            (("create", "tun1", "--mode=tun", "--mac=52:54:00:00:00:01"), "a tun carries IP packets"),
                            (("create", "tap1", "--mac=53:54:00:00:00:01"), "not a MAC"), (("create", "tap1", "--mac=5"), "not a MAC"),
                            (("create", "tap%d"), "not a name for an interface"), (("create", 16 * "t"), "not a name for an interface"),
                            (("create", ""), "not a name for an interface"), (("create", "a/b"), "not a name for an interface"),
                            (("create", "tap1", "--domain=x"), "begin with vtap-"),
                            (("create", "tap1", "--vlan=100"), "begin with vtap-"), (("create", "tap1", "--native=none"), "begin with vtap-"),
                            (("create", "vtap-1", "--bridge=br0", "--mode=tun"), "--mode=tun is for plain devices"),
                            (("create", "vtap-1", "--bridge=br0", "--group=x"), "--group is for plain devices"),
                            (("create", "vtap-1", "--bridge=br0", "--packet-info"), "--packet-info is for plain devices")):
            with self.subTest(words=words):
                self.assertIn(says, self.virt_tap(*words, status=2))

    def test_not_root(self):
        self.virt_tap("create", "tap0", f"--user={USER}")
        self.assertIn("a plain device, which requires root", self.virt_tap("create", "tap1", uid=USER, status=1))
        self.assertIn("requires root", self.virt_tap("delete", "tap0", uid=USER, status=1))

    def test_one_in_use(self):
        self.virt_tap("create", "tap0")
        self.virt_tap("create", "mq0", "--multi-queue")
        for name, flags in (("tap0", IFF_TAP), ("mq0", IFF_TAP | IFF_MULTI_QUEUE)):
            fd = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(fd, bridgehelper.TUNSETIFF, struct.pack("16sH22x", name.encode(), flags | IFF_NO_PI))
            self.assertIn("is in use", self.virt_tap("delete", name, status=1))
            self.virt_tap("delete", name, "--force")
            os.close(fd)
        self.assertEqual(sandbox.links(), {"lo", "br0"})

    def test_nothing_half_made(self):
        """The bridge takes no more ports; there is no device to make one by."""
        pairs = "".join(f"link add a{i} master br0 type veth peer name b{i}\nlink set b{i} master br0\n" for i in range(512))
        done = sandbox.run("ip", "-force", "-batch", "-", input=pairs, check=False)
        self.assertIn("full", done.stdout)  # at the last of 1,024
        self.assertIn("cannot be set up, and was removed again", self.virt_tap("create", "tap1", "--bridge=br0", status=1))
        os.rename("/dev/net/tun", "/dev/net/gone")
        try:
            self.assertIn("cannot open /dev/net/tun", self.virt_tap("create", "tap1", "--bridge=br0", status=1))
        finally:
            os.rename("/dev/net/gone", "/dev/net/tun")
        sandbox.run("ip", "-batch", "-", input="".join(f"link delete a{i}\n" for i in range(512)))


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
