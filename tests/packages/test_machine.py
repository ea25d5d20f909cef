#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The packages on a whole Debian machine, as README says: test_machine.py RELEASE FOLDER, which has them. Four commands, and an ordinary
user's guest is reached; it stays on its bridge while the package is upgraded under it.

Needs MACHINES_FOLDER and GUEST_KERNEL. The guest runs under TCG in a machine that does, too: its boot takes a minute or two.
"""
import glob
import os
import re
import shlex
import sys
import unittest

import guests
import machine
import needed
import sandbox
from bridgehelper import await_

RELEASE, FOLDER = sys.argv[1:3]
GUEST = "10.66.0.5"


def first_steps():
    """The commands in README's section on packages."""
    with open(os.environ["VIRT_TAP_SOURCE"] + "/README.md", encoding="utf-8") as readme:
        section = re.search(r"^### From packages\n(.*?)^## ", readme.read(), re.M | re.S)[1]
    block = re.search(r"^```\n(.*?)^```$", section, re.M | re.S)[1]
    return re.sub(r"\\\n", "", block).splitlines()


class FirstGuest(unittest.TestCase):
    def setUp(self):
        sandbox.run("ip", "link", "set", "lo", "up")
        seed = machine.Seed()
        seed.file("/etc/apt/apt.conf.d/yes", 'APT::Get::Assume-Yes "true";\n')
        for path in glob.glob(f"{FOLDER}/*.deb"):
            with open(path, "rb") as file:
                seed.file(f"/home/admin/{os.path.basename(path)}", file.read())
        images = guests.prepare(needed.folder("GUEST_KERNEL"))
        for path, place in ((images.kernel, "/home/alice/kernel"), (images.initramfs, "/home/alice/initramfs")):
            with open(path, "rb") as file:
                seed.file(place, file.read())
        self.machine = machine.Machine(RELEASE, "broker", seed, nics=0)
        self.addCleanup(self.machine.end)
        self.machine.run("useradd alice")

    def test_readme(self):
        *admins, users = first_steps()
        self.assertLessEqual(len(admins) + 1, 5)
        for command in admins:
            self.machine.run(f'sudo() {{ "$@"; }}; cd /home/admin; {command}')  # the machine has no sudo, and root types it
        self.assertIn("-hda disk.img", users)
        options = guests.boot_options(guests.Images("/home/alice/kernel", "/home/alice/initramfs"), f"{GUEST}/24")
        options[-1] = f"'{options[-1]}'"
        users = users.replace("-hda disk.img", " ".join(["-accel tcg -display none -serial null", *options])).replace("-m 1G", "-m 128")
        self.machine.run("systemd-run --quiet --collect --uid=alice --unit=guest --property=WorkingDirectory=/home/alice "
                         f"bash -c {shlex.quote(users)}")
        self.await_guest()
        self.assertIn("vtap-0", self.machine.run("virt-tap show br-lab"))
        self.machine.run("cd /home/admin; dpkg -i ./virt-tap_*.deb")  # the same version again, as an upgrade is
        self.assertIn("cap_net_admin=p", self.machine.run("getcap /usr/libexec/virt-tap-helper"))
        self.await_guest()
        self.machine.run("systemctl stop guest")
        self.assertNotIn("vtap-0", self.machine.run("virt-tap show br-lab"))

    def await_guest(self):
        if not await_(lambda: self.machine.ok("ping", "-n", "-c", "1", "-W", "3", GUEST), 400, 2):
            self.fail(self.machine.run("virt-tap show; journalctl -b -q -n 60 --no-pager -o cat", check=False)[1])


if __name__ == "__main__":
    sandbox.enter(limit=3600)
    del sys.argv[1:3]
    needed.main()
