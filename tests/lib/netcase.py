# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the network tests share: a host with the helper installed, a bridge, and nothing left behind after any test."""
import json
import os
import socket
import sys
import unittest

import bridgehelper
import needed
import sandbox
from sandbox import USER

HELPER = os.path.abspath(os.environ["VIRT_TAP_HELPER"])
QEMU_ACL, POLICY, LOG = "/etc/qemu/bridge.conf", "/etc/virt-tap/policy.conf", "/dev/log"


class NetCase(unittest.TestCase):
    """The helper with its file capability, br0, and 'allow br0' for everybody; a test may change all of it."""

    def setUp(self):
        self.helper = sandbox.install(HELPER)
        self.ifindex = sandbox.make_bridge("br0")
        self.before = sandbox.links()
        sandbox.write(QEMU_ACL, "allow br0\n")

    def tearDown(self):
        left = sandbox.links() - self.before
        sandbox.delete_links()
        for path in (QEMU_ACL, POLICY):
            if os.path.lexists(path):
                os.unlink(path)
        self.assertEqual(left, set(), "left behind")

    def call(self, *options, wrap=(), **more):
        """Call the helper, by the command `wrap` if given, as an unprivileged user unless uid says otherwise."""
        more.setdefault("uid", USER)
        return bridgehelper.call([*wrap, self.helper], *options, **more)

    def grant(self, *options, **more):
        """A call that must be granted; returns the Answer, to be closed by the test's end."""
        answer = self.call(*options, **more)
        self.assertTrue(answer.granted, answer)
        self.assertEqual(answer.stderr, "")
        self.addCleanup(answer.close)  # cleanups run after tearDown: close earlier where that matters
        return answer

    def refuse(self, *options, says=(), status=1, **more):
        """A call that must be refused with one line in which all of says stand, and leave nothing."""
        before = sandbox.links()
        answer = self.call(*options, **more)
        self.is_refusal(answer, says, status)
        self.assertEqual(sandbox.links(), before)
        return answer

    def is_refusal(self, answer, says, status=1):
        answer.close()
        self.assertEqual((answer.status, answer.data, answer.fds), (status, b"", []), answer)
        self.assertRegex(answer.stderr, r"\Avirt-tap-helper: [^\n]+\n\Z")
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, answer.stderr)

    def ask(self, *words, uid=USER, wrap=(), **more):
        """Call the helper's create or delete; returns the Answer."""
        return bridgehelper.Call([*wrap, self.helper, *words], uid, pass_socket=False, **more).finish()

    def create(self, name, *options, bridge="br0", **more):
        """A create that must be granted, and say nothing."""
        answer = self.ask("create", f"--bridge={bridge}", f"--name={name}", *options, **more)
        self.assertEqual((answer.status, answer.stderr), (0, ""))

    def delete(self, *options, **more):
        """A delete that must be done, and say nothing."""
        answer = self.ask("delete", *options, **more)
        self.assertEqual((answer.status, answer.stderr), (0, ""))

    def denied(self, *words, says=(), status=1, **more):
        """A create or delete that must be refused as refuse() has it, and change nothing about any tap."""
        before = state()
        self.is_refusal(self.ask(*words, **more), says, status)
        self.assertEqual(state(), before)


def link(name):
    """What `ip -json -details link` says of one interface."""
    return json.loads(sandbox.run("ip", "-json", "-details", "link", "show", "dev", name).stdout)[0]


def state():
    """What `ip` tells of all interfaces, without what changes by itself: timers, carrier."""
    links = json.loads(sandbox.run("ip", "-json", "-details", "link").stdout)
    keys = ("ifindex", "ifname", "mtu", "master", "address", "altnames", "ifalias")
    return [{key: link.get(key) for key in keys} | {"up": "UP" in link["flags"]} |
            ({"tun": link["linkinfo"]["info_data"]} if link.get("linkinfo", {}).get("info_kind") == "tun" else {})
            for link in links]


def system_log(test):
    """The system's log, for as long as the test."""
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    test.addCleanup(log.close)
    log.bind(LOG)
    test.addCleanup(os.unlink, LOG)
    os.chmod(LOG, 0o666)
    log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    log.setblocking(False)
    return log


def real_kvm():
    """Put KVM's own device at /dev/kvm, for everybody. Returns whether this kernel has it, and says so if not."""
    if os.path.lexists("/dev/kvm"):
        os.unlink("/dev/kvm")
    os.mknod("/dev/kvm", 0o020666, os.makedev(10, 232))
    os.chmod("/dev/kvm", 0o666)
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        print(f"this kernel has no KVM, so that it was not tried with it: {error}", file=sys.stderr)
        return False
    return True


def main(limit=600):
    """Run the calling file's tests inside a sandbox."""
    sandbox.enter(limit)
    needed.main()
