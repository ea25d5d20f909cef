#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The helper under real QEMU, started by an unprivileged user, in every way that QEMU has to call a bridge helper.

Needs VIRT_TAP_HELPER (the built helper) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import os
import re
import signal
import unittest

import guests
import needed
import sandbox
from bridgehelper import IFF_TAP, IFF_VNET_HDR, await_

MAC = "52:54:00:77:00:0"  # and one digit, the guest's number
PAUSED = "-S"  # QEMU makes its network and waits: all that is needed where no guest has to run


def setUpModule():
    global helper
    helper = sandbox.install(os.environ["VIRT_TAP_HELPER"])
    sandbox.write("/etc/qemu/bridge.conf", "allow br0\n")
    sandbox.make_bridge("br0")
    sandbox.make_bridge("br1")


def sysfs(interface, what):
    with open(f"/sys/class/net/{interface}/{what}", encoding="ascii") as file:
        return file.read().strip()


def is_up(interface):
    return int(sysfs(interface, "flags"), 16) & 1 == 1


class QemuTest(unittest.TestCase):
    """Every test begins and ends without taps."""

    def setUp(self):
        self.before = sandbox.links()
        self.addCleanup(self.no_tap_remains)  # runs last

    def no_tap_remains(self):
        self.assertTrue(await_(lambda: not self.taps()), f"left over: {self.taps()}")

    def taps(self):
        return sandbox.links() - self.before

    def qemu(self, netdev, *options, number=1, **more):
        started = guests.Qemu(guests.command(netdev, f"{MAC}{number}", *options, **more))
        self.addCleanup(started.end)
        return started

    def one_tap(self, qemu):
        """Wait until a QEMU has its one tap, up on the bridge; returns the tap's name."""
        self.assertTrue(await_(lambda: qemu.process.poll() is not None or any(map(is_up, self.taps())), guests.LIMIT))
        self.assertIsNone(qemu.process.poll(), qemu.errors())
        self.assertEqual(len(self.taps()), 1)
        tap = self.taps().pop()
        self.assertEqual(os.path.basename(os.readlink(f"/sys/class/net/{tap}/master")), "br0")
        return tap

    def refused(self, netdev, *options):
        """QEMU must end with its own error; returns what the helper said before it."""
        qemu = self.qemu(netdev, PAUSED, *options)
        self.assertEqual(qemu.wait(), 1)
        reason, _, qemus = qemu.errors().partition(guests.QEMU + ":")
        self.assertIn("bridge helper failed", qemus)
        self.assertEqual(reason.count("\n"), 1, f"not one line: {reason!r}")
        return reason


class Guests(QemuTest):
    def test_two_guests_reach_each_other(self):
        images = guests.prepare(needed.folder("GUEST_KERNEL"))
        both = [self.qemu(f"tap,id=n0,helper={helper}", *guests.boot_options(images, f"192.168.77.{number}/24"),
                          number=number) for number in (1, 2)]
        for guest in both:
            guest.ready()
        for guest, peer in zip(both, ("192.168.77.2", "192.168.77.1")):
            self.assertRegex(guests.ping(guest.console, peer), r"^10 packets transmitted, 10 .*, 0% packet loss$")
        self.assertEqual({int(sysfs(tap, "tun_flags"), 16) & (IFF_TAP | IFF_VNET_HDR) for tap in self.taps()}, {IFF_TAP | IFF_VNET_HDR})
        self.assertEqual(len(self.taps()), 2)
        for guest in both:
            guest.console.send("poweroff -f")
            self.assertEqual(guest.wait(), 0)
            self.assertEqual(guest.errors(), "")
        self.no_tap_remains()


class Calls(QemuTest):
    """The ways in which QEMU calls a helper."""

    def test_netdev_tap(self):
        tap = self.one_tap(self.qemu(f"tap,id=n0,helper={helper}", PAUSED))
        self.assertEqual(int(sysfs(tap, "tun_flags"), 16) & (IFF_TAP | IFF_VNET_HDR), IFF_TAP | IFF_VNET_HDR)

    def test_netdev_bridge(self):
        self.one_tap(self.qemu(f"bridge,id=n0,helper={helper},br=br0", PAUSED))

    def test_helper_with_options_runs_through_a_shell(self):
        tap = self.one_tap(self.qemu(f"tap,id=n0,helper={helper} --name=vtap-mine", PAUSED))
        self.assertEqual(tap, "vtap-mine")

    def test_killed_qemu_leaves_no_tap(self):
        qemu = self.qemu(f"tap,id=n0,helper={helper}", PAUSED)
        self.one_tap(qemu)
        qemu.process.send_signal(signal.SIGKILL)
        self.assertEqual(qemu.wait(), -signal.SIGKILL)
        self.no_tap_remains()


class Persistent(QemuTest):
    """Taps of `create`, which QEMU opens by their names, without any helper."""

    def create(self, name, *options):
        done = sandbox.run("setpriv", f"--reuid={sandbox.USER}", f"--regid={sandbox.USER}", "--clear-groups", helper, "create",
                           "--bridge=br0", f"--name={name}", *options)
        self.assertEqual(done.stdout, "")
        self.addCleanup(sandbox.run, helper, "delete", f"--name={name}")

    def test_guests_of_one_and_of_four_queues_reach_each_other(self):
        images = guests.prepare(needed.folder("GUEST_KERNEL"))
        self.create("vtap-one", "--vnet-hdr")
        self.create("vtap-four", "--vnet-hdr", "--multi-queue")
        one = self.qemu("tap,id=n0,ifname=vtap-one,script=no,downscript=no", *guests.boot_options(images, "192.168.77.1/24"))
        four = self.qemu("tap,id=n0,ifname=vtap-four,script=no,downscript=no,queues=4",
                         *guests.boot_options(images, "192.168.77.2/24"), "-smp", "4", "-global", "virtio-net-pci.mq=on",
                         "-global", "virtio-net-pci.vectors=10", number=2)
        for guest in (one, four):
            guest.ready()
        status, queues = four.console.run("ls /sys/class/net/eth0/queues | grep -c rx-")
        self.assertEqual((status, queues.strip()), (0, "4"))
        for guest, peer in ((one, "192.168.77.2"), (four, "192.168.77.1")):
            self.assertRegex(guests.ping(guest.console, peer), r"^10 packets transmitted, 10 .*, 0% packet loss$")
        for guest in (one, four):
            self.assertEqual(guest.errors(), "")
            guest.end()

    def test_microvms_on_each_kind_of_tap(self):
        """A machine without PCI. Its guest does not run: that is the same as on the others."""
        self.create("vtap-vnet", "--vnet-hdr")
        self.create("vtap-many", "--vnet-hdr", "--multi-queue")
        self.create("vtap-none")
        for netdev, more in ((f"helper={helper} --name=vtap-new", ""), ("script=no,downscript=no,ifname=vtap-vnet", ""),
                             ("script=no,downscript=no,ifname=vtap-many,queues=2", ",mq=on"),
                             ("script=no,downscript=no,ifname=vtap-none,vnet_hdr=off", "")):
            tap = re.search("vtap-[a-z]+", netdev)[0]
            with self.subTest(tap):
                qemu = self.qemu(f"tap,id=n0,{netdev}", PAUSED, "-M", "microvm", device="virtio-net-device" + more)
                self.assertTrue(await_(lambda name=tap: name in sandbox.links() and is_up(name) and sysfs(name, "carrier") == "1", guests.LIMIT))
                self.assertEqual((qemu.process.poll(), qemu.errors()), (None, ""))
                qemu.end()

    def test_another_user_cannot(self):
        self.create("vtap-one", "--vnet-hdr")
        self.create("vtap-four", "--vnet-hdr", "--multi-queue")
        for netdev in ("ifname=vtap-one", "ifname=vtap-four,queues=4"):
            argv = guests.command(f"tap,id=n0,script=no,downscript=no,{netdev}", f"{MAC}1", PAUSED)
            qemu = guests.Qemu(argv, sandbox.OTHER)
            self.addCleanup(qemu.end)
            self.assertEqual(qemu.wait(), 1)
            self.assertIn("Operation not permitted", qemu.errors())


class Refusals(QemuTest):
    def test_bridge_that_no_rule_allows(self):
        for netdev in (f"tap,id=n0,helper={helper},br=br1", f"bridge,id=n0,helper={helper},br=br1"):
            with self.subTest(netdev):
                reason = self.refused(netdev)
                self.assertIn("/etc/qemu/bridge.conf", reason)
                self.assertIn("allow br1", reason)

    def test_no_helper_there(self):
        """README says what it means that QEMU says no more."""
        qemu = self.qemu("tap,id=n0,br=br0,helper=/nowhere/virt-tap-helper", PAUSED)
        self.assertNotEqual(qemu.process.wait(guests.LIMIT), 0)
        self.assertRegex(qemu.errors(), r"\A[^\n]*: bridge helper failed\n\Z")

    def test_seccomp_sandbox_voids_the_capability(self):
        """Any '-sandbox on' sets no_new_privs, whatever elevateprivileges= says: then file capabilities are void."""
        for sandbox_option in ("on", "on,elevateprivileges=allow", "on,elevateprivileges=deny"):
            with self.subTest(sandbox_option):
                reason = self.refused(f"tap,id=n0,helper={helper}", "-sandbox", sandbox_option)
                self.assertIn("no_new_privs", reason)


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
