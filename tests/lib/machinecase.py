# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests on whole machines share: a machine with virt-tap, and a picture of its network."""
import dataclasses
import glob
import json
import os
import time
import unittest

import machine
import sandbox
from bridgehelper import await_

ALL = os.environ.get("VIRT_TAP_MACHINES") == "all"
RELEASES = ("bookworm", "trixie")
PROGRAMS = "/usr/local/libexec/virt-tap"
DEBS = os.environ.get("VIRT_TAP_DEBS")  # a folder of Debian packages that InstalledCase installs, in place of what meson would
HELPER = "/usr/libexec/virt-tap-helper" if DEBS else "/usr/local/libexec/virt-tap-helper"  # of InstalledCase
MARK = "======"
REACHED = (machine.ROUTER, machine.OUTSIDE, machine.ROUTER6, machine.OUTSIDE6)
SETTLE = 90  # seconds until an address is there that a server must give
# What the managers have of configuration, as one line a file: mode, owner, digest and name.
FILES = ("find /etc/network /etc/systemd/network /etc/netplan /etc/NetworkManager /var/lib/virt-tap -type f 2>/dev/null | sort | "
         "while read -r f; do echo \"$(stat -c '%a %u %g' $f) $(sha256sum $f)\"; done")


def releases():
    """Debian's, from that which virt-tap was built on: an older one lacks its libraries."""
    with open("/etc/os-release", encoding="utf-8") as file:
        own = dict(line.strip().split("=", 1) for line in file if "=" in line).get("VERSION_CODENAME")
    return RELEASES[RELEASES.index(own):] if own in RELEASES else RELEASES[-1:]


def wanted():
    """Those of them that are tried: all, or this machine's own."""
    return releases() if ALL else releases()[:1]


def by_chance(address, others):
    """Whether the kernel made it from an advertisement that dhcpcd has taken, too. Debian's installer writes both `inet dhcp` and `inet6 auto`:
    dhcpcd turns the kernel's off, ifupdown then turns it on again, and whether one more advertisement comes by is not the host's to say."""
    def by_dhcpcd(one):
        return one.get("mngtmpaddr") and one.get("noprefixroute")
    return address.get("mngtmpaddr") and not by_dhcpcd(address) and any(map(by_dhcpcd, others))


@dataclasses.dataclass
class Picture:
    """What must be the same again."""
    addresses: dict  # name of an interface to its addresses, sorted; without link-local ones, and with neither lo nor tentative ones
    defaults: list  # routes: gateway and interface
    reached: list
    resolves: bool
    failed: str = dataclasses.field(compare=False)  # units of systemd
    files: str

    def is_whole(self, holder, addresses):
        """Whether it has these addresses, if any are given; and, whatever came first, both an address and a gateway of IPv6, or neither."""
        found = self.addresses.get(holder, [])
        routed = any(":" in gateway and device == holder for gateway, device in self.defaults)
        return routed == any(":" in address for address in found) and (not addresses or found == addresses)


class MachineCase(unittest.TestCase):
    """One segment and one machine for each test."""
    DNSMASQ = ()  # its options

    def setUp(self):
        self.lan = machine.Lan(*self.DNSMASQ)
        self.addCleanup(self.lan.end)

    def boot(self, release, manager, files, programs=(), **more):
        """programs: further ones, each with its path in the machine."""
        seed = machine.Seed()
        self.seed(seed)
        for program, place in programs:
            with open(program, "rb") as file:
                seed.file(place, file.read(), 0o755)
        for path, text in files.items():
            seed.file(path, text, 0o600 if "NetworkManager" in path or "netplan" in path else 0o644)
        self.machine = machine.Machine(release, manager, seed, **more)
        self.addCleanup(self.machine.end)

    def seed(self, seed):
        """Put virt-tap into it."""
        cli = os.path.abspath(os.environ["VIRT_TAP_CLI"])
        for program, place in ((cli, "/usr/local/bin/virt-tap"), (f"{cli}-bridge", f"{PROGRAMS}/virt-tap-bridge")):
            with open(program, "rb") as file:
                seed.file(place, file.read(), 0o755)

    def picture(self):
        """By one command, for each costs a second under TCG."""
        pings = "; ".join(f"ping -n -c 1 -W 3 {to} >/dev/null 2>&1 && echo {to}" for to in REACHED)
        said = self.machine.run(f"""ip -json address; echo {MARK}; ip -json route show default; echo {MARK}; ip -6 -json route show default
            echo {MARK}; {pings}; echo {MARK}; getent ahostsv4 {machine.OUTSIDE_NAME}; echo {MARK}
            systemctl --failed --no-legend --plain | cut -d' ' -f1; echo {MARK}; {FILES}""")
        links, routes, routes6, reached, resolved, failed, files = said.split(MARK + "\n")
        addresses = {}
        for link in json.loads(links):
            found = sorted(f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"]
                           if one["scope"] == "global" and not one.get("tentative") and not by_chance(one, link["addr_info"]))
            if link["ifname"] != "lo" and found:
                addresses[link["ifname"]] = found
        defaults = sorted((route.get("gateway", ""), route["dev"]) for route in json.loads(routes or "[]") + json.loads(routes6 or "[]"))
        return Picture(addresses, defaults, reached.split(), bool(resolved), failed, files)

    def settle(self, holder, addresses=None):
        """A picture once the interface has addresses, or all of these, and the outside is reached."""
        begun = f"ip -json -4 address show dev {holder} 2>/dev/null | grep -q local && ping -n -c 1 -W 3 {machine.OUTSIDE}"
        await_(lambda: self.machine.run(begun, check=False)[0] == 0, SETTLE, 1)
        await_(lambda: "tentative" not in self.machine.run("ip -6 address") and self.machine.ok("ping", "-n", "-c", "1", "-W", "3", machine.ROUTER6),
               30, 1)
        picture = self.picture()
        end = time.monotonic() + SETTLE  # advertisements come when they come
        while not picture.is_whole(holder, addresses) and time.monotonic() < end:
            time.sleep(2)
            picture = self.picture()
        if holder not in picture.addresses or machine.OUTSIDE not in picture.reached or not picture.resolves:
            self.fail(f"{holder} has no network: {picture}\n{self.tell()}")
        return picture

    def assert_same(self, after, before, why=None):
        """No unit has failed that had not before; on a slow machine some do at the first boot, which is no part of the picture."""
        self.assertEqual(after, before, why)
        self.assertLessEqual(set(after.failed.split()), set(before.failed.split()), why)

    def tell(self):
        """For whoever reads that a test failed."""
        return self.machine.run("ip address; ip route; ip -6 route; cat /etc/resolv.conf; systemctl --failed --no-legend; systemd-analyze; "
                                "journal() { journalctl -b -q -n 60 --no-pager -o short-monotonic \"$@\"; }; journal -t virt-tap; "
                                "journal -u 'networking*' -u 'ifup*' -u systemd-networkd -u NetworkManager", check=False)[1]

    def reach_guest(self, bridge, address, gateway):
        """A guest that is a namespace of the machine, on a port of the bridge, is reached from outside."""
        self.machine.run(f"""set -eu
            ip netns add guest; ip link add guest0 type veth peer name eth0 netns guest
            ip link set guest0 master {bridge}; ip link set guest0 up
            ip -n guest address add {address}/24 dev eth0; ip -n guest link set eth0 up; ip -n guest route add default via {gateway}""")
        ping = ("busybox", "ping", "-c", "1", "-W", "3", "-I", machine.OUTSIDE, address)
        if not await_(lambda: sandbox.run(*ping, check=False).returncode == 0, 30, 1):
            self.fail("the guest is not reached: " + self.tell())


class InstalledCase(MachineCase):
    """With all that this build installs, but documents; the helper has no capability yet. Or with packages."""

    def boot(self, release, manager, files, programs=(), **more):
        super().boot(release, manager, files, programs, **more)
        if DEBS:
            self.machine.run("dpkg -i /root/debs/*.deb")
            self.installed = self.machine.run("for f in $(dpkg -L virt-tap virt-tap-hooks); do [ -d $f ] || echo $f; done").splitlines()

    def seed(self, seed):
        if DEBS:
            for path in glob.glob(f"{DEBS}/virt-tap*_*.deb"):
                if "dbgsym" in path:
                    continue
                with open(path, "rb") as file:
                    seed.file(f"/root/debs/{os.path.basename(path)}", file.read())
            return
        build = os.path.dirname(os.path.dirname(os.path.abspath(os.environ["VIRT_TAP_HELPER"])))
        with open(f"{build}/meson-info/intro-installed.json", encoding="utf-8") as file:
            self.installed = {path: source for source, path in json.load(file).items() if "/share/" not in path}
        for path, source in self.installed.items():
            with open(source, "rb") as file:
                seed.file(path, file.read(), 0o755 if os.access(source, os.X_OK) else 0o644)
