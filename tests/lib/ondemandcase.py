# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests of bridges on demand share: a bridge that is declared, and what can be read of it."""
import json
import os

import netcase
import sandbox
from netcase import POLICY
from rounds import rounds

BRIDGES, TRACE = "/etc/virt-tap/bridges.conf", sandbox.RUN + "/trace"
CONF = "/proc/sys/net/ipv6/conf"
ADDRESSES = ["10.66.0.1/24", "fd66::1/64"]
WHOLE = f"bridge br-lab address={ADDRESSES[0]} address={ADDRESSES[1]} mtu=1400 isolated=yes\n"
ROUNDS = rounds(2, 100)
CALLERS = 64


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def addresses(name):
    """Its addresses, without those that the kernel makes by itself."""
    infos = json.loads(sandbox.run("ip", "-json", "addr", "show", "dev", name).stdout)[0]["addr_info"]
    return [f"{info['local']}/{info['prefixlen']}" for info in infos if info["scope"] == "global"]


class OnDemand(netcase.NetCase):
    """br-lab is declared and allowed to everybody; it stays, so each test deletes it."""

    def setUp(self):
        super().setUp()
        sandbox.write(POLICY, "allow all quota=1023\n")
        sandbox.write(BRIDGES, WHOLE)
        self.log = netcase.system_log(self)

    def tearDown(self):
        if os.path.lexists(BRIDGES):
            os.unlink(BRIDGES)
        if "br-lab" in sandbox.links():
            self.remove()
        super().tearDown()

    def remove(self):
        sandbox.run("ip", "link", "delete", "br-lab")

    def make(self, **more):
        """The helper's bridge, which must be done and say nothing."""
        answer = self.ask("bridge", "--bridge=br-lab", **more)
        self.assertEqual((answer.status, answer.stderr), (0, ""))
        return netcase.link("br-lab")

    def said(self):
        """What was logged since, without head."""
        found = []
        while True:
            try:
                found.append(self.log.recv(4096).decode().split(": ", 1)[1])
            except BlockingIOError:
                return found

    def is_whole(self):
        link = netcase.link("br-lab")
        info = link["linkinfo"]["info_data"]
        self.assertEqual((link["linkinfo"]["info_kind"], link["ifalias"], link["mtu"]), ("bridge", "virt-tap bridge", 1400))
        self.assertEqual((info["stp_state"], info["forward_delay"]), (0, 0))
        self.assertIn("UP", link["flags"])
        self.assertEqual(sorted(addresses("br-lab")), ADDRESSES)
        for key in ("accept_ra", "autoconf"):
            self.assertEqual(read(f"{CONF}/br-lab/{key}"), "0")
        self.assertRegex(link["address"], r"^02:")
        return link
