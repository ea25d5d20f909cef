#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap broker enable, disable and status; machines/test_broker.py has a real systemd.

Needs VIRT_TAP_HELPER and VIRT_TAP_CLI.
"""
import json
import os
import unittest

import brokerhost
import documents
import needed
import sandbox
from brokerhost import SOCKET
from sandbox import USER


def setUpModule():
    global helper, command
    helper = sandbox.install(os.environ["VIRT_TAP_HELPER"])
    command = sandbox.install(os.environ["VIRT_TAP_CLI"], "virt-tap", caps=None)


def broker(verb, status=0, uid=0):
    done = sandbox.run(command, "broker", verb, check=False, uid=uid)
    assert done.returncode == status, done.stdout
    return done.stdout


class WithoutSystemd(unittest.TestCase):
    def test_says_what_to_run(self):
        for verb in ("enable", "disable"):
            self.assertRegex(broker(verb, 1), rf"\Avirt-tap broker {verb}: .* does not run systemd.*: \S+ broker --listen {SOCKET}\n\Z")

    def test_status(self):
        self.assertEqual(broker("status", 1), f"socket   {SOCKET}  nobody listens: virt-tap broker enable\n")
        self.assertEqual(broker("status", 1, USER), f"socket   {SOCKET}  nobody listens: sudo virt-tap broker enable\n")
        process = brokerhost.listen(helper)
        try:
            self.assertEqual(broker("status"), f"socket   {SOCKET}  listens: process {process.pid}\n")
            self.assertEqual(broker("status", uid=USER), f"socket   {SOCKET}  listens: process {process.pid}\n")
        finally:
            brokerhost.end(process)

    def test_a_socket_that_nobody_listens_on(self):
        process = brokerhost.listen(helper)
        process.kill()
        process.wait(10)
        self.assertIn("nobody listens", broker("status", 1))
        os.unlink(SOCKET)

    def test_json(self):
        seen = self.json(1)
        self.assertEqual(set(seen), documents.json_keys("`virt-tap broker status --json`"))
        self.assertEqual(seen, {"socket": SOCKET, "listens": False, "pid": None, "enabled": None, "error": None})
        process = brokerhost.listen(helper)
        try:
            self.assertEqual(self.json(0), {**seen, "listens": True, "pid": process.pid})
        finally:
            brokerhost.end(process)
        sandbox.write(SOCKET, "")
        self.assertEqual(self.json(1)["listens"], False)
        os.unlink(SOCKET)

    @staticmethod
    def json(status):
        done = sandbox.run(command, "broker", "status", "--json", check=False)
        assert done.returncode == status, done.stdout
        return json.loads(done.stdout)


class WithSystemd(unittest.TestCase):
    def setUp(self):
        brokerhost.with_systemd(self, helper)

    def test_on_and_off(self):
        os.makedirs("/run/virt-tap", exist_ok=True)
        os.chmod("/run/virt-tap", 0o700)
        self.assertIn("enabled: ", broker("enable"))
        self.assertEqual(os.stat("/run/virt-tap").st_mode & 0o777, 0o755)
        self.assertIn("enabled: ", broker("enable"))
        self.assertRegex(broker("status", uid=USER), r"\Asocket .* listens: .*\nunit     virt-tap-broker.socket  enabled\n\Z")
        self.assertIn("disabled: ", broker("disable"))
        self.assertEqual(broker("disable"), "the broker was not enabled\n")
        self.assertRegex(broker("status", 1), r"nobody listens.*\nunit     virt-tap-broker.socket  not enabled")

    def test_takes_root(self):
        for verb in ("enable", "disable"):
            self.assertIn("requires root: use sudo", broker(verb, 1, USER))
        self.assertFalse(os.path.exists(SOCKET))

    def test_systemctl_fails(self):
        flag = f"{sandbox.RUN}/systemctl-fails"
        sandbox.write(flag, "")
        self.addCleanup(os.unlink, flag)
        said = broker("enable", 1)
        self.assertIn("systemctl enable virt-tap-broker.socket failed: Failed to enable unit: Unit file virt-tap-broker.socket does not exist.", said)
        self.assertEqual(said.count("\n"), 1)

    def test_one_that_systemd_does_not_hold(self):
        process = brokerhost.listen(helper)
        kept = f"{SOCKET}.kept"
        os.link(SOCKET, kept)
        sandbox.run("mount", "--bind", kept, SOCKET)  # systemctl cannot remove it
        try:
            said = broker("disable", 1)
        finally:
            sandbox.run("umount", SOCKET)
            process.kill()
            process.wait(10)
        self.assertIn(f"the unit is disabled, but process {process.pid} still listens on {SOCKET}; end it", said)
        for path in (kept, SOCKET):
            os.unlink(path)


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
