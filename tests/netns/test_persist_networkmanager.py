#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap bridge persist with a real NetworkManager, which uses the NIC's profile before, and ours at its next start."""
import glob
import os
import subprocess
import unittest

import needed
import netplanfork
import networkmanager as nm
import sandbox
import uplink
from bridgehelper import await_
from uplink import HOST4, HOST6, ROUTER4, ROUTER6, virt_tap

UUID = "c0a3a3c5-6b0e-4a51-9e66-7b8c1bd6cf4a"
HEAD = f"[connection]\nid=The LAN: 1\nuuid={UUID}\ntype=ethernet\n"
NIC = "interface-name=eth0\n"
V4 = f"[ipv4]\nmethod=manual\naddress1={HOST4}/24,{ROUTER4}\n"
V6 = "[ipv6]\nmethod=disabled\n"
FILE = f"{nm.PROFILES}/virt-tap-br0.nmconnection"
PORT = f"{nm.PROFILES}/virt-tap-br0-uplink.nmconnection"


def setUpModule():
    nm.enter()


def bare():
    """A NIC without addresses, as at the start of a host."""
    uplink.make()
    for words in (("addr", "flush", "dev", "eth0"), ("link", "set", "eth0", "down"),
                  ("route", "flush", "table", "77"), ("-6", "route", "flush", "table", "77")):
        uplink.ip(*words)
    while "lookup 77" in uplink.ip("rule"):
        uplink.ip("rule", "del", "lookup", "77")


def tree():
    found = {}
    for path in glob.glob("/etc/NetworkManager/**", recursive=True) + glob.glob("/etc/virt-tap/*"):
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                found[path] = (file.read(), os.stat(path).st_mode)
    return found


class Case(unittest.TestCase):
    def setUp(self):
        bare()
        self.addCleanup(uplink.remove)
        self.addCleanup(nm.stop)
        for path in glob.glob(nm.PROFILES + "/*") + glob.glob("/etc/virt-tap/persist.*") + glob.glob("/usr/lib/NetworkManager/system-connections/*"):
            os.unlink(path)

    def start(self, text, **more):
        """With this profile in force."""
        nm.profile("lan", text)
        nm.start(**more)
        self.connected("eth0")

    def connected(self, name, state="100 (connected)"):
        self.assertTrue(await_(lambda: nm.nmcli("-g", "GENERAL.STATE", "device", "show", name, check=False) == state, 20), nm.log())

    def reboot(self):
        nm.stop()
        uplink.remove()
        bare()
        nm.start()
        self.connected("br0")
        self.assertTrue(await_(lambda: "master br0" in uplink.ip("link", "show", "eth0"), 20), nm.log())
        self.assertEqual(uplink.addresses("eth0"), [])

    def persist(self, *words, status=0):
        before = tree()
        done = virt_tap("bridge", "persist", "br0", "--uplink=eth0", *words)
        self.assertEqual(done.returncode, status, done.stdout)
        if status:
            self.assertEqual(tree(), before)
        return done.stdout

    def texts(self):
        """The keyfiles of the bridge and its port."""
        for path in (FILE, PORT):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            with open(path, encoding="utf-8") as file:
                yield file.read()

    def assert_lines(self, text, lines):
        for line in lines:
            self.assertIn(f"\n{line}\n", text)


class CarriedOver(Case):
    def test_static(self):
        """Both families, at the next start, and back."""
        self.start(HEAD + NIC + V4 + f"address2=192.0.2.11/24\ndns=192.0.2.53;\ndns-search=example.org;\nroute1=10.0.0.0/8,{ROUTER4},50\n"
                   f"route1_options=table=77,src=192.0.2.11\nrouting-rule1=priority 5 from 192.0.2.0/24 table 77\n[ipv6]\nmethod=manual\n"
                   f"address1={HOST6}/64,{ROUTER6}\nip6-privacy=2\naddr-gen-mode=eui64\n[user]\nmine.own=1\n[proxy]\nbrowser-only=true\n")
        before = tree(), {words: uplink.ip(*words).replace("eth0", "br0") for words in (("route",), ("route", "show", "table", "77"), ("rule",))}
        self.assertIn("metric 100", before[1][("route",)])
        self.persist()
        self.persist()
        bridge, port = self.texts()
        self.assert_lines(bridge, ("dns=192.0.2.53;", "dns-search=example.org;", "route1_options=src=192.0.2.11,table=77", "ip6-privacy=2", "browser-only=true",
                                   "mac-address=52:54:00:AA:00:01", "stp=false", "type=bridge", "interface-name=br0"))
        for word in ("ipv4", "ipv6", "192.0.2"):
            self.assertNotIn(word, port)
        self.reboot()
        self.assertEqual(sorted(uplink.addresses("br0")), sorted([HOST4 + "/24", "192.0.2.11/24", HOST6 + "/64"]))
        for words, routes in before[1].items():
            self.assertEqual(uplink.ip(*words), routes)
        self.assertIn(f"default via {ROUTER6} dev br0 proto static metric 100", uplink.ip("-6", "route"))
        self.assertIn("52:54:00:aa:00:01", uplink.ip("link", "show", "br0"))
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(tree(), before[0])

    def test_what_stays_with_the_port(self):
        self.start(HEAD.replace("ethernet", "802-3-ethernet") + "multi-connect=3\nzone=public\nautoconnect-priority=7\n[match]\ninterface-name=eth*;\n"
                   "[802-3-ethernet]\nmtu=1400\nwake-on-lan=64\ncloned-mac-address=52:54:00:aa:00:02\n[ethtool]\nfeature-gro=true\n" + V4 + V6)
        nm.profile("other", HEAD.replace(UUID, UUID[::-1].replace("-", "")[:8] + UUID[8:]) + "interface-name=eth9\nautoconnect-priority=300\n" + V4 + V6)
        nm.nmcli("connection", "reload")
        self.persist()
        bridge, port = self.texts()
        self.assert_lines(bridge, ("mtu=1400", "zone=public", "mac-address=52:54:00:AA:00:02", "autoconnect-priority=7", "route-metric=100"))
        self.assert_lines(port, ("mtu=1400", "wake-on-lan=64", "cloned-mac-address=52:54:00:AA:00:02", "feature-gro=true", "interface-name=eth0",
                                 "autoconnect-priority=301"))
        for word in ("wake-on-lan", "cloned", "ethtool", "match", "multi-connect"):
            self.assertNotIn(word, bridge)
        for word in ("zone", "multi-connect", "eth*"):
            self.assertNotIn(word, port)
        self.reboot()
        self.assertIn("mtu 1400", uplink.ip("link", "show", "br0"))
        self.assertIn("52:54:00:aa:00:02", uplink.ip("link", "show", "br0"))

    def test_bound_by_mac(self):
        """So is the port, whatever the NIC is called."""
        self.start(HEAD + "[ethernet]\nmac-address=52:54:00:aa:00:01\n" + V4 + "route-metric=77\n" + V6)
        self.persist()
        bridge, port = self.texts()
        self.assertNotIn("interface-name", port)
        self.assert_lines(port, ("mac-address=52:54:00:AA:00:01",))
        self.assert_lines(bridge, ("route-metric=77",))
        self.reboot()
        self.assertIn(f"default via {ROUTER4} dev br0 proto static metric 77", uplink.ip("route"))

    def test_other_methods(self):
        """Shared, link-local, never the default route; from a folder of the distribution's."""
        sandbox.run("mount", "-t", "tmpfs", "tmpfs", "/usr/lib/NetworkManager/system-connections")
        self.addCleanup(sandbox.run, "umount", "-l", "/usr/lib/NetworkManager/system-connections")
        nm.profile("lan", HEAD + NIC + "[ipv4]\nmethod=shared\naddress1=10.42.7.1/24\nnever-default=true\n[ipv6]\nmethod=link-local\n",
                   folder="/usr/lib/NetworkManager/system-connections")
        nm.start()
        self.assertTrue(await_(lambda: nm.nmcli("-g", "GENERAL.CON-UUID", "device", "show", "eth0") == UUID, 20), nm.log())
        self.persist()
        bridge, _ = self.texts()
        self.assert_lines(bridge, ("address1=10.42.7.1/24", "method=shared", "never-default=true", "method=link-local"))

    def test_on_link_gateway(self):
        self.start(HEAD + NIC + "[ipv4]\nmethod=manual\naddress1=203.0.113.5/32,172.31.1.1\n" + V6)
        self.persist()
        self.reboot()
        self.assertIn("default via 172.31.1.1 dev br0", uplink.ip("route"))

    def test_without_a_profile(self):
        """A card that has none, and a bridge that somebody else made: what the kernel has is written."""
        nm.start(settings="no-auto-default=*\n")
        self.persist("--format=networkmanager")
        bridge, port = self.texts()
        self.assert_lines(bridge, ("interface-name=br0", "type=bridge", "mac-address=52:54:00:AA:00:01", "stp=false", "[ipv4]\nmethod=disabled"))
        self.assert_lines(port, ("interface-name=eth0", "type=ethernet", "autoconnect-priority=100"))
        self.assertRegex(port, r"\n(master|controller)=br0\n")
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        sandbox.batch("ip", "link add br0 mtu 1400 type bridge", "link set br0 up", "addr add 203.0.113.1/24 dev br0",
                      "addr add 2001:db8:7::1/64 dev br0 nodad", "route add 10.0.0.0/8 via 203.0.113.9 metric 77",
                      "route add default via 172.31.1.1 dev br0 onlink")
        done = virt_tap("bridge", "persist", "br0", "--format=networkmanager")
        self.assertEqual(done.returncode, 0, done.stdout)
        with open(FILE, encoding="utf-8") as file:
            bridge = file.read()
        self.assertRegex(bridge, r"\[ipv4\]\naddress1=203.0.113.1/24\nmethod=manual\nroute1=0.0.0.0/0,172.31.1.1\n"
                         r"route1_options=onlink=true\nroute2=10.0.0.0/8,203.0.113.9,77\n")
        self.assert_lines(bridge, ("address1=2001:db8:7::1/64", "mtu=1400"))


class Leases(Case):
    """One dnsmasq gives addresses, another advertises a prefix and gives addresses in it."""

    def serve(self, *words):
        sandbox.write(sandbox.RUN + "/dnsmasq.conf", 'dhcp-option-force=252,"a\\nDHCP4.OPTION[1]:iaid = de:ad:be:ef"\n')
        uplink.ip("addr", "replace", "fe80::1/64", "dev", "wan", netns="router")
        process = subprocess.Popen(
            ["ip", "netns", "exec", "router", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--port=0",
             "--interface=wan", "--user=root", "--leasefile-ro", "--pid-file=", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.kill)

    def get(self, nic):
        """NetworkManager takes a device for activated with the first address, and writes of the others only some time later."""
        self.serve("--dhcp-range=192.0.2.100,192.0.2.150,1h")
        nm.start()
        self.assertTrue(await_(lambda: nic in sandbox.links() and uplink.addresses(nic), 30), nm.log())
        self.serve("--dhcp-range=2001:db8::100,2001:db8::200,slaac,64,1h", "--enable-ra")
        self.assertTrue(await_(lambda: len(uplink.addresses(nic)) == 3, 30), nm.log())
        return sorted(uplink.addresses(nic)), uplink.ip("route").replace(nic, "NIC")

    def same(self, ipv4, ipv6):
        nm.profile("lan", HEAD + NIC + f"[ipv4]\nmethod=auto\n{ipv4}[ipv6]\nmethod=auto\n{ipv6}")
        before = self.get("eth0")
        self.persist()
        nm.stop()
        uplink.remove()
        bare()
        self.assertEqual(self.get("br0"), before)

    def test_as_it_comes(self):
        self.same("", "")

    def test_not_from_the_mac(self):
        """An identity from a name, from the profile, and a MAC that a bridge has not."""
        self.same("dhcp-client-id=stable\n", "addr-gen-mode=stable-privacy\ndhcp-duid=stable-uuid\n")

    def test_an_option_with_line_breaks(self):
        """A server's text must not say who this host is to DHCP servers from then on."""
        self.serve("--dhcp-range=192.0.2.100,192.0.2.150,1h", "--conf-file=" + sandbox.RUN + "/dnsmasq.conf")
        self.start(HEAD + NIC + "[ipv4]\nmethod=auto\n" + V6)
        self.assertIn("DHCP4.OPTION[1]:iaid = de:ad:be:ef", nm.nmcli("-t", "-f", "DHCP4", "device", "show", "eth0").replace("\\:", ":"))
        self.persist()
        self.assertNotIn("iaid", "".join(self.texts()))


class Apply(Case):
    def apply(self, within):
        done = virt_tap("bridge", "persist", "br0", "--uplink=eth0", "--apply", "--confirm-within", within, limit=60)
        self.assertEqual(done.returncode, 0, done.stdout + nm.log())
        self.assertTrue(await_(lambda: uplink.addresses("br0") == [HOST4 + "/24"], 10), nm.log())
        self.assertEqual(uplink.addresses("eth0"), [])

    def assert_back(self, before):
        self.assertTrue(await_(lambda: not uplink.files() and "br0" not in sandbox.links() and uplink.addresses("eth0") == [HOST4 + "/24"], 30), nm.log())
        self.assertTrue(await_(lambda: (tree(), uplink.ip("route")) == before), (tree(), uplink.ip("route")))
        self.assertEqual(nm.nmcli("-g", "GENERAL.CON-UUID", "device", "show", "eth0"), UUID, nm.log())

    def test_there_and_back(self):
        self.start(HEAD + NIC + V4 + V6)
        before = tree(), uplink.ip("route")
        self.apply("8s")
        self.assert_back(before)
        self.apply("60s")
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.assertIn("is a port of 'br0' already, as it was persisted", self.persist(status=1))
        deleted = virt_tap("bridge", "delete", "br0", limit=60)
        self.assertEqual(deleted.returncode, 0, deleted.stdout)
        self.assert_back(before)

    def test_profile_that_does_not_connect_by_itself(self):
        """NetworkManager makes up a profile for the NIC that it finds up, and must not go on with that."""
        nm.profile("lan", HEAD + "autoconnect=false\n" + NIC + V4 + V6)
        nm.start()
        nm.nmcli("connection", "up", UUID)
        before = tree(), uplink.ip("route")
        self.apply("60s")
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.assertEqual(virt_tap("bridge", "delete", "br0", limit=60).returncode, 0)
        self.assert_back(before)

    def test_nic_without_a_profile(self):
        """It keeps what it gets back: NetworkManager has nothing else for it."""
        nm.start(settings="no-auto-default=*\n")
        done = virt_tap("bridge", "persist", "br0", "--uplink=eth0", "--format=networkmanager", "--apply", "--confirm-within=60s", limit=60)
        self.assertEqual(done.returncode, 0, done.stdout + nm.log())
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        uplink.ip("addr", "add", HOST4 + "/24", "dev", "br0")
        done = virt_tap("bridge", "delete", "br0", limit=100)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(uplink.addresses("eth0"), [HOST4 + "/24"], nm.log())

    def test_no_ipv6_for_the_nic(self):
        """The bridge has an address that the NIC cannot have, since its profile has IPv6 off."""
        self.start(HEAD + NIC + V4 + V6)
        before = tree(), uplink.ip("route")
        self.apply("60s")
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        uplink.sysctl("ipv6/conf/br0/disable_ipv6", "0")
        uplink.ip("addr", "add", "2001:db8::99/64", "dev", "br0", "nodad")
        uplink.sysctl("ipv6/conf/eth0/disable_ipv6", "1")
        deleted = virt_tap("bridge", "delete", "br0", limit=60)
        self.assertEqual(deleted.returncode, 0, deleted.stdout)
        self.assert_back(before)


class Refused(Case):
    def test_profiles(self):
        """What NetworkManager keeps of the device names the profile: it need not have come up with it here."""
        nm.start(settings="no-auto-default=*\n")
        for more, says in (("[802-1x]\neap=tls;\nidentity=me\nprivate-key=/etc/key.pem\nclient-cert=/etc/cert.pem\n", "802.1X"),
                           ("[ethernet]\ncloned-mac-address=random\n", "a random MAC")):
            nm.profile("lan", HEAD + "autoconnect=false\n" + NIC + more + V6)
            nm.nmcli("connection", "reload")
            sandbox.write(f"/run/NetworkManager/devices/{sandbox.ifindex('eth0')}", f"[device]\nmanaged=true\nconnection-uuid={UUID}\n")
            self.assertIn(says, self.persist(status=1))
            self.assertIn("is not carried over: ", self.persist("--lossy"))
            bridge, port = self.texts()
            self.assertNotIn("802-1x", bridge)
            self.assertNotIn("autoconnect=false", bridge + port)
            self.assertEqual("802-1x" in port, "802-1x" in more)
            self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)

    def test_what_the_profile_has_not(self):
        self.start(HEAD + NIC + V4 + V6)
        uplink.ip("addr", "add", "192.0.2.77/24", "dev", "eth0")
        self.assertIn("has the address 192.0.2.77/24, which is not in the profile", self.persist(status=1))
        uplink.ip("addr", "del", "192.0.2.77/24", "dev", "eth0")
        uplink.ip("route", "add", "10.0.0.0/8", "via", ROUTER4)
        self.assertIn(f"a route to 10.0.0.0/8 through {ROUTER4}, which is not", self.persist(status=1))

    def test_rule_with_the_name(self):
        self.start(HEAD + NIC + V4 + "routing-rule1=priority 5 from 0.0.0.0/0 iif eth0 table 77\n" + V6)
        self.assertIn("names it beyond its interface-name", self.persist(status=1))

    def test_others_profiles(self):
        self.start(HEAD + NIC + V4 + V6)
        nm.profile("br0", HEAD.replace(UUID, UUID[:-1] + "b").replace("ethernet", "bridge") + "interface-name=br0\n")
        self.assertIn("has a profile for 'br0' already", self.persist(status=1))
        os.unlink(nm.PROFILES + "/br0.nmconnection")
        nm.profile("vlan", HEAD.replace(UUID, UUID[:-1] + "b").replace("ethernet", "vlan") + f"[vlan]\nid=5\nparent={UUID}\n")
        self.assertIn("refers to the profile of 'eth0' by its UUID", self.persist(status=1))
        os.unlink(nm.PROFILES + "/vlan.nmconnection")
        nm.profile("high", HEAD.replace(UUID, UUID[:-1] + "b") + "interface-name=eth9\nautoconnect-priority=999\n")
        nm.nmcli("connection", "reload")
        self.assertIn(nm.PROFILES + "/high.nmconnection has the highest autoconnect-priority", self.persist(status=1))

    def test_name_with_line_breaks(self):
        """NetworkManager lets users add profiles of any name."""
        self.start(HEAD + NIC + V4 + V6)
        nm.nmcli("connection", "add", "type", "dummy", "ifname", "dummy9", "con-name", "x\n998:y:other", "autoconnect", "no",
                 "ipv4.method", "disabled", "ipv6.method", "disabled")
        self.persist()
        self.assertIn("autoconnect-priority=100\n", list(self.texts())[1])

    def test_a_bridge_that_is_left_alone(self):
        """The port would go on with the NIC's own profile."""
        self.start(HEAD + NIC + V4 + V6)
        for value, says in (("interface-name:br*;interface-name:vnet*", True), ("*,except:type:ethernet", True), ("type:bridge", True),
                            ("*,except:type:wifi,except:type:bridge", False), ("interface-name:=br1;type:wifi", False),
                            ("type:bridge;except:interface-name:br0", False)):
            sandbox.write("/etc/NetworkManager/conf.d/10-mine.conf", f"[keyfile]\nunmanaged-devices={value}\n")
            said = self.persist("--print", status=int(says))
            self.assertEqual("is told to leave 'br0' alone: unmanaged-devices=" in said, says, (value, said))
        os.unlink("/etc/NetworkManager/conf.d/10-mine.conf")

    def test_netplans(self):
        nm.profile("netplan-eth0", HEAD + NIC + V4 + V6, folder="/run/NetworkManager/system-connections")
        nm.start()
        self.connected("eth0")
        self.assertIn("--format netplan", self.persist(status=1))

    def test_only_watched(self):
        nm.start(settings="no-auto-default=*\n")
        uplink.ip("link", "set", "eth0", "up")
        uplink.ip("addr", "add", HOST4 + "/24", "dev", "eth0")
        self.connected("eth0", "100 (connected (externally))")
        self.assertIn("only watches 'eth0'", self.persist("--format=networkmanager", status=1))


if __name__ == "__main__":
    sandbox.enter(400)
    netplanfork.install()
    needed.main()
