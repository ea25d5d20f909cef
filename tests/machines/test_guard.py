#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The guard of a move, and the DHCP client that moves along, on a machine with systemd: what is put back, and by whom, when the login ends, when
systemd reloads, and when the command is killed in the middle."""
import time

import machinecase
import needed
import sandbox
from bridgehelper import await_

INTERFACES = ("source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\nallow-hotplug eth0\niface eth0 inet dhcp\n"
              "iface eth0 inet6 auto\n")
CLIENT = "pgrep -x 'dhclient|dhcpcd'"


class Guard(machinecase.MachineCase):
    """One machine for all, since each test ends with the network as it began."""

    def setUp(self):
        super().setUp()
        self.boot(machinecase.wanted()[0], "ifupdown", {"/etc/network/interfaces": INTERFACES})
        self.before = self.settle("eth0")

    def put_back(self, seconds):
        """All is as it was, and a client renews the address; nothing is left of the guard."""
        gone = "! ip link show br0 >/dev/null 2>&1 && [ -z \"$(ls /run/virt-tap)\" ]"
        if not await_(lambda: self.machine.ok("sh", "-c", gone), seconds, 1):
            self.fail(self.tell())
        self.assert_same(self.settle("eth0"), self.before)
        self.has_client("eth0")

    def has_client(self, interface):
        """One client, for that interface, which belongs neither to a login nor to a unit of ours, and is alive."""
        words = f"for pid in $({CLIENT}); do tr '\\0' ' ' </proc/$pid/cmdline; cat /proc/$pid/cgroup; done"
        await_(lambda: interface in self.machine.run(words), 20, 1)
        said = self.machine.run(words)
        self.assertIn(f" {interface} ", said)
        self.assertNotIn("user.slice", said)
        self.assertEqual(self.machine.run("ip -4 -o address show scope global | wc -l").strip(), "1", self.tell())

    def login(self, command):
        """A login session of root's that runs this in the background."""
        self.machine.run(f"setsid systemd-run --quiet --scope --slice=user.slice su -l root -c '{command}' </dev/null >/tmp/said 2>&1 &")

    def moved(self):
        if not await_(lambda: self.machine.ok("test", "-e", "/run/virt-tap/bridge.br0.moved"), 60, 0.5):
            self.fail(self.machine.run("cat /tmp/said") + self.tell())

    def test_all(self):
        for name in ("confirmed_and_deleted", "nobody_confirms", "the_session_ends_while_systemd_reloads", "killed_in_the_middle",
                     "the_gateway_is_gone"):
            with self.subTest(name):
                getattr(self, name)()

    def confirmed_and_deleted(self):
        self.machine.run("virt-tap bridge create br0 --uplink eth0 --probe 198.51.100.1 </dev/null && virt-tap bridge confirm br0")
        after = self.settle("br0")
        self.assertEqual(after.addresses, {"br0": self.before.addresses["eth0"]})
        self.assertEqual(after.defaults, [(gateway, "br0") for gateway, _ in self.before.defaults])
        self.has_client("br0")
        self.machine.run("virt-tap bridge delete br0")
        self.put_back(10)
        self.assertNotIn("deprecated sysctl", self.machine.run("dmesg"))

    def nobody_confirms(self):
        self.machine.run("virt-tap bridge create br0 --uplink eth0 --confirm-within 10s </dev/null")
        self.put_back(60)
        time.sleep(5)  # what the guard has started must outlive its unit
        self.has_client("eth0")

    def the_session_ends_while_systemd_reloads(self):
        self.login("virt-tap bridge create br0 --uplink eth0 --confirm-within 120s")
        self.moved()
        self.machine.run("systemctl daemon-reload & systemctl daemon-reexec; wait; "
                         "for s in $(loginctl --no-legend list-sessions | cut -c1-8); do loginctl terminate-session $s; done; "
                         "pkill -KILL -u root -x su; true")
        self.has_client("br0")
        self.put_back(180)

    def killed_in_the_middle(self):
        for steps in (1, 4, 9):
            self.machine.run(f"strace -f -qq -o /dev/null -e trace=sendmsg,sendto -e inject=sendmsg,sendto:signal=KILL:when={steps} "
                             "virt-tap bridge create br0 --uplink eth0 --confirm-within 20s </dev/null; true")
            self.put_back(60)

    def the_gateway_is_gone(self):
        """As behind a switch that passes only the NIC's own MAC."""
        sandbox.run("bridge", "link", "set", "dev", "machine0", "learning", "off", "locked", "on")
        sandbox.run("bridge", "fdb", "replace", "52:54:00:77:00:01", "dev", "machine0", "master", "static")
        status, said = self.machine.run("virt-tap bridge create br0 --uplink eth0 --mac 52:54:00:77:00:99 --confirm-within 20s </dev/null", check=False)
        self.assertEqual(status, 1, said)
        self.assertIn("is not reached through 'br0'", said)
        self.put_back(60)


if __name__ == "__main__":
    sandbox.enter(limit=3600)
    needed.main()
