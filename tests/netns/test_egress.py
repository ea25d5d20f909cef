#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Where a rule lets its guests send to (egress=): at a real tap, with this host's own addresses; and what is refused.

Needs VIRT_TAP_HELPER and VIRT_TAP_PORTJUDGE (tests/lib/portjudge.c, built).
"""
import os
import subprocess

import bridgehelper
import netcase
import sandbox
from egressframes import EGRESS, FRAMES, OTHER_PROTOCOL, four, six
from faults import inject
from netcase import POLICY
from portframes import ICMP, icmp
from rounds import rounds
from sandbox import OTHER, USER
from test_port_filter import Ports
from test_protect import GUEST

FORGED = rounds(20, 1000)  # times each


class Egress(Ports):
    """Beside it host0, on which this host has its addresses."""

    def prepare(self):
        self.pair("host0")
        for name in ("host0", "lo"):
            self.enable_ipv6(name)
        sandbox.run("ip", "link", "set", "host0", "up")
        for address in ("10.66.0.2/32", "198.51.100.2/32", "2001:db8:8::2/128"):
            self.add(address)

    def enable_ipv6(self, name):
        with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w", encoding="ascii") as file:
            file.write("0")

    def pair(self, name):
        sandbox.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}x")
        sandbox.run("ip", "link", "set", f"{name}x", "up")
        self.before |= {name, f"{name}x"}

    def add(self, address, name="host0"):
        sandbox.run("ip", "address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))

    def rule(self, egress):
        sandbox.write(POLICY, f"allow br0 user={USER} mac=lock egress={egress}\nallow br0 user={OTHER}\n")

    def drop_tap(self):
        os.close(self.fds.pop())
        self.delete("--name=vtap-locked")

    def passing(self, frames):
        """A new tap under the rule in force; which of these frames of its guest cross."""
        crossed = self.crossing(self.tap(), frames)
        self.drop_tap()
        return [crossed[frame] == 1 for frame in frames]

    def test_each_destination(self):
        self.rule(EGRESS)
        send = self.tap()
        frames = [sent.frame for sent in FRAMES] + [OTHER_PROTOCOL]
        crossed = self.crossing(send, frames)
        self.assertEqual([], [(sent.name, crossed[sent.frame]) for sent in FRAMES if crossed.pop(sent.frame, 0) != sent.passes])
        self.assertEqual(crossed, {})
        forged = [sent.frame for sent in FRAMES if not sent.passes] + [OTHER_PROTOCOL]
        for number in range(FORGED * len(forged)):
            send(number, forged[number % len(forged)])
        self.assertEqual(self.seen(), [[], [], []])
        self.assertEqual(self.state()[0::2], (True, (1 + FORGED) * len(forged)))

    def test_without_a_list_all_cross(self):
        sandbox.write(POLICY, f"allow br0 user={USER} mac=lock\nallow br0 user={OTHER}\n")
        self.assertEqual(self.passing([sent.frame for sent in FRAMES]), [True] * len(FRAMES))

    def test_the_end_is_nowhere(self):
        self.rule("+198.18.0.1")
        self.assertEqual(self.passing([four("198.18.0.1"), four("198.18.0.2"), six("2001:db8::9")]), [True, False, False])

    def test_this_hosts_addresses(self):
        """All that the host takes for itself: on an interface that is down, on loopback, a router's anycast address, a local route."""
        with open("/proc/sys/net/ipv6/conf/host0/forwarding", "w", encoding="ascii") as file:
            file.write("1")
        self.add("2001:db8:7::1/64")
        self.pair("host1")
        self.add("198.51.100.3/24", "host1")
        self.enable_ipv6("host1")
        self.add("2001:db8:6::1/64", "host1")
        self.add("203.0.113.1/28", "lo")
        self.addCleanup(sandbox.run, "ip", "address", "del", "203.0.113.1/28", "dev", "lo")
        sandbox.run("ip", "route", "add", "local", "198.18.5.0/24", "dev", "lo", "table", "77")
        self.addCleanup(sandbox.run, "ip", "route", "del", "local", "198.18.5.0/24", "dev", "lo", "table", "77")
        host = [four(to) for to in ("10.66.0.2", "198.51.100.2", "198.51.100.3", "127.0.0.1", "127.3.2.1", "203.0.113.9", "198.18.5.5")]
        host += [six(to) for to in ("2001:db8:8::2", "2001:db8:7::1", "2001:db8:7::", "2001:db8:6::1", "::1")] + [four("10.66.0.2", icmp(8), ICMP)]
        others = [four(to) for to in ("10.66.0.3", "198.51.100.4", "203.0.113.16", "128.0.0.1")]
        others += [six(to) for to in ("2001:db8:8::3", "2001:db8:7::2", "2001:db8:6::2", "::2")]
        for egress, of_host in (("-host,+all", False), ("+host", True)):
            self.rule(egress)
            self.assertEqual(self.passing(host + others), [of_host] * len(host) + [not of_host] * len(others), egress)

    def test_host_is_that_of_when_the_tap_was_made(self):
        self.rule("-host,+all")
        send, frame = self.tap(), four("198.51.100.77")
        self.add("198.51.100.77/32")
        self.assertEqual(self.crossing(send, [frame]), {frame: 1})
        self.drop_tap()
        self.assertEqual(self.passing([frame]), [False])

    def refused(self, *more, says):
        before = sandbox.links()
        self.refuse(f"--mac={GUEST}", *more, says=says, vnet=False)
        self.assertEqual(sandbox.links(), before)

    def add_local_routes(self, count):
        """Has the host take addresses for its own."""
        batch = "".join(f"route %s local 198.18.{number // 256}.{number % 256} dev lo\n" for number in range(count))
        subprocess.run(["ip", "-batch", "-"], input=batch.replace("%s", "add"), text=True, check=True, timeout=60)
        self.addCleanup(subprocess.run, ["ip", "-batch", "-"], input=batch.replace("%s", "del"), text=True, check=True, timeout=60)

    def test_too_long(self):
        """64 items, 64 addresses and a thousand of the host's are more than the kernel takes; without either they are not."""
        private = [f"+private:{port}" for port in range(1, 65)]
        items, host = ",".join(private), ",".join(["-host", *private[1:]])
        lock = "ip=lock ips=" + ",".join(f"2001:db8:{number:x}::1" for number in range(64))
        self.add_local_routes(1000)
        for terms in (f"egress={items}", f"egress={host}", f"{lock} egress={items}"):
            sandbox.write(POLICY, f"allow br0 user={USER} quota=1 mac=lock {terms}\nallow br0 user={OTHER}\n")
            self.grant(f"--mac={GUEST}", vnet=False).close()
        sandbox.write(POLICY, f"allow br0 user={USER} quota=1 mac=lock {lock} egress={host}\n")
        self.refused(says=["for mac=lock of", "more than the kernel's 4096 instructions; use fewer addresses, VLANs, or items in egress=",
                           "nothing is granted"])

    def test_a_host_with_too_many_addresses(self):
        self.add_local_routes(1100)
        self.rule("-host,+all")
        self.refused(says=["4096 instructions", "host is every address of this host"])
        self.rule("-198.18.0.0/15,+all")
        self.grant(f"--mac={GUEST}", vnet=False).close()

    def test_the_hosts_addresses_cannot_be_read(self):
        """Whatever the kernel does not answer, there is no tap."""
        self.rule("-host,+all")
        said = []
        for nth in range(1, 60):
            with bridgehelper.call([*inject(f"{sandbox.RUN}/trace", "recvfrom", nth, "error=EIO", USER), self.helper], f"--mac={GUEST}") as answer:
                if answer.granted:
                    break
                said.append(answer.stderr)
        self.assertTrue(any("this host's addresses, for egress=: Input/output error; try again; nothing is granted" in line for line in said), said)
        self.assertEqual(sandbox.links() - self.before, {self.neighbour.tap()[0]})

    def test_rules_that_do_not_parse(self):
        for terms, says in (("egress=+all", "egress= requires mac=lock in the same rule"), ("mac=lock egress=", "egress= must be up to 64 destinations"),
                            ("mac=lock egress=+all,10.0.0.1", "(number 2 is not one)"), ("mac=lock egress=-224.0.0.0/4", "no multicast")):
            sandbox.write(POLICY, f"allow br0 {terms}\n")
            self.refused(says=[f"{POLICY}:1 does not parse", says])


if __name__ == "__main__":
    netcase.main()
