# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests of virt-tap setup share: a host that it can change, two users who may nothing, and what it may touch, to the byte."""
import contextlib
import errno
import os
import re
import shutil
import socket
import unittest

import checkcase
import sandbox
import uplink
from bridgehelper import await_
from netcase import POLICY, QEMU_ACL
from sandbox import OTHER, USER, USERS
from uplink import CLI, ROUTER4, virt_tap

HELPER = checkcase.helper_path()
ALICE, BOB = USERS[USER], USERS[OTHER]
RECORD = "/etc/virt-tap/setup"
HOMES = {USER: "/run/vt/alice", OTHER: "/run/vt/bob"}
INTERFACES = f"""auto lo
iface lo inet loopback
auto eth0
iface eth0 inet static
  address {uplink.HOST4}/24
  gateway {ROUTER4}
"""
TOUCHED = re.compile(r"/etc/(virt-tap|qemu|network|libvirt|group-?|gshadow-?|udev)(/|$)")


def files():
    """What setup may touch, to the byte."""
    found = {}
    for top in ("/etc", *HOMES.values()):
        for folder, _, names in os.walk(top):
            for path in (os.path.join(folder, name) for name in names):
                if top == "/etc" and not TOUCHED.match(path):
                    continue
                if os.path.islink(path):
                    found[path] = os.readlink(path)
                    continue
                with open(path, "rb") as file:
                    found[path] = file.read(), os.stat(path).st_mode
    return {path: data for path, data in found.items() if not path.endswith("-")}  # the tools' own copies of group and gshadow


class SetupCase(unittest.TestCase):
    """A host with a real /dev/kvm if there is one, and two users who may nothing."""

    def setUp(self):
        for folder in ("/etc/network", "/run/network", "/etc/virt-tap", *HOMES.values()):
            shutil.rmtree(folder, ignore_errors=True)
        os.mkdir("/etc/virt-tap")
        sandbox.write("/etc/network/interfaces", INTERFACES)
        sandbox.write("/run/network/ifstate", "lo=lo\neth0=eth0\n")
        for folder in ("if-pre-up.d", "if-up.d", "if-down.d", "if-post-down.d"):
            os.mkdir("/etc/network/" + folder)
        for uid, home in HOMES.items():
            os.mkdir(home)
            os.chown(home, uid, uid)
        self.addCleanup(lambda: [os.unlink(path) for path in (POLICY, QEMU_ACL, RECORD) if os.path.lexists(path)])
        sandbox.run("sh", "-c", "getent group kvm >/dev/null || groupadd -r kvm")
        for user in (ALICE, BOB):
            sandbox.run("gpasswd", "-d", user, "kvm", check=False)
        with contextlib.suppress(FileNotFoundError):
            os.unlink("/dev/kvm")
        os.mknod("/dev/kvm", 0o020660, os.makedev(10, 232))
        shutil.chown("/dev/kvm", 0, "kvm")
        os.chmod("/dev/kvm", 0o660)
        self.addCleanup(os.unlink, "/dev/kvm")

    def set_up(self, *words, status=0, says=(), **more):
        done = virt_tap("setup", *words, limit=120, **more)
        self.assertEqual(done.returncode, status, done.stdout)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.stdout)
        return done.stdout

    def refused(self, *words, says, status=1):
        """And nothing is changed."""
        before = files(), uplink.settled()
        self.set_up(*words, status=status, says=says)
        self.assertEqual((files(), uplink.settled()), before)

    @staticmethod
    def reaches():
        """The router answers: nobody listens there."""
        with socket.socket() as sock:
            sock.settimeout(5)
            return sock.connect_ex((ROUTER4, 9)) == errno.ECONNREFUSED


class BridgeCase(SetupCase):
    """On br7 as it is, without a move of the network: a fraction of the time."""

    def setUp(self):
        super().setUp()
        sandbox.make_bridge("br7")
        uplink.sysctl("ipv6/conf/br7/disable_ipv6", "1")
        self.addCleanup(uplink.remove)


class UplinkCase(SetupCase):
    """A host whose ifupdown has given eth0 an address."""

    def setUp(self):
        make_uplink()
        self.addCleanup(uplink.remove)
        super().setUp()


def make_uplink():
    uplink.make_plain()
    await_(lambda: "fe80::" in uplink.ip("-6", "route", "show", "table", "local"))


def enter():
    """Into the sandbox, with all that setup calls installed."""
    sandbox.enter()
    sandbox.install(CLI, "virt-tap", caps=None)
    sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/usr/local")
    os.makedirs(os.path.dirname(HELPER), exist_ok=True)
    shutil.copy(checkcase.HELPER, HELPER)
    sandbox.run("setcap", "cap_net_admin=p", HELPER)
    os.mkdir(os.path.dirname(HELPER) + "/virt-tap")
    sandbox.write(os.path.dirname(HELPER) + "/virt-tap/bridge-up", "#!/bin/sh\n", mode=0o755)
    with open("/etc/passwd", encoding="utf-8") as file:
        text = file.read()
    for uid, home in HOMES.items():
        text = re.sub(rf"^({USERS[uid]}:.*):/run/vt:", rf"\1:{home}:", text, flags=re.M)
    sandbox.write("/etc/passwd", text)
