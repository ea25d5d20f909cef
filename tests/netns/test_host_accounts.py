#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The tests themselves do not care what accounts the host has: a suite runs on hosts that have others by their names and numbers."""
import os
import subprocess
import sys

import netcase
import sandbox
from sandbox import OTHER, USER, USERS

SUITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_tap_verbs.py")
FILES = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/nsswitch.conf")
NAME, OTHER_NAME = USERS[USER], USERS[OTHER]


class Accounts(netcase.NetCase):
    def setUp(self):
        super().setUp()
        for path in FILES:
            with open(path, encoding="utf-8") as file:
                self.addCleanup(sandbox.write, path, file.read(), os.stat(path).st_mode & 0o777, *os.stat(path)[4:6])

    def replace(self, passwd, group, nsswitch="files"):
        """A host with these accounts besides the system's, in the place of the tests' own."""
        for path, more in (("/etc/passwd", passwd), ("/etc/group", group)):
            with open(path, encoding="utf-8") as file:
                lines = [line for line in file if line.split(":")[0] not in USERS.values()]
            sandbox.write(path, "".join(lines) + more.rstrip("\n"))  # no newline at the end, as an editor may leave it
        sandbox.write("/etc/nsswitch.conf", f"passwd: {nsswitch}\ngroup: {nsswitch}\ninitgroups: {nsswitch}\nhosts: files\n")

    def suite_passes(self):
        """A suite, in a sandbox inside this one."""
        done = subprocess.run([sys.executable, SUITE, "Verbs.test_for_another_user", "Verbs.test_list", "Verbs.test_create_and_delete"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("Ran 3 tests", done.stdout)

    def test_the_names_have_other_numbers(self):
        self.replace(f"{NAME}:x:4000:4000::/home/vmuser:/bin/bash\n{OTHER_NAME}:x:900:900::/:/bin/sh\n", f"{NAME}:x:4000:\n{OTHER_NAME}:x:900:{NAME}\n")
        sandbox.write("/etc/shadow", f"{NAME}:*:19000:0:99999:7:::\n", 0o640)
        self.suite_passes()

    def test_the_numbers_have_other_names(self):
        self.replace(f"somebody:x:{USER}:{USER}::/:/bin/sh\nelse:x:{OTHER}:100::/:/bin/sh\n", f"somebody:x:{USER}:\nelse:x:{OTHER}:\n")
        self.suite_passes()

    def test_names_and_numbers_are_changed_about(self):
        self.replace(f"{NAME}:x:{OTHER}:{OTHER}::/:/bin/sh\n{OTHER_NAME}:x:{USER}:{USER}::/:/bin/sh\n", f"{NAME}:x:{OTHER}:\n{OTHER_NAME}:x:{USER}:\n")
        self.suite_passes()

    def test_they_are_members_of_groups(self):
        self.replace(f"{NAME}:x:{USER}:100::/:/bin/sh\n", f"admins:x:4001:{NAME}\nkvm:x:998:root,{NAME},{OTHER_NAME}\n")
        self.suite_passes()

    def test_other_services_know_accounts(self):
        self.replace("", "", nsswitch="nosuchservice [UNAVAIL=return] files")
        self.suite_passes()

    def test_a_file_is_not_there(self):
        self.replace("", "")
        os.unlink("/etc/nsswitch.conf")
        self.suite_passes()


if __name__ == "__main__":
    netcase.main()
