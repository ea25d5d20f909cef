# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A host with a bridge that has addresses, DHCP servers' files, and guests that are frames on taps: for the tests of `virt-tap address`."""
import ipaddress
import json
import os
import time

import netcase
import sandbox
import uplink
from bridgehelper import await_
from portframes import ARP, BROADCAST, arp, ethernet, link_option, solicitation
from sandbox import USER

HOST4, HOST6 = "10.66.0.1", "2001:db8:66::1"
DNSMASQ, LIBVIRT = "/var/lib/misc/dnsmasq.leases", "/var/lib/libvirt/dnsmasq/{}.status"
NETWORKD, NETWORK_MANAGER = "/var/lib/systemd/network/dhcp-server-lease/{}", "/var/lib/NetworkManager/dnsmasq-{}.leases"
LATER = int(time.time()) + 3600


def private_files():
    """A /var/lib of the sandbox's own, for the whole script."""
    os.makedirs("/var/lib", exist_ok=True)
    sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib")
    for folder in ("misc", "libvirt/dnsmasq", "systemd/network/dhcp-server-lease", "NetworkManager"):
        os.makedirs(f"/var/lib/{folder}")


def mac_of(number):
    return "52:54:00:66:%02x:%02x" % divmod(number, 256)


def link_local(mac):
    """The address that follows from a MAC (EUI-64)."""
    part = bytes.fromhex(mac.replace(":", ""))
    packed = bytes([0xfe, 0x80, *bytes(6), part[0] ^ 2, *part[1:3], 0xff, 0xfe, *part[3:]])
    return str(ipaddress.IPv6Address(packed))


class Card:
    """A guest's network card on the end of a tap that is held."""

    def __init__(self, answer, mac):
        self.answer, self.mac, self.name = answer, mac, answer.tap()[0]
        self.hardware = bytes.fromhex(mac.replace(":", ""))

    def send(self, frame):
        os.write(self.answer.fds[0], frame)

    def murmur(self):
        """A frame from which the bridge learns the MAC, and nobody anything else."""
        self.send(ethernet(bytes(46), 0x88B5, BROADCAST, self.hardware))

    def ask4(self, own, target=HOST4):
        """An ARP request to the host: who asks becomes its neighbour."""
        self.send(ethernet(arp(1, self.hardware, own, target=target), ARP, BROADCAST, self.hardware))

    def ask6(self, own, target=HOST6):
        """The same by neighbour discovery."""
        frame = solicitation(own, target, link_option(1, self.hardware))
        self.send(frame[:6] + self.hardware + frame[12:])


def lines(*leases):
    """dnsmasq's file: (MAC, address), or whole lines."""
    return "".join(one if isinstance(one, str) else f"{LATER} {one[0]} {one[1]} guest 01:{one[0]}\n" for one in leases)


def status(*leases):
    """libvirt's."""
    return json.dumps([{"ip-address": address, "mac-address": mac, "hostname": "x", "client-id": f"01:{mac}", "expiry-time": LATER}
                       for mac, address in leases], indent=2)


def networkd(*leases, **more):
    """networkd's, of systemd 257."""
    return json.dumps({"BootID": "0" * 32, "Leases": [{"ClientId": [1, *bytes.fromhex(mac.replace(":", ""))], "Address": list(map(int, address.split("."))),
                                                       "ExpirationRealtimeUSec": LATER * 1000000, **more} for mac, address in leases]})


class AddressCase(netcase.NetCase):
    def setUp(self):
        super().setUp()
        self.cards = []
        self.cli = sandbox.install(uplink.CLI, caps=None)
        sandbox.batch("ip", f"addr add {HOST4}/16 dev br0", f"addr add {HOST6}/64 dev br0 nodad")
        assert await_(lambda: "tentative" not in uplink.ip("-6", "addr"))

    def tearDown(self):
        for card in self.cards:
            card.answer.close()
        super().tearDown()
        for folder, _, names in os.walk("/var/lib"):
            for name in names:
                os.unlink(f"{folder}/{name}")

    def card(self, number, *options, **more):
        card = Card(self.grant(f"--name=vtap-g{number:02}", *options, vnet=False, **more), mac_of(number))
        self.cards.append(card)
        return card

    def address(self, *words, status=0, uid=USER, env=(), **more):
        """What the command prints."""
        done = sandbox.run(self.cli, "address", *words, check=False, uid=uid, env={"PATH": os.environ["PATH"], **dict(env)}, **more)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def found(self, *words, status=None, **more):
        """{tap: {address: sources}}, and a reason if there is none."""
        said = self.address(*words, "--json", status=status, **more).splitlines(True)
        reasons = [line for line in said if line.startswith("virt-tap address: ")]
        guests = json.loads("".join(line for line in said if line not in reasons))
        self.assertEqual(len(reasons), int(not any(guest["addresses"] for guest in guests)), said)
        return {guest["tap"]: {one["address"]: one["sources"] for one in guest["addresses"]} for guest in guests}

    def soon(self, wanted, *words, asks=(), **more):
        """Within a moment: the kernel takes frames in when it gets to it. asks: what is sent before each look, since neighbours of all namespaces
        share one table, from which the kernel takes older ones when it is full."""
        def found():
            for ask in asks:
                ask()
            return self.found(*words, **more)
        self.assertTrue(await_(lambda: found() == wanted), f"{found()} instead of {wanted}")
