#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap policy explain, which must say what the helper does, for real users."""
import json
import os
import shlex

import documents
import netcase
import sandbox
from netcase import POLICY, QEMU_ACL
from policycase import FOLDER, ME, NO_LOOK_UP, VerbCase
from sandbox import OTHER, USER, USERS

A = f"{FOLDER}/a.conf"
BRIDGES = "/etc/virt-tap/bridges.conf"


class SecondName(VerbCase):
    """Two names of one number: both count, in an allow as in a deny."""

    def test_a_second_name(self):
        with open("/etc/passwd", encoding="utf-8") as file:
            self.addCleanup(sandbox.write, "/etc/passwd", file.read())
        self.only_files()
        with open("/etc/passwd", "a", encoding="utf-8") as file:
            file.write(f"second:x:{USER}:{USER}::/:/bin/sh\n")
        sandbox.write(POLICY, "allow br0 user=second\n")
        self.assertEqual(self.policy("check", "--strict")[0], 0)
        self.assertEqual(self.policy("explain", "--bridge=br0", uid=USER)[0], 0)
        sandbox.write(POLICY, f"allow br0 user={ME}\n")
        self.assertEqual(self.policy("explain", "--bridge=br0", uid=USER)[0], 0)
        sandbox.write(POLICY, "allow br0\ndeny br0 user=second\n")
        self.assertEqual(self.policy("check")[0], 0)
        self.assertNotEqual(self.policy("explain", "--bridge=br0", uid=USER)[0], 0)


class Explain(VerbCase):
    def explains(self, *lines, words=(), bridge="br0", status=0, **more):
        """Each of lines must be the beginning of one line of output, in this order."""
        code, output = self.policy("explain", f"--bridge={bridge}", *words, **more)
        self.assertEqual(code, status, output)
        rest = iter(output)
        for line in lines:
            self.assertTrue(any(text.startswith(line) for text in rest), (line, output))
        with self.call(bridge=bridge, **{"uid": USER, **more}) as answer:
            self.assertEqual(answer.granted, code == 0, answer)
        return output

    def as_user(self, *lines, groups=(), **more):
        """The same must be said to the user and to root about the user; and the helper must do so."""
        own = self.explains(*lines, uid=USER, groups=[USER, *groups], **more)
        code, other = self.policy("explain", "--user", ME, "--bridge", more.get("bridge", "br0"))
        self.assertEqual((code, other), (more.get("status", 0), own))

    def test_yes(self):
        sandbox.write(POLICY, f"# the lab\n allow br0  user={ME}\tquota=4 name=vtap-x* mtu=1400\n")
        self.as_user(f"yes: {ME} may use bridge 'br0'", f"user: {ME}, uid {USER}, gid {USER}, groups {USER}",
                     f"rule: {POLICY}:2:  allow br0  user={ME}?quota=4", "quota: 0 of 4 taps in use", "names: vtap-x*", "mtu: 1400")

    def as_json(self, *words, status=0):
        code, lines = self.policy("explain", "--user", ME, "--json", *words)
        seen = json.loads("".join(lines))
        self.assertEqual((code, seen["allowed"], set(seen)), (status, not status, documents.json_keys("`virt-tap policy explain --json`")))
        return seen

    def test_json(self):
        sandbox.write(POLICY, f"allow br0 user={ME} quota=4 name=vtap-%u-* mac=lock ip=lock ips=192.0.2.0/28 serve=dhcp,ra "
                      "egress=-host,+all\nallow br8\n")
        seen = self.as_json("--bridge=br0", "--mac=52:54:00:00:00:01", "--ip=192.0.2.3")
        self.assertEqual(set(seen["terms"]), documents.json_keys("The terms are an object"))
        self.assertEqual(seen, {
            "allowed": True, "user": ME, "uid": USER, "bridge": "br0", "exists": True, "on_demand": False, "rule": f"{POLICY}:1", "reason": None,
            "terms": {"quota": {"limit": 4, "used": 0, "shared": None}, "names": f"vtap-{ME}-*", "macs": None, "mtu": None, "kvm": False, "lock": "ip",
                      "ips": "192.0.2.0/28", "addresses": ["192.0.2.3/32"], "serve": ["dhcp", "ra"], "vnet": True, "egress": "-host,+all",
                      "isolated": False, "guard": False, "vlan": None, "tagged": []}})
        seen = self.as_json("--bridge=br8", status=1)  # which does not exist
        self.assertEqual((seen["exists"], seen["rule"], seen["terms"]["lock"], seen["terms"]["quota"]["limit"]), (False, f"{POLICY}:2", None, 16))
        self.assertIn("br8", seen["reason"])
        seen = self.as_json("--bridge=br9", status=1)
        self.assertEqual((seen["rule"], seen["terms"]), (None, None))
        sandbox.write(POLICY, f"allow br0 user={ME} vlan=100,200-210 native=100\n")
        seen = self.as_json("--bridge=br0", status=1)  # which does not filter VLANs
        self.assertEqual((seen["terms"]["vlan"], seen["terms"]["tagged"], "filter" in seen["reason"]), (100, ["200-210"], True), seen)
        sandbox.write(POLICY, f"deny br0 user={ME}\n")
        seen = self.as_json("--bridge=br0", status=1)
        self.assertEqual((seen["rule"], seen["terms"], "deny" in seen["reason"]), (f"{POLICY}:1", None, True))

    def test_terms_unless_told(self):
        sandbox.write(POLICY, "allow all\n")
        self.as_user("yes", f"rule: {POLICY}:1: allow all", "quota: 0 of 16 taps", "names: vtap-*", "mtu: the bridge's")
        os.unlink(POLICY)
        sandbox.write(QEMU_ACL, "allow br0\n")
        self.as_user("yes", f"rule: {QEMU_ACL}:1: allow br0", "quota: none")

    def test_no_rule(self):
        sandbox.write(POLICY, f"allow br0 user={OTHER}\n")
        self.as_user(f"no: {ME} may not", "because: no rule", f"to allow it: add this line to {POLICY}: allow br0 user={ME}", status=1)
        os.unlink(POLICY)
        sandbox.write(QEMU_ACL, "# none\n")
        self.as_user("no", f"to allow it: add this line to {QEMU_ACL}, which applies to every user: allow br0", status=1)

    def test_no_rule_but_for_a_group(self):
        """Whoever is not in the group is told of it, and whoever was added after this login to log in again."""
        self.in_group("students", 2001)
        sandbox.write(POLICY, f"deny br1 group=students\nallow br1 group=students\nallow br0 group=students user={OTHER}\nallow br0 group=students\n")
        self.as_user("no", "because: no rule", f"to allow it: add {ME} to group 'students', to which {POLICY}:4 allows it, and log in again",
                     f"to allow it: add this line to {POLICY}: allow br0 user={ME}", status=1)
        self.in_group("students", 2001, ME)
        said = self.explains("no", "because: no rule", f"to allow it: log in again: {ME} has been added to group 'students' since, "
                             f"to which {POLICY}:4 allows it", uid=USER, groups=[USER], status=1)
        self.assertEqual(len([line for line in said if "students" in line]), 1, said)

    def in_group(self, group, gid, members=""):
        with open("/etc/group", encoding="utf-8") as file:
            before = file.read()
        if group not in before:
            self.addCleanup(sandbox.write, "/etc/group", before)
        others = [line for line in before.splitlines() if not line.startswith(group + ":")]
        sandbox.write("/etc/group", "\n".join([*others, f"{group}:x:{gid}:{members}"]) + "\n")

    def test_no_policy(self):
        self.as_user("no", "because: there is no policy", f"to allow it: add this line to {POLICY}: allow br0 user={ME}", status=1)

    def test_the_line_to_add_helps(self):
        sandbox.write(POLICY, "# none\n")
        line = self.explains("no", uid=USER, status=1)[-1].rpartition(f"{POLICY}: ")[2]
        sandbox.write(POLICY, f"# none\n{line}\n")
        self.as_user("yes")
        self.refuse(uid=OTHER, says="no rule")

    def test_deny(self):
        sandbox.write(POLICY, f"allow br0\ndeny br0 group={ME}\n")
        self.as_user("no", f"rule: {POLICY}:2: deny br0 group={ME}", "because: ", "to allow it: remove that line", status=1)

    def test_policy_that_does_not_count(self):
        sandbox.write(POLICY, "allow br0\nnonsense\n")
        self.as_user("no", f"because: {POLICY}:2 does not parse", "to fix it: run virt-tap policy check", status=1)

    def test_terms_that_are_not_met(self):
        sandbox.write(POLICY, "allow br0 require=kvm\n")
        self.as_user("no", f"rule: {POLICY}:1: allow br0 require=kvm", "because: ", "to allow it: change that line", status=1)
        os.mknod("/dev/kvm", 0o020600, os.makedev(1, 3))
        self.addCleanup(os.unlink, "/dev/kvm")
        self.as_user("no", "rule: ", "because: ", status=1)  # root itself could open it
        if netcase.real_kvm():
            self.as_user("yes", "rule: ", "require: kvm")

    def test_macs(self):
        sandbox.write(POLICY, "allow br0 macs=52:54:00\n")
        code, lines = self.policy("explain", "--bridge=br0", uid=USER)
        self.assertEqual(code, 0, lines)
        self.assertIn("macs: 52:54:00..., by --mac", lines)
        self.refuse(says="--mac=MAC")
        with self.grant("--mac=52:54:00:00:00:01"):
            pass

    def test_mac_of_others(self):
        """In the helper's words: another tap's, the bridge's own, a port's, the guest's of a tap of libvirt's; and one that the rule does not allow."""
        sandbox.write(POLICY, "allow br0 mac=lock macs=52:54:00\n")
        self.create("vtap-a", "--mac=52:54:00:00:00:0a")
        for port, mac in (("up0", "52:54:00:11:22:33"), ("vnet0", "fe:54:00:44:55:66")):
            sandbox.run("ip", "link", "add", port, "address", mac, "type", "veth", "peer", "name", port + "x")
            sandbox.run("ip", "link", "set", port, "master", "br0", "up")
        sandbox.run("ip", "link", "add", "link", "br0", "name", "top0", "address", "52:54:00:77:88:99", "type", "macvlan")
        sandbox.run("ip", "link", "set", "top0", "up")
        self.before = sandbox.links()
        own = netcase.link("br0")["address"]
        for mac, says in (("52:54:00:00:00:0A", "another tap"), (own, "'br0' has that MAC itself"), ("52:54:00:11:22:33", "'up0' has that MAC itself"),
                          ("52:54:00:44:55:66", "'vnet0' speaks for a guest"), ("52:54:00:77:88:99", "on top of bridge"),
                          ("02:00:00:00:00:01", "allows only MACs that begin with 52:54:00")):
            with self.subTest(mac):
                if mac == own:
                    sandbox.write(POLICY, "allow br0 mac=lock\n")
                with self.call(f"--mac={mac}") as answer:
                    refusal = answer.stderr.partition("virt-tap-helper: ")[2].rstrip("\n")
                self.assertIn(says, refusal)
                code, lines = self.policy("explain", "--bridge=br0", f"--mac={mac}", uid=USER)
                self.assertEqual((code, lines[0]), (1, f"no: {ME} may not use bridge 'br0'"))
                self.assertIn(f"because: {refusal}", lines)
                sandbox.write(POLICY, "allow br0 mac=lock macs=52:54:00\n")
        self.assertEqual(self.policy("explain", "--bridge=br0", "--mac=52:54:00:00:00:0b", uid=USER)[0], 0)
        for mac in ("", "x", "01:00:5e:00:00:01", "fe:54:00:00:00:01", "52:54:00:00:00:0b:0c"):
            self.assertEqual(self.policy("explain", "--bridge=br0", f"--mac={mac}", uid=USER)[0], 2)
        self.delete("--name=vtap-a")
        for port in ("up0", "vnet0", "top0"):
            sandbox.run("ip", "link", "delete", port)
        self.before = sandbox.links()

    def test_a_full_quota(self):
        sandbox.write(POLICY, f"allow br0 user={ME} quota=3\nallow br0 uid=70000-70009 quota=2\n")
        for number in range(3):
            self.as_user("yes", f"quota: {number} of 3 taps in use")
            self.create(f"vtap-{number}")
        self.as_user(f"no: {ME} may not use bridge 'br0'", "rule: ", "quota: 3 of 3 taps in use", "because: the quota is used up",
                     "to allow it: end a guest or delete a tap, see virt-tap list; or raise quota=", status=1)
        self.delete("--name=vtap-1")
        self.as_user("yes", "quota: 2 of 3 taps in use")
        for number in (0, 2):
            self.delete(f"--name=vtap-{number}")

    def test_a_full_quota_of_a_range(self):
        sandbox.write(POLICY, "allow br0 uid=70000-70009 quota=2\n")
        self.create("vtap-0", uid=70000)
        self.explains("yes", "quota: 0 of 2 taps", "quota: shared by uids 70000 to 70009, 1 of 2 taps in use", uid=70001)
        self.create("vtap-1", uid=70001)
        self.explains("no", "quota: 0 of 2 taps", "quota: shared by uids 70000 to 70009, 2 of 2", "because: the quota", uid=70002, status=1)
        for number in (0, 1):
            self.delete(f"--name=vtap-{number}", uid=70000 + number)

    def test_the_line_for_qemu(self):
        """Under mac=lock and macs=: as QEMU runs a helper with blanks, with what it appends itself."""
        for terms in ("mac=lock", "macs=52:54:00"):
            sandbox.write(POLICY, f"allow br0 {terms}\n")
            line = next(line for line in self.policy("explain", "--bridge=br0", uid=USER)[1] if line.startswith("QEMU: "))
            words = shlex.split(line)
            self.assertEqual((words[1], words[3:]), ("-netdev", ["-device", "virtio-net,netdev=n0,mac=MAC"]))
            netdev, _, helper = words[2].partition(",helper=")
            self.assertEqual(netdev, "tap,id=n0,br=br0")
            self.assertRegex(helper, r"^/\S+/virt-tap-helper --mac=MAC$")
            self.refuse(says=[f"helper='{helper}'"])

    def test_addresses(self):
        """As the helper decides, and what the guest can send in words."""
        words = ("--ip=10.66.1.5",)
        sandbox.write(POLICY, "allow br0 mac=lock ip=lock ips=10.66.1.0/24\n")
        for asked in ((), words):
            code, lines = self.policy("explain", "--bridge=br0", *asked, uid=USER)
            self.assertEqual(code, 0, lines)
            for line in ("ip: lock, to the addresses given with --ip, in 10.66.1.0/24", "sends: no DHCP server replies", "sends: no DHCPv6 server replies",
                         "sends: no router advertisements and redirects"):
                self.assertIn(line, lines)
            self.assertEqual([line for line in lines if line.startswith("addresses: ")], ["addresses: 10.66.1.5/32"] if asked else [])
            self.assertTrue(any(line.startswith("QEMU: ") and "--mac=MAC --ip=ADDRESS'" in line for line in lines), lines)
            self.assertTrue(any(line.startswith("sends: only ARP, IPv4 and IPv6") for line in lines), lines)
            self.assertTrue(any(line.startswith("sends: with vnet headers") for line in lines), lines)
        for address, says in (("10.66.2.5", "because: --ip=10.66.2.5"), ("10.66.1", None)):
            code, lines = self.policy("explain", "--bridge=br0", f"--ip={address}", uid=USER)
            self.assertEqual(code, 1)
            self.assertTrue(any(line.startswith(says or "virt-tap policy explain: --ip=10.66.1: that is not an IP address") for line in lines), lines)
        self.create("vtap-a", "--mac=52:54:00:00:00:01", *words)
        code, lines = self.policy("explain", "--bridge=br0", *words, uid=USER)
        self.assertEqual((code, lines[0], lines[-1][:39]), (1, f"no: {ME} may not use bridge 'br0'", "because: the guest cannot have 10.66.1."))
        self.delete("--name=vtap-a")

    def test_addresses_of_the_rule(self):
        sandbox.write(POLICY, f"allow br0 user={ME} quota=1 mac=lock ip=lock ips=10.70.0.9,fd00::/64 serve=dhcp,ra vnet=no\n")
        code, lines = self.policy("explain", "--bridge=br0", uid=USER)
        self.assertEqual(code, 0, lines)
        for line in ("ip: lock, to those given with --ip in 10.70.0.9,fd00::/64; without --ip, to all of these", "addresses: 10.70.0.9/32, fd00::/64",
                     "serve: dhcp ra", "vnet: no, only taps without vnet headers", "sends: DHCP server replies", "sends: no DHCPv6 server replies",
                     "sends: router advertisements and redirects"):
            self.assertIn(line, lines)
        self.assertFalse([line for line in lines if line.startswith("sends: with vnet")])
        sandbox.write(POLICY, f"allow br0 user={ME} quota=1 mac=lock ip=lock serve=dhcpv6\n")
        self.assertIn("ip: lock, to the addresses given with --ip", self.policy("explain", "--bridge=br0", uid=USER)[1])
        sandbox.write(POLICY, "allow br0 mac=lock\n")
        self.assertTrue(any(line.startswith("sends: from any IP address") for line in self.policy("explain", "--bridge=br0", uid=USER)[1]))

    def test_vlans(self):
        """What is granted, or would be of what is asked for, and what the guest can send then."""
        untagged, none, one_tag, more_tags = ("sends: untagged frames, into VLAN 100", "sends: no untagged frames",
                                              "sends: frames tagged with one of these VLANs, and no second tag",
                                              "sends: frames tagged with one of these VLANs, which may have more tags behind that")
        only = "sends: only into this VLAN, untagged or with its tag, but frames may have more tags behind that"
        filters = sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "1", check=False).returncode == 0
        for rule, asked, said in (
                ("vlan=100", (), ["vlan: 100", only]), ("vlan=100 mac=lock", (), ["vlan: 100"]),
                ("vlan=100,200-210", (), ["vlan: 100,200-210", "native: none", none, more_tags]),
                ("vlan=100,200-210 native=100 mac=lock", (), ["vlan: 100,200-210", "native: 100", untagged, one_tag]),
                ("vlan=100,200-210 native=100 mac=lock", ("--vlan=200-205",), ["vlan: 200-205", "native: none", none, one_tag]),
                ("vlan=100,200-210 mac=lock", ("--vlan=100,200", "--native=100"), ["vlan: 100,200", "native: 100", untagged, one_tag]),
                ("vlan=100,200-210", ("--vlan=200",), ["vlan: 200", only])):
            sandbox.write(POLICY, f"allow br0 {rule}\n")
            code, lines = self.policy("explain", "--bridge=br0", *asked, uid=USER)
            self.assertEqual(code, 0 if filters else 1, lines)
            self.assertEqual([line for line in lines if line.startswith(("vlan:", "native:")) or line in (untagged, none, one_tag, more_tags, only)], said)
            self.assertEqual(any("no VLAN tags, bridge" in line for line in lines), "mac=lock" in rule and "native" not in " ".join(lines))
        sandbox.write(POLICY, "allow br0 vlan=100,200-210\n")
        self.explains("no", "because: --vlan=5: ", "to allow it", words=("--vlan=5",), uid=USER, status=1)
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "vlan_filtering", "0", check=False)
        self.as_the_bridge_is("vlan=100", "filter VLANs")
        for words, says in ((("--vlan=0",), "--vlan must be VLANs from 1 to 4094"), (("--native=none",), "add --vlan=LIST"),
                            (("--vlan=100,200", "--native=5"), "--native must be none, or one of the VLANs in --vlan, not '5'")):
            self.complains("explain", "--bridge=br0", *words, uid=USER, status=2, says=says)

    def as_the_bridge_is(self, term, says):
        """Refused by the helper in the same words, since the bridge cannot do it."""
        sandbox.write(POLICY, f"allow br0 {term}\n")
        with self.call() as answer:
            self.assertIn(says, answer.stderr)
        self.explains("no", "because: " + answer.stderr.partition(": ")[2].rstrip(), uid=USER, status=1)

    def test_a_guard_where_no_spanning_tree_runs(self):
        self.as_the_bridge_is("guard=yes", "a bridge that runs STP")

    def test_what_a_guest_asks_for(self):
        """As the helper decides; the option goes into QEMU's line, where the rule alone would do less."""
        sandbox.write(POLICY, "allow br0\n")
        for asked, has, qemu in (((), (), None),
                                 (("--lock=mac",), ("mac: lock, as --lock asks, to the MAC given with --mac", "sends: no DHCP server replies"),
                                  " --mac=MAC --lock=mac"),
                                 (("--lock=ip", "--ip=10.66.1.5", "--serve=dhcp,ra"),
                                  ("ip: lock, as --lock asks, to the addresses given with --ip", "addresses: 10.66.1.5/32", "serve: dhcp ra",
                                   "sends: DHCP server replies", "sends: no DHCPv6 server replies"),
                                  " --mac=MAC --lock=ip --ip=ADDRESS --serve=dhcp,ra")):
            code, lines = self.policy("explain", "--bridge=br0", *asked, uid=USER)
            self.assertEqual(code, 0, lines)
            self.assertLessEqual(set(has), set(lines), lines)
            found = [line.partition("virt-tap-helper")[2] for line in lines if line.startswith("QEMU: ")]
            self.assertEqual([line.partition("'")[0] for line in found], [qemu] if qemu else [], lines)
        sandbox.write(POLICY, "allow br0 mac=lock ip=lock serve=dhcp,ra\n")
        lines = self.policy("explain", "--bridge=br0", "--lock=ip", "--serve=ra", uid=USER)[1]
        for line in ("mac: lock, to the MAC given with --mac", "ip: lock, to the addresses given with --ip", "serve: ra", "sends: no DHCP server replies"):
            self.assertIn(line, lines)
        self.assertTrue(any(" --mac=MAC --ip=ADDRESS --serve=ra'" in line for line in lines), lines)
        self.assertTrue(any(line.startswith("because: --serve=dhcpv6: ") for line in self.policy("explain", "--bridge=br0", "--serve=dhcpv6", uid=USER)[1]))
        code, lines = self.policy("explain", "--bridge=br0", "--serve=dns", uid=USER)
        self.assertEqual((code, lines), (2, ["virt-tap policy explain: --serve must be dhcp, dhcpv6, ra, or several of them separated by commas, not 'dns'"]))

    def test_destinations(self):
        sandbox.write(POLICY, "allow br0 mac=lock egress=+10.70.0.1:53/udp,-host,-private:22,-linklocal/tcp,+2001:db8::/32,+all:443\n")
        code, lines = self.policy("explain", "--bridge=br0", uid=USER)
        self.assertEqual(code, 0, lines)
        at = lines.index("egress: +10.70.0.1:53/udp,-host,-private:22,-linklocal/tcp,+2001:db8::/32,+all:443")
        self.assertEqual(lines[at + 1:at + 8], [
            "sends: to 10.70.0.1, UDP port 53", "sends: not to this host's addresses",
            "sends: not to private addresses (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7), TCP and UDP port 22",
            "sends: not to link-local addresses (169.254.0.0/16, fe80::/10), TCP", "sends: to 2001:db8::/32",
            "sends: to all other addresses, TCP and UDP port 443", "sends: not to any other address"])
        self.assertTrue(lines[at + 8].startswith("sends: of these, the first that a packet matches decides"))
        self.assertIn("sends: only ARP, IPv4 and IPv6", lines)
        sandbox.write(POLICY, "allow br0 mac=lock egress=+all\n")
        lines = self.policy("explain", "--bridge=br0", uid=USER)[1]
        self.assertIn("sends: to any address", lines)
        self.assertNotIn("sends: not to any other address", lines)
        sandbox.write(POLICY, "allow br0 mac=lock\n")
        self.assertFalse([line for line in self.policy("explain", "--bridge=br0", uid=USER)[1] if "only ARP" in line or line.startswith("egress")])

    def test_groups_of_the_database(self):
        sandbox.write(POLICY, "allow br0 group=vtlab\n")
        self.as_user("no", status=1)
        with open("/etc/group", "r+", encoding="ascii") as file:
            before = file.read()
            file.write(f"vtlab:x:64777:{ME}\n")
        self.addCleanup(sandbox.write, "/etc/group", before)
        self.as_user("yes", f"user: {ME}, uid {USER}, gid {USER}, groups {USER} 64777", groups=[64777])

    def test_files_are_read_as_that_user(self):
        sandbox.write(POLICY, f"include {A}\n")
        sandbox.write(A, "allow br0\n", mode=0o640, gid=USER)
        self.as_user("yes", f"rule: {A}:1: allow br0")
        sandbox.write(A, "allow br0\n", mode=0o640, gid=OTHER)
        self.as_user("no", "because: no rule", status=1)

    def test_name_that_cannot_be_looked_up(self):
        self.only_files()
        sandbox.write(POLICY, f"allow br0\ndeny br0 user={ME}\n")
        code, lines = self.policy("explain", "--bridge=br0", uid=USER, wrap=NO_LOOK_UP)
        self.assertEqual((code, lines[0]), (1, f"no: {USER} may not use bridge 'br0'"))
        self.assertTrue(lines[2].startswith(f"because: {POLICY}:2 cannot be decided, so nothing is allowed on 'br0': uid {USER} cannot be looked up"), lines)

    def test_root_about_itself(self):
        sandbox.write(POLICY, "allow br0 user=root\n")
        for words in ((), ("--user=root",), ("-u", "0")):
            self.explains("yes: root", words=words, uid=0)

    def test_user_about_himself_by_name(self):
        sandbox.write(POLICY, "allow br0\n")
        self.explains("yes", words=["--user", ME], uid=USER)

    def test_bridge_that_is_not_there(self):
        sandbox.write(POLICY, "allow all\n")
        for text in ("allow all\n", "nonsense\n", "allow br0\n"):  # said first, whatever the policy says
            sandbox.write(POLICY, text)
            code, lines = self.policy("explain", "--bridge", "br9", uid=USER)
            self.assertEqual(code, 1)
            self.assertRegex(lines[0], f"no: {ME} may not use bridge 'br9': there is no bridge 'br9' on this host; ")
        code, lines = self.policy("explain", "--bridge", "lo", uid=USER)  # no rule would help
        self.assertRegex(lines[0], f"no: {ME} may not use bridge 'lo': 'lo' is a network device, but not a bridge; ")
        self.assertNotIn("to allow it", "".join(lines))
        sandbox.write(POLICY, "allow all\n")
        sandbox.write(BRIDGES, "bridge br9 isolated=yes\n")
        self.addCleanup(os.unlink, BRIDGES)
        code, lines = self.policy("explain", "--bridge", "br9", uid=USER)
        self.assertRegex("\n".join(lines[-2:]), rf"bridge: does not exist yet; created on request, as declared in {BRIDGES}:1\nisolated: every tap")
        self.assertNotIn("br9", sandbox.links())
        sandbox.write(BRIDGES, "nonsense\n")
        code, lines = self.policy("explain", "--bridge", "br9", uid=USER)
        self.assertEqual(code, 1)
        self.assertIn(f"'br9': {BRIDGES}:1", lines[0])

    def test_refusals(self):
        self.only_files()
        sandbox.write(POLICY, "allow br0\n")
        self.complains("explain", "--bridge=br0", "--user", USERS[OTHER], uid=USER, says="only root")
        self.complains("explain", "--bridge=br0", "--user=nosuchuser", says="no user 'nosuchuser'")
        self.complains("explain", "--bridge=br0", "--user=54321", says=["groups of user 54321", "no such user"])
        self.complains("explain", "--bridge=br0", "--user=4294967295", says="no user")
        self.complains("explain", "--bridge=br0", "--user", ME, uid=USER, wrap=NO_LOOK_UP, says="cannot be looked up")
        self.complains("explain", "--bridge=a/b", says="not a name")
        self.complains("explain", "--bridge=" + "x" * 200, says="not a name")
        self.complains("explain", "--bridge=all", says="every bridge")
        for words in ((), ("--bridge=br0", "x"), ("--bridge",), ("--br0",)):
            self.complains("explain", *words, says="virt-tap policy explain: ", status=2)


if __name__ == "__main__":
    netcase.main()
