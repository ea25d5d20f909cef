#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap setup for more users: on the bridge that is there, many at once, of other name services, with odd names and homes."""
import os
import shutil
import sys
import unittest

import brokerhost
import namescase
import nathost
import rounds
import sandbox
import setupcase
from netcase import POLICY
from sandbox import USER
from setupcase import ALICE, BOB, HELPER, HOMES, RECORD, BridgeCase, UplinkCase, files
from uplink import virt_tap


def record(*lines):
    sandbox.write(RECORD, "".join(line + "\n" for line in ("virt-tap-setup 1", *lines)), mode=0o600)


class There(UplinkCase):
    """Whoever comes later is put on the bridge that setup made, whatever else it would make now."""

    def test_nat(self):
        for name in ("br-nat", "nat7"):
            sandbox.make_bridge(name)
            sandbox.write(f"/etc/virt-tap/nat/{name}.conf", "# as bridge persist --nat\n")
        record("bridge nat7")
        said = self.set_up(BOB, "--dry-run", says=("bridge nat7 exists", f"echo 'allow nat7 user={BOB}'"))
        self.assertNotIn("br0", said)
        self.assertIn("bridge nat7 exists", virt_tap("setup", BOB, "--dry-run", "--nat").stdout)
        self.set_up(BOB, "--dry-run", "--uplink=eth0", says="persist br0 --uplink=eth0")
        self.set_up(BOB, "--dry-run", "--bridge=br-nat", says="allow br-nat ")
        record("bridge br0", "bridge nat9")  # neither is there
        self.set_up(BOB, "--dry-run", says="persist br0 --uplink=eth0")

    def test_uplink(self):
        """Likewise one with the uplink that is asked for."""
        sandbox.make_bridge("br7")
        sandbox.batch("ip", "link add eth7 type veth peer name eth8", "link set eth7 master br7")
        record("bridge br7")
        self.set_up(BOB, "--dry-run", "--uplink=eth7", says=("bridge br7 exists", f"echo 'allow br7 user={BOB}'"))


class Advice(UplinkCase):
    """What `bridge persist` would refuse is known before anybody is asked, and what it says to type is said with what it belongs to."""

    def test_option(self):
        command = "`virt-tap bridge persist br0 --uplink=eth0 --apply`: run that with "
        sandbox.run("nft", "add table inet mine; add chain inet mine in { type filter hook input priority 0; }; add rule inet mine in iifname eth0 accept")
        self.addCleanup(sandbox.run, "nft", "flush", "ruleset")
        self.refused(ALICE, "--yes", says=(
            "cannot  bridge br0", "          these name 'eth0' and would stop matching: nft: iifname \"eth0\" accept; make them name 'br0', or give ",
            f"--ignore-dependents; that is an option of {command}it, and then setup again"))
        sandbox.run("nft", "flush", "ruleset")
        sandbox.run("ip", "route", "add", "203.0.113.0/24", "dev", "eth0", "table", "77")
        self.refused(ALICE, "--yes", says=("cannot  bridge br0", f"; --lossy goes on without it; that is an option of {command}it, and then setup again"))

    def test_for_now(self):
        """Likewise of a bridge that is there, but is not made again at each start."""
        virt_tap("bridge", "create", "br0", "--uplink=eth0")
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.addCleanup(virt_tap, "bridge", "delete", "br0")
        self.set_up(ALICE, "--dry-run", says=("bridge br0 is made again at each start", "virt-tap bridge persist br0\n"))
        sandbox.run("ip", "route", "add", "203.0.113.0/24", "dev", "br0", "table", "77")
        self.refused(ALICE, "--yes", says=("cannot  bridge br0", "an option of `virt-tap bridge persist br0`: run that with it, and then setup again"))

    if rounds.THOROUGH:  # takes half a minute
        def test_a_program_that_hangs(self):
            """What it is, and not only that something did."""
            sandbox.write(f"{sandbox.RUN}/nft", "#!/bin/sh\nexec sleep 100\n", mode=0o755)
            sandbox.run("mount", "--bind", f"{sandbox.RUN}/nft", "/usr/sbin/nft")
            self.addCleanup(sandbox.run, "umount", "/usr/sbin/nft")
            self.refused(ALICE, "--yes", says=("cannot  bridge br0", "nft did not finish within 30 s and was killed"))

    def test_zone(self):
        """firewalld has rules that name a NIC which is bound to a zone."""
        self.addCleanup(sandbox.run, "nft", "flush", "ruleset")
        nathost.firewalld(self)
        self.set_up(ALICE, "--dry-run", says="to do   bridge br0")
        sandbox.run("firewall-cmd", "--zone=public", "--change-interface=eth0")
        self.refused(ALICE, "--yes", says=("cannot  bridge br0", 'iifname "eth0" goto filter_IN_public'))
        sandbox.run("firewall-cmd", "--zone=public", "--change-interface=br0")
        self.set_up(ALICE, "--dry-run", says="to do   bridge br0")


class Users(BridgeCase):
    def setUp(self):
        super().setUp()
        for path in ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf"):
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    self.addCleanup(sandbox.write, path, file.read())

    def add(self, uid, name, home=None):
        """A user in /etc/passwd."""
        home = home or f"/run/vt/home-{uid}"
        os.makedirs(home, exist_ok=True)
        os.chown(home, uid, uid)
        self.addCleanup(shutil.rmtree, home, True)
        with open("/etc/passwd", "a", encoding="utf-8") as file:
            file.write(f"{name}:x:{uid}:{uid}::{home}:/bin/sh\n")

    def allowed(self, name):
        self.assertEqual(virt_tap("policy", "explain", f"--user={name}", "--bridge=br7").returncode, 0)

    def test_twenty(self):
        """In one go; and as many as it takes have room in the plan."""
        before = files()
        names = [f"u{uid}" for uid in range(5000, 5000 + rounds.rounds(20, 64))]
        for number, name in enumerate(names):
            self.add(5000 + number, name)
        self.assertEqual(self.set_up(*names, "--bridge=br7", "--dry-run").count("allow br7 "), len(names))
        self.set_up(*names[:20], "--bridge=br7", "--yes")
        for name in names[:20]:
            self.assertIn(name, sandbox.run("getent", "group", "kvm").stdout)
        with open(POLICY, encoding="utf-8") as file:
            self.assertEqual([line.split("=")[1] for line in file.read().splitlines() if "user=" in line], names[:20])
        self.allowed(names[19])
        self.set_up("--undo", "--yes", says="everything that setup did is taken back")
        self.assertEqual({path: data for path, data in files().items() if "home-" not in path}, before)
        self.set_up(*(f"n{number}" for number in range(65)), "--dry-run", status=2, says="at most 64 users")

    def test_names(self):
        """Those that are plain words work; others are refused by name, before anything is done."""
        for uid, name in ((5000, "a.b"), (5001, "Carol"), (5002, "d-e_f"), (5003, "g@h.example"), (5004, "1i")):
            self.add(uid, name)
            self.set_up(name, "--bridge=br7", "--yes")
            self.allowed(name)
        self.set_up("--undo", "--yes", says="everything that setup did is taken back")
        for name, says in (("pc$", "needs quotes"), ("a%sb", "'a%sb'"), ("-x", "needs quotes"), ("+x", "needs quotes"),
                           ("DOM\\al", "needs quotes"), ("", "needs quotes")):
            with self.subTest(name):
                self.add(5010, name or "x")
                self.refused("--bridge=br7", "--yes", "--", name, says=says)

    def test_other_service(self):
        """A user who is not in /etc/passwd, as of LDAP, joins the group, too."""
        namescase.install_second()
        sandbox.write("/etc/second/passwd", f"ldap.user:x:5100:5100::{HOMES[USER]}:/bin/sh\n")
        sandbox.write("/etc/second/group", "")
        self.addCleanup(shutil.rmtree, "/etc/second")
        os.chown(HOMES[USER], 5100, 5100)
        sandbox.write("/etc/nsswitch.conf", "passwd: files second\ngroup: files second\n")
        before = files()
        self.set_up("ldap.user", "--bridge=br7", "--yes")
        self.assertIn("ldap.user", sandbox.run("getent", "group", "kvm").stdout)
        self.allowed("ldap.user")
        self.set_up("--undo", "--yes", says="everything that setup did is taken back")
        self.assertEqual(files(), before)

    def test_group_fails(self):
        """A group that cannot be changed, as one of LDAP: all else is done."""
        program = os.path.realpath("/usr/bin/gpasswd")
        sandbox.write(f"{sandbox.RUN}/fails", "#!/bin/sh\necho no such group >&2\nexit 3\n", mode=0o755)
        sandbox.run("mount", "--bind", f"{sandbox.RUN}/fails", program)
        try:
            self.set_up(ALICE, BOB, "--bridge=br7", "--yes", status=1, says=("no such group", "2 of the commands for single users failed", "all else was done"))
        finally:
            sandbox.run("umount", program)
        self.allowed(ALICE)
        self.allowed(BOB)
        self.set_up(ALICE, BOB, "--bridge=br7", "--yes")
        self.assertIn("kvm", sandbox.run("id", "-nG", BOB).stdout.split())
        self.set_up("--undo", "--yes")

    def test_broker(self):
        """--undo turns it off only if its unit was off before."""
        brokerhost.with_systemd(self, HELPER)
        enabled = ("systemctl", "--quiet", "is-enabled", "virt-tap-broker.socket")
        self.set_up(ALICE, "--bridge=br7", "--broker", "--yes", says="+ virt-tap broker enable")
        self.set_up("--undo", "--yes", says="+ virt-tap broker disable")
        self.assertNotEqual(sandbox.run(*enabled, check=False).returncode, 0)
        sandbox.write(brokerhost.FLAG, "")  # enabled, and does not run
        self.set_up(ALICE, "--bridge=br7", "--broker", "--yes", says="+ virt-tap broker enable")
        self.assertNotIn("broker", self.set_up("--undo", "--yes"))
        self.assertEqual(sandbox.run(*enabled, check=False).returncode, 0)


if __name__ == "__main__":
    setupcase.enter()
    namescase.install_second()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
