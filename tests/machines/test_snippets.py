#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What data/snippets/ installs, on machines of each network manager: test_snippets.py [Class.test...]

A guest of an ordinary user is on a bridge that virt-tap gave to the manager. While the manager, udev, the firewall and libvirtd are restarted, its tap stays
on the bridge and gets neither an address nor a DHCP client, for a minute, or ten with VIRT_TAP_THOROUGH=1. Then the snippets are removed: check
names the danger, the manager does what it does, and repair mends it; and with what check suggests it happens no more.

The guest is a QEMU without a processor, whose own network (slirp) answers through the tap. Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and
MACHINES_FOLDER; with VIRT_TAP_DEBS=FOLDER the Debian packages in that folder are installed, in place of what meson would.
"""
import json
import os
import re
import time

import machine
import machinecase
import needed
import sandbox
from bridgehelper import await_

SECONDS = 600 if os.environ.get("VIRT_TAP_THOROUGH") else 60
HELPER = machinecase.HELPER
GUEST, GATEWAY = "10.77.0.60", machine.ROUTER
ALICE = "setpriv --reuid=alice --regid=alice --init-groups"
HUB = f"user,id=u,ipv6=off,net=10.77.0.0/24,host={GUEST},dns=10.77.0.61,dhcpstart=10.77.0.62"
QEMU = (f"{ALICE} qemu-system-x86_64 -M none -nodefaults -no-user-config -display none -netdev tap,id=t,br=br0,helper={HELPER} "
        f"-netdev hubport,id=h0,hubid=0,netdev=t -netdev {HUB} -netdev hubport,id=h1,hubid=0,netdev=u")
# Each with a file as others have: it takes every Ethernet device there is.
CONFIGURATIONS = {
    "ifupdown": {"/etc/network/interfaces": "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\nauto eth0\n"
                                            f"iface eth0 inet static\n    address 10.77.0.50/24\n    gateway {GATEWAY}\n",
                 "/etc/resolv.conf": f"nameserver {GATEWAY}\n"},
    "networkd": {"/etc/systemd/network/10-lan.network": f"[Match]\nName=eth0\n\n[Network]\nAddress=10.77.0.50/24\nGateway={GATEWAY}\nDNS={GATEWAY}\n",
                 "/etc/systemd/network/20-any.network": "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n"},
    "networkmanager": {"/etc/NetworkManager/system-connections/lan.nmconnection":
                       "[connection]\nid=lan\nuuid=5d0b7a3e-6a55-4c6e-9a8e-2b3f7c0f7700\ntype=ethernet\ninterface-name=eth0\n\n[ipv4]\nmethod=manual\n"
                       f"address1=10.77.0.50/24,{GATEWAY}\ndns={GATEWAY};\n\n[ipv6]\nmethod=auto\n"},
}
ODD = "${PATH}-x"
POLICY = f"allow br0 user=alice\nallow {ODD} user=alice\n"
# A list of somebody else's, which replaces ours, and which ours leaves alone.
OTHERS = """set -e; printf '[keyfile]\\nunmanaged-devices=interface-name:mine*\\n' >/etc/NetworkManager/conf.d/90-others.conf
    systemctl restart NetworkManager; ip link add mine0 type bridge; ip link set mine0 up; sleep 3
    nmcli -g GENERAL.STATE device show mine0 | grep -F 'unmanaged'; ip link delete mine0"""
# What restarts the manager, or makes the bridge again; and what is tried without the snippets.
RESTARTS = {"ifupdown": ["systemctl restart networking"],
            "networkd": ["systemctl restart systemd-networkd", "networkctl reload; networkctl reconfigure br0",
                         "ip link delete br0; systemctl restart systemd-networkd"],
            "networkmanager": ["systemctl restart NetworkManager", "nmcli connection down virt-tap-br0; nmcli connection up virt-tap-br0",
                               "nmcli connection up virt-tap-br0", OTHERS, "rm /etc/NetworkManager/conf.d/90-others.conf; systemctl reload NetworkManager"]}
DANGEROUS = {"ifupdown": RESTARTS["ifupdown"][0], "networkd": RESTARTS["networkd"][0],
             "networkmanager": "systemctl restart NetworkManager; sleep 3; nmcli connection up virt-tap-br0; sleep 3; nmcli device disconnect {tap}"}
STATES = {"networkd": "networkctl --no-legend list {tap} | awk '{{ print $NF }}'", "networkmanager": "nmcli -g GENERAL.STATE device show {tap}"}
DANGERS = {"ifupdown": {"net.ifupdown.forgets"}, "networkd": {"net.networkd.claims", "net.networkd.forgets"},
           "networkmanager": {"net.networkmanager.claims", "net.networkmanager.forgets"}}
EVENTS = ("udevadm trigger --settle", "udevadm trigger --settle --action=add", "nft flush ruleset", "systemctl restart libvirtd",
          "systemctl restart systemd-udevd")


class Snippets(machinecase.InstalledCase):
    def test_ifupdown(self):
        self.check("ifupdown")

    def test_networkd(self):
        self.check("networkd")

    def test_networkmanager(self):
        self.check("networkmanager")

    def check(self, manager):
        for release in machinecase.wanted():
            with self.subTest(release):
                self.manager = manager
                self.boot(release, f"{manager}+libvirt", {**CONFIGURATIONS[manager], "/etc/virt-tap/policy.conf": POLICY})
                self.settle("eth0")
                self.machine.run(f"useradd alice; setcap cap_net_admin=p {HELPER}; virt-tap bridge persist br0 --uplink eth0")
                self.machine.reboot()
                self.settle("br0")
                self.live()
                self.machine.end()

    def start_guest(self):
        self.machine.run(f"{QEMU} </dev/null >/tmp/qemu 2>&1 & echo $! >/tmp/qemu.pid")
        taps = "ls /sys/class/net/br0/brif | grep vtap-"
        if not await_(lambda: self.machine.run(taps, check=False)[0] == 0, 120, 1):
            self.fail(self.machine.run("cat /tmp/qemu"))
        return self.machine.run(taps).strip()

    def judge(self, why, state=None):
        """By one command, for each costs a second under TCG. Where the bridge was made again, the tap is back at once, but not in no time."""
        ask = STATES.get(self.manager, "true").format(tap=self.tap)
        said = self.machine.run(f"""for i in $(seq 40); do [ -e /sys/class/net/{self.tap}/master ] && break; sleep 0.5; done
            ip -json address show dev {self.tap}; {ask}; ps -o args= -C dhclient,dhcpcd | grep {self.tap}
            udevadm info /sys/class/net/{self.tap} | sed -n 's,^E: ID_NET_LINK_FILE=.*/,,p'
            for i in 1 2 3 4 5; do ping -n -c 1 -W 3 {GUEST} >/dev/null && exec echo reached; done""", check=False)[1].splitlines()
        link = json.loads(said[0])[0]
        found = link.get("master"), link["addr_info"], link["address"][:3]
        if found != ("br0", [], "fe:"):
            self.fail(f"{why}: {said}\n{self.tell()}")
        states = {"networkd": ["unmanaged"], "networkmanager": [state or "10 (unmanaged)"]}.get(self.manager, [])
        self.assertEqual(said[1:], [*states, "05-virt-tap.link", "reached"], why)

    def live(self):
        self.tap = self.start_guest()
        self.judge("at first")
        ids = self.findings()
        self.assertFalse({name for name in ids if name.endswith((".claims", ".first", ".forgets"))}, ids)
        begun = time.monotonic()
        for event in (*EVENTS, *RESTARTS[self.manager], *EVENTS[:1]):
            self.machine.run(event)
            self.judge(event)
        while time.monotonic() - begun < SECONDS:
            time.sleep(10)
            self.judge("later")
        self.any_name()
        self.live_without()

    def any_name(self):
        """A bridge that nobody's manager knows is made again, with a name that a shell, systemd or udev could take for something else."""
        bridge, put = f"/sys/class/net/{ODD}", f"[ -e '/sys/class/net/{ODD}/brif/vtap-odd' ]"
        make = f"set -e; ip link add name '{ODD}' type bridge; ip link set dev '{ODD}' up"
        self.machine.run(f"{make}; virt-tap tap create vtap-odd --user=alice --bridge='{ODD}'; {put}")
        self.machine.run(f"ip link delete dev '{ODD}'; [ ! -e '{bridge}' ]; {make}")
        if not await_(lambda: self.machine.ok("sh", "-c", put), 60, 1):
            self.fail(self.machine.run("systemctl list-units --all 'virt-tap-repair*' '*.device'; journalctl -b -q --no-pager -o cat -n 60"))
        self.machine.run(f"virt-tap tap delete vtap-odd; ip link delete dev '{ODD}'")
        rules = next(path for path in self.installed if path.endswith("/90-virt-tap.rules"))
        said = self.machine.run(f"""! udevadm help | grep -q verify || udevadm verify {rules} >/dev/null
            journalctl -b -q --no-pager -o cat -g 'virt-tap.*rules'; systemctl list-units --failed --no-legend --plain 'virt-tap*'""", check=False)
        self.assertEqual(said, (0, ""))

    def live_without(self):
        """Check tells before it happens, and repair mends it."""
        ours = [path for path in self.installed if not re.search("/(bin|libexec|systemd/system|share)/", path)]
        self.machine.run("rm -f " + " ".join(ours))
        self.assertLessEqual(DANGERS[self.manager], set(self.findings()))
        self.machine.run(DANGEROUS[self.manager].format(tap=self.tap))
        off = f"! [ -e /sys/class/net/{self.tap}/master ]"
        self.assertTrue(await_(lambda: self.machine.ok("sh", "-c", off), 60, 2), self.tell())
        self.machine.run("virt-tap check net --user alice --bridge br0 --fix --apply", check=False)
        self.assertEqual(DANGERS[self.manager] & set(self.findings()), set())
        self.machine.run("virt-tap repair")
        self.judge("repaired")
        self.machine.run(DANGEROUS[self.manager].format(tap=self.tap), check=False)
        self.judge("by what check suggests")

    def findings(self):
        said = self.machine.run(f"{ALICE} virt-tap check net --bridge br0 --json", check=False)[1]
        return [finding["id"] for finding in json.loads(said)["findings"]]


if __name__ == "__main__":
    sandbox.enter(limit=7200)
    needed.main()
