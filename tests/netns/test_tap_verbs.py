#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The command's verbs tap and list, as an ordinary user calls them."""
import fcntl
import json
import os
import struct
import subprocess
import time

import bridgehelper
import netcase
import sandbox
from netcase import POLICY
from sandbox import OTHER, USER, USERS

UUID = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3"
RUNNING = "0c0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c4"

NO_HELPER = ("cannot start /nonexistent/helper: No such file or directory; install the package virt-tap, or run `./dev install` in virt-tap's "
             "source\n")


class VerbCase(netcase.NetCase):
    def setUp(self):
        super().setUp()
        self.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)

    def virt_tap(self, *words, uid=USER, status=0, helper=None):
        done = sandbox.run(self.cli, *words, check=False, env={"VIRT_TAP_HELPER": helper or self.helper}, uid=uid)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout


class Verbs(VerbCase):
    def test_create_and_delete(self):
        self.assertEqual(self.virt_tap("tap", "create", "vtap-a", "--bridge", "br0", "--multi-queue", "--vnet-hdr",
                                       "--mac=52:54:00:00:00:01", "--domain", UUID), "")
        tap = netcase.link("vtap-a")
        self.assertEqual((tap["master"], tap["address"], tap["ifalias"]),
                         ("br0", "fe:54:00:00:00:01", f"virt-tap v=1 uid={USER} domain={UUID} stays mac=fe:54:00:00:00:01"))
        info = tap["linkinfo"]["info_data"]
        self.assertTrue(info["multi_queue"] and info["vnet_hdr"] and info["persist"])
        self.assertIn(f"belongs to uid {USER}", self.virt_tap("tap", "delete", "vtap-a", "--force", uid=OTHER, status=1))
        self.assertEqual(self.virt_tap("tap", "delete", "vtap-a"), "")

    def test_addresses(self):
        sandbox.write(POLICY, "allow br0 mac=lock ip=lock ips=10.66.0.0/16\n")
        addresses = [f"--ip=10.66.1.{number}" for number in range(1, 65)]
        self.virt_tap("tap", "create", "vtap-a", "--bridge=br0", "--mac=52:54:00:00:00:01", *addresses)
        self.assertEqual(sum(name.startswith("virt-tap-ip.br0.") for name in netcase.link("vtap-a")["altnames"]), 64)
        self.virt_tap("tap", "delete", "vtap-a")
        self.assertIn("64 addresses are given already", self.virt_tap("tap", "create", "vtap-a", "--bridge=br0", "--ip", "10.66.0.1", *addresses, status=1))
        self.assertIn("too many", self.virt_tap("tap", "create", "vtap-a", "--bridge=br0", *addresses, *addresses, status=2))
        self.assertIn("--ip is only for taps on a bridge", self.virt_tap("tap", "create", "tap0", "--ip=10.66.1.5", uid=0, status=2))

    def test_locked_by_request(self):
        self.virt_tap("tap", "create", "vtap-a", "--bridge=br0", "--mac=52:54:00:00:00:01", "--lock=ip", "--ip=10.66.1.5", "--serve", "dhcp")
        self.assertTrue(netcase.link("vtap-a")["linkinfo"]["info_slave_data"]["locked"])
        self.assertIn("virt-tap-ip.br0.0a420105", netcase.link("vtap-a")["altnames"])
        self.virt_tap("tap", "delete", "vtap-a")
        for option, says in (("--lock=yes", "--lock must be mac, or ip"), ("--serve=dns", "--serve must be dhcp, dhcpv6, ra, or")):
            self.assertIn(says, self.virt_tap("tap", "create", "vtap-a", "--bridge=br0", option, status=2))
        for option in ("--lock=mac", "--serve=ra"):
            self.assertIn(f"{option.partition('=')[0]} is only for taps on a bridge", self.virt_tap("tap", "create", "tap0", option, uid=0, status=2))

    def test_for_another_user(self):
        for owner in (USERS[USER], str(USER)):
            self.virt_tap("tap", "create", "--bridge=br0", "--owner", owner, "vtap-a", uid=0)
            self.assertEqual(netcase.link("vtap-a")["linkinfo"]["info_data"]["user"], USERS[USER])
            self.virt_tap("tap", "delete", "vtap-a", uid=0)
        for owner in ("nosuchuser", ""):
            self.assertIn("no such user", self.virt_tap("tap", "create", "vtap-a", "--bridge=br0", "--owner", owner, uid=0, status=1))
        self.assertIn("only root", self.virt_tap("tap", "create", "vtap-a", "--bridge=br0", f"--owner={OTHER}", status=1))

    def test_refusals_are_the_helpers(self):
        said = self.virt_tap("tap", "create", "vtap-a", "--bridge=br1", status=1)
        self.assertRegex(said, r"\Avirt-tap-helper: there is no bridge 'br1' on this host, and no rule [^\n]+ br1\n\Z")

    def test_usage(self):
        for words, says in ((["tap"], "no verb"), (["tap", "make"], "no verb 'make'"), (["nonsense"], "no verb 'nonsense'"), ([], "no verb"),
                            (["tap", "create", "vtap-a"], "--bridge=BRIDGE"), (["tap", "create", "--bridge=br0"], "an argument is missing"),
                            (["tap", "create", "vtap-a", "vtap-b", "--bridge=br0"], "unexpected argument 'vtap-b'"),
                            (["tap", "create", "vtap-a", "--bridge=br0", "--bridge=br1"], "--bridge is given twice"),
                            (["tap", "create", "vtap-a", "--bogus"], "bogus"), (["tap", "delete"], "an argument is missing"),
                            (["tap", "delete", "vtap-a", "--bridge=br0"], "bridge"), (["list", "vtap-a"], "'vtap-a'"),
                            (["list", "--bogus"], "bogus"), (["list", "--json=1"], "takes no value"),
                            (["gc", "--wait"], "--wait requires a value: --wait=SECONDS"),
                            (["tap", "create", "vtap-a", "--user=0", "--owner=0"], "--user and --owner exclude each other")):
            self.assertIn(says, self.virt_tap(*words, status=2))

    def test_help(self):
        for words in (["--help"], ["help"], ["tap", "--help"], ["tap", "create", "--help"], ["list", "-h"]):
            self.assertTrue(self.virt_tap(*words).startswith("Usage: virt-tap"))
        self.assertIn("No space left", sandbox.run("sh", "-c", f"{self.cli} help 2>&1 >/dev/full", check=False).stdout)

    def test_no_helper(self):
        self.assertEqual(self.virt_tap("tap", "delete", "vtap-a", status=1, helper="/nonexistent/helper"), f"virt-tap tap delete: {NO_HELPER}")
        self.assertEqual(self.virt_tap("tap", "delete", "vtap-a", status=1, helper="/etc/passwd"),
                         "virt-tap tap delete: cannot start /etc/passwd: Permission denied; `virt-tap check helper` tries it\n")

    def test_list(self):
        self.assertEqual(self.virt_tap("list"), "No virt-tap taps.\n")
        self.assertEqual(json.loads(self.virt_tap("list", "--json")), [])
        sandbox.write(POLICY, "allow br0 quota=4\n")
        sandbox.run("ip", "tuntap", "add", "vtap-x", "mode", "tap")
        self.create("vtap-b", "--multi-queue", f"--domain={UUID}", "--mac=52:54:00:00:00:01")
        self.create("vtap-10", uid=OTHER)
        with self.grant("--name=vtap-2"):
            listed = json.loads(self.virt_tap("list", "--json"))
            table = self.virt_tap("list").splitlines()
        self.assertEqual([tap["name"] for tap in listed], ["vtap-2", "vtap-10", "vtap-b"])
        self.assertIn(listed[2]["state"], ("forwarding", "disabled"))  # the kernel takes its time to hear that the carrier is gone
        self.assertEqual(listed[2] | {"state": "disabled"}, {
            "name": "vtap-b", "ifindex": sandbox.ifindex("vtap-b"), "role": "tap", "kind": "tun", "bridge": "br0", "mac": "fe:54:00:00:00:01",
            "mtu": 1500, "carrier": False, "state": "disabled", "owner": {"uid": USER, "name": USERS[USER]}, "tun_owner": None, "domain": UUID,
            "domain_name": None, "claim": netcase.link("vtap-b")["altnames"][0], "changed": {"mac": False, "owner": False, "persistence": False},
            "protection": [], "vlan": None, "tagged": [], "bound": None, "filter": None, "held": False, "multi_queue": True, "queues": 0, "vnet_hdr": False,
            "persistent": True})
        self.assertEqual([(tap["held"], tap["persistent"], tap["owner"]["uid"], tap["queues"]) for tap in listed],
                         [(True, False, USER, 1), (False, True, OTHER, 0), (False, True, USER, 0)])
        self.assertEqual([line.split()[:4] for line in table],
                         [["NAME", "BRIDGE", "OWNER", "HELD"], ["vtap-2", "br0", "vmuser", "yes"], ["vtap-10", "br0", "vmother", "no"],
                          ["vtap-b", "br0", "vmuser", "no"]])
        sandbox.run("ip", "link", "set", "vtap-b", "nomaster")
        self.assertIsNone(json.loads(self.virt_tap("list", "--json"))[1]["bridge"])
        self.delete("--name=vtap-b")
        self.delete("--name=vtap-10", uid=OTHER)
        sandbox.run("ip", "link", "delete", "vtap-x")

    def test_list_shows_protection_and_what_was_changed(self):
        sandbox.write(POLICY, "allow br0 mac=lock isolated=yes\n")
        with self.grant("--mac=52:54:00:00:00:01") as answer:
            self.assertIn(" isolated,mac=lock ", self.virt_tap("list"))
            fcntl.ioctl(answer.fds[0], bridgehelper.TUNSETPERSIST, 1)
            fcntl.ioctl(answer.fds[0], bridgehelper.TUNSETOWNER, OTHER)
            mac = struct.pack("16sH6s16x", b"vtap-0", 1, bytes.fromhex("fe5400000002"))
            fcntl.ioctl(answer.fds[0], 0x8924, mac)  # SIOCSIFHWADDR
        tap = json.loads(self.virt_tap("list", "--json"))[0]
        self.assertEqual((tap["protection"], tap["vlan"]), (["isolated", "mac=lock"], None))
        self.assertEqual(tap["changed"], {"mac": True, "owner": True, "persistence": True})
        self.assertIn(" mac,owner,persistence ", self.virt_tap("list"))
        self.delete("--name=vtap-0")


class Gc(VerbCase):
    """What is left behind goes, and nothing else."""

    def setUp(self):
        super().setUp()
        sandbox.write(netcase.QEMU_ACL, "allow br0\n")
        self.run_dir = "/run/libvirt/qemu"
        sandbox.write(f"{self.run_dir}/g1.xml", f"<domstatus><domain><uuid>{RUNNING}</uuid></domain></domstatus>")
        self.session_dir = f"/run/user/{USER}/libvirt/qemu/run"
        sandbox.write(f"{self.session_dir}/g1.xml", f"<domstatus><domain><uuid>{RUNNING}</uuid></domain></domstatus>")

    def tearDown(self):
        sandbox.run("rm", "-rf", "/run/libvirt", "/run/user")
        super().tearDown()

    def gc(self, *options, **more):
        return sorted(self.virt_tap("gc", "--wait=0", *options, **more).splitlines())

    def test_domains(self):
        self.create("vtap-gone", f"--domain={UUID}")
        self.create("vtap-runs", f"--domain={RUNNING}")
        self.create("vtap-held", f"--domain={UUID}")
        self.create("vtap-mine")
        self.create("vtap-other", f"--domain={UUID}", uid=OTHER)
        self.create("vtap-root", f"--domain={UUID}", uid=0)
        self.create("vtap-rootruns", f"--domain={RUNNING}", uid=0)
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, bridgehelper.TUNSETIFF, struct.pack("16sH22x", b"vtap-held", 0x1002))
        before = sandbox.links()
        reason = "nobody holds it, and its domain is not running"
        self.assertEqual(self.gc("--dry-run"), ["vtap-gone: would be removed: nobody seems to hold it, and its domain is not running"])
        self.assertIn(f"virt-tap gc: {NO_HELPER}", self.virt_tap("gc", "--wait=0", status=1, helper="/nonexistent/helper"))
        self.assertEqual(sandbox.links(), before)
        self.assertEqual(self.gc(), [f"vtap-gone: removed: {reason}"])
        self.assertEqual(sandbox.links(), before - {"vtap-gone"})
        self.assertEqual(self.gc("--all"), ["vtap-mine: removed: nobody holds it"])
        self.assertEqual(self.gc(uid=0), [f"vtap-other: removed: {reason}", f"vtap-root: removed: {reason}"])
        os.close(fd)
        self.assertEqual(self.gc(uid=0), [f"vtap-held: removed: {reason}"])
        self.assertEqual(sandbox.links() - self.before, {"vtap-runs", "vtap-rootruns"})
        self.assertEqual(self.gc("--all", uid=0), [])
        for name in ("vtap-runs", "vtap-rootruns"):
            self.delete(f"--name={name}", uid=0)

    def test_state_that_cannot_be_read_is_no_reason_to_remove(self):
        self.create("vtap-a", f"--domain={UUID}")
        for path in (self.session_dir, os.path.dirname(self.session_dir)):
            os.chmod(path, 0o700)
            self.assertEqual(self.gc(), [])
            os.chmod(path, 0o755)
        os.chmod(f"{self.session_dir}/g1.xml", 0o600)
        self.assertEqual(self.gc(), [])
        os.unlink(f"{self.session_dir}/g1.xml")
        self.assertEqual(len(self.gc()), 1)

    def test_looks_twice(self):
        """A tap that somebody takes between the two looks stays."""
        self.create("vtap-a", f"--domain={UUID}")
        process = subprocess.Popen([self.cli, "gc", "--wait=1"], env={"VIRT_TAP_HELPER": self.helper}, stdout=subprocess.PIPE)
        time.sleep(0.5)
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, bridgehelper.TUNSETIFF, struct.pack("16sH22x", b"vtap-a", 0x1002))
        self.assertEqual(process.communicate(timeout=20)[0], b"")
        os.close(fd)
        self.delete("--name=vtap-a")

    def test_usage(self):
        for words, says in ((["--wait=x"], "not 'x'"), (["--wait=3601"], "from 0 to 3600"), (["vtap-a"], "'vtap-a'"), (["--bogus"], "bogus")):
            self.assertIn(says, self.virt_tap("gc", *words, status=2))


if __name__ == "__main__":
    netcase.main()
