#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A NAT bridge on whole machines, by each who can make one: a guest gets an address and reaches the outside, also after the machine is started again; once
the bridge is deleted, the machine is as it was."""
import machine
import machinecase
import needed
import sandbox

LEASE = "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip addr add $ip/$mask dev $interface\nip route add default via $router\n"
GUEST = f"""set -e
ip netns add guest
ip link add t0 type veth peer name v0 netns guest
ip link set t0 master nat0 up
ip -n guest link set v0 up
ip netns exec guest busybox udhcpc -i v0 -n -q -f -t 10 -T 3 -s /usr/local/bin/lease
ip netns exec guest ping -n -c 3 -W 3 {machine.OUTSIDE}
"""
FILES = {
    "ifupdown": {"/etc/network/interfaces": "auto lo\niface lo inet loopback\n\nallow-hotplug eth0\niface eth0 inet dhcp\niface eth0 inet6 auto\n"},
    "networkd": {"/etc/systemd/network/10-eth0.network": "[Match]\nName=eth0\n[Network]\nDHCP=yes\n"},
    "networkmanager": {"/etc/NetworkManager/system-connections/lan.nmconnection": "[connection]\nid=lan\ntype=ethernet\ninterface-name=eth0\n"
                       "[ipv4]\nmethod=auto\n[ipv6]\nmethod=auto\n"},
}


class Nat(machinecase.MachineCase):
    def seed(self, seed):
        super().seed(seed)
        seed.file("/usr/local/bin/lease", LEASE.encode(), 0o755)

    def guest(self):
        status, said = self.machine.run(GUEST, check=False)
        if status:
            self.fail(said + self.machine.run("nft list ruleset; journalctl -b --no-pager -u 'virt-tap-nat*'", check=False)[1] + self.tell())
        return said

    def try_all(self, release, manager):
        self.boot(release, manager, FILES[manager])
        before, rules = self.settle("eth0"), self.machine.run("nft list ruleset")
        status, said = self.machine.run("virt-tap bridge persist nat0 --nat --apply", check=False)
        if status:
            self.fail(said + self.machine.run("journalctl -b --no-pager -n 60", check=False)[1])
        self.guest()
        # The host's own IPv6 is what it was.
        self.assertEqual(self.settle("eth0").reached, before.reached)
        self.machine.reboot()
        self.assertEqual(self.settle("eth0").reached, before.reached)
        self.guest()
        if release != "bookworm":  # whose kernel and ip do not know it
            self.assertIn(" fdb_max_learned 16384 ", self.machine.run("ip -d link show nat0"))
        self.machine.run("ip netns delete guest; virt-tap bridge delete nat0")
        self.assertEqual(self.machine.run("nft list ruleset"), rules)
        self.assert_same(self.settle("eth0"), before)
        self.assertEqual(self.machine.run("find /etc /run -name '*virt-tap*' ! -name .persist ! -path '/run/virt-tap' ! -path '/etc/virt-tap'"), "")


def _add(release, manager):
    setattr(Nat, f"test_{release}_{manager}", lambda self: self.try_all(release, manager))


for name in machinecase.wanted():
    for one in FILES:
        _add(name, one)


if __name__ == "__main__":
    sandbox.enter(limit=3600)
    needed.main()
