#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""libvirt's qemu hook on real taps: the events' arguments and standard input as libvirt 9.0 gives them, without libvirt.

Needs VIRT_TAP_HELPER and VIRT_TAP_HOOKS (the folder of the built hooks).
"""
import os
import re

import netcase
import sandbox
from hookcase import BRIDGES, domain, FOREIGN, heard, HookCase, NIC, recorded, SECRET, UUID
from netcase import POLICY
from sandbox import OTHER, USER


class Prepare(HookCase):
    def test_made_and_removed(self):
        text = domain(("vtap-web-a", "br0"), ("vtap-web-b", "br0", "", "virtio", "<driver name='vhost' queues='4'/>"),
                      ("vtap-web-c", "br0", " isolated='yes'", "e1000"))
        for uid in (0, USER):
            self.done("prepare", text, uid=uid)
            self.assertEqual(self.taps(), {"vtap-web-a", "vtap-web-b", "vtap-web-c"})
            for dev, queues, vnet, isolated in (("vtap-web-a", False, True, False), ("vtap-web-b", True, True, False), ("vtap-web-c", False, False, True)):
                tap = netcase.link(dev)
                info = tap["linkinfo"]
                self.assertEqual((info["info_data"]["multi_queue"], info["info_data"]["vnet_hdr"], info["info_slave_data"]["isolated"]),
                                 (queues, vnet, isolated))
                self.assertEqual((tap["master"], tap["address"][:3], tap["ifalias"].split(" ")[:4]),
                                 ("br0", "fe:", ["virt-tap", "v=1", f"uid={uid}", f"domain={UUID}"]))
            for event, sub in (("start", "begin"), ("started", "begin"), ("attach", "begin"), ("stopped", "end"), ("unheard-of", "-")):
                self.done(event, text, uid=uid, sub=sub)
            self.assertEqual(len(self.taps()), 3)
            self.done("release", text, uid=uid, sub="end")
            self.assertEqual(self.taps(), set())

    def test_only_what_an_interface_names(self):
        self.done("prepare", domain(("vtap-web-a", "br0"), ("vtap-web-b", "br0"), nics=NIC.format("vtap-web-a", 1, "virtio", "")))
        self.assertEqual(self.taps(), {"vtap-web-a"})
        self.done("release", domain(("vtap-web-a", "br0")))

    def test_release_goes_by_the_uuid_alone(self):
        """Metadata can be changed while the domain runs: it is gone, damaged, or names another's taps."""
        self.create("vtap-other", f"--domain={FOREIGN}", uid=0)
        text = domain(("vtap-web-a", "br0"))
        for now in (domain(nics=NIC.format("vtap-web-a", 1, "virtio", "")), text.replace("version=\"1\"", "version=\"9\""),
                    domain(("vtap-other", "br0")), domain(("vtap-web-a", "br0"), owner=FOREIGN)):
            self.done("prepare", text)
            self.assertEqual(self.taps(), {"vtap-web-a", "vtap-other"})
            self.done("release", now)
            self.assertEqual(self.taps(), {"vtap-other"})
        self.unlink("vtap-other")

    def test_network_that_is_not_started(self):
        """Its bridge is missing: libvirt makes it. A file that others may write is not believed, nor are other networks."""
        sandbox.write(POLICY, "allow br0\nallow virbr7\n")
        path = "/etc/libvirt/qemu/networks/it's.xml"
        sandbox.write(path, "<network><name>it's</name><bridge name='virbr7' stp='on' delay='0'/></network>")
        text = domain(("vtap-web-a", "virbr7"))
        self.fails("prepare", text, "libvirt's network 'it's' is not started", "virsh net-start 'it'\\''s'")
        os.chmod(path, 0o666)
        self.fails("prepare", text, "there is no bridge 'virbr7'")
        os.chmod(path, 0o644)
        self.fails("prepare", domain(("vtap-web-a", "virbr8")), "virbr8")
        os.unlink(path)

    def test_all_or_none(self):
        """The second has no rule: the first is removed again. Who, which, where, why, and what to type."""
        sandbox.make_bridge("br1")
        self.fails("prepare", domain(("vtap-web-a", "br0"), ("vtap-web-b", "br1")), "interface 2 (52:54:00:00:00:02) of domain 'web'",
                   "tap 'vtap-web-b' on bridge 'br1'", "no rule", "allow br1")
        self.unlink("br1")

    def test_refusals(self):
        self.fails("prepare", domain(("vtap-web-a", "br7")), "bridge 'br7'", "no rule")
        sandbox.write(POLICY, "allow br0 mac=lock\nallow br7\ndeny br-mgmt\n")
        self.fails("prepare", domain(("vtap-web-a", "br7")), "interface 1", "bridge 'br7'", "ip link")  # gone since
        self.fails("prepare", domain(("vtap-web-a", "br-mgmt")), f"{POLICY}:3 denies")
        self.fails("prepare", domain(("vtap-web-a", "br0", " vlan='7'")), "--vlan=7")
        sandbox.write(POLICY, "allow br0 quota=1\n")
        self.fails("prepare", domain(("vtap-web-a", "br0"), ("vtap-web-b", "br0")), "interface 2", "quota")
        sandbox.write(POLICY, "allow\n")
        self.fails("prepare", domain(("vtap-web-a", "br0")), f"{POLICY}:1")
        os.chmod(POLICY, 0o666)
        self.fails("prepare", domain(("vtap-web-a", "br0")), POLICY)

    def test_vlans(self):
        """Of the metadata, for the helper; this kernel's bridge may not filter any."""
        for rule, vlans, says in (("vlan=100", " vlan='7'", "--vlan=7"), ("vlan=100", " vlan='100,200' native='none'", "--vlan=100,200 --native=none: "),
                                  ("vlan=100", " vlan='100' native='none'", "--vlan=100 --native=none: "),
                                  ("vlan=100,200-210", " vlan='100,211' native='100'", "--vlan=100,211: "),
                                  ("vlan=100,200-210", " vlan='100,200-205' native='200'", "filter VLANs"),
                                  ("vlan=100,200-210", " vlan='205'", "filter VLANs")):
            sandbox.write(POLICY, f"allow br0 {rule}\n")
            self.fails("prepare", domain(("vtap-web-a", "br0", vlans)), "interface 1", f"{POLICY}:1", says)
            self.assertEqual(self.taps(), set())

    def test_addresses(self):
        """Of the metadata, for the helper, as many as there can be; what it says of them is the hook's refusal."""
        sandbox.write(POLICY, "allow br0 mac=lock ip=lock ips=10.66.0.0/16,2001:db8::/64\n")
        many = " ".join(f"10.66.1.{number}" for number in range(1, 65))
        for ips, claims in (("10.66.1.5 2001:db8::5", ["0a420105", "20010db8000000000000000000000005"]),
                            (many, [f"0a4201{number:02x}" for number in range(1, 65)])):
            text = domain(("vtap-web-a", "br0", f" ip='{ips}'"))
            self.done("prepare", text)
            names = netcase.link("vtap-web-a")["altnames"]
            self.assertEqual(sorted(name for name in names if "-ip." in name), [f"virt-tap-ip.br0.{claim}" for claim in claims])
            self.done("release", text, sub="end")
            self.assertEqual(self.taps(), set())
        self.fails("prepare", domain(("vtap-web-a", "br0", " ip='10.67.1.5'")), "interface 1", "--ip=10.67.1.5", f"{POLICY}:1", "ips=10.66.0.0/16")
        self.fails("prepare", domain(("vtap-web-a", "br0", " ip='10.66.1.5 10.66.1.5'")), "given twice")
        self.fails("prepare", domain(("vtap-web-a", "br0")), "ip=lock", "--ip=ADDRESS")

    def test_locks(self):
        """What the metadata asks for goes to the helper; what it may not have is the hook's refusal."""
        locked = " ip='10.66.1.5' lock='ip' serve='dhcp,dhcpv6,ra'"
        self.done("prepare", domain(("vtap-web-a", "br0", locked)))
        tap = netcase.link("vtap-web-a")
        self.assertTrue(tap["linkinfo"]["info_slave_data"]["locked"])
        self.assertIn("virt-tap-ip.br0.0a420105", tap["altnames"])
        self.done("release", domain(("vtap-web-a", "br0", locked)), sub="end")
        sandbox.write(POLICY, "allow br0 mac=lock ip=lock ips=10.67.0.0/16 serve=ra\n")
        self.fails("prepare", domain(("vtap-web-a", "br0", locked)), "interface 1", "--serve=dhcp,dhcpv6,ra", f"{POLICY}:1")
        self.fails("prepare", domain(("vtap-web-a", "br0", " ip='10.66.1.5' lock='ip'")), "--ip=10.66.1.5", "ips=10.67.0.0/16")
        for more in (" lock='none'", " lock='mac,ip'", " serve='all'", " serve='ra ra'", " lock='--force'"):
            self.fails("prepare", domain(("vtap-web-a", "br0", more)), "damaged metadata")

    def test_mtu(self):
        """The guest is told <mtu>; its tap has the bridge's, or what the rule grants."""
        texts = {mtu: domain(("vtap-web-a", "br0"), ("vtap-web-b", "br0", "", "virtio", f"<mtu size='{mtu}'/>")) for mtu in (1400, 1500, 1501, 9000)}
        for mtu in (1501, 9000):
            self.fails("prepare", texts[mtu], "interface 2 (52:54:00:00:00:02)", f"<mtu size='{mtu}'/>", "gets 1500",
                       f"ip link set dev br0 mtu {mtu}", f"add mtu={mtu}")
            self.assertEqual(self.taps(), set())
        for mtu in (1400, 1500):
            self.done("prepare", texts[mtu])
            self.assertEqual([netcase.link(name)["mtu"] for name in ("br0", "vtap-web-a", "vtap-web-b")], [1500] * 3)
            self.done("release", texts[mtu])
        sandbox.write(POLICY, "allow br0 mtu=9000\n")
        self.done("prepare", texts[9000])
        self.assertEqual(netcase.link("vtap-web-b")["mtu"], 9000)
        self.done("release", texts[9000])
        sandbox.write(POLICY, "allow br0\n")
        sandbox.run("ip", "link", "set", "dev", "br0", "mtu", "9000")
        self.done("prepare", texts[9000])
        self.assertEqual(netcase.link("vtap-web-b")["mtu"], 9000)
        self.done("release", texts[9000])

    def test_outbound(self):
        """libvirt's limit and the port filter would have to be in the same place: tc would fail, and libvirt say so in tc's words."""
        for way in ("inbound", "outbound"):
            text = domain(("vtap-web-a", "br0"), ("vtap-web-b", "br0", "", "virtio", f"<bandwidth><{way} average='1000'/></bandwidth>"))
            self.done("prepare", text)
            self.done("release", text)
            sandbox.write(POLICY, "allow br0 mac=lock\n")
            if way == "inbound":
                self.done("prepare", text)
                self.done("release", text)
            else:
                self.fails("prepare", text, "interface 2 (52:54:00:00:00:02)", "it is locked (mac=lock)", "take <outbound> out")
            self.assertEqual(self.taps(), set())
            sandbox.write(POLICY, "allow br0\n")

    def test_clone(self):
        self.fails("prepare", domain(("vtap-web-a", "br0"), owner=FOREIGN), "clone", "virt-tap domain rewrite -- web")

    def test_hostile_metadata(self):
        """Other names than ours, and names of others."""
        for dev in ("eth0", "br0", "vtap-a b", "vtap-0123456789a", "--force", "vtap-$(id)", "vtap-a%d", "lo"):
            self.fails("prepare", domain((dev, "br0")))
        self.create("vtap-other", f"--domain={FOREIGN}", uid=OTHER)
        self.create("vtap-root", f"--domain={FOREIGN}", uid=0)
        sandbox.run("ip", "tuntap", "add", "vtap-plain", "mode", "tap")
        for dev in ("vtap-other", "vtap-root", "vtap-plain"):
            for uid in (0, USER):
                self.fails("prepare", domain((dev, "br0")), f"tap '{dev}'", "is taken", uid=uid)
                self.done("release", domain((dev, "br0")), uid=uid)
                self.assertIn(dev, self.taps())
        self.assertEqual(self.taps(), {"vtap-other", "vtap-root", "vtap-plain"})
        self.unlink("vtap-other", "vtap-root", "vtap-plain")

    def test_left_over(self):
        """What a start that was killed has left is replaced; a tap that is held is not."""
        self.create("vtap-web-a", f"--domain={UUID}", uid=0)
        index = sandbox.ifindex("vtap-web-a")
        self.done("prepare", domain(("vtap-web-a", "br0")))
        self.assertNotEqual(sandbox.ifindex("vtap-web-a"), index)
        self.done("release", domain(("vtap-web-a", "br0")))
        self.create("vtap-web-gone", f"--domain={UUID}", uid=0)  # of an attach that was killed, and so was the release after it
        self.done("prepare", domain(("vtap-web-a", "br0")))
        self.assertEqual(self.taps(), {"vtap-web-a"})
        self.done("release", domain(("vtap-web-a", "br0")))
        self.create("vtap-web-own", f"--domain={UUID}", uid=0)  # somebody made it for an interface that virt-tap does not know
        self.done("prepare", domain(("vtap-web-a", "br0"), more="<interface type='ethernet'><target dev='vtap-web-own' managed='no'/></interface>"))
        self.assertEqual(self.taps(), {"vtap-web-a", "vtap-web-own"})
        self.done("release", domain(("vtap-web-a", "br0")))
        with self.grant("--name=vtap-held", uid=0):
            self.fails("prepare", domain(("vtap-held", "br0")), "vtap-held")

    def test_kvm(self):
        """A guest that is to run by KVM is not begun where there is none; one without taps of ours is libvirt's own affair."""
        self.fails("prepare", domain(("vtap-web-a", "br0"), kind="kvm"), "'web' uses KVM", "/dev/kvm is not there", "virt-tap check kvm")
        self.done("prepare", domain(kind="kvm"))
        if netcase.real_kvm():
            self.done("prepare", domain(("vtap-web-a", "br0"), kind="kvm"))
            self.done("release", domain(("vtap-web-a", "br0"), kind="kvm"))
        if os.path.exists("/dev/kvm"):
            os.unlink("/dev/kvm")

    def test_root_is_judged_by_policy(self):
        sandbox.write(POLICY, f"allow br0 user={USER}\n")
        self.fails("prepare", domain(("vtap-web-a", "br0")), "to uid 0")
        self.done("prepare", domain(("vtap-web-a", "br0")), uid=USER)
        self.done("release", domain(("vtap-web-a", "br0")), uid=USER)


class Replay(HookCase):
    """The events as libvirt 9.0 gave them (tests/data/hooks)."""

    def test_life_of_a_domain(self):
        for event, left in (("prepare", 1), ("start", 1), ("started", 1), ("reconnect", 1), ("stopped", 1), ("release", 0), ("restore", 0),
                            ("prepare", 1), ("stopped", 1), ("release", 0)):
            self.assertEqual(self.done(event, recorded(event), sub="end" if event in ("stopped", "release") else "begin"), "")
            self.assertEqual(self.taps(), {"vtap-web-5q3e4"} if left else set(), event)

    def test_migration(self):
        """The bridge and nothing else: also not the way in which libvirt quotes its metadata."""
        sandbox.write(BRIDGES, "map bridge brA br0\n")
        text = recorded("migrate")
        self.assertEqual(self.done("migrate", text), text.replace('bridge="brA"', 'bridge="br0"'))

    def test_network(self):
        self.driver = "network"
        sandbox.write(POLICY, "deny br0\n")
        self.done("start", recorded("network-start"), name="lan")
        self.fails("port-created", recorded("port-created"), "denies bridge 'br0'", name="lan")


class Map(HookCase):
    """The events migrate and restore: the domain, as this host can run it."""

    def test_nothing_to_change(self):
        for event in ("migrate", "restore"):
            self.assertEqual(self.done(event, domain(("vtap-web-a", "br0"))), "")
            self.assertEqual(self.done(event, domain()), "")
            sandbox.write(BRIDGES, "map bridge brB br1\nmap network lan br1\n")
            self.assertEqual(self.done(event, domain(("vtap-web-a", "br0"))), "")

    def test_maps(self):
        sandbox.write(BRIDGES, "map bridge brA br0\nmap network lan br1\n")
        more = ("<interface type='bridge'><mac address='52:54:00:00:00:08'/><source bridge='brA'/></interface>"
                "<interface type='bridge'><mac address='52:54:00:00:00:09'/><source bridge='lan'/></interface>"
                "<interface type='network'><mac address='52:54:00:00:00:0a'/><source network='lan' bridge='brA'/></interface>"
                "<interface type='network'><mac address='52:54:00:00:00:0b'/><source network='brA'/></interface>"
                "<interface type='network'><mac address='52:54:00:00:00:0c'/><source network='lan' portgroup='x'/></interface>")
        text = domain(("vtap-web-a", "brA"), ("vtap-web-b", "brZ"), more=more)
        text = text.replace("bridge='brZ'>&lt;interface type='bridge'/&gt;",
                            "bridge='brZ'>&lt;interface type='network'&gt;&lt;source network='lan'/&gt;&lt;/interface&gt;")
        expected = text.replace("dev='vtap-web-a' bridge='brA'", "dev='vtap-web-a' bridge='br0'")
        expected = expected.replace("bridge='brZ'", "bridge='br1'").replace("<source bridge='brA'/>", "<source bridge='br0'/>")
        expected = expected.replace("<interface type='network'><mac address='52:54:00:00:00:0a'/><source network='lan' bridge='brA'/>",
                                    "<interface type='bridge'><mac address='52:54:00:00:00:0a'/><source bridge='br1'/>")
        for event in ("migrate", "restore"):
            self.assertEqual(self.done(event, text), expected)

    def test_taken_names(self):
        """Of others, of another kind; but not what is left of this domain. What comes out can start here."""
        self.create("vtap-web-a", f"--domain={FOREIGN}", uid=0)
        sandbox.run("ip", "link", "add", "vtap-web-b", "type", "veth", "peer", "name", "vtap-peer")
        self.create("vtap-web-c", f"--domain={UUID}", uid=0)
        text = domain(*((f"vtap-web-{letter}", "br0") for letter in "abcd"))
        out = self.done("migrate", text)
        self.assertNotRegex(out, "vtap-web-[ab]'")
        for dev in ("vtap-web-c", "vtap-web-d"):
            self.assertEqual(out.count(f"'{dev}'"), 2)
        self.assertIn(SECRET, out)
        self.assertEqual(self.done("restore", out), "")
        before = self.taps()
        self.done("prepare", out)
        self.assertEqual(len(self.taps() - before), 3)
        self.done("release", out)
        self.assertEqual(self.taps(), before - {"vtap-web-c"})
        self.unlink("vtap-web-a", "vtap-web-b")

    def test_no_name_twice(self):
        """The name that would be given is the one of another tap of the same domain."""
        sandbox.run("ip", "tuntap", "add", "vtap-web-a", "mode", "tap")
        given = re.search("<vt:tap dev='(.*?)'", self.done("migrate", domain(("vtap-web-a", "br0"))))[1]
        out = self.done("migrate", domain(("vtap-web-a", "br0"), (given, "br0")))
        names = re.findall("<vt:tap dev='(.*?)'", out)
        self.assertEqual((len(set(names)), names[1]), (2, given))
        self.unlink("vtap-web-a")

    def test_broken_maps(self):
        sandbox.write(BRIDGES, "map bridge brA\n")
        for event in ("migrate", "restore"):
            self.fails(event, domain(("vtap-web-a", "br0")), f"{BRIDGES}:1")


class Reconnect(HookCase):
    def test_missing_bridge_comes_back(self):
        sandbox.write(POLICY, "allow br-lab\n")
        sandbox.write(BRIDGES, "bridge br-lab\n")
        text = domain(("vtap-web-a", "br-lab"))
        self.done("prepare", text)
        sandbox.run("ip", "link", "delete", "br-lab")
        self.done("reconnect", text)
        self.assertIn("br-lab", sandbox.links())
        self.done("release", text)
        self.unlink("br-lab")

    def test_taps_off_their_bridges_are_put_back(self):
        """By root's daemon, with their protection, also those of a bridge that it made again, and from a bridge where somebody put them."""
        sandbox.write(POLICY, "allow br0 mac=lock\nallow br-lab isolated=yes\n")
        sandbox.write(BRIDGES, "bridge br-lab\n")
        text = domain(("vtap-web-a", "br0"), ("vtap-web-b", "br-lab"))
        self.done("prepare", text)
        sandbox.run("ip", "link", "add", "br1", "type", "bridge")
        for where in ("nomaster", "master br1"):
            sandbox.run("ip", "link", "set", "vtap-web-a", *where.split())
            sandbox.run("tc", "qdisc", "del", "dev", "vtap-web-a", "clsact")
            sandbox.run("ip", "link", "delete", "br-lab")
            self.done("reconnect", text)
            taps = [netcase.link(f"vtap-web-{letter}") for letter in "ab"]
            self.assertEqual([tap["master"] for tap in taps], ["br0", "br-lab"])
            self.assertEqual([tap["linkinfo"]["info_slave_data"][key] for tap, key in zip(taps, ("locked", "isolated"))], [True, True])
            self.assertEqual(sandbox.run("tc", "filter", "show", "dev", "vtap-web-a", "ingress").stdout.count("handle"), 2)
        self.done("release", text)
        self.unlink("br1", "br-lab")

    def test_one_that_cannot_be_put_back_keeps_no_other(self):
        """Nor its guest; the log has why."""
        log = netcase.system_log(self)
        sandbox.make_bridge("br1")
        sandbox.write(POLICY, "allow br0\nallow br1\nallow br9\n")
        text = domain(("vtap-web-a", "br1"), ("vtap-web-b", "br0"))
        self.done("prepare", text)
        sandbox.run("ip", "link", "delete", "br1")
        sandbox.run("ip", "link", "set", "vtap-web-b", "nomaster")
        status, _out, said = self.hook("reconnect", text)
        self.assertEqual(status, 0)
        self.assertIn("there is no bridge 'br1'", said)
        self.assertIn(b"there is no bridge 'br1'", heard(log))
        self.assertEqual(netcase.link("vtap-web-b")["master"], "br0")
        self.done("release", text)

    def test_what_the_policy_does_not_allow_any_more(self):
        """Stays off its bridge; the guest goes on."""
        log = netcase.system_log(self)
        text = domain(("vtap-web-a", "br0"))
        self.done("prepare", text)
        sandbox.run("ip", "link", "set", "vtap-web-a", "nomaster")
        sandbox.write(POLICY, "deny br0\n")
        self.assertEqual(self.hook("reconnect", text)[0], 0)
        self.assertIn(b"vtap-web-a: not allowed any more: ", heard(log))
        self.assertNotIn("master", netcase.link("vtap-web-a"))
        self.done("release", text)

    def test_a_session_tells_the_log(self):
        log = netcase.system_log(self)
        text = domain(("vtap-web-a", "br0"))
        self.done("prepare", text, uid=USER)
        heard(log)
        self.done("reconnect", text, uid=USER)
        self.assertIsNone(heard(log) or None)
        sandbox.run("ip", "link", "set", "vtap-web-a", "nomaster")
        self.done("reconnect", text, uid=USER)
        self.assertIn(b"tap 'vtap-web-a' is not on its bridge; an administrator can repair it, while its guest runs: sudo virt-tap repair -- vtap-web-a",
                      heard(log))
        self.assertNotIn("master", netcase.link("vtap-web-a"))
        sandbox.run(f"{self.prefix()}/bin/virt-tap", "repair", "--", "vtap-web-a")
        self.assertEqual(netcase.link("vtap-web-a")["master"], "br0")
        self.done("release", text, uid=USER)

    def test_lost_protection(self):
        """A port filter without the lock, and the lock without the filter."""
        log = netcase.system_log(self)
        sandbox.write(POLICY, "allow br0 mac=lock\n")
        text = domain(("vtap-web-a", "br0"))
        for uid in (USER, 0):
            self.done("prepare", text, uid=uid)
            for change, says in (("tc qdisc del dev vtap-web-a clsact", b"port filter"), ("bridge link set dev vtap-web-a locked off", b"port options")):
                heard(log)
                self.done("reconnect", text, uid=uid)
                self.assertEqual(heard(log), b"")
                sandbox.run(*change.split())
                self.done("reconnect", text, uid=uid)
                if uid:
                    self.assertIn(b"tap 'vtap-web-a' has lost its " + says + b"; an administrator can repair it", heard(log))
                    sandbox.run(f"{self.prefix()}/bin/virt-tap", "repair")
                self.assertIn("locked on", sandbox.run("bridge", "-d", "link", "show", "dev", "vtap-web-a").stdout)
                self.assertIn("bpf", sandbox.run("tc", "filter", "show", "dev", "vtap-web-a", "ingress").stdout)
            self.done("release", text, uid=uid)

    def prefix(self):
        return os.path.dirname(os.path.dirname(self.installed))


if __name__ == "__main__":
    netcase.main()
