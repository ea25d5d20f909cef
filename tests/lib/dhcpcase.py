# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A host with a DHCP client of root's: the fake one (fakeclient.c), in a private /usr/sbin."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import unittest

import bridgehelper
import sandbox
import uplink
from uplink import virt_tap

PLACE, STARTED, HOME = "/usr/sbin", sandbox.RUN + "/started", sandbox.RUN + "/home"


def private_place():
    """A /usr/sbin to write to, for the whole script."""
    upper = sandbox.RUN + "/sbin"
    os.makedirs(upper + "/upper")
    os.makedirs(upper + "/work")
    sandbox.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={PLACE},upperdir={upper}/upper,workdir={upper}/work", PLACE)
    for name in ("dhclient", "dhcpcd", "udhcpc"):
        for folder in ("/usr/sbin", "/sbin", "/usr/bin", "/bin"):
            if os.path.lexists(f"{folder}/{name}"):
                os.unlink(f"{folder}/{name}") if folder == PLACE else None
    os.mkdir(HOME)
    os.chown(HOME, sandbox.USER, sandbox.USER)


def install(name, folder=PLACE, uid=0, mode=0o755):
    """The fake client under that name; returns its path."""
    path = f"{folder}/{name}"
    if os.path.lexists(path):
        os.unlink(path)
    shutil.copyfile(os.environ["VIRT_TAP_FAKE_CLIENT"], path)
    os.chown(path, uid, uid)
    os.chmod(path, mode)
    return path


def started():
    """What the fake clients wrote down that root has started: one dict each, once its line is whole."""
    try:
        with open(STARTED, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return []


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return ") Z " not in file.read()
    except (FileNotFoundError, ProcessLookupError):
        return False


def end(pid):
    """Returns once it is dead: a client that is still dying would be found, and started again."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    assert bridgehelper.await_(lambda: not alive(pid), 20), f"{pid} does not die"


class DhcpCase(unittest.TestCase):
    def setUp(self):
        uplink.make()
        self.end_all()  # what a guard of the test before started late
        self.addCleanup(uplink.remove)
        self.addCleanup(self.end_all)
        for name in ("dhclient", "dhcpcd", "udhcpc"):
            install(name)

    @staticmethod
    def end_all():
        for one in started():
            end(one["pid"])
        if os.path.exists(STARTED):
            os.unlink(STARTED)

    def spawn(self, argv, executable, **more):
        """A process that goes on running; it is seen to run that program before this returns."""
        process = subprocess.Popen(argv, executable=executable, stdin=subprocess.DEVNULL, **more)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.kill)
        return process

    def client(self, *argv, executable=None, **more):
        """A process of root's that runs the fake client; what it wrote down is forgotten."""
        process = self.spawn(argv, executable or f"{PLACE}/{argv[0]}", **{"env": {}, **more})
        # Not just any: one of the test before may have been started late.
        there = bridgehelper.await_(lambda: any(one["pid"] == process.pid for one in started()), 20)
        self.assertTrue(there, "the fake client does not start")
        os.unlink(STARTED)
        return process

    def virt_tap(self, *words, status=0):
        done = virt_tap("bridge", *words)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def next(self):
        """The one client that has been started since the last call."""
        self.assertTrue(bridgehelper.await_(started, 20), "no client was started")
        found = started()
        self.assertEqual(len(found), 1, found)
        os.unlink(STARTED)
        self.addCleanup(end, found[0]["pid"])
        return found[0]
