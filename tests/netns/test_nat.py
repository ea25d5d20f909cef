#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap bridge persist --nat with real managers, dnsmasq, nft and firewalld: a guest gets addresses and reaches the outside, and afterwards all is
as before."""
import glob
import json
import os
import re
import shutil
import socket
import unittest

import linkattrs
import nathost
import needed
import networkmanager as nm
import sandbox
import uplink
from bridgehelper import await_
from nathost import OUTSIDE4, OUTSIDE6, Daemons, Guest
from uplink import HOST4, HOST6, ROUTER4, ROUTER6, virt_tap

UNIT = "/etc/systemd/system/virt-tap-nat-nat0.service"


class NatCase(unittest.TestCase):
    def setUp(self):
        nathost.make()
        self.addCleanup(uplink.remove)
        self.addCleanup(sandbox.run, "nft", "flush", "ruleset")
        for folder in ("systemd/network", "systemd/system/docker.service.d",
                       "NetworkManager/system-connections", "libvirt/qemu/networks", "docker", "virt-tap/nat"):
            shutil.rmtree("/etc/" + folder, ignore_errors=True)
        for pattern in ("/etc/virt-tap/persist.*", "/etc/sysctl.d/*virt-tap*", "/etc/firewalld/zones/virt-tap*", "/etc/udev/rules.d/*virt-tap*"):
            for path in glob.glob(pattern):
                os.unlink(path)

    def persist(self, *words, name="nat0", status=0):
        done = virt_tap("bridge", "persist", name, *words, limit=60)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def refused(self, *words, name="nat0", status=1, says):
        before = nathost.tree(), nathost.ruleset(), sandbox.links()
        self.assertIn(says, self.persist(*words, name=name, status=status))
        self.assertEqual((nathost.tree(), nathost.ruleset(), sandbox.links()), before)

    def marked(self):
        """In what lists bridges and taps, also for users."""
        uplink.ip("tuntap", "add", "vtap-m", "mode", "tap")
        uplink.ip("link", "set", "vtap-m", "master", "nat0", "alias", "virt-tap plain")
        status, shown = (json.loads(virt_tap(*words, "nat0", "--json").stdout)["bridges"][0] for words in (("bridge", "status"), ("show",)))
        self.assertEqual((status["nat"], shown["nat"]), (True, True))
        self.assertIn("nat0: exists, NAT\n", virt_tap("bridge", "status", "nat0").stdout)
        self.assertRegex(virt_tap("show", "nat0").stdout, r"\Anat0  up, mtu 1500, NAT, 192\.168\.76\.1/24")
        self.assertRegex(sandbox.run(sandbox.RUN + "/virt-tap", "list", uid=sandbox.USER).stdout, r"vtap-m +nat0 \(NAT\) ")
        uplink.ip("link", "delete", "vtap-m")

        self.limited()

    def limited(self):
        """It learns no more addresses than another bridge of ours, now and, by udev, whenever it is made again."""
        self.assertIn(linkattrs.bridge("nat0").get(linkattrs.BR_MAX_LEARNED), (16384, None))  # None: before Linux 6.7
        with open("/etc/udev/rules.d/80-virt-tap-nat0.rules", encoding="ascii") as file:
            rule = file.read().splitlines()[-1]
        self.assertIn('ENV{INTERFACE}=="nat0", RUN+="/sbin/ip link set dev nat0 type bridge fdb_max_learned 16384"', rule)

    def delete(self):
        done = virt_tap("bridge", "delete", "nat0", limit=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("nat0", sandbox.links())
        return done.stdout

    def guest(self, ipv6=True):
        """One with an address of each family, that reaches the outside, whose replies go to the host's address."""
        guest = Guest(self, "nat0")
        self.assertIn("lease of 192.168.76.", guest.lease())
        self.assertTrue(guest.reaches(OUTSIDE4), nathost.ruleset())
        self.assertNotIn("192.168.76", uplink.ip("neigh", netns="router"))
        if ipv6:
            self.assertTrue(await_(lambda: any(a.startswith("fd") for a in guest.addresses("-6"))), guest("ip", "addr").stdout)
            self.assertTrue(guest.reaches(OUTSIDE6), nathost.ruleset())
        else:
            self.assertEqual(guest.addresses("-6"), [])
        return guest

    def unreached(self, guest):
        """By hosts beside this one that have a route to it."""
        uplink.ip("route", "add", "192.168.76.0/24", "via", HOST4, netns="router")
        ping = ("ip", "netns", "exec", "router", "busybox", "ping", "-c1", "-W1")
        self.assertEqual(sandbox.run(*ping, HOST4, check=False).returncode, 0)
        self.assertNotEqual(sandbox.run(*ping, guest.addresses("-4")[0], check=False).returncode, 0, nathost.ruleset())
        for address in guest.addresses("-6"):
            if address.startswith("fd"):
                uplink.ip("-6", "route", "replace", address, "via", HOST6, netns="router")
                self.assertNotEqual(sandbox.run(*ping, address, check=False).returncode, 0, nathost.ruleset())


class Dnsmasq(NatCase):
    """A host without manager: a unit of ours."""

    def setUp(self):
        super().setUp()
        nathost.with_systemd(self)
        nathost.static()

    def test_whole(self):
        before = nathost.tree(), nathost.ruleset()
        said = self.persist("--nat", "--apply")
        self.assertIn("'nat0' is there: 192.168.76.1/24", said)
        self.assertIn("switched on: /proc/sys/net/ipv4/ip_forward", said)
        self.assertIn("alias virt-tap created", uplink.ip("link", "show", "nat0"))
        with open("/proc/sys/net/ipv6/conf/nat0/accept_ra", encoding="ascii") as file:
            self.assertEqual(file.read(), "0\n")
        verified = sandbox.run("systemd-analyze", "verify", "--man=no", UNIT)
        self.assertNotIn("nat0", verified.stdout)
        self.assertIn("through the host (NAT)", virt_tap("check", "net", "--bridge=nat0", "--json").stdout)
        self.marked()
        guest = self.guest()
        with open("/run/virt-tap-nat-nat0/leases", encoding="ascii") as file:
            self.assertIn(guest.addresses("-4")[0], file.read())
        self.unreached(guest)
        self.assertNotIn("running", self.persist("--nat", "--apply"))  # it works already: nobody is disturbed
        self.refused("--nat=192.168.80.0/24", says="has 192.168.76.1/24 already")
        self.refused(says="is persisted with NAT")
        self.delete()
        self.assertEqual((nathost.tree(), nathost.ruleset()), before)
        self.assertFalse(glob.glob("/run/virt-tap-nat-*"))

    def test_unpersisted(self):
        """It stays until the next start, or is deleted, then with what the unit made."""
        before = nathost.tree(), nathost.ruleset()
        self.persist("--nat=10.20.0.9/29", "--apply")
        with open("/etc/virt-tap/nat/nat0.conf", encoding="ascii") as file:
            self.assertIn("dhcp-range=10.20.0.9,10.20.0.14,255.255.255.248\n", file.read())
        self.assertIn("until the next start", virt_tap("bridge", "unpersist", "nat0").stdout)
        self.assertEqual(nathost.tree(), before[0])
        self.assertIn("nat0", sandbox.links())
        self.delete()
        self.assertEqual((nathost.tree(), nathost.ruleset()), before)

    def test_only_written(self):
        before = nathost.tree(), nathost.ruleset(), sandbox.links()
        shown = self.persist("--nat", "--dry-run")
        self.assertEqual(shown, self.persist("--nat", "--print"))
        self.assertEqual((nathost.tree(), nathost.ruleset(), sandbox.links()), before)
        self.assertIn("at once with --apply: 'nat0', 192.168.76.1/24", self.persist("--nat"))
        self.assertEqual((nathost.ruleset(), sandbox.links()), before[1:])
        self.refused("--nat=192.168.80.0/24", says="has 192.168.76.1/24 already")
        self.assertEqual(virt_tap("bridge", "unpersist", "nat0").returncode, 0)
        self.assertEqual(nathost.tree(), before[0])

    def test_docker(self):
        """What Docker's chain drops, as dockerd makes it, is accepted for the bridge, and again whenever Docker starts."""
        sandbox.write("/etc/systemd/system/docker.service", "[Service]\nExecStart=/bin/true\n")
        self.addCleanup(os.unlink, "/etc/systemd/system/docker.service")
        for program in ("iptables", "ip6tables"):
            for words in (("-P", "FORWARD", "DROP"), ("-N", "DOCKER-USER"), ("-A", "DOCKER-USER", "-j", "RETURN"), ("-A", "FORWARD", "-j", "DOCKER-USER")):
                sandbox.run(program, *words)
        before = nathost.tree(), re.sub(r"packets \d+ bytes \d+", "", nathost.ruleset())
        self.assertNotIn("the firewall drops", self.persist("--nat", "--apply"))
        self.persist("--nat", "--apply")
        self.assertEqual(sandbox.run("iptables", "-S", "DOCKER-USER").stdout.count("nat0"), 2)
        self.guest()
        with open("/etc/systemd/system/docker.service.d/virt-tap-nat-nat0.conf", encoding="ascii") as file:
            for line in file:
                self.assertRegex(line, r"^(#.*|\[Service\]|ExecStartPost=-ip6?tables -w -[DI] DOCKER-USER -[io] nat0 .*)$")
        self.delete()
        self.assertEqual((nathost.tree(), re.sub(r"packets \d+ bytes \d+", "", nathost.ruleset())), before)

    def test_other_firewall(self):
        sandbox.run("nft", "add table inet mine; add chain inet mine way { type filter hook forward priority 0; policy drop; }")
        said = self.persist("--nat", "--apply")
        self.assertIn("nft insert rule inet mine way iifname nat0 accept", said)
        self.delete()

    def test_names(self):
        """A guest has a name of its choice, but not those by which others look for their proxy or router."""
        self.persist("--nat", "--apply")
        guest = self.guest()
        for name, known in (("web7", True), ("WPAD", False), ("isatap", False)):
            guest("ip", "addr", "flush", "dev", "v0")
            guest("busybox", "udhcpc", "-i", "v0", "-n", "-q", "-f", "-x", f"hostname:{name}", "-s", nathost.LEASE)
            said = guest("busybox", "nslookup", "-type=a", name, "192.168.76.1", check=False).stdout
            self.assertEqual(said.count("Address: 192.168.76."), int(known), said)
        self.delete()

    def test_fails(self):
        """Somebody else has port 53: everything is taken back."""
        self.start_other()
        before = nathost.tree(), nathost.ruleset(), sandbox.links()
        self.assertIn("journalctl", self.persist("--nat", "--apply", status=1))
        self.assertEqual((nathost.tree(), nathost.ruleset(), sandbox.links()), before)

    def test_behind_many_sockets(self):
        """A user's sockets, no more than one process may have, keep nobody from seeing that the DHCP server listens. The kernel lists those of port
        65535 before those of port 67: by the port, from a random one on."""
        for number in range(1, 900):
            user = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(user.close)
            user.bind((f"127.0.{number >> 8}.{number & 255}", 65535))
        self.persist("--nat", "--apply")
        self.delete()

    def start_other(self):
        Daemons(self).start("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--port=53", "--no-resolv")
        self.assertTrue(await_(lambda: ":0035 " in sandbox.run("cat", "/proc/net/udp").stdout))

    def test_listens_to_routers(self):
        """A host whose own IPv6 route comes from a router keeps it: no IPv6 for guests, and why."""
        uplink.ip("-6", "route", "replace", "default", "via", ROUTER6, "dev", "eth0", "proto", "ra", "expires", "1800")
        said = self.persist("--nat", "--print")
        self.assertIn("still listen to routers", said)
        self.assertNotIn("ip6", said)
        uplink.sysctl("ipv6/conf/all/forwarding", "1")
        self.assertIn("enable-ra", self.persist("--nat", "--print"))


class Firewalld(NatCase):
    def setUp(self):
        super().setUp()
        nathost.firewalld(self)
        nathost.with_systemd(self)
        nathost.static()

    def test_whole(self):
        before = nathost.tree(), nathost.ruleset()
        self.assertIn("running `firewall-cmd --reload`", self.persist("--nat", "--apply"))
        self.assertRegex(sandbox.run("firewall-cmd", "--get-active-zones").stdout, r"virt-tap\w{8}\n  interfaces: nat0")
        self.guest()
        uplink.ip("link", "delete", "t0")
        self.assertIn("running `firewall-cmd --reload`", self.delete())
        self.assertEqual((nathost.tree(), nathost.ruleset()), before)
        sandbox.run("firewall-cmd", "--zone=public", "--add-port=7/udp")  # not permanent
        self.assertIn("would drop them", self.persist("--nat", "--apply"))
        self.assertIn("7/udp", sandbox.run("firewall-cmd", "--zone=public", "--list-ports").stdout)
        self.delete()


class Networkd(NatCase):
    def setUp(self):
        super().setUp()
        for folder in ("links", "leases", "lldp"):
            os.makedirs("/run/systemd/netif/" + folder, exist_ok=True)
        sandbox.run("chown", "-R", "systemd-network", "/run/systemd/netif")
        sandbox.run("mount", "-o", "remount,ro", "/sys")  # without udev: networkd then waits for no event of it
        self.addCleanup(sandbox.run, "mount", "-o", "remount,rw", "/sys")
        sandbox.write("/etc/systemd/network/50-wan.network", f"[Match]\nName=eth0\n[Network]\nIPv6AcceptRA=no\nDNS=192.0.2.53\nAddress={HOST4}/24\n"
                      f"Address={HOST6}/64\nGateway={ROUTER4}\nGateway={ROUTER6}\n")
        nathost.with_systemd(self)
        daemons = Daemons(self)
        daemons.bus()
        daemons.start("/lib/systemd/systemd-networkd")
        listed = ("networkctl", "--no-pager", "list", "eth0")
        self.assertTrue(await_(lambda: "configured" in sandbox.run(*listed, check=False).stdout, 20))

    def test_whole(self):
        before = nathost.tree(), nathost.ruleset()
        self.assertIn("'nat0' is there: 192.168.76.1/24", self.persist("--nat", "--apply"))
        self.assertIn("/etc/systemd/network/0-virt-tap-nat0.network", nathost.tree())
        self.assertIn("through the host (NAT)", virt_tap("check", "net", "--bridge=nat0", "--json").stdout)
        self.marked()
        self.unreached(self.guest())
        verified = sandbox.run("systemd-analyze", "verify", "--man=no", UNIT)
        self.assertNotIn("nat0", verified.stdout)
        self.assertNotIn("running", self.persist("--nat", "--apply"))
        self.delete()
        self.assertEqual((nathost.tree(), nathost.ruleset()), before)
        self.assertFalse(glob.glob("/run/virt-tap-nat-*"))
        self.persist("--nat", "--apply")  # networkd makes its tables again
        self.assertIn("192.168.76.0/24", nathost.ruleset())
        self.delete()
        self.assertEqual((nathost.tree(), nathost.ruleset()), before)

    def test_name_taken(self):
        sandbox.write("/run/systemd/network/10-netplan-nat0.netdev", "[NetDev]\nName=nat0\nKind=bridge\n")
        self.refused("--nat", says="networkd has a file for 'nat0' already: /run/systemd/network/10-netplan-nat0.netdev")


class Refused(NatCase):
    def setUp(self):
        super().setUp()
        nathost.static()

    def test_without_tools(self):
        self.refused("--nat", says="needs systemd, which is not there")
        nathost.with_systemd(self)
        sandbox.write(f"{sandbox.RUN}/empty", "")
        for program, says in (("/usr/sbin/nft", "package nftables"), ("/usr/sbin/dnsmasq", "package dnsmasq-base")):
            folder = os.path.dirname(program)
            sandbox.run("mount", "-t", "overlay", "-o", f"lowerdir={self.without(program)}:{folder}", "overlay", folder)
            self.addCleanup(sandbox.run, "umount", folder)
            self.assertIn(says, self.persist("--nat", status=1))

    @staticmethod
    def without(program):
        """A layer that hides it."""
        folder = f"{sandbox.RUN}/without-{os.path.basename(program)}"
        os.makedirs(folder)
        os.mknod(f"{folder}/{os.path.basename(program)}", 0o020000, os.makedev(0, 0))
        return folder

    def test_usage(self):
        nathost.with_systemd(self)
        for words, says in ((("--nat=192.168.76.0",), "a network or the bridge's address"), (("--nat=x/24",), "not 'x/24'"),
                            (("--nat=fd00::/64",), "not 'fd00::/64'"),
                            (("--nat=192.168.1.0/33",), "a network or"), (("--nat=192.168.1.0/24 ",), "a network or"),
                            (("--nat=1.2.3.0/24",), "not private"),
                            (("--nat=172.0.0.0/12",), "not private"), (("--nat=192.168.1.0/30",), "from /16 to /29"),
                            (("--nat=10.0.0.0/8",), "from /16 to /29"),
                            (("--nat=192.168.1.255/24",), "broadcast"), (("--nat", "--uplink=eth0"), "no uplink"),
                            (("--nat", "--confirm-within=9s"), "no uplink"),
                            (("--nat", "--format=netplan"), "leave --format out"), (("--nat", "--format=ifupdown"), "leave --format out"),
                            (("--nat", "--apply", "--print"), "use one of them"),
                            (("--format=dnsmasq",), "is for --nat")):
            with self.subTest(words):
                self.refused(*words, status=1 if "leave --format" in says else 2, says=says)
        self.refused("--nat", name="a b", says="cannot be written")

    def test_overlap(self):
        nathost.with_systemd(self)
        sandbox.batch("ip", "addr add 192.168.76.77/24 dev lo", "route add 192.168.77.128/25 via " + ROUTER4, "rule add from 192.168.78.8 lookup 7")
        self.addCleanup(uplink.ip, "rule", "del", "from", "192.168.78.8")
        self.addCleanup(uplink.ip, "addr", "del", "192.168.76.77/24", "dev", "lo")
        sandbox.run("nft", "add table ip x; add chain ip x y; add rule ip x y ip saddr 192.168.79.0/24 accept; add rule ip x y ip saddr 192.168.0.0/15 accept")
        sandbox.write("/etc/libvirt/qemu/networks/x.xml", "<ip address='192.168.80.1' netmask='255.255.254.0'>\n")
        sandbox.write("/etc/libvirt/qemu/networks/y.xml", "<ip family='ipv4' address='192.168.82.1' prefix='24'>\n")
        sandbox.write("/etc/docker/daemon.json", '{"bip": "192.168.83.1/24"}\n')
        self.assertIn("--nat=192.168.84.1/24", self.persist("--nat", "--print"))
        for number, says in ((76, "(`ip address`)"), (77, "(`ip route`)"), (78, "(`ip rule`)"), (79, "(`nft list ruleset`)"), (81, "networks/x.xml"),
                             (82, "networks/y.xml"), (83, "/etc/docker/daemon.json")):
            self.refused(f"--nat=192.168.{number}.0/24", says=says)

    def test_existing(self):
        nathost.with_systemd(self)
        sandbox.make_bridge("nat0")
        self.refused("--nat", says="exists already, and was not made by persist --nat")
        uplink.ip("link", "delete", "nat0")
        self.refused("--nat", name="eth0", says="exists already")
        sandbox.write("/etc/virt-tap/persist.nat0", "format 1\n1 /etc/systemd/network/0-virt-tap-nat0.netdev\n", mode=0o600)
        self.refused("--nat", says="persisted already, without NAT")
        sandbox.write("/etc/virt-tap/persist.nat0", "format 2\n", mode=0o600)
        self.refused("--nat", says="cannot be read")


class Shared(NatCase):
    """NetworkManager; last, since it covers the sandbox's /usr."""

    def setUp(self):
        super().setUp()
        if not os.path.exists("/usr/sbin/NetworkManager"):
            nm.enter()
        self.addCleanup(nm.stop)
        nm.profile("lan", f"[connection]\nid=lan\ntype=ethernet\ninterface-name=eth0\n"
                   f"[ipv4]\nmethod=manual\naddress1={HOST4}/24,{ROUTER4}\n[ipv6]\nmethod=disabled\n")
        nm.start()
        self.assertTrue(await_(lambda: nm.nmcli("-g", "GENERAL.STATE", "device", "show", "eth0", check=False) == "100 (connected)", 20), nm.log())

    def test_whole(self):
        before = nathost.tree(), nathost.ruleset()
        said = self.persist("--nat", "--apply")
        self.assertIn("NetworkManager shares IPv4 only", said)
        self.assertIn("'nat0' is there: 192.168.76.1/24", said)
        self.assertIn("through the host (NAT)", virt_tap("check", "net", "--bridge=nat0", "--json").stdout)
        self.marked()
        self.unreached(self.guest(ipv6=False))
        self.assertNotIn("running", self.persist("--nat", "--apply"))
        self.assertIn("/etc/modules-load.d/virt-tap-nat0.conf", nathost.tree())
        self.delete()
        self.assertTrue(await_(lambda: (nathost.tree(), nathost.ruleset()) == before), nathost.ruleset())
        nm.profile("mine", "[connection]\nid=mine\ntype=bridge\ninterface-name=nat0\n")
        self.refused("--nat", says="NetworkManager has a profile for 'nat0' already")

    def slow_firewall(self, times):
        """So many runs of nft with rules from NetworkManager take longer than the second that it waits for them, and then says nothing."""
        real, slow = f"{sandbox.RUN}/nft.real", f"{sandbox.RUN}/nft.slow"
        shutil.copy2("/usr/sbin/nft", real)
        sandbox.write(f"{sandbox.RUN}/nft.left", "x" * times)
        sandbox.write(slow, f"""#!/bin/sh
            if [ "$1" = -f ] && [ -s {sandbox.RUN}/nft.left ] && grep -q NetworkManager /proc/$PPID/comm; then
              truncate -s -1 {sandbox.RUN}/nft.left; sleep 3
            fi
            exec {real} "$@"\n""", mode=0o755)
        sandbox.run("mount", "--bind", slow, "/usr/sbin/nft")
        self.addCleanup(sandbox.run, "umount", "-l", "/usr/sbin/nft")

    def test_slow_firewall(self):
        self.slow_firewall(3)
        self.persist("--nat", "--apply")
        self.unreached(self.guest(ipv6=False))
        self.delete()

    def test_no_firewall(self):
        before = nathost.tree(), nathost.ruleset(), sandbox.links()
        self.slow_firewall(99)
        said = self.persist("--nat", "--apply", status=1)
        self.assertIn("has not told the firewall to masquerade", said)
        sandbox.write(f"{sandbox.RUN}/nft.left", "")
        self.delete()
        self.assertTrue(await_(lambda: (nathost.tree(), nathost.ruleset(), sandbox.links()) == before), nathost.ruleset())


if __name__ == "__main__":
    sandbox.enter()
    sandbox.install(uplink.CLI, "virt-tap", caps=None)
    needed.main()
