#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""./dev uninstall among hostile users: a script apart, because the time limit that it meets would hold up those of test_install.py."""
import os
import pwd
import subprocess
import unittest

import needed
import sandbox
from sandbox import USER

SOURCE = os.environ["VIRT_TAP_SOURCE"]

# A user's, of whose processes none ends by itself.
TRACER = """
import ctypes, os, time
libc, seize, interrupt = ctypes.CDLL(None), 0x4206, 0x4207
while True:
    time.sleep(0.02)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) not in (1, os.getpid()) and libc.ptrace(seize, int(pid), None, None) == 0:
            libc.ptrace(interrupt, int(pid), None, None)
"""


class Uninstall(unittest.TestCase):
    def test_waits_for_no_user(self):
        """What looks runs as the user whose domains they are, who may trace it."""
        sandbox.run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", sandbox.RUN)
        self.addCleanup(sandbox.run, "umount", "-l", sandbox.RUN)
        domains = f"{pwd.getpwuid(USER).pw_dir}/.config/libvirt/qemu"
        sandbox.write(f"{domains}/0.xml", "")
        os.truncate(f"{domains}/0.xml", 8191 * 1024)  # read for as long as it takes to be found
        for number in range(1, 1000):
            os.link(f"{domains}/0.xml", f"{domains}/{number}.xml")
        with subprocess.Popen(["/usr/bin/python3", "-c", TRACER], user=USER, group=USER, extra_groups=[]) as tracer:
            self.addCleanup(tracer.kill)
            done = sandbox.run("sh", f"{SOURCE}/data/uninstall.sh", "/bin/true", sandbox.RUN, check=False)
            tracer.kill()
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("qemu:///session of vmuser: could not be checked\n", done.stdout)


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
