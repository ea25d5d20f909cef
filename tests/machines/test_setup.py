#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""`virt-tap setup` on whole machines: test_setup.py MANAGER [Class.test...]

One command, a reboot, and a guest of alice's has an address from a DHCP server: the segment's, where it is reached from outside; or, with --nat, the
bridge's own, and it reaches the outside. After `setup --undo` and a reboot the machine is as it was. By default on this machine's own Debian; with
VIRT_TAP_MACHINES=all on each. With wifi for MANAGER, NetworkManager's machine has a Wi-Fi card alone, and its access point in a namespace: there NAT is
what setup proposes. The guest is a QEMU without a processor: its card is in a namespace of the machine, with busybox as DHCP client. Needs
VIRT_TAP_HELPER, VIRT_TAP_CLI and MACHINES_FOLDER.
"""
import re
import sys

import machine
import machinecase
import needed
import sandbox
from bridgehelper import await_
from test_reboot import CONFIGURATIONS, DHCP

MANAGER = sys.argv[1]
HELPER = "/usr/local/libexec/virt-tap-helper"
QEMU = (f"setpriv --reuid=alice --regid=alice --init-groups qemu-system-x86_64 -M none -nodefaults -no-user-config -display none -netdev "
        f"tap,id=t,br=BRIDGE,helper={HELPER} -netdev hubport,id=h0,hubid=0,netdev=t -netdev tap,id=c,ifname=card,script=no,downscript=no "
        "-netdev hubport,id=h1,hubid=0,netdev=c")
# The machine's own card is wlan0, of the kernel's simulated radios; the other radio is the access point's, behind which is the outside.
ACCESS_POINT = f"""[Unit]
Before=NetworkManager.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -euc 'modprobe mac80211_hwsim radios=2; ip netns add ap; iw phy phy1 set netns name ap; ip -n ap link set lo up; \\
  ip -n ap link set wlan1 up; ip -n ap address add 10.99.0.1/24 dev wlan1; ip -n ap address add {machine.OUTSIDE}/32 dev lo; \\
  ip netns exec ap hostapd -B /etc/ap.conf; \\
  ip netns exec ap dnsmasq --conf-file=/dev/null --no-resolv --interface=wlan1 --bind-dynamic --dhcp-range=10.99.0.100,10.99.0.150'
[Install]
WantedBy=multi-user.target
"""
WIFI_PROFILE = """[connection]
id=wifi
uuid=5d0b7a3e-6a55-4c6e-9a8e-2b3f7c0f7701
type=wifi
interface-name=wlan0

[wifi]
ssid=machines

[ipv4]
method=auto
"""
WIFI_FILES = {
    "/etc/systemd/system/ap.service": ACCESS_POINT,
    "/etc/ap.conf": "interface=wlan1\ndriver=nl80211\nssid=machines\nhw_mode=g\nchannel=1\n",
    "/etc/NetworkManager/system-connections/wifi.nmconnection": WIFI_PROFILE}
LEASE = "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip address add $ip/$mask dev $interface\nip route add default via $router\n"


class Setup(machinecase.InstalledCase):
    def begin(self, release):
        self.boot(release, f"{MANAGER}+libvirt", {**CONFIGURATIONS[MANAGER][DHCP], "/usr/local/bin/lease": LEASE},
                  programs=[("/bin/busybox", "/usr/local/bin/busybox")])
        self.machine.run(f"useradd -m alice; chmod 755 /usr/local/bin/lease; setcap cap_net_admin=p {HELPER}")
        return self.settle("eth0")

    def check_wifi(self, release):
        self.boot(release, "networkmanager+wifi", {**WIFI_FILES, "/usr/local/bin/lease": LEASE}, nics=0,
                  programs=[("/bin/busybox", "/usr/local/bin/busybox")])
        self.machine.run(f"useradd -m alice; chmod 755 /usr/local/bin/lease; setcap cap_net_admin=p {HELPER}; systemctl enable --now ap")
        self.on_wifi()
        rules = self.machine.run("nft list ruleset")
        self.assertIn("this host is on Wi-Fi", self.type("alice", "--yes"))
        self.machine.reboot()
        self.on_wifi()
        self.assertEqual(self.machine.run("systemctl is-failed systemd-modules-load", check=False), (1, "active\n"))
        self.guest("br-nat")
        self.reaches_out()
        self.assertIn("nothing to do: all of this is so already", self.type("alice"))
        self.take_back()
        self.machine.reboot()
        self.on_wifi()
        self.assertNotIn("br-nat", self.machine.run("ip -br link"))
        self.assertEqual(self.machine.run("nft list ruleset"), rules)

    def on_wifi(self):
        if not await_(lambda: self.machine.ok("ping", "-n", "-c", "1", "-W", "3", machine.OUTSIDE), 180, 2):
            self.fail(self.tell() + self.machine.run("iw dev; ip netns exec ap iw dev; nmcli device; systemctl status ap", check=False)[1])

    def reaches_out(self):
        ping = f"ip netns exec guest ping -n -c 1 -W 3 {machine.OUTSIDE}"
        self.assertTrue(await_(lambda: self.machine.ok("sh", "-c", ping), 30, 1), self.tell() + self.machine.run("nft list ruleset"))

    def type(self, *words):
        said = self.machine.run(f"virt-tap setup {' '.join(words)}", check=False)
        self.assertEqual(said[0], 0, said[1] + self.tell())
        return said[1]

    def guest(self, bridge):
        """Start one; returns its address, and its gateway's."""
        self.machine.run(f"""set -e; ip netns add guest; ip tuntap add card mode tap user alice
            {QEMU.replace('BRIDGE', bridge)} </dev/null >/tmp/qemu 2>&1 & echo $! >/tmp/qemu.pid""")
        if not await_(lambda: self.machine.ok("sh", "-c", f"ls /sys/class/net/{bridge}/brif | grep vtap-"), 120, 1):
            self.fail(self.machine.run("cat /tmp/qemu"))
        said = self.machine.run("""ip link set card address 52:54:00:0a:00:01 netns guest; ip -n guest link set card up
            ip netns exec guest busybox udhcpc -i card -n -q -f -s /usr/local/bin/lease -t 20 -T 2; ip -n guest -4 address show dev card
            ip -n guest route""", check=False)[1]
        address, gateway = re.search(r"inet ([0-9.]+)/", said), re.search(r"default via ([0-9.]+)", said)
        if not address or not gateway:
            self.fail(f"no lease: {said}\n{self.tell()}")
        return address[1], gateway[1]

    def refuse_bonded(self):
        """A member of a bond: here, since kernels of test hosts may have none."""
        said = self.machine.run("""set -e; modprobe bonding max_bonds=0; ip link add bond9 type bond; ip link add nic9 type dummy
            ip link set nic9 master bond9; virt-tap setup alice --uplink=nic9 --yes || { ip link delete nic9; ip link delete bond9; exit 7; }""",
                                check=False)
        self.assertEqual((said[0], "bond9" in said[1]), (7, True), said[1])

    def check_uplink(self, release):
        before = self.begin(release)
        self.refuse_bonded()
        self.type("alice", "--yes")
        self.machine.reboot()
        after = self.settle("br0", before.addresses["eth0"])
        self.assertEqual((after.addresses, after.reached, after.resolves), ({"br0": before.addresses["eth0"]}, before.reached, before.resolves))
        address, gateway = self.guest("br0")
        self.assertEqual((address.rpartition(".")[0], gateway), ("10.77.0", machine.ROUTER))
        ping = ("busybox", "ping", "-c", "1", "-W", "3", "-I", machine.OUTSIDE, address)
        self.assertTrue(await_(lambda: sandbox.run(*ping, check=False).returncode == 0, 30, 1), self.tell())
        self.assertIn("nothing to do: all of this is so already", self.type("alice"))
        self.end(before)

    def check_nat(self, release):
        before, rules = self.begin(release), self.machine.run("nft list ruleset")
        self.type("alice", "--nat", "--yes")
        self.machine.reboot()
        self.settle("eth0", before.addresses["eth0"])
        self.guest("br-nat")
        self.reaches_out()
        self.assertIn("nothing to do: all of this is so already", self.type("alice", "--nat"))
        self.end(before)
        self.assertEqual(self.machine.run("nft list ruleset"), rules)

    def take_back(self):
        self.machine.run("kill $(cat /tmp/qemu.pid); ip netns delete guest")
        self.type("--undo", "--yes")
        self.assertNotIn("alice", self.machine.run("getent group kvm; cat /etc/virt-tap/policy.conf", check=False)[1])

    def end(self, before):
        self.take_back()
        self.machine.reboot()
        self.assert_same(self.settle("eth0", before.addresses["eth0"]), before)


def add(release, way):
    def test(self):
        getattr(self, f"check_{way}")(release)
    setattr(Setup, f"test_{release}_{way}", test)


if __name__ == "__main__":
    sandbox.enter(limit=7200)
    for debian in machinecase.wanted():
        for kind in ("wifi",) if MANAGER == "wifi" else ("uplink", "nat"):
            add(debian, kind)
    del sys.argv[1]
    needed.main()
