#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""./dev install, an upgrade, and ./dev uninstall, as an administrator types them, on a private /usr/local and /etc."""
import os
import unittest

import bridgehelper
import needed
import sandbox
from sandbox import USER

SOURCE = os.environ["VIRT_TAP_SOURCE"]
PREFIX = "/usr/local"
HELPER = PREFIX + "/libexec/virt-tap-helper"
POLICY, EXAMPLE = "/etc/virt-tap/policy.conf", "/etc/virt-tap/policy.conf.example"


def dev(verb):
    return sandbox.run("./dev", verb, cwd=SOURCE, timeout=120).stdout


def files():
    return {os.path.join(folder, name) for folder, _folders, names in os.walk(PREFIX) for name in names}


class Install(unittest.TestCase):
    def test_install_upgrade_uninstall(self):
        sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", PREFIX)
        os.rmdir("/etc/virt-tap")
        words = dev("install")
        self.assertIn("allow br0", words)
        self.assertIn(f"helper={HELPER}", words)
        self.assertIn("bridge_helper", words)
        self.check_works()

        os.chown(HELPER, 0, 0)  # as an upgrade by copying would: the kernel takes the capability away
        self.assertEqual(sandbox.run("getcap", HELPER).stdout, "")
        with open(EXAMPLE, "a", encoding="ascii") as file:
            file.write("# mine\n")
        dev("install")
        self.check_works()
        with open(EXAMPLE, encoding="ascii") as file:
            self.assertIn("# mine\n", file.read())

        dev("uninstall")
        self.assertEqual(files(), set())
        self.assertEqual(sorted(os.listdir("/etc/virt-tap")), ["policy.conf", "policy.conf.example"])  # both are mine
        os.unlink(POLICY)
        os.unlink(EXAMPLE)
        dev("install")
        dev("uninstall")
        self.assertFalse(os.path.exists("/etc/virt-tap"))

    def check_works(self):
        self.assertRegex(sandbox.run("getcap", HELPER).stdout, r"cap_net_admin=p\n")
        self.assertEqual(os.stat(HELPER).st_mode & 0o7777, 0o755)
        if not os.path.exists(POLICY):  # the example is not read: nothing is allowed yet
            answer = bridgehelper.call(HELPER, uid=USER)
            self.assertIn("there is no policy", answer.stderr)
            sandbox.make_bridge("br0")
            sandbox.write(POLICY, "allow br0\n")
        with bridgehelper.call(HELPER, uid=USER) as answer:
            self.assertTrue(answer.granted, answer)
        self.assertIn("Usage: virt-tap", sandbox.run(PREFIX + "/bin/virt-tap", "--help").stdout)
        with open(PREFIX + "/share/man/man8/virt-tap-helper.8", encoding="utf-8") as page:
            self.assertIn(HELPER, page.read())
        completion = PREFIX + "/share/bash-completion/completions/virt-tap"
        words = sandbox.run("bash", "-c", f". {completion}; COMP_CWORD=1 COMP_WORDS=(virt-tap he); _virt_tap; "
                            'echo "${COMPREPLY[@]}"').stdout
        self.assertEqual(words, "help\n")


if __name__ == "__main__":
    sandbox.enter(300)
    needed.main()
