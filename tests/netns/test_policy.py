#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""policy.conf's terms, with real users, groups, quotas and /dev/kvm."""
import fcntl
import os
import random
import signal

import bridgehelper
import netcase
import sandbox
from bridgehelper import TUNSETOWNER, TUNSETPERSIST
from netcase import POLICY
from rounds import rounds
from sandbox import OTHER, USER, USERS

NSSWITCH = "/etc/nsswitch.conf"
FOLDER = "/etc/virt-tap/policy.d"


class Terms(netcase.NetCase):
    def test_user(self):
        for who in (USERS[USER], str(USER)):
            sandbox.write(POLICY, f"allow br0 user={who}\n")
            with self.grant():
                pass
            self.refuse(uid=OTHER, says="no rule")
            self.refuse(uid=0, says="no rule")
        sandbox.write(POLICY, f"allow br0\ndeny br0 user={USERS[OTHER]}\n")
        with self.grant():
            pass
        self.refuse(uid=OTHER, says=f"{POLICY}:2 denies")

    def test_group(self):
        for who in (USERS[OTHER], str(OTHER)):
            sandbox.write(POLICY, f"allow br0 group={who}\n")
            with self.grant(uid=OTHER), self.grant(groups=[4711, OTHER]):
                pass
            self.refuse(says="no rule")
            self.refuse(groups=[4711], says="no rule")

    def test_unknown_user_is_nobody(self):
        sandbox.write(POLICY, "allow br0 user=nosuchuser\nallow br0 group=nosuchgroup\n")
        self.refuse(says="no rule")

    def test_look_up_that_fails_denies(self):
        """The user database cannot be read: nobody knows then who is meant."""
        with open(NSSWITCH, encoding="ascii") as file:
            self.addCleanup(sandbox.write, NSSWITCH, file.read())
        sandbox.write(NSSWITCH, "passwd: files\ngroup: files\n")  # a second service would be asked, and know nobody
        sandbox.write(POLICY, "allow br0\ndeny br0 user=nosuchuser\n")
        with self.grant():
            pass
        for error in ("EMFILE", "EIO", "ENOENT"):
            wrap = ["strace", "-qq", "-o", "/dev/null", "-u", USERS[USER], "-P", "/etc/passwd", "-e", "trace=openat",
                    "-e", f"inject=openat:error={error}"]
            self.refuse(uid=0, wrap=wrap, says=[f"{POLICY}:2", "cannot be looked up"])

    def test_starved_look_up_denies(self):
        """With each limit on descriptors, from none to plenty: a deny by name must never be missed."""
        for rule in (f"deny br0 user={USERS[USER]}", f"deny br0 group={USERS[USER]}"):
            sandbox.write(POLICY, f"allow br0\n{rule}\n")
            for limit in range(3, 24):
                answer = self.call(nofile=limit)
                answer.close()
                self.assertNotEqual(answer.status, 0, (limit, answer))
            self.assertIn("denies", answer.stderr)

    def test_names(self):
        sandbox.write(POLICY, "allow br0 name=vtap-web*\n")
        with self.grant("--name=vtap-web1") as answer:
            self.assertEqual(answer.tap()[0], "vtap-web1")
        self.refuse("--name=vtap-db", says=["--name=vtap-db", f"{POLICY}:1", "vtap-web*"])

    def test_names_by_user(self):
        """One rule gives each user names of their own."""
        sandbox.write(POLICY, "allow br0 name=vtap-%u-*\n")
        with self.grant(f"--name=vtap-{USERS[USER]}-1"), self.grant(f"--name=vtap-{USERS[OTHER]}-1", uid=OTHER), self.grant():
            self.refuse(f"--name=vtap-{USERS[OTHER]}-2", says=[f"{POLICY}:1", f"vtap-{USERS[USER]}-*"])
        sandbox.write(POLICY, "allow br0 name=vtap-%u-01234*\n")
        self.refuse("--name=vtap-x", says=[f"{POLICY}:1", f"'{USERS[USER]}'", "at most 15 characters"])
        sandbox.write(POLICY, "allow br0 name=vtap-%um*\n")
        self.refuse("--name=vtap-x", says=[f"'{USERS[USER]}'", "character that follows"])
        sandbox.write(POLICY, f"allow br0 uid={USER} name=vtap-%u\n")
        self.refuse("--name=vtap-x", says="no account")
        sandbox.write(POLICY, "allow br0 name=vtap-%u*\n")
        self.refuse(says=f"{POLICY}:1 does not parse")

    def test_mtu(self):
        for mtu in (68, 1400, 9000):
            sandbox.write(POLICY, f"allow br0 mtu={mtu}\n")
            with self.grant() as answer:
                self.assertEqual(netcase.link(answer.tap()[0])["mtu"], mtu)

    def test_require_kvm(self):
        sandbox.write(POLICY, "allow br0 require=kvm\n")
        self.refuse(says=["require=kvm", "/dev/kvm is not there", "virt-tap check kvm"])
        os.mknod("/dev/kvm", 0o020600, os.makedev(1, 3))
        self.addCleanup(os.unlink, "/dev/kvm")
        self.refuse(says=["require=kvm", "cannot be opened by this user"])
        os.chmod("/dev/kvm", 0o666)
        self.refuse(says=["require=kvm", "is not the KVM device"])
        if netcase.real_kvm():
            with self.grant():
                pass

    def test_terms_that_do_not_parse(self):
        for term in ("quota=0", "quota=1 quota=2", "colour=red", "vlan=5000", "nonsense"):
            sandbox.write(POLICY, f"allow br0\nallow br1 {term}\n")
            self.refuse(says=f"{POLICY}:2 does not parse")
        sandbox.write(POLICY, "deny br1 quota=1\n")
        self.refuse(says="which a deny cannot")

    def test_first_rule_that_matches_decides_alone(self):
        sandbox.write(POLICY, f"allow br0 user={USER} quota=1\nallow br0 quota=9\n")
        with self.grant():
            self.refuse(says="quota=1")


class Folder(netcase.NetCase):
    def setUp(self):
        super().setUp()
        sandbox.write(POLICY, f"include {FOLDER}/*.conf\n")
        sandbox.write(f"{FOLDER}/10-lab.conf", "allow br0\n")

    def tearDown(self):
        sandbox.run("rm", "-rf", FOLDER)
        super().tearDown()

    def test_files_of_a_folder(self):
        with self.grant():
            pass
        sandbox.write(f"{FOLDER}/readme.txt", "not a policy")
        sandbox.write(f"{FOLDER}/.hidden.conf", "not a policy")
        with self.grant():
            pass
        sandbox.write(f"{FOLDER}/20-not.conf", "deny br0\n")
        self.refuse(says=f"{FOLDER}/20-not.conf:1 denies")

    def test_folder_that_others_can_change(self):
        os.chmod(FOLDER, 0o775)
        self.refuse(says=[f"{POLICY}:1", FOLDER, "writable by others"])
        os.chmod(FOLDER, 0o755)
        os.chown(FOLDER, USER, USER)
        self.refuse(says=[f"{POLICY}:1", FOLDER, "does not belong to root"])

    def test_folder_that_is_not_there(self):
        """Nor for a moment: the denies in it would be gone."""
        sandbox.write(POLICY, f"include {FOLDER}/*.conf\nallow br0\n")
        sandbox.run("rm", "-rf", FOLDER)
        self.refuse(says=[f"{POLICY}:1", FOLDER, "No such file"])
        sandbox.write(POLICY, f"include {FOLDER}/none.conf\n")
        self.refuse(says=[f"{POLICY}:1", FOLDER, "No such file"])

    def test_folder_that_the_caller_may_not_read(self):
        sandbox.write(POLICY, f"allow br0\ninclude {FOLDER}/*.conf\n")
        sandbox.write(f"{FOLDER}/20-not.conf", "deny br0\n")
        os.chmod(FOLDER, 0o700)
        with self.grant():  # as with a file: a deny that not everybody can read does not apply to everybody
            pass


class Quota(netcase.NetCase):
    def test_sixteen_unless_told(self):
        sandbox.write(POLICY, "allow br0\n")
        answers = [self.grant() for _ in range(16)]
        self.refuse(says=["16", f"{POLICY}:1", "br0"][1:])
        with self.grant(uid=OTHER):  # each user has their own
            pass
        for answer in answers:
            answer.close()

    def test_each_bridge_has_its_own(self):
        sandbox.make_bridge("br1")
        sandbox.write(POLICY, "allow all quota=1\n")
        with self.grant() as one, self.grant(bridge="br1") as two:
            self.refuse(says="quota=1")
            one.close()
            with self.grant():
                self.refuse(bridge="br1", says="quota=1")
            two.close()
        sandbox.run("ip", "link", "delete", "br1")

    def test_a_holders_tricks_free_no_slot(self):
        sandbox.write(POLICY, "allow br0 quota=1\n")
        answer = self.grant()
        fcntl.ioctl(answer.fds[0], TUNSETPERSIST, 1)
        fcntl.ioctl(answer.fds[0], TUNSETOWNER, OTHER)
        self.refuse(says="quota=1")
        answer.close()
        self.refuse(says="quota=1")
        sandbox.run("ip", "link", "delete", "vtap-0")
        with self.grant():
            pass

    def test_never_more_never_fewer(self):
        """64 callers at once, some stopped for a while, some killed: N taps and no more, and N if nobody was killed."""
        quota, chance = 5, random.Random(1)
        sandbox.write(POLICY, f"allow br0 quota={quota}\n")
        for number in range(rounds(4, 64)):
            calls = [bridgehelper.Call([self.helper, "--use-vnet", "--br=br0", "--fd={fd}"], USER) for _ in range(64)]
            disturbed = number % 3
            if disturbed:
                for call in chance.sample(calls, 16):
                    call.process.send_signal(signal.SIGSTOP if disturbed == 1 else signal.SIGKILL)
                for call in calls if disturbed == 1 else []:
                    call.process.send_signal(signal.SIGCONT)
            answers = [call.finish() for call in calls]
            held = sum(len(answer.fds) for answer in answers)
            with self.subTest(round=number, disturbed=disturbed):
                self.assertLessEqual(held, quota)
                if disturbed != 2:
                    self.assertEqual(sum(answer.granted for answer in answers), quota)
                for answer in answers:
                    self.assertTrue(answer.granted or answer.status == -signal.SIGKILL or "quota=5" in answer.stderr, answer)
            if number % 3 == 0:
                self.tricks_free_nothing([answer for answer in answers if answer.fds], quota)
            for answer in answers:
                answer.close()

    def tricks_free_nothing(self, holders, quota):
        """All holders make their taps persistent and somebody else's, and let go: the next 64 callers get none."""
        names = [answer.tap()[0] for answer in holders]
        for answer in holders:
            fcntl.ioctl(answer.fds[0], TUNSETPERSIST, 1)
            fcntl.ioctl(answer.fds[0], TUNSETOWNER, OTHER)
            answer.close()
        calls = [bridgehelper.Call([self.helper, "--use-vnet", "--br=br0", "--fd={fd}"], USER) for _ in range(64)]
        for answer in [call.finish() for call in calls]:
            self.assertIn(f"quota={quota}", answer.stderr)
            self.assertEqual(answer.fds, [])
        for name in names:
            self.delete(f"--name={name}")


if __name__ == "__main__":
    netcase.main()
