#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap policy apply: taps that exist are as the policy in force has them, whatever it was when they were made; each refusal; and at
no moment a frame crosses that neither lets through.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI and VIRT_TAP_PORTJUDGE.
"""
import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import unittest
from dataclasses import replace

import bridgehelper
import netcase
import portframes
import sandbox
from applycase import ADDRESS, FORGED, FRAMES, GOOD, ApplyCase, Seen, kernel
from bridgehelper import IFF_MULTI_QUEUE, IFF_VNET_HDR, TUNSETOWNER, TUNSETPERSIST, acting_as
from faults import stopped_child
from netcase import POLICY
from policycase import FOLDER, ME, NO_LOOK_UP
from portframes import IP_LOCK, MAC_LOCK
from portjudge import networks
from rounds import rounds
from sandbox import OTHER, USER
from test_port_filter import queue
from test_protect import FOREIGN, GUEST, NEIGHBOUR, SIOCSIFHWADDR, port

BRIDGES = "/etc/virt-tap/bridges.conf"
IP = replace(IP_LOCK, networks=networks(ADDRESS))
LOCKED = "mac=lock, port filter"
# a configuration BPDU of a better root (IEEE 802.1D)
BPDU = bytes.fromhex("0180c2000000" "525400000001" "0026" "424203" "0000" "00" "00" "00" "0000000000000001" "00000000" "0000000000000001" "8001" "0000"
                     "1400" "0200" "0f00") + bytes(8)


class Changed(ApplyCase):
    """Taps that the policy allows as before, with other terms."""

    def test_nothing_to_do(self):
        self.rule("allow br0 mac=lock isolated=yes")
        self.assertEqual(self.apply(), {})
        self.create("vtap-a", f"--mac={GUEST}")
        with self.grant(f"--mac={NEIGHBOUR}"):
            self.assertEqual(self.apply(), {})
        self.assertEqual(self.said, "taps 2, changed 0, not allowed 0, left alone 0, failed 0\n")

    def test_plain_and_foreign_taps_are_none_of_its_business(self):
        self.rule("deny br0")
        sandbox.run("ip", "tuntap", "add", "vtap-x", "mode", "tap")
        sandbox.run("ip", "link", "set", "vtap-x", "master", "br0")
        self.assertEqual(self.verb("tap", "create", "plain0", "--bridge=br0"), {})
        self.assertEqual(self.apply("--revoke"), {})
        self.assertEqual(sandbox.links() - self.before, {"vtap-x", "plain0"})

    def test_locked_and_released(self):
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        for terms, says in (("mac=lock", LOCKED), ("", "no mac=lock, no port filter"), ("mac=lock serve=ra", LOCKED), ("mac=lock", "port filter"),
                            ("mac=lock serve=dhcp,ra", "port filter"), ("", "no mac=lock, no port filter"), ("isolated=yes", "isolated, port options")):
            with self.subTest(terms):
                self.rule(f"allow br0 {terms}")
                self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:1: {says}"})
                self.settled()
                self.like_new("vtap-a", f"--mac={GUEST}")

    def test_what_was_asked_for_is_kept(self):
        """The alias has it; what only the rule wanted goes with the rule."""
        self.rule("allow br0 isolated=yes")
        self.create("vtap-a", f"--mac={GUEST}", "--isolated")
        self.create("vtap-b")
        self.rule("allow br0")
        self.assertEqual(self.apply(), {"vtap-b": f"changed by {POLICY}:1: not isolated, port options"})
        self.assertTrue(port("vtap-a")["isolated"])
        self.like_new("vtap-a", f"--mac={GUEST}", "--isolated")

    def test_a_lock_that_was_asked_for_is_kept(self):
        self.rule("allow br0")
        asked = (f"--mac={GUEST}", "--lock=ip", "--ip=10.66.0.5", "--serve=dhcp")
        self.create("vtap-a", *asked)
        self.assertIn(" asks=mac,ip,dhcp mac=", sandbox.run("ip", "link", "show", "vtap-a").stdout)
        self.assertEqual(self.apply(), {})
        self.rule("allow br0 mac=lock serve=dhcp,ra")
        self.assertEqual(self.apply(), {})
        self.rule("allow br0 mac=lock serve=ra")
        self.assertIn("not allowed any more: --serve=dhcp: ", self.apply(status=1)["vtap-a"])
        self.rule("allow br0")
        self.assertEqual(self.apply(), {})
        self.like_new("vtap-a", *asked)

    def test_services_are_not_locked_any_more(self):
        """What a guest asked to serve of what its rule grants is no reason to refuse it under a rule that locks nothing."""
        self.rule("allow br0 mac=lock serve=dhcp,ra")
        self.create("vtap-a", f"--mac={GUEST}", "--serve=dhcp")
        self.rule("allow br0")
        self.assertEqual(self.apply("--revoke"), {"vtap-a": f"changed by {POLICY}:1: no mac=lock, no port filter"})
        self.rule("allow br0 mac=lock serve=dhcp,ra")
        self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:1: {LOCKED}"})
        self.assertEqual(self.bound("vtap-a", replace(MAC_LOCK, serve=frozenset({"dhcp"}))), (True, True))

    def test_isolation_of_a_declared_bridge(self):
        self.rule("allow br0")
        self.create("vtap-a")
        self.addCleanup(os.unlink, BRIDGES)
        sandbox.write(BRIDGES, "bridge br0 isolated=yes\n")
        self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:1: isolated, port options"})
        sandbox.write(BRIDGES, "nonsense\n")
        before = kernel()
        self.assertIn(f"nothing was changed: {BRIDGES}:1", self.apply("--revoke", status=1)["virt-tap policy apply"])
        self.assertEqual(kernel(), before)

    def test_guard(self):
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "200")
        self.rule("allow br0 mac=lock")
        self.create("vtap-a", f"--mac={GUEST}")
        for terms, says in (("guard=yes", "guard, port filter"), ("", "no guard, port filter")):
            self.rule(f"allow br0 mac=lock {terms}")
            self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:1: {says}"})
            self.settled()
            self.like_new("vtap-a", f"--mac={GUEST}")

    def test_what_the_bridge_cannot_do(self):
        """The tap stays as it is; nothing of it is granted."""
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        before = kernel()
        for terms, says in (("guard=yes", "guard=yes of"), ("vlan=100", "vlan= of"), ("mac=lock vlan=100", "vlan= of")):
            self.rule(f"allow br0 {terms}")
            self.assertRegex(self.apply("--revoke", status=1)["virt-tap policy apply"], f"^tap 'vtap-a': {says} .* is not possible on bridge 'br0'")
            self.assertIn("failed 1", self.said)
            self.assertEqual(kernel(), before)

    def test_options_that_root_set(self):
        """On a port that no rule protects they stay; on others they are as the rule has them."""
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        sandbox.run("bridge", "link", "set", "dev", "vtap-a", "learning", "off", "flood", "off", "mcast_router", "0")
        self.assertEqual(self.apply(), {})
        self.rule("allow br0 mac=lock")
        self.apply()
        for change in ("locked off", "learning on", "flood on", "mcast_router 1", "guard on"):
            with self.subTest(change):
                sandbox.run("bridge", "link", "set", "dev", "vtap-a", *change.split())
                self.assertEqual(list(self.apply()), ["vtap-a"])
                self.settled()
        self.like_new("vtap-a", f"--mac={GUEST}")

    def test_addresses(self):
        self.rule("allow br0 mac=lock ip=lock ips=10.66.0.0/16,fe80::/64")
        self.create("vtap-a", f"--mac={GUEST}", f"--ip={ADDRESS}")
        for ips, bound in (("10.66.0.0/24", IP), ("10.0.0.0/8,fe80::/64", replace(IP, networks=networks(ADDRESS, "fe80::/64")))):
            self.rule(f"allow br0 mac=lock ip=lock ips={ips}")
            self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:1: port filter"})
            self.assertEqual(self.bound("vtap-a", bound), (True, True))
            self.settled()
        self.like_new("vtap-a", f"--mac={GUEST}", f"--ip={ADDRESS}")

    def test_addresses_are_not_locked_any_more(self):
        """They are nobody's then, and not known any more if they are to be locked again."""
        self.rule("allow br0 mac=lock ip=lock")
        self.create("vtap-a", f"--mac={GUEST}", f"--ip={ADDRESS}")
        self.rule("allow br0 mac=lock")
        self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:1: port filter, claims"})
        self.assertEqual(self.bound("vtap-a", MAC_LOCK), (True, True))
        self.rule("allow br0 mac=lock ip=lock")
        self.create("vtap-b", f"--mac={NEIGHBOUR}", f"--ip={ADDRESS}", uid=OTHER)
        self.assertIn("locks the guest to its IP addresses (ip=lock); give each with --ip=ADDRESS", self.apply(status=1)["vtap-a"])
        self.assertEqual(self.bound("vtap-a", MAC_LOCK), (True, True), "changed although it was refused")

    def test_networks_of_the_rule(self):
        """A tap that was made without --ip has what the rule has; others' addresses are not taken."""
        rule = f"allow br0 user={ME} quota=1 mac=lock ip=lock ips="
        others = f"\nallow br0 user={OTHER} mac=lock ip=lock"
        self.rule(rule + "10.66.0.0/24" + others)
        self.create("vtap-a", f"--mac={GUEST}")
        self.create("vtap-b", f"--mac={NEIGHBOUR}", "--ip=10.66.9.1", uid=OTHER)
        for ips, claims in (("10.66.0.0/25,2001:db8::/64", {"0a420000-25", "20010db8" + 24 * "0" + "-64"}), ("10.67.0.0/24", {"0a430000-24"}),
                            ("10.67.0.9,fe80::/64", {"0a430009"})):
            self.rule(rule + ips + others)
            self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:1: port filter, claims"})
            self.assertEqual({name.rpartition(".")[2] for name in netcase.link("vtap-a")["altnames"] if "virt-tap-ip" in name}, claims)
            self.settled()
        self.rule(rule + "10.67.0.10" + others)
        self.assertIn("--ip=10.67.0.9: ", self.apply(status=1)["vtap-a"])  # as if it had been asked for

    def test_networks_that_are_taken(self):
        rule = f"allow br0 user={ME} quota=1 mac=lock ip=lock ips="
        others = f"\nallow br0 user={OTHER} mac=lock ip=lock"
        self.rule(rule + "10.66.0.0/24" + others)
        self.create("vtap-a", f"--mac={GUEST}")
        self.create("vtap-b", f"--mac={NEIGHBOUR}", "--ip=10.66.9.1", uid=OTHER)
        before = kernel()
        for ips in ("10.66.0.0/16", "10.66.9.1"):
            self.rule(rule + ips + others)
            self.assertRegex(self.apply(status=1)["virt-tap policy apply"], "^tap 'vtap-a': .*another tap there has it")
            self.assertEqual(kernel(), before)
        sandbox.run("ip", "address", "add", "10.66.8.1/24", "dev", "br0")
        self.rule(rule + "10.66.8.0/24" + others)
        self.assertIn("this host's own", self.apply(status=1)["virt-tap policy apply"])

    def test_first_addresses(self):
        """Those of the rule, for a tap that had none."""
        self.rule(f"allow br0 user={ME} quota=1 mac=lock")
        self.create("vtap-a", f"--mac={GUEST}")
        self.rule(f"allow br0 user={ME} quota=1 mac=lock ip=lock ips={ADDRESS}")
        self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:1: port filter, claims"})
        self.like_new("vtap-a", f"--mac={GUEST}")

    def test_without_policy_conf(self):
        """By bridge.conf, which has no terms."""
        self.rule("allow br0 mac=lock")
        self.create("vtap-a", f"--mac={GUEST}")
        os.unlink(POLICY)
        sandbox.write(netcase.QEMU_ACL, "allow br0\n")
        self.assertEqual(self.apply(), {"vtap-a": f"changed by {netcase.QEMU_ACL}:1: no mac=lock, no port filter"})

    def test_terms_of_the_helpers_own_names(self):
        """name= is about names that users choose."""
        self.rule("allow br0")
        with self.grant():
            self.rule("allow br0 name=vtap-x*")
            self.assertEqual(self.apply(), {})


class Refused(ApplyCase):
    """Taps that the policy does not allow any more: listed, in its words, and left; deleted with --revoke."""

    def refuses(self, *says, name="vtap-a", left=()):
        before = kernel()
        self.assertEqual(self.apply(status=1), {name: self.match(says)})
        self.assertIn("virt-tap policy apply --revoke deletes them", self.said)
        self.assertEqual(kernel(), before)
        self.assertEqual(self.apply("--revoke"), {name: self.match(says)})
        self.assertIn("deleted 1", self.said)
        self.assertEqual(sandbox.links() - self.before, set(left))

    @staticmethod
    def match(says):
        """Equal to whatever contains these words."""
        class Words(str):
            def __eq__(self, other):
                return all(word in other for word in says)
            __hash__ = str.__hash__
        return Words(says)

    def made(self, *options, policy="allow br0"):
        self.rule(policy)
        self.create("vtap-a", *options)

    def test_no_rule(self):
        self.made()
        self.rule(f"allow br0 user={OTHER}")
        self.refuses(f"no rule in {POLICY} or its includes allows bridge 'br0' to uid {USER}")

    def test_denied(self):
        self.made()
        self.create("vtap-b", uid=OTHER)
        self.rule(f"allow br0\ndeny br0 user={ME}")
        self.refuses(f"{POLICY}:2 denies bridge 'br0'", left={"vtap-b"})

    def test_denied_by_a_group(self):
        """Of the user database."""
        self.made()
        self.rule("allow br0\ndeny br0 group=vtlab")
        with open("/etc/group", encoding="ascii") as file:
            before = file.read()
        self.addCleanup(sandbox.write, "/etc/group", before)
        sandbox.write("/etc/group", before + "vtlab:x:64777:\n")
        self.assertEqual(self.apply(), {})
        sandbox.write("/etc/group", before + f"vtlab:x:64777:{ME}\n")
        self.refuses(f"{POLICY}:2 denies bridge 'br0'")

    def test_user_gone(self):
        self.made()
        self.create("vtap-b", uid=OTHER)
        with open("/etc/passwd", encoding="utf-8") as file:
            before = file.read()
        self.addCleanup(sandbox.write, "/etc/passwd", before)
        sandbox.write("/etc/passwd", "".join(line for line in before.splitlines(True) if not line.startswith(ME + ":")))
        self.refuses(f"uid {USER} has no account", left={"vtap-b"})

    def test_without_an_account(self):
        """uid= allows them, and their gid is taken to have that number."""
        self.rule("allow br0 uid=70000-70009")
        self.create("vtap-a", uid=70000)
        self.assertEqual(self.apply(), {})
        self.rule("allow br0 uid=70000-70009\ndeny br0 group=nogroup")
        self.refuses("gid 70000 of uid 70000 has no name")

    def test_mac_is_not_known(self):
        self.made()
        self.rule("allow br0 mac=lock")
        self.refuses(f"{POLICY}:1 locks the guest to its MAC (mac=lock)")

    def test_mac_of_others(self):
        self.made(f"--mac={GUEST}")
        self.rule("allow br0 macs=52:54:01")
        self.refuses(f"--mac={GUEST}: {POLICY}:1 allows only MACs that begin with 52:54:01")

    def test_addresses_are_not_known(self):
        self.made(f"--mac={GUEST}", policy="allow br0 mac=lock")
        self.rule("allow br0 mac=lock ip=lock")
        self.refuses("locks the guest to its IP addresses (ip=lock)")

    def test_address_of_others(self):
        self.made(f"--mac={GUEST}", f"--ip={ADDRESS}", policy="allow br0 mac=lock ip=lock")
        self.rule("allow br0 mac=lock ip=lock ips=10.67.0.0/16")
        self.refuses(f"--ip={ADDRESS}: {POLICY}:1 allows only addresses in ips=10.67.0.0/16")

    def test_networks_of_no_single_user(self):
        self.made(f"--mac={GUEST}", policy=f"allow br0 user={ME} quota=1 mac=lock ip=lock ips=10.66.0.0/24")
        self.rule(f"allow br0 user={ME} quota=2 mac=lock ip=lock ips=10.66.0.0/24")
        self.refuses("locks the guest to its IP addresses (ip=lock); give each")

    def test_name(self):
        self.made()
        self.rule("allow br0 name=vtap-x*")
        self.refuses(f"--name=vtap-a: {POLICY}:1 allows only names like vtap-x*")

    def test_name_that_looks_chosen(self):
        self.rule("allow br0")
        self.create("vtap-5")
        self.rule("allow br0 name=vtap-x*")
        self.refuses("--name=vtap-5: ", name="vtap-5")

    def test_vnet_headers(self):
        self.made("--vnet-hdr")
        self.rule("allow br0 vnet=no")
        self.refuses(f"--vnet-hdr: {POLICY}:1 allows no vnet headers (vnet=no)")

    def test_kvm(self):
        self.made()
        self.rule("allow br0 require=kvm")
        os.mknod("/dev/kvm", 0o020600, os.makedev(1, 3))  # which root could open
        self.addCleanup(os.unlink, "/dev/kvm")
        self.refuses("allows the bridge only to users who can use KVM (require=kvm)")

    def test_the_reason_is_that_of_what_was_asked_for(self):
        """A guest that asked to be locked to its addresses still asks for these."""
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}", "--lock=ip", f"--ip={ADDRESS}")
        self.rule("allow br0 require=kvm")
        self.assertIn("require=kvm", self.apply(status=1)["vtap-a"])

    def test_policy_that_its_owner_cannot_read(self):
        self.made()
        sandbox.write(POLICY, "allow br0\n", mode=0o640)
        self.refuses("/etc/virt-tap/policy.conf")
        sandbox.write(POLICY, f"include {FOLDER}/a.conf\n")
        sandbox.write(f"{FOLDER}/a.conf", "allow br0\n", mode=0o640, gid=USER)
        self.create("vtap-a")
        self.create("vtap-b")
        self.assertEqual(self.apply(), {})
        self.delete("--name=vtap-b")
        sandbox.write(f"{FOLDER}/a.conf", "allow br0\n", mode=0o640, gid=OTHER)
        self.refuses("no rule in")

    def test_held(self):
        """Its guest loses it at once."""
        self.made()
        self.holds("vtap-a")
        self.rule("deny br0")
        self.refuses("denies bridge 'br0'")
        with self.assertRaises(OSError):
            os.write(self.fds[0], GOOD)

    def test_off_its_bridge(self):
        self.made()
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        self.rule("deny br0")
        self.refuses("denies bridge 'br0'")

    def test_in_the_log(self):
        self.made()
        self.rule("deny br0")
        log = netcase.system_log(self)
        self.assertEqual(self.verb("policy", "apply", "--dry-run", "--revoke")["vtap-a"][:16], "would be deleted")
        with self.assertRaises(BlockingIOError):
            log.recv(4096)
        self.verb("policy", "apply", "--revoke")
        self.assertIn(f"deleted by policy apply: tap vtap-a of uid {USER}: ".encode(), log.recv(4096))


class Quota(ApplyCase):
    """The newest taps beyond it, and the slots by which the helper counts."""

    def slots(self, kind="virt-tap."):
        return {name: [altname.rpartition(".")[2] for altname in netcase.link(name)["altnames"] if altname.startswith(kind)]
                for name in sandbox.links() - self.before}

    def test_lowered(self):
        self.rule("allow br0 quota=4")
        for name in "abc":
            self.create(f"vtap-{name}")
        self.create("vtap-d", uid=OTHER)
        self.delete("--name=vtap-a")
        self.create("vtap-e")  # the newest has the lowest slot
        self.rule("allow br0 quota=2")
        self.assertEqual(self.apply(status=1, dry=False), {"vtap-e": f"not allowed any more: uid {USER} has more taps on bridge 'br0' than {POLICY}:1 "
                                                                     "allows (quota=2), and this is one of the newest"})
        self.assertEqual(list(self.apply("--revoke")), ["vtap-e", "vtap-c"])
        self.assertEqual(self.slots(), {"vtap-b": ["1"], "vtap-c": ["0"], "vtap-d": ["0"]})
        self.denied("create", "--bridge=br0", "--name=vtap-f", says="has as many taps")
        self.settled()

    def test_of_taps_without_a_slot(self):
        """Made by bridge.conf, which has no quotas: from now on they count."""
        sandbox.write(netcase.QEMU_ACL, "allow br0\n")
        for name in "ab":
            self.create(f"vtap-{name}")
        self.rule("allow br0 quota=2")
        self.assertEqual(self.apply(), {f"vtap-{name}": f"changed by {POLICY}:1: claims" for name in "ab"})
        self.assertEqual(self.slots(), {"vtap-a": ["0"], "vtap-b": ["1"]})
        self.denied("create", "--bridge=br0", "--name=vtap-f", says="has as many taps")
        self.delete("--name=vtap-a")
        self.create("vtap-a")

    def test_of_a_range(self):
        self.rule("allow br0 quota=2")
        for number in (1, 2):
            self.create(f"vtap-{number}", uid=OTHER if number == 1 else USER)
        self.rule(f"allow br0 uid={USER}-{OTHER} quota=2")
        self.assertEqual(set(self.apply().values()), {f"changed by {POLICY}:1: claims"})
        self.assertEqual(self.slots("virt-tap-range."), {"vtap-1": ["0"], "vtap-2": ["1"]})
        self.settled()
        self.rule(f"allow br0 uid={USER}-{OTHER} quota=1")
        self.assertIn(f"uids {USER} to {OTHER} together have more taps", self.apply(status=1)["vtap-2"])
        self.rule("allow br0 quota=1")
        self.assertEqual(set(self.apply().values()), {f"changed by {POLICY}:1: claims"})
        self.assertEqual(self.slots("virt-tap-range."), {"vtap-1": [], "vtap-2": []})


class NothingIsChanged(ApplyCase):
    """By a policy with an error, or that cannot be decided; nor for anybody but root."""

    def setUp(self):
        super().setUp()
        self.rule("allow br0 mac=lock")
        self.create("vtap-a", f"--mac={GUEST}")
        self.create("vtap-b", f"--mac={NEIGHBOUR}", uid=OTHER)

    def unchanged(self, *says, **more):
        before = kernel()
        for options in ((), ("--revoke",), ("--dry-run",)):
            self.complains("apply", *options, says=["virt-tap policy apply: ", *says], **more)
            self.assertEqual(kernel(), before)

    def test_error(self):
        self.rule("deny br0\nnonsense")
        self.unchanged(f"nothing was changed: {POLICY}:2 does not parse")

    def test_error_about_another_bridge(self):
        self.rule("deny br0\nallow br1 quota=0")
        self.unchanged(f"nothing was changed: {POLICY}:2")

    def test_error_in_what_owners_may_not_read(self):
        sandbox.write(f"{FOLDER}/a.conf", "nonsense\n", mode=0o600)
        self.rule(f"allow br0\ninclude {FOLDER}/a.conf")
        self.unchanged(f"nothing was changed: {FOLDER}/a.conf:1")

    def test_file_of_others(self):
        sandbox.write(POLICY, "deny br0\n", mode=0o666)
        self.unchanged("nothing was changed: ", "writable by others")

    def test_no_policy(self):
        os.unlink(POLICY)
        self.unchanged("nothing was changed: there is no policy", POLICY)

    def test_names_that_cannot_be_looked_up(self):
        self.only_files()
        self.rule(f"allow br0\ndeny br0 user={ME}")
        self.unchanged("nothing was changed: ", "cannot be looked up", wrap=NO_LOOK_UP)

    def test_group_without_a_name(self):
        with open("/etc/group", encoding="ascii") as file:
            before = file.read()
        self.addCleanup(sandbox.write, "/etc/group", before)
        sandbox.write("/etc/group", "".join(line for line in before.splitlines(True) if not line.startswith(ME + ":")))
        self.rule("allow br0\ndeny br0 group=nogroup")
        self.unchanged(f"{POLICY}:2 cannot be decided", f"gid {USER} of uid {USER} has no name")

    def test_users(self):
        for uid in (USER, OTHER):
            self.unchanged("only root can change the taps of users; type: sudo virt-tap policy apply", uid=uid)
        self.complains("apply", "x", says="virt-tap policy apply: ", status=2)


class Hostile(ApplyCase):
    """The owner of a tap, who may open it, cannot get more than the policy has."""

    def test_what_an_owner_can_set(self):
        """MAC, owner, persistence: none of these decides."""
        self.rule(f"allow br0 user={USER} mac=lock macs={GUEST}")
        self.create("vtap-a", f"--mac={GUEST}")
        with acting_as(USER):
            self.fds.append(queue("vtap-a", 0))
        with self.assertRaises(PermissionError), acting_as(USER):  # name, alias and claims are root's to change
            with open("/sys/class/net/vtap-a/ifalias", "w", encoding="ascii") as file:
                file.write("virt-tap v=1 uid=0 stays mac=fe:54:00:00:00:01")
        for command in (["set", "dev", "vtap-a", "name", "vtap-root"], ["property", "add", "dev", "vtap-a", "altname", "virt-tap.br0.0.0"],
                        ["set", "dev", "vtap-a", "alias", "x"]):
            self.assertNotEqual(sandbox.run("ip", "link", *command, uid=USER, check=False).returncode, 0)
        fcntl.ioctl(self.fds[0], SIOCSIFHWADDR, struct.pack("16sH6s16x", b"vtap-a", 1, bytes.fromhex(NEIGHBOUR.replace(":", ""))))
        fcntl.ioctl(self.fds[0], TUNSETOWNER, OTHER)
        fcntl.ioctl(self.fds[0], TUNSETPERSIST, 0)
        self.rule(f"allow br0 user={OTHER} mac=lock macs={NEIGHBOUR}\nallow br0 user={USER} mac=lock macs={GUEST} serve=dhcp")
        self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:2: port filter"})
        self.assertEqual(self.bound("vtap-a", replace(MAC_LOCK, serve=frozenset({"dhcp"}))), (True, True))
        self.rule(f"allow br0 user={OTHER}\nallow br0 user=root")
        self.assertIn(f"to uid {USER}", self.apply("--revoke")["vtap-a"])

    @unittest.skipUnless(os.path.exists("/usr/bin/strace"), "needs strace")
    def test_an_owner_cannot_stop_it(self):
        """While files are read as the owner, it is root's process all the same."""
        self.rule("allow br0")
        self.create("vtap-a")
        self.rule("deny br0")
        words = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=setresuid:delay_exit=2000000:when=1", self.program, "policy", "apply", "--revoke"]
        with bridgehelper.start(words, stdout=subprocess.PIPE, text=True) as process:
            def acting_as_owner():
                """Strace's child that does; it first has others, by which it finds out what the kernel can, and which end at once."""
                with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
                    for pid in file.read().split():
                        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/status", encoding="ascii") as status:
                            if f"Uid:\t0\t{USER}\t0\t{USER}\n" in status.read():
                                return int(pid)
                return None
            self.assertTrue(bridgehelper.await_(acting_as_owner))
            pid = acting_as_owner()
            for signal_number in (signal.SIGKILL, signal.SIGSTOP):
                with self.assertRaises(PermissionError), acting_as(USER):
                    os.kill(pid, signal_number)
            for name in ("environ", "maps"):
                self.assertNotEqual(sandbox.run("cat", f"/proc/{pid}/{name}", uid=USER, check=False).returncode, 0)
            said = process.communicate(timeout=20)[0]
        self.assertIn("vtap-a: deleted: ", said)

    def test_vnet_headers_that_a_holder_takes(self):
        self.rule("allow br0 vnet=no")
        self.create("vtap-a")
        with acting_as(USER):
            self.fds.append(queue("vtap-a", IFF_VNET_HDR))
        self.assertIn("--vnet-hdr: ", self.apply(status=1)["vtap-a"])

    def test_mac_that_the_bridge_has_elsewhere(self):
        """It is not taken from there: the guest is bound, and the rest follows when the bridge has forgotten it."""
        self.rule(f"allow br0 user={USER}\nallow br0 user={OTHER}")
        self.create("vtap-a", f"--mac={GUEST}")
        with self.grant(uid=OTHER, vnet=False) as other:
            self.forwards(other.tap()[0])
            os.write(other.fds[0], portframes.ethernet(portframes.ip4(portframes.udp(1, 2))))
            self.rule(f"allow br0 user={USER} mac=lock\nallow br0 user={OTHER}")
            self.assertIn("bridge 'br0' has that MAC at another port; `bridge fdb show br br0`",
                          self.apply(status=1)["virt-tap policy apply"])
            self.assertFalse(port("vtap-a")["locked"])
        self.assertEqual(self.apply(), {"vtap-a": f"changed by {POLICY}:1: mac=lock"})

    def test_an_owner_cannot_keep_a_guest_unbound_by_another_of_hers(self):
        """Whose tap she gives the guest's MAC: an entry of the bridge that does not age."""
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        self.create("vtap-b", f"--mac={NEIGHBOUR}")
        with acting_as(USER):
            self.fds.append(queue("vtap-b", 0))
        fcntl.ioctl(self.fds[0], SIOCSIFHWADDR, struct.pack("16sH6s16x", b"vtap-b", 1, bytes.fromhex(GUEST.replace(":", ""))))
        self.rule("allow br0 mac=lock isolated=yes")
        self.assertIn("at another port", self.apply(status=1)["virt-tap policy apply"])
        self.assertEqual(self.bound("vtap-a", MAC_LOCK), (True, True))
        self.assertTrue(port("vtap-a")["isolated"])

    def test_filters_of_others(self):
        """They are root's: told, and left; without a lock they are nobody's business."""
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        sandbox.run("tc", "qdisc", "add", "dev", "vtap-a", "clsact")
        for direction in ("egress", "ingress"):
            sandbox.run("tc", "filter", "add", "dev", "vtap-a", direction, "protocol", "all", "pref", "7", "bpf", "bytecode", "1,6 0 0 0")
        self.assertEqual(self.apply(), {})
        self.rule("allow br0 mac=lock isolated=yes")
        before = kernel()
        self.assertIn("has other filters, and its port filter would decide in their place; `tc filter show dev", self.apply(status=1)["virt-tap policy apply"])
        self.assertEqual(kernel(), before)
        sandbox.run("tc", "filter", "del", "dev", "vtap-a", "ingress", "pref", "7")
        self.apply()
        self.rule("allow br0")
        self.apply()
        self.assertIn("pref 7", sandbox.run("tc", "filter", "show", "dev", "vtap-a", "egress").stdout)
        self.settled()

    def test_limit_of_libvirts(self):
        """Its <outbound>, an ingress qdisc with a filter that polices: the tap stays as it is, with its limit, and the refusal says what to do."""
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        for limited in (True, False):  # without the filter: libvirt would remove that qdisc, and all on it, when the limit is set again
            sandbox.run("tc", "qdisc", "add", "dev", "vtap-a", "ingress")
            if limited:
                sandbox.run(*"tc filter add dev vtap-a parent ffff: protocol all u32 match u32 0 0 flowid :1".split())
            self.rule("allow br0")
            self.settled()
            self.rule("allow br0 mac=lock isolated=yes")
            before = kernel()
            self.assertIn("libvirt's <outbound> does; `tc qdisc show dev vtap-a`", self.apply(status=1)["virt-tap policy apply"])
            self.assertEqual(kernel(), before)
            sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
            before = kernel()
            self.assertIn("libvirt's <outbound> does; `tc qdisc show dev vtap-a`", self.repair(status=1)["virt-tap repair"])
            self.assertEqual(kernel(), before)
            sandbox.run("ip", "link", "set", "vtap-a", "master", "br0")
            sandbox.run("tc", "qdisc", "del", "dev", "vtap-a", "ingress")
        self.apply()
        self.like_new("vtap-a", f"--mac={GUEST}")


class Meanwhile(ApplyCase):
    """What happens between the look at the taps and the change: the tap that was looked at is changed, or none."""

    def changed_meanwhile(self, change, *options, status=0):
        """policy apply, which after it has judged waits until change() is done; returns what it prints."""
        trace = f"{sandbox.RUN}/trace"
        sandbox.write(trace, "")
        words = ["strace", "-qq", "-o", trace, "-e", "inject=setresuid:delay_exit=2000000:when=2", self.program, "policy", "apply", *options]
        with bridgehelper.start(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            self.assertTrue(bridgehelper.await_(lambda: self.has_judged(trace)))
            change()
            self.assertIsNone(process.poll())
            said = process.communicate(timeout=20)[0]
        self.assertEqual(process.returncode, status, said)
        return said

    @staticmethod
    def has_judged(trace):
        with open(trace, encoding="ascii") as file:
            return file.read().count("setresuid(") >= 2

    def replaced(self):
        self.delete("--name=vtap-a")
        self.create("vtap-a", uid=OTHER)

    @unittest.skipUnless(os.path.exists("/usr/bin/strace"), "needs strace")
    def test_replaced(self):
        for options in ((), ("--revoke",)):
            self.rule("allow br0")
            self.create("vtap-a", f"--mac={GUEST}")
            self.rule(f"allow br0 user={OTHER}\n" + (f"allow br0 user={USER} mac=lock" if not options else ""))
            said = self.changed_meanwhile(self.replaced, *options)
            self.assertEqual(said.splitlines()[0], "vtap-a: passed over: it was deleted or replaced meanwhile")
            self.assertEqual(said.splitlines()[1][:17], "taps 0, changed 0")
            self.assertFalse(port("vtap-a")["locked"])
            self.delete("--name=vtap-a", uid=OTHER)

    @unittest.skipUnless(os.path.exists("/usr/bin/strace"), "needs strace")
    def test_renamed(self):
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        self.rule("allow br0 mac=lock")
        said = self.changed_meanwhile(lambda: sandbox.run("ip", "link", "set", "vtap-a", "down", "name", "vtap-b"))
        self.assertIn("vtap-a: passed over", said)
        self.assertFalse(port("vtap-b")["locked"])

    @unittest.skipUnless(os.path.exists("/usr/bin/strace"), "needs strace")
    def test_another_owner(self):
        self.rule("allow br0")
        self.create("vtap-a")
        self.rule("deny br0")

        def hand_over():
            for verb, claim in (("del", f"virt-tap.br0.{USER}.0"), ("add", f"virt-tap.br0.{OTHER}.0")):
                sandbox.run("ip", "link", "property", verb, "dev", "vtap-a", "altname", claim)
        self.assertIn("vtap-a: passed over", self.changed_meanwhile(hand_over, "--revoke"))
        self.rule(f"allow br0 user={OTHER}")
        self.create("vtap-b", f"--mac={GUEST}", uid=OTHER)
        self.delete("--name=vtap-a", uid=OTHER)
        self.rule(f"allow br0 user={OTHER} mac=lock")

        def hand_back():
            for verb, claim in (("del", f"virt-tap.br0.{OTHER}.1"), ("add", f"virt-tap.br0.{USER}.0")):
                sandbox.run("ip", "link", "property", verb, "dev", "vtap-b", "altname", claim)
        self.assertIn("vtap-b: passed over", self.changed_meanwhile(hand_back))
        self.assertFalse(port("vtap-b")["locked"])

    @unittest.skipUnless(os.path.exists("/usr/bin/strace"), "needs strace")
    def test_half_made(self):
        """By a helper that is stopped: named, and left alone."""
        self.rule("allow br0")
        trace = f"{sandbox.RUN}/vtap-h.trace"
        sandbox.write(trace, "", mode=0o666)
        call = bridgehelper.Call(["strace", "-f", "-qq", "-u", ME, "-o", trace, "-e", "inject=sendmsg:signal=SIGSTOP:when=2", self.helper, "--br=br0",
                                  "--fd={fd}", "--name=vtap-h"])
        self.assertTrue(bridgehelper.await_(lambda: stopped_child(call.process.pid, trace)))
        self.rule("deny br0")
        self.assertEqual(self.apply("--revoke", status=1), {"vtap-h": "left alone: a helper is making it, or was stopped; run this again"})
        os.kill(stopped_child(call.process.pid, trace), signal.SIGCONT)
        call.finish().close()


class Frames(ApplyCase):
    """What crosses while the policy is applied, again and again, and a guest floods."""

    def flooded(self, policies, forged, flags=0):
        """None of the forged frames crosses under any of the policies in turn; GOOD does under all."""
        self.rule(policies[0])
        self.create("vtap-a", f"--mac={GUEST}", *(["--multi-queue"] if flags else []))
        with self.far_end() as far, self.flood("vtap-a", GOOD, *forged, flags=flags):
            seen = Seen(far, GOOD, *forged)
            for number in range(rounds(20, 400)):
                self.assertTrue(seen.all_of(GOOD))
                seen.forget()
                self.rule(policies[number % len(policies)])
                self.verb("policy", "apply")
                self.assertTrue(seen.all_of(GOOD))
                self.assertEqual(seen(*forged), [0] * len(forged), (number, self.said))

    def test_replaced_under_a_flood(self):
        self.flooded(["allow br0 mac=lock", "allow br0 mac=lock serve=dhcp", "allow br0 mac=lock serve=dhcpv6 isolated=yes"],
                     [FORGED, FRAMES["BPDU"], FRAMES["multicast source MAC"]])

    def test_two_queues(self):
        self.flooded(["allow br0 mac=lock", "allow br0 mac=lock serve=dhcp"], [FORGED], IFF_MULTI_QUEUE)

    def test_flooding_can_be_seen(self):
        """Shows that the tests above can fail."""
        with self.assertRaisesRegex(AssertionError, "not allowed 0"):
            self.flooded(["allow br0 mac=lock", "allow br0 mac=lock serve=ra"], [FORGED])

    def test_guard_before_the_filter(self):
        """Spanning tree passes the filter with guard=yes only, for the bridge, whose guard disables the port: at no moment without it."""
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "200")
        self.rule("allow br0 mac=lock")
        self.create("vtap-a", f"--mac={GUEST}")
        with self.flood("vtap-a", BPDU):
            for _ in range(rounds(10, 200)):
                self.rule("allow br0 mac=lock guard=yes")
                self.verb("policy", "apply")
                self.assertTrue(bridgehelper.await_(lambda: port("vtap-a")["state"] == "disabled"))
                taken = sandbox.run("ip", "link", "xstats", "type", "bridge_slave", "dev", "vtap-a", "stp").stdout
                self.assertRegex(taken, r"BPDU: +RX: 0 ")
                self.rule("allow br0 mac=lock")
                self.verb("policy", "apply")
                for state in ("down", "up"):  # which ends what the guard did
                    sandbox.run("ip", "link", "set", "vtap-a", state)

    def test_locked_while_it_sends(self):
        """From one call on, for good; and the guest's own frames cross all the time."""
        self.rule("allow br0")
        self.create("vtap-a", f"--mac={GUEST}")
        foreign = portframes.ethernet(portframes.ip4(portframes.udp(1, 2)), source=bytes.fromhex(FOREIGN.replace(":", "")))
        with self.far_end() as far, self.flood("vtap-a", GOOD, FORGED, foreign):
            seen = Seen(far, GOOD, FORGED, foreign)
            for terms, crosses in (("", True), ("mac=lock", False), ("", True), ("mac=lock", False)):
                self.rule(f"allow br0 {terms}")
                self.verb("policy", "apply")
                seen.forget()
                if crosses:
                    self.assertTrue(seen.all_of(GOOD, FORGED, foreign))
                else:
                    self.assertTrue(seen.all_of(GOOD))
                    self.assertEqual(seen(FORGED, foreign), [0, 0])


if __name__ == "__main__":
    netcase.main()
