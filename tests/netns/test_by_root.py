#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What root runs while a local user is hostile: it ends in time, runs root's own programs, and says what is so."""
import os
import shutil
import signal
import struct
import subprocess
import time

import bridgehelper
import netcase
import rounds
import sandbox
from netcase import POLICY
from sandbox import USER, USERS


class RootCase(netcase.NetCase):
    def setUp(self):
        super().setUp()
        self.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)

    def virt_tap(self, *words, wrap=(), status=0, **env):
        done = sandbox.run(*wrap, self.cli, *words, check=False, env={"VIRT_TAP_HELPER": self.helper, **env})
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout


class Stopped(RootCase):
    """A process of root's that becomes a user can be stopped by that user, for ever."""

    def stopped(self, *words):
        """Runs it, and stops each process of it at once that becomes another user."""
        sandbox.write(POLICY, f"allow br0 user={USERS[USER]}\n")
        began = time.monotonic()
        said = self.virt_tap(*words, wrap=("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=setresuid:signal=SIGSTOP"), status=1)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(said, f"virt-tap {words[0]} {words[1]}: the process that acts as that user was stopped by them, and is ended; try again\n")

    def test_policy_explain(self):
        self.stopped("policy", "explain", f"--user={USERS[USER]}", "--bridge=br0")

    def test_tap_create(self):
        self.stopped("tap", "create", "vtap-a", "--bridge=br0", f"--user={USERS[USER]}")
        self.assertEqual(sandbox.links(), self.before)

    def test_not_stopped(self):
        sandbox.write(POLICY, f"allow br0 user={USERS[USER]}\n")
        for status, bridge in ((0, "br0"), (1, "br1")):
            self.virt_tap("policy", "explain", f"--user={USERS[USER]}", f"--bridge={bridge}", status=status)
        self.virt_tap("tap", "create", "vtap-a", "--bridge=br0", f"--user={USERS[USER]}", status=0)
        self.virt_tap("tap", "create", "vtap-a", "--bridge=br0", f"--user={USERS[USER]}", status=1)
        self.virt_tap("tap", "delete", "vtap-a")


class Flood(RootCase):
    """A guest without mac=lock fills its bridge's table, which the kernel takes the longer to tell, the more is in it."""

    def test_addresses(self):
        answer = self.grant()
        for number in range(70000):
            os.write(answer.fds[0], b"\0" * 10 + b"\x33\x33\0\0\0\x01" + struct.pack("!HI", 0x5254, number) + b"\x88\xb5" + b"\0" * 46)
        for words in (["address"], ["list", "-v"]):
            self.assertIn("more than 65536 MACs", self.virt_tap(*words, status=1))
        self.virt_tap("list")
        answer.close()

    def test_leases(self):
        """And takes as many leases: they are not looked at again for each tap of the host."""
        answer = self.grant()
        for number in range(60000):
            os.write(answer.fds[0], b"\0" * 10 + b"\x33\x33\0\0\0\x01" + struct.pack("!HI", 0x5254, number) + b"\x88\xb5" + b"\0" * 46)
        os.makedirs("/var/lib/misc", exist_ok=True)
        sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib/misc")
        self.addCleanup(sandbox.run, "umount", "/var/lib/misc")
        leases = (f"0 52:54:{n >> 24:02x}:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x} 10.9.{n >> 8}.{n & 255} * *\n" for n in range(60000))
        sandbox.write("/var/lib/misc/dnsmasq.leases", "".join(leases))
        sandbox.write(POLICY, "allow br0 quota=1023\n")

        def seconds():
            begun = time.monotonic()
            self.assertIn("10.9.0.1", self.virt_tap("list", "-v"))
            return time.monotonic() - begun
        alone = seconds()
        names = [f"vtap-m{number}" for number in range(300)]
        for name in names:
            self.create(name)
        self.assertLess(seconds(), 4 * alone + 2)
        for name in names:
            self.delete(f"--name={name}")
        answer.close()


class Churn(RootCase):
    """A user makes and deletes taps all the time."""

    def test_bridge_is_there(self):
        sandbox.write(POLICY, f"allow br0 user={USERS[USER]}\n")
        loop = f"while :; do {self.helper} create --bridge=br0 --name=vtap-$0; {self.helper} delete --name=vtap-$0; done"
        apart = {"start_new_session": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        users = [bridgehelper.start(["sh", "-c", loop, str(number)], USER, **apart) for number in range(2)]
        try:
            for _ in range(rounds.rounds(5, 40)):
                said = self.virt_tap("check", "net")
                self.assertIn("br0 is up, without uplink", said)
        finally:
            for user in users:
                os.killpg(user.pid, signal.SIGKILL)
                user.wait()
            sandbox.delete_links()
            bridgehelper.await_(lambda: not sandbox.links() - {"lo"})
            self.before = {"lo"}


class Surroundings(RootCase):
    """Root's shell may have come with a user's PATH, working directory and umask: by su, or by a sudo without secure_path."""

    def apply(self, area, program):
        """Has the fixes of an area applied, with a program of the user's first in PATH; returns what was said."""
        theirs = f"{sandbox.RUN}/theirs"
        sandbox.write(f"{theirs}/{program}", f"#!/bin/sh\n: >{theirs}/ran\n", 0o755, USER, USER)
        os.chown(theirs, USER, USER)
        self.addCleanup(shutil.rmtree, theirs)
        wrap = ("setpriv", "--bounding-set=-sys_module", "sh", "-c", f"umask 0; cd {theirs} && exec \"$@\"", "sh")
        said = sandbox.run(*wrap, self.cli, "check", area, "--fix", "--apply", "--bridge=br0", check=False,
                           env={"PATH": f".:{theirs}:{os.environ['PATH']}"}).stdout
        self.assertFalse(os.path.exists(f"{theirs}/ran"), said)
        return said

    def test_programs(self):
        sandbox.run("ip", "link", "set", "br0", "down")
        self.assertIn("+ ip link set dev br0 up", self.apply("net", "ip"))
        self.assertIn("UP", netcase.link("br0")["flags"])

    def test_files(self):
        os.mkdir("/run/NetworkManager")
        self.addCleanup(os.rmdir, "/run/NetworkManager")
        folder = "/etc/NetworkManager"
        shutil.rmtree(folder, ignore_errors=True)
        self.addCleanup(shutil.rmtree, folder)
        said = self.apply("net", "mkdir")
        modes = [os.stat(path).st_mode & 0o7777 for path in (f"{folder}/conf.d", f"{folder}/conf.d/50-virt-tap.conf")]
        self.assertEqual(modes, [0o755, 0o644], said)


if __name__ == "__main__":
    netcase.main()
