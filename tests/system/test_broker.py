#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Real QEMU where the helper's file capability has no effect: under -sandbox on, in bubblewrap, in a rootless podman container, and of a
libvirt session under no_new_privs. In the containers the helper is a copy without capability.

Needs VIRT_TAP_HELPER (the built helper) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import glob
import os
import signal
import unittest

import brokerhost
import guests
import libvirthost
import needed
import sandbox
from bridgehelper import await_
from netcase import POLICY
from rounds import rounds
from sandbox import USER

HOME, TREE = f"{sandbox.RUN}/home", f"{sandbox.RUN}/tree"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": HOME, "XDG_RUNTIME_DIR": HOME, "LC_ALL": "C"}
MAC = "52:54:00:77:00:0"  # and one digit, the guest's number
LOCKED = f"allow br0 user=vmuser mac=lock ip=lock ips=192.168.77.0/24 macs={MAC[:-2]}\n"
# All that QEMU's sandbox can forbid but spawn, which includes the helper.
SANDBOX = ("-sandbox", "on,obsolete=deny,elevateprivileges=deny,resourcecontrol=deny")
BWRAP = ["bwrap", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
         "--proc", "/proc", "--dev", "/dev", "--unshare-all", "--cap-drop", "ALL", "--ro-bind", sandbox.RUN, sandbox.RUN,
         "--ro-bind", "/run/virt-tap", "/run/virt-tap", "--die-with-parent"]


def setUpModule():
    global capable, helper, broker
    capable = sandbox.install(os.environ["VIRT_TAP_HELPER"])
    broker = brokerhost.listen(capable)
    helper = sandbox.install(os.environ["VIRT_TAP_HELPER"], "copy", caps=None)
    sandbox.make_bridge("br0")
    sandbox.make_bridge("br1")
    os.mkdir(HOME)
    os.chown(HOME, USER, USER)
    make_tree()


def tearDownModule():
    brokerhost.end(broker)


def make_tree():
    """What the container has besides /usr, which is the host's."""
    for folder in ("usr", "proc", "sys", "dev", "run/virt-tap", "tmp", "etc", "vt"):
        os.makedirs(f"{TREE}/{folder}")
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink(f"usr/{name}", f"{TREE}/{name}")
    sandbox.run("chown", "-R", f"{USER}:{USER}", TREE)
    for path in ("/etc/subuid", "/etc/subgid"):
        sandbox.write(path, "vmuser:200000:65536\n")
    sandbox.run("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")  # without one crun does not start


def podman(*command, options=()):
    """The command in a rootless container, by what needs neither images nor systemd."""
    return ["podman", "--log-level=error", "--root", f"{HOME}/root", "--runroot", f"{HOME}/runroot", "--storage-driver=vfs", "--cgroup-manager=cgroupfs",
            "--events-backend=none", "--runtime=crun", "run", "--rm", "-i", "--cgroups=disabled", "--network=none", "--read-only", *options,
            "-v", "/usr:/usr:ro", "-v", f"{sandbox.RUN}:{sandbox.RUN}:ro", "-v", "/run/virt-tap:/run/virt-tap", "--rootfs", TREE, *command]


class Guest(guests.Qemu):
    """As guests.Qemu, with podman's environment."""

    def __init__(self, argv):
        super().__init__(["env", *(f"{name}={value}" for name, value in ENVIRONMENT.items()), *argv], USER)


class BrokerTest(unittest.TestCase):
    def setUp(self):
        sandbox.write(POLICY, LOCKED)
        self.before = sandbox.links()
        self.addCleanup(self.no_tap_remains)  # runs last

    def taps(self):
        return sandbox.links() - self.before

    def no_tap_remains(self):
        self.assertTrue(await_(lambda: not self.taps()), f"left over: {self.taps()}")

    def qemu(self, number, *options, wrap=(), bridge="br0"):
        wanted = f"{helper if wrap else capable} --mac={MAC}{number} --ip=192.168.77.{number}"
        argv = guests.command(f"tap,id=n0,br={bridge},helper={wanted}", f"{MAC}{number}", *options)
        started = Guest(wrap(*argv) if callable(wrap) else [*wrap, *argv])
        self.addCleanup(started.end)
        return started


class Guests(BrokerTest):
    def test_three_in_three_sandboxes_meet(self):
        images = guests.prepare(needed.folder("GUEST_KERNEL"))
        all_three = [self.qemu(number, *guests.boot_options(images, f"192.168.77.{number}/24"), *options, wrap=wrap)
                     for number, options, wrap in ((1, SANDBOX, ()), (2, (), BWRAP), (3, (), podman))]
        for guest in all_three:
            guest.ready()
        for guest, peer in zip(all_three, (2, 3, 1)):
            self.assertRegex(guests.ping(guest.console, f"192.168.77.{peer}"), r"^10 packets transmitted, 10 .*, 0% packet loss$")
        self.assertEqual(len(self.taps()), 3)
        for guest in all_three:
            guest.console.send("poweroff -f")
            self.assertEqual(guest.wait(), 0)
            self.assertEqual(guest.errors(), "")


class Calls(BrokerTest):
    """QEMU that makes its network and waits."""

    def one_tap(self, *options):
        qemu = self.qemu(1, "-S", *options)
        self.assertTrue(await_(lambda: qemu.process.poll() is not None or glob.glob("/sys/class/net/vtap-*/master"), guests.LIMIT))
        self.assertIsNone(qemu.process.poll(), qemu.errors())
        tap, = self.taps()
        self.assertEqual(os.path.basename(os.readlink(f"/sys/class/net/{tap}/master")), "br0")
        qemu.end()
        self.no_tap_remains()

    def test_each_option_of_the_sandbox(self):
        more = ("on,obsolete=deny", "on,obsolete=allow", "on,elevateprivileges=allow", "on,resourcecontrol=deny", SANDBOX[1])
        for option in ("on", SANDBOX[1].replace("=deny,res", "=children,res"), *more[:rounds(0, len(more))]):
            with self.subTest(option):
                self.one_tap("-sandbox", option)

    def test_no_helper_where_qemu_may_start_nothing(self):
        qemu = self.qemu(1, "-S", "-sandbox", "on,spawn=deny")
        self.assertIn(qemu.wait(), (-signal.SIGSYS, 1))  # QEMU 7.2 dies of it, QEMU 10 says that the helper failed
        self.assertEqual(self.taps(), set())

    def test_refusals_say_why(self):
        qemu = self.qemu(1, "-S", *SANDBOX, bridge="br1")
        self.assertEqual(qemu.wait(), 1)
        reason, _, qemus = qemu.errors().partition(guests.QEMU + ":")
        self.assertIn("bridge helper failed", qemus)
        self.assertRegex(reason, r"\Avirt-tap-helper: no rule in /etc/virt-tap/policy.conf .*allow br1 user=vmuser\n\Z")


class Containers(BrokerTest):
    """Whom the broker takes a container's users for."""

    def run_in(self, *words, options=(), wrap=()):
        return sandbox.run(*podman(*wrap, helper, *words, options=options), uid=USER, check=False, env=ENVIRONMENT, cwd="/")

    def create(self, **more):
        return self.run_in("create", "--bridge=br0", "--name=vtap-pod", f"--mac={MAC}4", "--ip=192.168.77.4", **more)

    def test_root_in_there_is_its_user(self):
        done = self.create()
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(self.taps(), {"vtap-pod"})
        with open("/sys/class/net/vtap-pod/owner", encoding="ascii") as file:
            self.assertEqual(int(file.read()), USER)
        self.assertEqual(self.run_in("delete", "--name=vtap-pod").returncode, 0)

    def test_another_user_in_there_is_nobody(self):
        done = self.create(options=("--user=1000",))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("uid 200999", done.stdout)

    def test_keep_id(self):
        for more in ((), ("--privileged",)):
            self.assertEqual(self.create(options=("--userns=keep-id", f"--user={USER}", *more)).returncode, 0)
            self.assertEqual(self.run_in("delete", "--name=vtap-pod").returncode, 0)

    def test_a_capability_that_counts_only_in_there(self):
        self.assertIn("there is no policy", self.create(options=("--privileged",)).stdout)
        done = self.create(options=("--privileged",), wrap=("setpriv", "--bounding-set=-net_admin"))
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(self.run_in("delete", "--name=vtap-pod").returncode, 0)


class Session(BrokerTest):
    def test_libvirt_session_under_no_new_privs(self):
        sandbox.write(POLICY, "allow br0 user=vmuser\n")
        sandbox.write(f"{HOME}/.config/libvirt/qemu.conf", f'bridge_helper = "{capable}"\n' + libvirthost.QEMU_CONF)
        sandbox.run("chown", "-R", f"{USER}:{USER}", f"{HOME}/.config")
        card = "<interface type='bridge'><source bridge='br0'/><model type='virtio'/><rom enabled='no'/></interface>"
        sandbox.write(f"{HOME}/web.xml", libvirthost.DOMAIN.format(name="web", uuid="", boot="", devices=card))
        self.virsh("define", f"{HOME}/web.xml")
        self.virsh("start", "web")
        self.assertEqual(len(self.taps()), 1)
        self.virsh("destroy", "web")
        self.no_tap_remains()

    def virsh(self, *words):
        """The first call starts the session's libvirtd."""
        return sandbox.run("setpriv", "--no-new-privs", "virsh", "-q", "-c", "qemu:///session", *words, uid=USER, env=ENVIRONMENT, cwd="/")


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
