#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Processes that are none of the host's DHCP clients, whatever they call themselves: nothing of theirs is started, ended or believed."""
import contextlib
import os
import shutil
import sys
import time
import unittest

import bridgehelper
import dhcpcase
import sandbox
import uplink
from bridgehelper import become
from dhcpcase import HOME, PLACE, DhcpCase
from sandbox import RUN, USER
from uplink import virt_tap

NAMES = {"dhclient": ("dhclient", "eth0", "br0"), "dhcpcd": ("dhcpcd: eth0 [ip4]",), "udhcpc": ("udhcpc", "-i", "eth0"),
         "busybox": ("busybox", "udhcpc", "-i", "eth0")}
ROOT = RUN + "/root"  # a root folder of its own, with the host's programs


class Impostors(DhcpCase):
    def setUp(self):
        super().setUp()
        self.pids = []

    def impostor(self, *argv, executable, **more):
        """Runs that program before this returns, and is not the test's to end."""
        process = self.spawn(argv, executable, cwd="/", **more)
        self.assertTrue(bridgehelper.await_(lambda: self.runs(process.pid)), argv)
        self.pids.append(process.pid)

    @staticmethod
    def runs(pid):
        """The fake client or what has made namespaces for it, past its exec."""
        return bridgehelper.await_(lambda: os.readlink(f"/proc/{pid}/exe") != os.path.realpath(sys.executable), 5)

    def in_namespace(self, *words, argv=("dhclient", "eth0", "br0")):
        """Root's, by a program that makes a namespace first."""
        self.spawn((*words, "sh", "-c", f'exec {PLACE}/"$0" "$@"', *argv), None)
        self.assertTrue(bridgehelper.await_(dhcpcase.started), words)
        self.pids.append(self.outer(words))
        os.unlink(dhcpcase.STARTED)

    @staticmethod
    def clients():
        """Those that run, by their numbers here; a client may have another in its namespace."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # a kernel thread, or gone
                if os.readlink(f"/proc/{pid}/exe") == PLACE + "/dhclient":
                    found.append(int(pid))
        return found

    def outer(self, words):
        """The one client, once that before it has ended."""
        assert bridgehelper.await_(lambda: len(self.clients()) == 1), (words, self.clients())
        return self.clients()[0]

    def nothing_happens(self):
        """create, confirm and delete, and the guard: nothing is started or ended, and persist writes what it would without."""
        said = self.virt_tap("create", "br0", "--uplink", "eth0")
        self.assertIn("will expire", said)  # there is no client
        self.virt_tap("confirm", "br0")
        self.virt_tap("delete", "br0")
        self.virt_tap("create", "br0", "--uplink", "eth0", "--confirm-within", "8s")
        self.assertTrue(bridgehelper.await_(lambda: not uplink.files() and "br0" not in sandbox.links(), 20), uplink.files())
        self.assertEqual(dhcpcase.started(), [])
        for pid in self.pids:
            self.assertTrue(dhcpcase.alive(pid), "it was ended")

    def test_users_own_program(self):
        for name, argv in NAMES.items():
            self.impostor(*argv, executable=dhcpcase.install(name, HOME, uid=USER), preexec_fn=lambda: become(USER))
        self.nothing_happens()

    def test_the_hosts_program_run_by_a_user(self):
        for name in ("dhclient", "dhcpcd", "udhcpc"):
            self.impostor(*NAMES[name], executable=f"{PLACE}/{name}", preexec_fn=lambda: become(USER))
        self.nothing_happens()

    def test_not_roots_throughout(self):
        """As a setuid program has it, and one that has given up its effective uid."""
        for uids in ((USER, 0, 0), (0, USER, 0)):
            self.impostor("dhclient", "eth0", "br0", executable=f"{PLACE}/dhclient", preexec_fn=lambda uids=uids: os.setresuid(*uids))
        self.forget(1)  # by what is root effectively
        self.nothing_happens()

    def test_a_program_elsewhere(self):
        """Root's process, and root's file even; but nothing that we know the way to."""
        self.impostor("dhclient", "eth0", "br0", executable=dhcpcase.install("dhclient", RUN))
        self.impostor("dhclient", "eth0", "br0", executable=dhcpcase.install("dhclient.real"))
        self.impostor("sh", "eth0", "br0", executable=f"{PLACE}/dhclient")
        self.forget()
        self.nothing_happens()

    def forget(self, count=None):
        """What the impostors that may have written down."""
        self.assertTrue(bridgehelper.await_(lambda: len(dhcpcase.started()) == (count or len(self.pids))), dhcpcase.started())
        os.unlink(dhcpcase.STARTED)

    def test_programs_that_others_can_write(self):
        for spoil in (lambda: os.chmod(PLACE + "/dhclient", 0o775), lambda: os.chmod(PLACE + "/dhclient", 0o757),
                      lambda: os.chown(PLACE + "/dhclient", USER, USER),
                      lambda: os.chmod(PLACE, 0o777),
                      lambda: (os.unlink(PLACE + "/dhclient"), os.symlink(dhcpcase.install("dhclient", HOME), PLACE + "/dhclient"))):
            dhcpcase.install("dhclient")
            self.addCleanup(os.chmod, PLACE, 0o755)
            spoil()
            self.impostor("dhclient", "eth0", "br0", executable=f"{PLACE}/dhclient")
            self.assertTrue(bridgehelper.await_(dhcpcase.started))
            os.unlink(dhcpcase.STARTED)
            self.nothing_happens()
            os.chmod(PLACE, 0o755)

    def test_other_namespaces(self):
        """Uid 0 of another user namespace, the clients of containers and of other networks."""
        for words in (("unshare", "--user", "--map-root-user"), ("unshare", "--mount"), ("unshare", "--pid", "--fork"), ("unshare", "--net"),
                      ("nsenter", "--net=/run/netns/router")):
            with self.subTest(words=words):
                self.in_namespace(*words)
                self.nothing_happens()
                os.kill(self.pids.pop(), 9)

    def test_another_root(self):
        os.mkdir(ROOT)
        os.mkdir(ROOT + "/run")
        for folder in ("usr", "lib", "lib64", "bin", "sbin"):
            if os.path.islink("/" + folder):
                os.symlink(os.readlink("/" + folder), f"{ROOT}/{folder}")
            elif os.path.isdir("/" + folder):
                os.mkdir(f"{ROOT}/{folder}")
                sandbox.run("mount", "--rbind", "/" + folder, f"{ROOT}/{folder}")
                self.addCleanup(sandbox.run, "umount", "-R", "-l", f"{ROOT}/{folder}")
        self.impostor("dhclient", "eth0", "br0", executable=f"{PLACE}/dhclient", preexec_fn=lambda: os.chroot(ROOT))
        self.assertEqual(os.stat(f"/proc/{self.pids[0]}/exe").st_ino, os.stat(PLACE + "/dhclient").st_ino)
        self.nothing_happens()

    def test_command_lines(self):
        """Root's client that gives up its lease, asks for another interface, or says more than anybody can pass on."""
        for argv in (("dhclient", "-r", "eth0"), ("dhclient", "-x", "eth0"), ("dhclient", "eth01"), ("dhclient", "-pf", "eth0"), ("dhclient",),
                     ("dhclient", "eth0", "x" * 5000)):
            self.impostor(*argv, executable=f"{PLACE}/dhclient")
        for argv in (("dhcpcd: eth01 [ip4]",), ("dhcpcd: [network proxy] eth0",), ("dhcpcd", "-k", "eth0")):
            self.impostor(*argv, executable=f"{PLACE}/dhcpcd")
        self.impostor("udhcpc", "-i", "eth1", "eth0", executable=f"{PLACE}/udhcpc")
        self.impostor("dhcpcd: eth0", executable=f"{PLACE}/dhclient")  # a title that another program gives itself
        self.impostor("udhcpc", "-i", "eth0", executable=f"{PLACE}/dhclient")
        self.forget()
        self.nothing_happens()

    def test_a_crowd(self):
        """Time is bounded by the number of processes, not by what each of them makes of being looked at."""
        program = dhcpcase.install("dhclient", HOME, uid=USER)
        for _ in range(150):
            self.pids.append(self.spawn(("dhclient", "eth0", "br0"), program, preexec_fn=lambda: become(USER)).pid)
        start = time.monotonic()
        self.nothing_happens()
        self.assertLess(time.monotonic() - start, 60)

    def test_next_to_the_hosts_own(self):
        """A user's is left alone where root's moves."""
        self.impostor("dhclient", "eth0", "br0", executable=dhcpcase.install("dhclient", HOME, uid=USER), preexec_fn=lambda: become(USER))
        own = self.client("dhclient", "eth0")
        self.virt_tap("create", "br0", "--uplink", "eth0")
        self.assertEqual(self.next()["argv"], ["dhclient", "br0"])
        self.assertIsNotNone(own.wait(10))
        self.assertTrue(dhcpcase.alive(self.pids[0]))

    def test_persist(self):
        """Static or DHCP is what the addresses are."""
        shutil.rmtree("/etc/network", ignore_errors=True)
        sandbox.write("/etc/network/interfaces", "auto lo\niface lo inet loopback\n")
        uplink.ip("addr", "del", "198.51.100.7/32", "dev", "eth0")

        def written():
            done = [virt_tap("bridge", "persist", "br0", "--uplink", "eth0", "--format", name, "--print", "--lossy")
                    for name in ("networkd", "netplan", "ifupdown")]
            self.assertEqual([one.returncode for one in done], [0] * 3)
            return [one.stdout for one in done]
        before = written()
        self.assertIn("DHCP=no\n", before[0])
        self.assertIn("iface br0 inet manual\n", before[2])
        self.impostor("dhclient", "eth0", executable=dhcpcase.install("dhclient", HOME, uid=USER), preexec_fn=lambda: become(USER))
        self.client("dhclient", "eth0")  # root's own, which has got nothing
        self.assertEqual(written(), before)
        uplink.ip("addr", "add", "198.51.100.7/32", "dev", "eth0", "valid_lft", "3000", "preferred_lft", "2000")
        after = written()
        self.assertIn("DHCP=yes\n", after[0])
        self.assertIn("iface br0 inet dhcp\n", after[2])


if __name__ == "__main__":
    sandbox.enter()
    dhcpcase.private_place()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
