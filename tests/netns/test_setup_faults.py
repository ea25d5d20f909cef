#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap setup on bad days: stopped or killed at each step, no room on a disk, no package manager, no network, homes that hang or are not the
user's. It says what was done; the next run goes on; --undo takes all back."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import fuse
import rounds
import sandbox
import setupcase
import uplink
from bridgehelper import await_
from sandbox import USER
from setupcase import ALICE, BOB, HOMES, BridgeCase, UplinkCase, files
from uplink import CLI, virt_tap

DONE = re.compile(r"^\+ |: saved$|: removed", re.M)  # a line when something begins, or is done


def kept():
    """What must be as before. A program that is killed may leave a hidden file that it was writing."""
    return {path: data for path, data in files().items() if "/.virt-tap." not in path}


def start(*words):
    """A setup that a test stops."""
    return subprocess.Popen([CLI, "setup", *words, "--yes"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", start_new_session=True)


def interrupt(number, steps, *words):
    """That signal at that step: for SIGINT as from a terminal, to all that run. Returns what was said, and the exit status."""
    with start(*words) as process:
        said, seen = "", 0
        for line in process.stdout:
            said += line
            seen += bool(DONE.search(line.rstrip("\n")))
            if seen == steps:
                if number == signal.SIGINT:
                    os.killpg(process.pid, number)
                else:
                    process.send_signal(number)
                break
        said += process.stdout.read()  # also of what it has started
        return said, process.wait(60)


class Stopped(BridgeCase):
    STEPS = 6  # group, two for the session, policy.conf and its rule, each of which says that it is saved

    def check(self, number, step, again):
        before = files()
        said, status = interrupt(number, step, ALICE, "--bridge=br7")
        if number == signal.SIGINT and status == 0:
            self.assertIn("can put guests", said)  # it was done before the signal came
        elif number == signal.SIGINT:
            self.assertRegex(said, r"stopped at command \d of \d; those before it were done. Run this again to go on there, or `virt-tap setup --undo`")
        if again:
            self.set_up(ALICE, "--bridge=br7", "--yes")
            self.assertEqual(virt_tap("policy", "explain", f"--user={ALICE}", "--bridge=br7").returncode, 0)
        self.set_up("--undo", "--yes")
        self.assertEqual(kept(), before)

    def test_each(self):
        """By Ctrl-C and by kill -9, with another run or without one."""
        for step in range(1, self.STEPS):
            for number in (signal.SIGINT, signal.SIGKILL):
                for again in (True, False):
                    if rounds.WALK_ALL or (step + number + again) % 2:
                        with self.subTest(step=step, signal=number, again=again):
                            self.check(number, step, again)

    def test_undo(self):
        """Each run goes on where the one before was stopped."""
        for number in (signal.SIGINT, signal.SIGKILL):
            before = files()
            self.set_up(ALICE, "--bridge=br7", "--yes")
            for step in (1, 2, 1, 2, 3):
                said, status = interrupt(number, step, "--undo")
                if number == signal.SIGINT and status:
                    self.assertRegex(said, r"stopped: \d steps are not taken back yet; run this again to go on")
            self.set_up("--undo", "--yes", status=0)
            self.assertEqual(kept(), before)

    def test_planning(self):
        """Before anything is begun."""
        before = files()
        with start(ALICE, "--bridge=br7") as process:
            self.assertTrue(await_(lambda: sandbox.run("grep", "SigCgt.*[2367abef]$", f"/proc/{process.pid}/status", check=False).returncode == 0))
            process.send_signal(signal.SIGINT)
            said = process.stdout.read()
        self.assertIn("stopped: nothing was changed", said)
        self.assertEqual(files(), before)


class Full(BridgeCase):
    @staticmethod
    @contextlib.contextmanager
    def no_room(folder, left=0):
        """The disk of that folder, a tmpfs, has room for that many kB more."""
        disk = os.statvfs(folder)
        sandbox.run("mount", "-o", f"remount,size={(disk.f_blocks - disk.f_bfree) * disk.f_bsize // 1024 + left}k", folder)
        try:
            yield
        finally:
            sandbox.run("mount", "-o", "remount,size=64m", folder)

    def test_etc(self):
        """Where the record, the policy and the groups are: whichever finds no room."""
        before = files()
        for left in (0, 8, 12):
            with self.subTest(left=left):
                with self.no_room("/etc", left):
                    said = self.set_up(ALICE, "--bridge=br7", "--yes", status=1)
                self.assertRegex(said, "No space left on device|group")
                self.assertRegex(said, "those before it were done. Run this again|for single users failed")
                self.set_up(ALICE, "--bridge=br7", "--yes")
                with self.no_room("/etc"):
                    virt_tap("setup", "--undo", "--yes", limit=60)
                self.assertFalse(os.path.exists(HOMES[USER] + "/.config/libvirt/qemu.conf"))
                self.set_up("--undo", "--yes")
                self.assertEqual(kept(), before)

    def test_home(self):
        """The user's configuration of libvirt stays whole."""
        text = "# mine\n" * 1000
        conf = HOMES[USER] + "/.config/libvirt/qemu.conf"
        sandbox.run("mount", "-t", "tmpfs", "-o", f"mode=755,uid={USER},gid={USER}", "tmpfs", HOMES[USER])
        try:
            for left in (0, 4, 8, 12):
                sandbox.write(conf, text, uid=USER, gid=USER, mode=0o600)
                sandbox.run("chown", "-R", f"{USER}:{USER}", HOMES[USER])
                before = files()
                with self.no_room(HOMES[USER], left):
                    self.set_up(ALICE, BOB, "--bridge=br7", "--yes", status=1, says=("No space left on device", "1 of the commands for single users failed"))
                    with open(conf, encoding="ascii") as file:
                        self.assertEqual(file.read(), text)
                    self.set_up("--undo", "--yes")
                self.assertEqual({path: data for path, data in files().items() if not path.endswith(".before")}, before)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(conf + ".before")
            self.set_up(ALICE, "--bridge=br7", "--yes")
            self.assertEqual(os.stat(conf).st_mode & 0o777, 0o600)
            self.set_up("--undo", "--yes")
            with open(conf, encoding="ascii") as file:
                self.assertEqual(file.read(), text)
        finally:
            sandbox.run("umount", HOMES[USER])


class Homes(BridgeCase):
    def test_link(self):
        """A home, and a qemu.conf, elsewhere: the links stay."""
        place = "/run/vt/place"
        os.rename(HOMES[USER], place)
        self.addCleanup(shutil.rmtree, place)
        os.symlink(place, HOMES[USER])
        self.addCleanup(os.unlink, HOMES[USER])
        sandbox.write(place + "/dotfiles", "# mine\n", uid=USER, gid=USER)
        os.makedirs(place + "/.config/libvirt")
        os.symlink(place + "/dotfiles", place + "/.config/libvirt/qemu.conf")
        sandbox.run("chown", "-Rh", f"{USER}:{USER}", place)
        self.set_up(ALICE, "--bridge=br7", "--yes")
        with open(place + "/dotfiles", encoding="utf-8") as file:
            self.assertRegex(file.read(), r"\Abridge_helper = .*\n# mine\n\Z")
        self.set_up("--undo", "--yes")
        with open(place + "/dotfiles", encoding="utf-8") as file:
            self.assertEqual(file.read(), "# mine\n")
        self.assertEqual(os.readlink(place + "/.config/libvirt/qemu.conf"), place + "/dotfiles")

    def test_of_root(self):
        """A ~/.config that is root's: nothing is written there, and all else is done."""
        os.makedirs(HOMES[USER] + "/.config")
        self.set_up(ALICE, BOB, "--bridge=br7", "--yes", status=1, says=("Permission denied", "for single users failed"))
        self.assertEqual(os.listdir(HOMES[USER] + "/.config"), [])
        self.set_up("--undo", "--yes")

    def test_dead(self):
        """A home on a file system that does not answer costs its time limit, and is no reason to leave the others without a bridge."""
        for takes in (False, True):
            with self.subTest(takes=takes), fuse.hanging(HOMES[USER], USER, takes, ",allow_other"):
                began = time.monotonic()
                said = virt_tap("setup", ALICE, BOB, "--bridge=br7", "--yes", limit=200).stdout
                self.assertLess(time.monotonic() - began, 120)
                for name in (ALICE, BOB):
                    self.assertEqual(virt_tap("policy", "explain", f"--user={name}", "--bridge=br7").returncode, 0, said)
            self.set_up("--undo", "--yes")


def hide(test, path, by="/dev/null"):
    path = os.path.realpath(path)
    sandbox.run("mount", "--bind", by, path)
    test.addCleanup(sandbox.run, "umount", path)


def hide_software(test):
    """Neither QEMU nor libvirt is there."""
    for path in ("/usr/bin/qemu-system-" + os.uname().machine, "/usr/bin/qemu-kvm", "/usr/sbin/libvirtd", "/usr/sbin/virtqemud"):
        if os.path.exists(path):
            hide(test, path)


class Recipe(UplinkCase):
    def test_each_line(self):
        """Of the recipe that setup takes the place of, on a host with nothing."""
        hide_software(self)
        os.chown("/dev/kvm", 0, 0)
        os.chmod("/dev/kvm", 0o600)
        sandbox.run("sh", "-c", "getent group libvirt >/dev/null || groupadd -r libvirt")
        self.set_up(ALICE, "--dry-run", says=(
            "apt-get install -y qemu-system\n", "apt-get install -y libvirt-daemon-system libvirt-clients\n", "chown root:kvm /dev/kvm\n",
            "chmod 0660 /dev/kvm\n", f"gpasswd -a {ALICE} kvm\n", "is not in group libvirt", "not joined: its members can become root",
            "each guest gets its tap on the bridge when it starts",
            "bridge br0 with the NIC eth0 and its addresses, those from DHCP included, again at each start",
            "virt-tap bridge persist br0 --uplink=eth0 --apply\n"))


class Packages(BridgeCase):
    """Those of QEMU and libvirt are to be installed."""

    def setUp(self):
        super().setUp()
        hide_software(self)

    def test_no_network(self):
        """What the package manager says is shown; and what may help."""
        sandbox.write(f"{sandbox.RUN}/apt-get", "#!/bin/sh\necho 'E: Failed to fetch' >&2\nexit 100\n", mode=0o755)
        hide(self, "/usr/bin/apt-get", f"{sandbox.RUN}/apt-get")
        self.set_up(ALICE, "--bridge=br7", "--yes", status=1, says=("E: Failed to fetch", "check the network", "failed at command 2 of "))
        self.set_up("--undo", "--yes")

    def test_no_manager(self):
        """Neither a program that is not there, nor one for a system that nobody knows."""
        hide(self, "/usr/bin/apt-get")
        self.refused(ALICE, "--bridge=br7", "--yes", says=("this host has no apt-get: install in another way what this would: apt-get install -y qemu-system",))
        sandbox.write(f"{sandbox.RUN}/os-release", "ID=other\n")
        hide(self, "/etc/os-release", f"{sandbox.RUN}/os-release")
        self.refused(ALICE, "--bridge=br7", "--yes", says=("cannot ", "install with this system's package manager: qemu-system"))


class Moved(UplinkCase):
    def test_no_network_manager(self):
        """None that it knows: what to type is a command, not an option that setup doesn't have."""
        os.unlink("/etc/network/interfaces")
        self.refused(ALICE, "--yes", says=("name it with --format=networkd, networkmanager, netplan or ifupdown; that is an option of "
                                           "`virt-tap bridge persist br0 --uplink=eth0 --apply`: run that with it, and then setup again\n",))

    def test_killed(self):
        """In the middle of the move: nobody confirms it, so that it goes back by itself; the next run says so."""
        before, network = files(), uplink.settled()
        with start(ALICE) as process:
            said = ""
            while "running `ifup br0`" not in said and process.poll() is None:
                said += process.stdout.readline()
            process.kill()
            process.stdout.read()
        self.assertTrue(await_(lambda: '"unconfirmed"' in virt_tap("bridge", "status", "br0", "--json").stdout, 30))
        self.assertTrue(self.reaches())
        self.refused(ALICE, "--yes", says="is not confirmed")
        self.set_up("--undo", "--yes", status=1, says=("is not confirmed yet", "run this again"))
        self.assertTrue(self.reaches())
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.set_up("--undo", "--yes")
        self.assertTrue(self.reaches())
        self.assertEqual(files(), before)
        self.assertTrue(await_(lambda: uplink.snapshot() == network), uplink.snapshot())

    def test_undo_stopped(self):
        """Ctrl-C while the bridge goes."""
        before, network = files(), uplink.settled()
        self.set_up(ALICE, "--yes")
        sandbox.write("/etc/network/if-down.d/slow", '#!/bin/sh\n[ "$IFACE" = br0 ] && sleep 3\nexit 0\n', mode=0o755)
        with start("--undo") as process:
            said = ""
            while "+ virt-tap bridge delete br0" not in said:
                said += process.stdout.readline()
            time.sleep(1)
            os.killpg(process.pid, signal.SIGINT)
            said += process.stdout.read()
            process.wait(30)
        os.unlink("/etc/network/if-down.d/slow")
        self.assertTrue(await_(self.reaches, 60), said)
        self.set_up("--undo", "--yes")
        self.assertEqual(files(), before)
        self.assertTrue(await_(lambda: uplink.snapshot() == network), uplink.snapshot())


if __name__ == "__main__":
    setupcase.enter()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
