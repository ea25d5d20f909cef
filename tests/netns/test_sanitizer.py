#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""In builds with sanitizers: what they find in the programs ends these, and is written where `./dev test sanitized` looks."""
import glob
import os
import subprocess
import unittest

import bridgehelper
import netcase
import sandbox
from sandbox import USER

REPORTS = "/var/lib/virt-tap-sanitized"
PROGRAM = os.environ["VIRT_TAP_PLANTED"]


class Sanitizer(unittest.TestCase):
    def setUp(self):
        if not os.path.isdir(REPORTS):
            sandbox.run("mount", "-t", "tmpfs", "tmpfs", "/var/lib")
            os.mkdir(REPORTS)
            os.chmod(REPORTS, 0o1777)

    def found(self, fault, program, uid):
        """Exit status and what the report says, which is then removed."""
        before = set(glob.glob(f"{REPORTS}/*"))
        done = bridgehelper.run([program, fault], uid, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={})
        reports = set(glob.glob(f"{REPORTS}/*")) - before
        text = ""
        for path in reports:
            with open(path, encoding="utf-8", errors="replace") as file:
                text += file.read()
            os.unlink(path)
        return done.returncode, text

    def test_faults(self):
        """Also in a program that is privileged, as the helper is."""
        for program in (sandbox.install(PROGRAM, "plain", caps=None), sandbox.install(PROGRAM, "privileged")):
            for uid in (0, USER):
                for fault, says in (("overflow", "signed-integer-overflow"), ("freed", "heap-use-after-free")):
                    status, text = self.found(fault, program, uid)
                    self.assertEqual(status, 99, (program, uid, fault))
                    self.assertIn(says, text)
                self.assertEqual(self.found("none", program, uid), (0, ""))

    def test_leaks(self):
        status, text = self.found("leak", sandbox.install(PROGRAM, "plain", caps=None), USER)
        self.assertEqual(status, 99)
        self.assertIn("detected memory leaks", text)

    def test_no_leaks_where_proc_is_of_others(self):
        """Who looks for them would not find the process, and say so with exit status 99."""
        program = sandbox.install(PROGRAM, "plain", caps=None)
        command = 'for few in $(seq 2 40); do (:); [ -e "/proc/$((few + 2))" ] || break; done; "$0" none; exit $?'
        done = bridgehelper.run(["unshare", "--pid", "--fork", "sh", "-c", command, program], 0, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((done.returncode, done.stdout), (0, b""))


if __name__ == "__main__":
    netcase.main()
