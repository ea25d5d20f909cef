#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The broker of a machine with systemd: off at first, turned on, there again after a reboot, and started when QEMU under -sandbox on asks, as
an ordinary user; restarted and upgraded while others call it. The bridge is one that bridges.conf declares.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and MACHINES_FOLDER.
"""
import os
import re
import time

import machinecase
import needed
import sandbox
from bridgehelper import await_

HELPER = "/usr/local/libexec/virt-tap-helper"
UNITS = "/usr/local/lib/systemd/system"
SERVICE, SOCKET = "virt-tap-broker.service", "virt-tap-broker.socket"
FILES = {"/etc/virt-tap/policy.conf": "allow br-lab user=alice\n",
         "/etc/virt-tap/bridges.conf": "bridge br-lab address=10.66.0.1/24\n"}
ALICE = "setpriv --reuid=alice --regid=alice --init-groups"
QEMU = (f"{ALICE} qemu-system-x86_64 -sandbox on,obsolete=deny,elevateprivileges=deny,resourcecontrol=deny -S -m 64 -nodefaults -no-user-config "
        f"-display none -netdev tap,id=n0,br=br-lab,helper={HELPER} -device virtio-net-pci,romfile=,netdev=n0")
# Calls that make a tap and remove it, until /tmp/stop is there; what failed goes to a file.
LOOPS, RESTARTS, CALLS = 3, 6, 20  # CALLS: that each loop must have made at least
LOAD = f"""#!/bin/bash
i=0
until [ -e /tmp/stop ]; do
  i=$((i + 1))
  {HELPER} create --bridge=br-lab --name=vtap-load$1 && {HELPER} delete --name=vtap-load$1 || echo "failed: $i"
done >/tmp/load.$1 2>&1
echo done $i >>/tmp/load.$1
"""


class Broker(machinecase.MachineCase):
    """One machine for all, in the order of its life."""

    def setUp(self):
        """Without a network."""
        build = os.path.dirname(os.path.dirname(os.path.abspath(os.environ["VIRT_TAP_HELPER"])))
        files = {f"{UNITS}/{SERVICE}": self.read(f"{build}/data/systemd/{SERVICE}"),
                 f"{UNITS}/{SOCKET}": self.read(f"{os.environ['VIRT_TAP_SOURCE']}/data/systemd/{SOCKET}")}
        self.boot(machinecase.wanted()[0], "broker", {**FILES, **files, "/usr/local/bin/load": LOAD},
                  programs=[(os.environ["VIRT_TAP_HELPER"], HELPER)], nics=0)
        self.machine.run("useradd alice")

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_all(self):
        for name in ("is_off", "is_turned_on", "is_there_after_a_reboot", "serves_qemu", "is_restarted_and_upgraded_under_load", "ends_when_idle",
                     "is_turned_off"):
            with self.subTest(name):
                getattr(self, name)()

    def status(self):
        return self.machine.run("virt-tap broker status", check=False)

    def is_off(self):
        status, said = self.status()
        self.assertEqual(status, 1, said)
        self.assertIn("nobody listens: virt-tap broker enable", said)
        self.assertIn("not enabled", said)
        self.assertIn("or turn the broker on: sudo virt-tap broker enable", self.create_fails())

    def create_fails(self):
        status, said = self.machine.run(f"{ALICE} {HELPER} create --bridge=br-lab --name=vtap-a", check=False)
        self.assertEqual(status, 1, said)
        return said

    def is_turned_on(self):
        self.machine.run("virt-tap broker enable")
        self.is_on()
        self.assertLessEqual(float(re.search(r"exposure level for \S+: ([0-9.]+)", self.machine.run(f"systemd-analyze security {SERVICE} --no-pager"))[1]), 2)

    def is_on(self):
        status, said = self.status()
        self.assertEqual(status, 0, said)
        self.assertRegex(said, rf"\Asocket   /run/virt-tap/broker  listens: .*\nunit     {SOCKET}  enabled\n\Z")
        self.assertEqual(self.machine.run("stat -c '%a %u %A' /run/virt-tap /run/virt-tap/broker"), "755 0 drwxr-xr-x\n666 0 srw-rw-rw-\n")
        return said

    def is_there_after_a_reboot(self):
        self.machine.reboot()
        self.assertEqual(self.machine.run(f"systemctl is-active {SERVICE} || true").strip(), "inactive")
        self.assertIn("systemd, which starts the broker", self.is_on())

    def start_qemu(self):
        """Returns the name of its tap."""
        self.machine.run(f"{QEMU} </dev/null >/tmp/qemu 2>&1 & echo $! >/tmp/qemu.pid")
        there = "ls /sys/class/net/br-lab/brif"
        if not await_(lambda: self.machine.run(f"{there} 2>/dev/null || true").strip(), 120, 1):
            self.fail(self.machine.run(f"cat /tmp/qemu; journalctl -b -q --no-pager -u {SERVICE} -t virt-tap-helper -n 40"))
        return self.machine.run(there).strip()

    def serves_qemu(self):
        tap = self.start_qemu()
        self.assertEqual(self.machine.run(f"cat /sys/class/net/{tap}/owner; id -u alice").split(), ["1000", "1000"])
        self.assertIn("10.66.0.1/24", self.machine.run("ip -4 -o address show dev br-lab"))
        self.assertEqual(self.machine.run("cat /proc/sys/net/ipv6/conf/br-lab/accept_ra").strip(), "0")
        self.assertIn("uid 1000", self.machine.run("journalctl -b -q --no-pager -t virt-tap-helper"))
        said = self.machine.run(f"{ALICE} --no-new-privs virt-tap check helper --bridge br-lab", check=False)[1]
        self.assertIn("made a tap on br-lab for alice through the broker", said)
        self.machine.run(f"{ALICE} {HELPER} create --bridge=br-lab --name=vtap-locked --lock=mac --mac=52:54:00:0a:00:01")
        self.assertIn("52:54:00:0a:00:01", self.machine.run("virt-tap list"))
        self.machine.run(f"{ALICE} {HELPER} delete --name=vtap-locked; kill $(cat /tmp/qemu.pid)")
        self.assertTrue(await_(lambda: not self.machine.run("ls /sys/class/net/br-lab/brif").strip(), 30, 1))

    def is_restarted_and_upgraded_under_load(self):
        tap = self.start_qemu()
        self.machine.run(f"for i in $(seq {LOOPS}); do setsid {ALICE} bash /usr/local/bin/load $i </dev/null >/dev/null 2>&1 & done")
        for number in range(RESTARTS):
            time.sleep(2)
            if number % 3 == 0:  # an upgrade, after which systemd is told what data/systemd/units.sh tells it
                self.machine.run(f"cp {HELPER} {HELPER}.new; mv {HELPER}.new {HELPER}; systemctl daemon-reload; systemctl try-restart {SERVICE}")
            else:
                self.machine.run(f"systemctl restart {SERVICE}")
        self.machine.run("touch /tmp/stop")
        loads = "cat " + " ".join(f"/tmp/load.{number + 1}" for number in range(LOOPS))
        self.assertTrue(await_(lambda: self.machine.run(loads).count("done") == LOOPS, 60, 1), self.machine.run(loads))
        self.assertNotIn("failed", self.machine.run(loads))
        for calls in re.findall(r"done (\d+)", self.machine.run(loads)):
            self.assertGreater(int(calls), CALLS)
        self.assertEqual(self.machine.run("ls /sys/class/net/br-lab/brif").strip(), tap)  # QEMU's own stays
        self.machine.run("kill $(cat /tmp/qemu.pid)")
        self.assertEqual(self.machine.run("systemctl --failed --no-legend --plain | grep virt-tap || true"), "")
        self.is_on()

    def ends_when_idle(self):
        ended = f"systemctl is-active {SERVICE} | grep -qx inactive"
        self.assertTrue(await_(lambda: self.machine.ok("sh", "-c", ended), 90, 2), self.machine.run(f"systemctl status {SERVICE}", check=False)[1])
        self.assertEqual(self.machine.run(f"systemctl show -P Result {SERVICE}").strip(), "success")
        self.machine.run(f"{ALICE} {HELPER} create --bridge=br-lab --name=vtap-a && {ALICE} {HELPER} delete --name=vtap-a")

    def is_turned_off(self):
        self.machine.run("virt-tap broker disable")
        self.assertEqual(self.status()[0], 1)
        self.assertIn("or turn the broker on", self.create_fails())
        self.assertFalse(self.machine.ok("test", "-e", "/run/virt-tap/broker"))
        self.assertEqual(self.machine.run(f"systemctl is-active {SERVICE} || true").strip(), "inactive")


if __name__ == "__main__":
    sandbox.enter(limit=3600)
    needed.main()
