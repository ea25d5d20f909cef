#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap address asks guest agents through a real libvirtd: in a real guest, a shell script takes the agent's part.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_HOOKS (as built) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import json
import shlex
import time

import guests
import libvirthost
import needed
import sandbox
from bridgehelper import await_
from libvirtcase import HostTest, nic

SERIAL, MAC = "/var/lib/libvirt/serial", "52:54:00:77:00:01"
CHANNEL = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
# The agent's protocol, as far as libvirt uses it here. Until libvirt has connected, the port is at its end.
AGENT = ("exec 3<>$(echo /dev/vport*p1); while :; do read -r line <&3 || { sleep 0.1; continue; }; id=${line##*:}; case $line in "
         '*guest-sync*) echo "{\\"return\\": ${id%%\\}*}}" >&3;; *guest-network-get-interfaces*) cat /answer >&3;; esac; done')


def answer(*cards):
    """What an agent says of its network cards: (name, MAC, addresses)."""
    return json.dumps({"return": [{"name": name, "hardware-address": mac, "ip-addresses": [
        {"ip-address-type": "ipv6" if ":" in address else "ipv4", "ip-address": address, "prefix": 64 if ":" in address else 24} for address in addresses]}
        for name, mac, addresses in cards]})


class Agent(HostTest):
    def setUp(self):
        self.host = self.make_host(1, "br0")
        self.host.run("ip", "address", "add", "192.168.77.254/24", "dev", "br0")
        self.tap, = self.define(self.host, "web", nic(mac=MAC), CHANNEL, f"<serial type='unix'><source mode='bind' path='{SERIAL}'/></serial>",
                                boot=self.boot())
        self.host.virsh("start", "web")
        self.shell = self.console(self.host, SERIAL)
        self.shell.wait_for(guests.READY)

    def address(self, *words):
        """{address: sources} of the guest, with its MAC and domain."""
        done = self.host.run(self.cli, "address", *words, "--json", check=False)
        text = "\n".join(line for line in done.stdout.splitlines() if not line.startswith("virt-tap address: "))
        found = [guest for guest in json.loads(text) if guest["tap"] == self.tap]
        self.assertEqual([(guest["domain_name"], {one["mac"] for one in guest["addresses"]} - {MAC}) for guest in found], [("web", set())])
        return {one["address"]: one["sources"] for one in found[0]["addresses"]}

    def answers(self, *cards):
        self.assertEqual(self.shell.run(f"printf '%s\\n' {shlex.quote(answer(*cards))} >/answer")[0], 0)

    def test_agent(self):
        self.address("web")  # no agent has opened the port
        self.assertEqual(self.shell.run(f"printf '%s\\n' {shlex.quote(AGENT)} >/agent; sh /agent & sleep 1")[0], 0)
        self.assertTrue(await_(lambda: "state='connected'" in self.host.virsh("dumpxml", "web")))
        lie = f"10.9.9.9\n{self.tap}\t{MAC}\t10.8.8.8"
        self.answers(("lo", "00:00:00:00:00:00", ["127.0.0.1"]), ("eth0", MAC, ["192.168.77.1", "2001:db8:77::1", lie, "192.168.77.254"]),
                     ("docker0", "02:42:00:00:00:01", ["172.17.0.1"]))
        mine = {"192.168.77.1": ["agent"], "2001:db8:77::1": ["agent"]}
        self.assertTrue(await_(lambda: "192.168.77.1" in self.address("web"), 30))  # libvirtd connects a moment later
        for words in (("web",), (self.tap,), (), ("-c", "qemu:///system", "web")):
            found = self.address(*words)
            self.assertEqual({address: sources for address, sources in found.items() if not address.startswith("fe80:")}, mine, words)
        self.assertRegex(guests.ping(self.shell, "192.168.77.254", 2), ", 0% packet loss$")
        self.assertEqual(self.address("web")["192.168.77.1"], ["neighbour", "agent"])
        said = self.host.run("env", "LC_ALL=C", self.cli, "list", "-v").stdout
        self.assertIn(" 192.168.77.1,2001:db8:77::1", said)
        self.assertIn("may be on another host", self.host.run(self.cli, "domain", "agent", "-c", "test:///default", "--all", check=False).stdout)
        # One that does not answer costs some seconds, and nothing else.
        self.assertEqual(self.shell.run("rm /answer; mkfifo /answer")[0], 0)
        began = time.monotonic()
        said = self.host.run(self.cli, "domain", "agent", "--all").stdout
        self.assertLess(time.monotonic() - began, 15)
        self.assertIn("1 guest agent did not answer in", said)
        self.assertIn(f"{self.tap}\t{MAC}\t-\n", said)


if __name__ == "__main__":
    sandbox.enter()
    libvirthost.prepare()
    needed.main()
