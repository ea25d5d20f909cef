# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests of `virt-tap policy` share.

The sandbox must have been entered.
"""
import os
import subprocess

import bridgehelper
import netcase
import sandbox
from netcase import QEMU_ACL
from sandbox import USER, USERS

FOLDER = "/etc/virt-tap/policy.d"
DRAFT = "/run/vt/draft.conf"
NSSWITCH = "/etc/nsswitch.conf"
NO_LOOK_UP = ["strace", "-qq", "-o", "/dev/null", "-P", "/etc/passwd", "-e", "trace=openat", "-e", "inject=openat:error=EIO"]
ME = USERS[USER]


class VerbCase(netcase.NetCase):
    def setUp(self):
        super().setUp()
        os.unlink(QEMU_ACL)
        self.program = sandbox.install(os.path.join(os.path.dirname(netcase.HELPER), "../cli/virt-tap"), caps=None)

    def tearDown(self):
        for path in (FOLDER, DRAFT, "/etc/qemu"):
            sandbox.run("rm", "-rf", path)
        os.mkdir("/etc/qemu")
        super().tearDown()

    def policy(self, *words, uid=0, wrap=(), **limits):
        """Run virt-tap policy; returns its exit status and the lines of its output, errors included."""
        done = bridgehelper.run([*wrap, self.program, "policy", *words], uid, timeout=30, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                cwd="/run/vt", **limits)
        return done.returncode, done.stdout.splitlines()

    def only_files(self):
        """Users are looked up in /etc/passwd alone: a second service would be asked, and know nobody."""
        with open(NSSWITCH, encoding="ascii") as file:
            self.addCleanup(sandbox.write, NSSWITCH, file.read())
        sandbox.write(NSSWITCH, "passwd: files\ngroup: files\n")

    def complains(self, *words, says, status=1, **more):
        """The verb must fail with one line, in which all of says stand."""
        code, lines = self.policy(*words, **more)
        self.assertEqual((code, len(lines)), (status, 1), lines)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, lines[0])
