#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap policy check, on real files with real owners and modes, for real users."""
import json
import os
import re

import documents
import netcase
import sandbox
from netcase import POLICY, QEMU_ACL
from policycase import DRAFT, FOLDER, ME, NO_LOOK_UP, VerbCase
from sandbox import OTHER, USER

BRIDGES = "/etc/virt-tap/bridges.conf"
A, B = f"{FOLDER}/a.conf", f"{FOLDER}/b.conf"


class Check(VerbCase):
    def finds(self, *findings, words=(), status=None, **more):
        """Checking must find exactly these, in any order: each is (FILE:LINE, kind, words that stand in it...)."""
        code, lines = self.policy("check", *words, **more)
        errors = sum(kind == "error" for _, kind, *_ in findings)
        self.assertEqual(code, bool(errors) if status is None else status, lines)
        self.assertEqual(len(lines), len(findings) + 1, lines)
        self.assertIn(f" errors {errors}, warnings {len(findings) - errors}", lines[-1])
        for place, kind, *texts in findings:
            found = [line for line in lines[:-1] if line.startswith(f"{place}: {kind}: ") and all(text in line for text in texts)]
            self.assertEqual(len(found), 1, (place, kind, texts, lines))

    def warns(self, text, *findings):
        """That policy.conf must draw exactly these warnings: (LINE, words that stand in it...)."""
        sandbox.write(POLICY, text)
        self.finds(*((f"{POLICY}:{line}", "warning", *texts) for line, *texts in findings))

    def test_clean(self):
        self.warns(f"# all well\nallow br0 user={ME} quota=4\nallow br0\n"
                   f"allow br1 group={ME}\nallow br1 user={ME} mtu=1400\ndeny br2 user={OTHER}\ndeny br2\n")
        code, lines = self.policy("check", "--strict")
        self.assertEqual((code, lines), (0, [f"{POLICY}: rules 6, files 1, errors 0, warnings 0"]))
        self.finds(uid=USER)

    def test_declared_in_a_network_that_is_there(self):
        """Once a guest asks for it, the host would look for all of that network on it."""
        sandbox.run("ip", "address", "add", "192.0.2.10/24", "dev", "br0")
        sandbox.run("ip", "address", "add", "2001:db8::10/64", "dev", "br0", "nodad")
        sandbox.run("ip", "address", "add", "203.0.113.1/24", "dev", "br0")
        self.addCleanup(os.unlink, BRIDGES)
        sandbox.write(POLICY, "allow br0\n")
        sandbox.write(BRIDGES, "bridge br0 address=203.0.113.1/24\nbridge br-a address=192.0.2.1/24\nbridge br-b address=10.66.0.1/24\n"
                      "bridge br-c address=2001:db8::1/64\n")
        self.finds((f"{BRIDGES}:2", "warning", "192.0.2.1/24", "192.0.2.10 of 'br0'"), (f"{BRIDGES}:4", "warning", "2001:db8::10 of 'br0'"), uid=USER)

    def test_json(self):
        sandbox.write(POLICY, "allow br0\nallow br0\n")
        sandbox.write(DRAFT, "allow br0\nallow br1 no=such\n")
        for words, status, level, number in (([], 0, "warning", 2), (["--strict"], 3, "warning", 2), ([DRAFT], 1, "error", 2)):
            code, lines = self.policy("check", "--json", *words)
            seen = json.loads("".join(lines))
            self.assertEqual((code, set(seen)), (status, documents.json_keys("`virt-tap policy check --json`")))
            self.assertEqual((seen["in_force"], seen["errors"] + seen["warnings"]), (DRAFT not in words, 1))
            (found,) = seen["findings"]
            self.assertEqual((list(found), found["level"], found["file"], found["line"]), (["level", "file", "line", "text"], level, seen["file"], number))
            self.assertIn(f"{found['file']}:{number}: {level}: {found['text']}", self.policy("check", *words)[1])

    def test_allow_behind_an_allow(self):
        self.warns("allow br0\nallow br0 quota=4\n", (2, f"never match: {POLICY}:1 comes first", "the same"))
        self.warns("allow all\nallow br0\n", (2, f"never match: {POLICY}:1 comes first", "and more"))
        self.warns("allow br0\nallow br1\nallow all\n")
        self.warns(f"allow br0\nallow br0 user={ME}\n", (2, "and more"))
        self.warns(f"allow br0 user={ME}\nallow br0\n")
        self.warns(f"allow br0 user={ME}\nallow br0 user={USER}\n", (2, "the same"))
        self.warns(f"allow br0 group={ME}\nallow br0 user={ME} group={USER}\n", (2, "and more"))
        self.warns(f"allow br0 user={ME}\nallow br0 user={OTHER}\nallow br0 group={ME}\n")
        self.warns("allow br0\nallow br0\nallow br0\n", (2, f"{POLICY}:1"), (3, f"{POLICY}:1"))

    def test_allow_against_a_deny(self):
        self.warns("deny all\nallow br0\n", (2, f"never match: {POLICY}:1 denies"))
        self.warns("allow br0\ndeny br0\n", (1, f"never match: {POLICY}:2 denies"))
        self.warns(f"allow br0 user={ME}\ndeny br0 user={USER}\n", (1, f"{POLICY}:2 denies"))
        self.warns(f"allow br0\ndeny br0 user={ME}\n")
        self.warns("allow all\ndeny br0\n")

    def test_deny_behind_a_deny(self):
        self.warns("deny all\ndeny br0\n", (2, f"never match: {POLICY}:1 comes first"))
        self.warns("deny br0\ndeny all\n")
        self.warns("deny br0\ndeny br0\n", (2, "the same"))

    def test_ips(self):
        """Addresses that nobody limits, that several users share, or that are more than one guest needs."""
        lock = "mac=lock macs=52:54:00:0a ip=lock"
        mine, other = f"user={ME} {lock}", f"user={OTHER} {lock}".replace("0a", "0b")
        self.warns(f"allow br0 {mine}\n", (1, "ip=lock without ips=", "ips=10.66.1.0/24"))
        self.warns(f"allow br0 {mine} quota=1\n", (1, "ip=lock without ips="))
        self.warns(f"allow br0 {lock} ips=10.66.1.0/24\n", (1, "several users share macs="), (1, "several users share ips=10.66.1.0/24"))
        self.warns(f"allow br0 {mine} ips=10.66.1.0/24\n")
        for ips in ("10.66.1.0/24", "10.66.1.9,2001:db8::/63"):
            self.warns(f"allow br0 {mine} quota=1 ips={ips}\n", (1, f"without --ip the guest may use every address in ips={ips}"))
        self.warns(f"allow br0 {mine} quota=1 ips=10.66.1.9,2001:db8::/64,fe80::/64\n")
        for ips, others in (("10.66.1.0/24", "10.66.0.0/16"), ("2001:db8::/64,10.1.0.0/16", "2001:db8::5")):
            for bridge in ("br0", "all"):
                self.warns(f"allow {bridge} {mine} ips={ips}\nallow br0 {other} ips={others}\n",
                           (2, f"ips={others} overlaps with another user's in {POLICY}:1"))
            self.warns(f"allow br1 {mine} ips={ips}\nallow br0 {other} ips={others}\n")
        self.warns(f"allow br0 {mine} ips=10.66.1.0/24,fe80::/64\nallow br0 {other} ips=10.66.2.0/24,fe80::/64\n")
        self.warns(f"deny br0 user={OTHER} group={ME}\nallow br0 {mine} ips=10.66.1.0/24\n")

    def test_serve(self):
        self.warns("allow br0 mac=lock macs=52:54:00:0a serve=dhcp\n", (1, "several users share macs"), (1, "serve= lets the guests of several users"))
        self.warns(f"allow br0 user={ME} mac=lock macs=52:54:00:0a serve=dhcp\n")

    def test_egress(self):
        """Items that never match, since one before them does; none of what only denies much."""
        rule = f"allow br0 user={ME} mac=lock macs=52:54:00:0a egress="
        for egress, dead in (
                ("-all", ""), ("-host,-private,+all", ""), ("+10.0.0.1,-10.0.0.0/8", ""), ("+10.0.0.1:53/udp,+10.0.0.1:53/tcp,+10.0.0.1", ""),
                ("-private:25,-private,+all:443,+all/tcp,+all", ""), ("+all,-host", "-host"), ("+0.0.0.0/0,+::/0,-host:53", "-host:53"),
                ("+0.0.0.0/0,-host", ""), ("-host,+host:53/udp", "+host:53/udp"), ("-host/udp,+host:53,+host:53/udp", "+host:53/udp"),
                ("+all,+10.0.0.1", "+10.0.0.1"), ("-10.0.0.0/8,+10.1.0.0/16:53", "+10.1.0.0/16:53"), ("-10.0.0.0/8,+10.0.0.0/7", ""),
                ("-private,+[fd00::1]:53/udp", "+[fd00::1]:53/udp"), ("-private,+100.64.0.1", "+100.64.0.1"),
                ("-linklocal,-169.254.169.254", "-169.254.169.254"),
                ("+all:53,-10.0.0.1:53/udp", "-10.0.0.1:53/udp"), ("+all/udp,-10.0.0.1:53", ""), ("+all:53/udp,-all:53", ""), ("+all:53,-all/udp", ""),
                ("-0.0.0.0/1,-128.0.0.0/1,-::/0,+private", "+private"), ("-0.0.0.0/0,+linklocal", ""), ("+all,-all", "-all")):
            self.warns(rule + egress + "\n", *([(1, f"'{dead}' in egress= can never match")] if dead else []))
        self.warns(rule + "+all,-host,+10.0.0.1\n", (1, "'-host' in egress="), (1, "'+10.0.0.1' in egress="))

    def test_macs(self):
        """What mac=lock cannot know: whose MAC one is that no guest here has at the moment."""
        self.warns(f"allow br0 user={ME} mac=lock\nallow br1 mac=lock macs=52:54:00\n", (1, "without macs=", "macs=52:54:00:0a"),
                   (2, "several users share macs=52:54:00,"))
        for whom in ("", f"group={ME}", f"uid={USER}-{OTHER}", f"uid={OTHER}"):
            self.warns(f"allow br0 {whom} macs=52:54:00\n", *([] if whom == f"uid={OTHER}" else [(1, "several users share")]))
        one, other, single = f"user={ME} mac=lock", f"user={OTHER}", f"uid={OTHER}"
        for macs, others in (("52:54", "52:54"), ("52", "52:54:00:0a"), ("52:54:00:0A", "52:54"), ("aa:bb", "AA:BB:0c")):
            for second in (other, single):
                self.warns(f"allow br0 {one} macs={macs}\nallow br0 {second} macs={others}\n", (2, f"macs={others} overlaps with another user's in {POLICY}:1"))
            self.warns(f"allow all {one} macs={macs}\nallow br0 {other} macs={others}\n", (2, f"{POLICY}:1"))
            self.warns(f"allow br1 {one} macs={macs}\nallow br0 {other} macs={others}\n")
            self.warns(f"allow br0 {one} macs={macs}\nallow br0 user={USER} group={ME} macs={others}\n", (2, "never match"))
        self.warns(f"allow br0 {one} macs=52:54:00:0a\nallow br0 {other} macs=52:54:00:0b\nallow br0 user=0 mac=lock macs=52:54:01\n")

    def test_vlans(self):
        mine = f"user={ME} mac=lock macs=52:54:00:0a"
        self.warns(f"allow br9 vlan=100\nallow br8 {mine} vlan=100,200 native=100\nallow br7 {mine} vlan=100 native=none\n")
        for vlans in ("vlan=100,200-210", "vlan=100-101 native=100", "vlan=100 native=none"):
            self.warns(f"allow br9 {vlans}\n", (1, vlans.split()[0], "without mac=lock: frames may have more tags"))
        self.warns(f"allow br0 vlan=100 user={ME}\nallow all vlan=200 user={OTHER}\ndeny br0 user=0\n",
                   (1, "nothing is granted: vlan= requires a bridge that filters VLANs, and 'br0' does not; fix it: ip link set dev br0 type bridge"))
        for text, says in (("vlan=0", "vlan= must be VLANs from 1 to 4094, as in 100 or 100,200-210, not '0'"), ("native=5", "native= requires vlan="),
                           ("vlan=1,2,2", "vlan= must be VLANs that are each given once"), ("vlan=9-5", "vlan= must be ranges that end after"),
                           ("vlan=1,2 native=3", "native= must be none, or one of the VLANs in vlan=, not '3'")):
            sandbox.write(POLICY, f"allow br0 {text}\n")
            self.finds((f"{POLICY}:1", "error", says))
            self.refuse(says=[f"{POLICY}:1", says])

    def test_common_slips(self):
        """Each names its cause."""
        for text, says in (("allow br0\nEOF\n", "nothing follows 'EOF';"), ("\ufeffallow br0\n", "byte order mark (BOM) before 'allow br0'"),
                           ("\ufeff\n", "byte order mark (BOM) before ''"), ("\ufeff#mine\r\n", "byte order mark (BOM) before '#mine'"),
                           ("allow br0".encode("utf-16"), "the file is not UTF-8, but perhaps UTF-16"),
                           ("\ufeffallow br0\n".encode("utf-16-be"), "the file is not UTF-8, but perhaps UTF-16"),
                           ("allow br-0123456789abc\n", "at most 15 characters, not 'br-0123456789abc'")):
            for path in (QEMU_ACL, POLICY):
                sandbox.write(path, text)
                line = text.count("\n") if isinstance(text, str) else 1
                self.finds((f"{path}:{line}", "error", says))
                self.refuse(says=[f"{path}:{line}", says.partition("'")[0]])
                os.unlink(path)
        for comment in ("# lab", "#", "\t#lab"):
            sandbox.write(POLICY, f"allow br0 {comment}\n")
            self.finds((f"{POLICY}:1", "error", f"a comment must be on a line of its own, not after a rule: '{comment.strip()}'"))
            sandbox.write(POLICY, f"include /etc/qemu/bridge.conf {comment}\n")
            self.finds((f"{POLICY}:1", "error", "a comment must be on a line of its own"))
        os.unlink(POLICY)
        for comment in ("# for the lab machines", "user=alice,bob"):
            sandbox.write(QEMU_ACL, f"allow br0 {comment}\n")
            self.finds((f"{QEMU_ACL}:1", "error", f"bridge.conf has no terms, and no comments after a rule: 'br0 {comment}'"))
            self.refuse(says="no comments after a rule")
        sandbox.write(QEMU_ACL, "allow br0\nallow br0#lab\n")
        self.finds((f"{QEMU_ACL}:2", "warning", "there is no bridge 'br0#lab'", "no comments"))
        for name in ("br0,br1", "virbr*", '"br0"', "'br0'", "br0;", "br[0-9]", "br+", "br{0,1}", "\u201cbr0\u201d", "ALL", "$BRIDGE", "<br0>", "(br0)"):
            sandbox.write(QEMU_ACL, f"allow br0\nallow {name}\n")
            self.finds((f"{QEMU_ACL}:2", "warning", "there is no bridge '" + re.sub("[\u201c\u201d]", "???", name), "without quotes"))
        for name in ("a,b", "br#0", "ALL"):
            sandbox.run("ip", "link", "add", name, "address", "52:54:00:00:00:0c", "type", "bridge")
            sandbox.write(QEMU_ACL, f"allow {name}\n")
            self.finds()
            sandbox.run("ip", "link", "delete", name)

    def test_lists_of_names(self):
        """One rule is about one user, one group."""
        self.warns("allow br0 user=vmuser,root\nallow br0 group=a,b\n",
                   (1, "no user 'vmuser,root' on this host: one name per rule"), (2, "no group 'a,b' on this host: one name per rule"))
        for name in ('"vmuser"', "'vmuser'", "\u201cvmuser\u201d", "@kvm", "%kvm"):
            self.warns(f"allow br0 user={name}\n", (1, "without quotes and signs; the rule applies to nobody"))
        for name in ("*", "all", "ALL"):
            self.warns(f"allow br0 group={name}\n", (1, f"no group '{name}' on this host: a rule for everybody has neither user= nor group=; the"))

    def test_includes_that_add_nothing(self):
        sandbox.write(QEMU_ACL, "allow br0\ninclude /etc/qemu\n")
        self.finds(("/etc/qemu:1", "warning", "it is a folder"))
        sandbox.write(QEMU_ACL, f"allow br0\ninclude {QEMU_ACL}\n")
        self.finds((f"{QEMU_ACL}:1", "warning", "it includes itself"))

    def test_bridge_conf_that_does_not_count(self):
        sandbox.write(QEMU_ACL, "allow br0\n")
        sandbox.write(POLICY, f"allow br1 user={ME}\n")
        self.finds((f"{POLICY}:1", "warning", QEMU_ACL, "include"))
        self.refuse(says=[f"allow br0 user={ME}", f"{QEMU_ACL} is ignored", f"include {QEMU_ACL}"])
        sandbox.write(POLICY, f"include {QEMU_ACL}\nallow br1 user={ME}\n")
        self.finds()
        with self.grant():
            pass

    def test_who_can_write_it(self):
        """The command that mends it stands there."""
        for mode, uid, command in ((0o660, 0, "chmod go-w"), (0o644, USER, "chown root")):
            sandbox.write(QEMU_ACL, "allow br0\n", mode | 0o004, uid, USER)
            self.finds((f"{QEMU_ACL}:1", "error", f"{command} {QEMU_ACL}"))
            sandbox.run("sh", "-c", f"{command} {QEMU_ACL}")
            self.finds()
            os.unlink(QEMU_ACL)

    def test_declared_bridges_that_do_not_parse(self):
        sandbox.write(POLICY, f"allow br0 user={ME}\n")
        sandbox.write(BRIDGES, "bridge\n")
        self.addCleanup(os.unlink, BRIDGES)
        self.finds((f"{BRIDGES}:1", "error", "no tap is granted", f"{BRIDGES}:1: nothing follows"))
        sandbox.write(BRIDGES, "map bridge br0\n")
        self.finds((f"{BRIDGES}:1", "error", "no domain of another host is started", f"{BRIDGES}:1: a map is"))

    def test_declared_bridges_with_odd_names(self):
        """They parse, and would be made under a name that nobody meant."""
        sandbox.write(POLICY, f"allow br0 user={ME}\n")
        sandbox.write(BRIDGES, 'bridge br7\nbridge "br8"\nbridge br8,br9\nbridge br8#lab\nbridge br*\n')
        self.addCleanup(os.unlink, BRIDGES)
        self.finds(*((f"{BRIDGES}:{line}", "warning", f"'{name}'", "one bridge per line")
                     for line, name in ((2, '"br8"'), (3, "br8,br9"), (4, "br8#lab"), (5, "br*"))))

    def test_unknown_names(self):
        self.warns("allow br0 user=nosuchuser\nallow br0 group=nosuchgroup\nallow br0 user=4294967295\nallow br0 user=54321\n",
                   (1, "no user 'nosuchuser'"), (2, "no group 'nosuchgroup'"), (3, "no user '4294967295'"))

    def test_names_that_are_numbers(self):
        for path, line in (("/etc/passwd", f"20261128:x:{USER}:{USER}::/:/bin/sh"), ("/etc/group", "20261129:x:77777:")):
            with open(path, encoding="utf-8") as file:
                self.addCleanup(sandbox.write, path, file.read())
            with open(path, "a", encoding="utf-8") as file:
                file.write(line + "\n")
        self.warns("allow br0 user=20261128\nallow br0 group=20261129\nallow br0 group=77777\n",
                   (1, f"not the user of that name, which has number {USER}"), (2, "not the group of that name, which has number 77777"))

    def test_look_up_that_fails(self):
        self.only_files()
        sandbox.write(POLICY, f"allow br0 user={ME}\n")
        self.finds((f"{POLICY}:1", "error", f"user '{ME}' cannot be looked up"), uid=USER, wrap=NO_LOOK_UP)

    def test_every_line_that_does_not_parse(self):
        sandbox.write(POLICY, "allow br0\nalow br1\nallow abcdefghijklmnop\nallow br2 quota=0\nallow\ninclude a\n" + "x" * 5000
                      + f"\nallow br3\0\ndeny br3 quota=1\ninclude {A}\nallow br0\n")
        sandbox.write(A, "allow br4\nbroken\nallow br5 colour=red\n")
        bad = f"{POLICY}:%d"
        self.finds((bad % 2, "error", "unknown rule, neither allow, deny nor include: 'alow'"), (bad % 3, "error", "at most 15 characters"),
                   (bad % 4, "error", "quota="),
                   (bad % 5, "error", "nothing follows"), (bad % 6, "error", "absolute"), (bad % 7, "error", "4,095"),
                   (bad % 8, "error", "NUL byte"), (bad % 9, "error", "which a deny cannot"), (f"{A}:2", "error", "nothing"),
                   (f"{A}:3", "error", "colour"), (bad % 11, "warning", f"{POLICY}:1 comes first"))

    def test_more_errors_than_anybody_reads(self):
        sandbox.write(POLICY, "nonsense\n" * 500)
        code, lines = self.policy("check")
        self.assertEqual((code, len(lines)), (1, 130))

    def test_includes_that_do_not_count(self):
        os.mkdir(FOLDER)
        os.mkfifo(A)
        os.symlink(A, B)
        sandbox.write(POLICY, f"include {FOLDER}/none.conf\ninclude {A}\ninclude {B}\ninclude {POLICY}\ninclude {FOLDER}\n"
                      "include /nowhere/*.conf\nallow br0\n")
        bad = f"{POLICY}:%d"
        self.finds((bad % 1, "error", "No such file"), (bad % 2, "error", "not a regular file"), (bad % 3, "error", "symbolic link"),
                   (bad % 4, "error", "being read already"), (bad % 5, "error", "folder"), (bad % 6, "error", "No such file"))

    def test_files_that_others_can_write(self):
        """Each is told of, and read all the same, for what else is wrong with it."""
        sandbox.write(POLICY, f"include {A}\ninclude {B}\n", mode=0o664)
        sandbox.write(A, "allow br0 user=nosuchuser\n", uid=USER)
        sandbox.write(B, "nonsense\n", mode=0o666)
        self.finds((f"{POLICY}:1", "error", POLICY, "writable by others"), (f"{POLICY}:1", "error", A, "does not belong to root"),
                   (f"{POLICY}:2", "error", B, "writable by others"), (f"{A}:1", "warning", "nosuchuser"), (f"{B}:1", "error", "nonsense"))
        self.refuse(says="writable by others")

    def test_folders_that_others_can_write(self):
        sandbox.write(POLICY, f"include {FOLDER}/*.conf\n")
        sandbox.write(A, "allow br0\n")
        os.chmod(FOLDER, 0o777)
        self.finds((f"{POLICY}:1", "error", FOLDER, "writable by others"))
        os.chmod(FOLDER, 0o755)
        self.finds()
        os.chmod("/etc/virt-tap", 0o775)
        self.addCleanup(os.chmod, "/etc/virt-tap", 0o755)
        self.finds((f"{POLICY}:1", "error", f"error: {POLICY}: '/etc/virt-tap' is writable by others"),
                   (f"{POLICY}:1", "error", "folder that cannot be used"))

    def test_deny_that_does_not_bind_everybody(self):
        sandbox.write(POLICY, f"allow br0\ninclude {A}\n")
        for mode in (0o640, 0o604, 0o600):
            sandbox.write(A, f"deny br0\ninclude {B}\n", mode=mode, gid=USER)
            sandbox.write(B, "deny br1\n")
            self.finds((f"{A}:1", "warning", "does not apply to everybody"), (f"{B}:1", "warning", "does not apply to everybody"))
        sandbox.write(A, "deny br0\n")
        self.finds((f"{POLICY}:1", "warning", f"{A}:1 denies"))
        os.chmod(FOLDER, 0o750)
        self.finds((f"{A}:1", "warning", "does not apply to everybody"))
        sandbox.write(POLICY, f"allow br0\ninclude {FOLDER}/a*\n")
        self.finds((f"{A}:1", "warning", "does not apply to everybody"))

    def test_allow_that_not_everybody_can_read(self):
        """It makes no later one unreachable, but for those in the same file."""
        sandbox.write(POLICY, f"include {A}\nallow br0\n")
        sandbox.write(A, "allow br0\nallow br0 quota=2\n", mode=0o640, gid=USER)
        self.finds((f"{A}:2", "warning", f"{A}:1 comes first"))

    def test_policy_that_not_everybody_can_read(self):
        sandbox.write(POLICY, "allow br0\ndeny br1\n", mode=0o640, gid=USER)
        self.finds((f"{POLICY}:1", "warning", "not everybody can read it"))
        self.finds((f"{POLICY}:1", "error", "cannot be read by this user"), uid=USER, gid=OTHER)

    def test_include_that_the_asker_may_not_read(self):
        sandbox.write(POLICY, f"allow br0\ninclude {A}\ninclude {B}\n")
        sandbox.write(A, "nonsense\n", mode=0o600)
        sandbox.write(B, "allow br0\n")
        self.finds((f"{A}:1", "warning", "check as root"), (f"{B}:1", "warning", "comes first"), uid=USER)

    def test_file_included_twice(self):
        sandbox.write(POLICY, f"include {A}\ninclude {A}\n")
        sandbox.write(A, "allow br0\n")
        self.finds((f"{A}:1", "warning", "included more than once"))

    def test_strict(self):
        self.warns("allow br0\nallow br0\n", (2, "comes first"))
        self.finds((f"{POLICY}:2", "warning", "comes first"), words=["--strict"], status=3)
        sandbox.write(POLICY, "allow br0\nallow br0\nnonsense\n")
        self.finds((f"{POLICY}:2", "warning", "comes first"), (f"{POLICY}:3", "error", "nonsense"), words=["--strict"])

    def test_control_characters_stay_out_of_the_terminal(self):
        sandbox.write(POLICY, "allow br0 user=\x1b[31m\n")
        self.finds((f"{POLICY}:1", "warning", "no user '?[31m'"))

    def test_bridge_conf(self):
        """Where there is no policy.conf; what QEMU's own helper would pass over is passed over, with a warning."""
        sandbox.write(QEMU_ACL, f"allow br0\nallow br0 quota=4\nallow a/b\ninclude {A}\ninclude {B}\ninclude /etc/qemu\ndeny br0\n")
        sandbox.write(A, "allow br1\nnonsense\ndeny br1\nnonsense\n")
        self.finds((f"{QEMU_ACL}:1", "warning", f"{QEMU_ACL}:7 denies"), (f"{QEMU_ACL}:2", "warning", "'br0 quota=4'", "no terms"),
                   (f"{QEMU_ACL}:3", "warning", "no interface can have"), (f"{A}:2", "warning", "the rest of this file is skipped", "nonsense"),
                   (f"{B}:1", "warning", "skipped", "No such file"), ("/etc/qemu:1", "warning", "it is a folder"))
        sandbox.write(QEMU_ACL, "allow br0\nnonsense\ninclude a\n")
        self.finds((f"{QEMU_ACL}:2", "error", "nonsense"), (f"{QEMU_ACL}:3", "error", "relative path"))

    def test_bridge_conf_with_a_line_in_pieces(self):
        """qemu-bridge-helper takes what stands behind 4,095 characters for another line; so does the count of lines."""
        sandbox.write(QEMU_ACL, "allow br0" + " " * 4086 + "nonsense\nallow br0\nmore nonsense\n")
        self.finds((f"{QEMU_ACL}:2", "error", "'nonsense'"), (f"{QEMU_ACL}:4", "error", "'more'"), (f"{QEMU_ACL}:3", "warning", "the same"))

    def test_bridge_conf_is_not_read_beside_policy_conf(self):
        sandbox.write(QEMU_ACL, "nonsense\n")
        self.warns("allow br0\n", (1, f"{QEMU_ACL} is ignored"))

    def test_draft(self):
        """A file that is not in force yet is judged by what it says, not by where it is."""
        sandbox.write(DRAFT, "allow br0\n", uid=USER)
        self.finds(words=[DRAFT])
        self.finds(words=["draft.conf"], uid=USER)
        self.finds(words=["--strict", DRAFT])
        sandbox.write(DRAFT, "allow br0\nnonsense\n", uid=USER)
        self.finds((f"{DRAFT}:2", "error", "nonsense"), words=[DRAFT])
        sandbox.write(DRAFT, "allow br0\n", mode=0o600)
        self.finds(words=[DRAFT])  # nothing says that it is to stay so
        sandbox.write(POLICY, "allow br0\n", mode=0o664)
        self.finds((f"{POLICY}:1", "error", "writable by others"), words=[POLICY])

    def test_draft_of_another_user(self):
        """Root, asked to look at it, shows nothing of files that its author may not read: neither by an include nor by a link."""
        secret, folder = "/etc/virt-tap/secret", "/run/vt/hers"
        sandbox.write(secret, "root:secret\n", mode=0o640)
        self.addCleanup(os.unlink, secret)
        sandbox.write(DRAFT, f"include {secret}\ninclude {A}\n", uid=USER)
        sandbox.write(A, "nonsense\n")
        self.finds((f"{DRAFT}:1", "error", secret, "not everybody may read it"), (f"{A}:1", "error", "nonsense"), words=[DRAFT])
        os.mkdir(folder)
        self.addCleanup(sandbox.run, "rm", "-rf", folder)
        os.chown(folder, USER, USER)
        os.symlink(secret, f"{folder}/draft.conf")
        os.symlink("/etc/virt-tap", f"{folder}/there")
        os.lchown(f"{folder}/there", USER, USER)
        for path in (f"{folder}/draft.conf", f"{folder}/there/secret"):
            self.finds((f"{path}:1", "error", "symbolic link"), words=[path])
        sandbox.write(DRAFT, f"include {secret}\n")  # one of root's own, who may read it
        self.finds((f"{secret}:1", "error", "root:secret"), words=[DRAFT])

    def test_draft_of_a_bridge_conf(self):
        sandbox.write("/run/vt/bridge.conf", "allow br0 x\n")
        self.addCleanup(os.unlink, "/run/vt/bridge.conf")
        self.finds(("/run/vt/bridge.conf:1", "warning", "no terms"), words=["bridge.conf"])

    def test_policy_larger_than_the_limit(self):
        sandbox.write(POLICY, "#" * 10_000_000)
        self.finds((f"{POLICY}:1", "error", "larger than 4 MiB"))

    def test_what_is_no_policy(self):
        self.complains("check", says=["there is no policy", POLICY])
        self.complains("check", "nowhere", says=["cannot read 'nowhere'", "No such file"])
        os.mkfifo(DRAFT)
        self.finds((f"{DRAFT}:1", "error", "not a regular file"), words=[DRAFT])
        os.mknod("/etc/virt-tap/null", 0o020666, os.makedev(1, 3))
        self.addCleanup(os.unlink, "/etc/virt-tap/null")
        self.finds(("/etc/virt-tap/null:1", "error", "not a regular file"), words=["/etc/virt-tap/null"])
        self.finds(("/etc:1", "error", "folder"), words=["/etc"])

    def test_usage(self):
        self.complains("check", "--colour", says="--colour", status=2)
        self.complains("check", "a", "b", says="unexpected argument 'b'", status=2)
        self.complains("chek", says="no verb 'chek'", status=2)

    def test_output_that_cannot_be_written(self):
        sandbox.write(POLICY, "allow br0\n")
        done = sandbox.run("sh", "-c", f"{self.program} policy check >/dev/full", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stdout)


if __name__ == "__main__":
    netcase.main()
