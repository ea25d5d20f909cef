#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Who is asking: policy.conf is for callers with an account, and a deny by name is never lost."""
import fcntl
import os
import re
import signal
import subprocess
import time
import unittest

import netcase
import sandbox
import sanitized
from bridgehelper import TUNSETOWNER, TUNSETPERSIST
from namescase import GROUP, ME, SECOND, NamesCase
from netcase import POLICY, QEMU_ACL
from sandbox import OTHER, USER

NOBODYS = 70007  # a uid or gid without a name
WITHOUT_GROUPS = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
MALLORY, BANNED = f"mallory:x:{USER}:{USER}::/run/vt:/bin/sh\n", f"banned:x:{USER}:\n"


class Accounts(NamesCase):
    def test_without_an_account(self):
        for rules in ("allow br0\n", f"allow br0 user={NOBODYS}\n", f"allow br0 group={NOBODYS}\n"):
            self.refused(rules, [f"{POLICY}:1", f"uid {NOBODYS} has no account", f"uid={NOBODYS}"], uid=NOBODYS)
        self.refused("allow br0\ndeny br0 user=root\n", [f"{POLICY}:2", "has no account"], uid=NOBODYS)
        self.refused("allow br1\n", "no rule", uid=NOBODYS)
        self.refused("allow br0\ndeny br0\n", f"{POLICY}:2 denies", uid=NOBODYS)

    def test_bridge_conf_asks_nobody(self):
        os.unlink(POLICY) if os.path.exists(POLICY) else None
        sandbox.write(QEMU_ACL, "allow br0\n")
        with self.grant(uid=NOBODYS):
            pass

    def test_the_name_must_lead_back(self):
        self.users((ME, USER), ("twin", OTHER), ("twin", NOBODYS))
        self.refused("allow br0\n", "has no account", uid=NOBODYS)
        self.assertTrue(self.granted("allow br0\n", uid=OTHER))

    def test_names_made_up_for_ranges(self):
        """As systemd-nsresourced and systemd-machined have them."""
        for name in ("ns-mine-0", "ns-a-b-65535", "vu-web-1000"):
            self.users((name, NOBODYS, 65534, "/"))
            self.refused("allow br0\n", "has no account", uid=NOBODYS)
        for name, home in (("ns-mine-0", "/home/x"), ("ns-mine", "/"), ("ns--1", "/"), ("nsx-mine-0", "/"), ("ns-mine-", "/")):
            self.users((name, NOBODYS, 65534, home))
            self.assertTrue(self.granted("allow br0\n", uid=NOBODYS), name)
        for name in ("ns-mine-0", "vg-web-1000"):
            self.groups((ME, USER), (name, NOBODYS))
            self.refused("allow br0\ndeny br0 group=root\n", [f"{POLICY}:2", f"gid {NOBODYS} of uid {USER} has no name"], groups=[NOBODYS])

    def test_silent_directories_are_told_from_missing_accounts(self):
        self.second(passwd=f"known:x:{NOBODYS}:{NOBODYS}::/:/bin/sh\n")
        self.assertTrue(self.granted("allow br0\n", uid=NOBODYS))
        self.refused("allow br0\n", "has no account", uid=NOBODYS + 1)
        sandbox.write(f"{SECOND}/down", "")
        for services in ("files second", "second files"):  # in either order: NSS itself says "not found" in the second
            self.services(services)
            for uid in (NOBODYS, NOBODYS + 1):
                self.refused("allow br0\n", [f"uid {uid} cannot be looked up", "'second'", "Connection refused"], uid=uid)
        self.assertTrue(self.granted("allow br0\n"))  # in the files, and no rule needs another
        self.services("files nosuchservice")
        self.refused("allow br0\n", [f"uid {NOBODYS} cannot be looked up", "'nosuchservice'"], uid=NOBODYS)

    def test_rules_of_a_silent_directory(self):
        self.second(passwd=f"alias:x:{USER}:{USER}::/:/bin/sh\n", group=f"students:x:{NOBODYS}:\n")
        narrow = "allow br0 group=students quota=1\nallow br0\n"
        self.assertTrue(self.granted("allow br0\ndeny br0 user=ghost\n"))
        self.refused("allow br0\ndeny br0 user=alias\n", f"{POLICY}:2 denies")
        sandbox.write(f"{SECOND}/down", "")
        for services in ("files second", "second files"):
            self.services(services)
            for rules, line in (("allow br0\ndeny br0 user=alias\n", 2), ("allow br0\ndeny br0 user=ghost\n", 2), (narrow, 1)):
                self.refused(rules, [f"{POLICY}:{line}", "cannot be looked up", "'second'"], groups=[NOBODYS])
            self.refused(f"allow br0\ndeny br0 group={NOBODYS + 3}\n", [f"{POLICY}:2", f"group '{NOBODYS + 3}' cannot be looked up", "'second'"])

    def test_members_that_another_service_adds(self):
        """To a group of the host's; getgrouplist(3) does not tell of this service's, as of one that is down."""
        self.groups((ME, USER), ("vmother", OTHER), ("students", NOBODYS))
        self.second(group=f"students:x:{NOBODYS}:{ME}\n")
        for deny in ("students", NOBODYS):
            self.refused(f"allow br0\ndeny br0 group={deny}\n", f"{POLICY}:2 denies")
            self.assertTrue(self.granted(f"allow br0\ndeny br0 group={deny}\n", uid=OTHER))
        sandbox.write(f"{SECOND}/down", "")
        for deny in ("students", NOBODYS):
            self.refused(f"allow br0\ndeny br0 group={deny}\n", [f"group '{deny}' cannot be looked up", "'second'"])

    def test_a_deny_by_group_requires_a_name_for_each_gid(self):
        self.groups((ME, USER), ("others", NOBODYS))
        for rules, says in (("deny br0 group=others\n", f"{POLICY}:1 denies"), (f"deny br0 group={NOBODYS}\n", f"{POLICY}:1 denies"),
                            ("allow br0\ndeny br0 group=root\n", f"gid {NOBODYS + 1} of uid {USER} has no name")):
            self.refused(rules, says, groups=[NOBODYS, NOBODYS + 1][:2 if "root" in rules else 1])
        self.assertTrue(self.granted(f"allow br0\ndeny br0 group={NOBODYS + 5}\n", groups=[NOBODYS + 1]))
        self.assertTrue(self.granted("allow br0\ndeny br0 group=root\n", groups=[NOBODYS]))

    def test_the_accounts_group_counts_for_a_deny(self):
        """A setgid program, which any user can make of their own groups, drops the real gid."""
        self.groups((ME, USER), ("others", NOBODYS))
        for group in (ME, USER):
            self.refused(f"allow br0\ndeny br0 group={group}\n", f"{POLICY}:2 denies", gid=NOBODYS)
            self.refused(f"allow br0 group={group}\n", "no rule", gid=NOBODYS)

    def test_a_dropped_group_does_not_lead_to_a_laxer_rule(self):
        """Whoever is in students is bound by their rule, also behind `firejail --nogroups` or in a user namespace that dropped it."""
        self.groups((ME, USER), ("vmother", OTHER))
        with open(GROUP, "a", encoding="ascii") as file:
            file.write(f"students:x:{NOBODYS}:{ME}\n")
        for group in ("students", NOBODYS):
            narrow = f"allow br0 group={group} mac=lock quota=1\n"
            self.refused(narrow + "allow br0\n", "mac=lock", groups=[NOBODYS])
            for later in ("allow br0\n", f"allow br0 group={USER}\n", f"allow br0 uid={USER}\n"):
                self.refused(narrow + later, [f"{POLICY}:1", f"'{group}'", f"{POLICY}:2", "log in again"])
                self.assertTrue(self.granted(later + narrow))
            self.refused(narrow + "allow br1\n", "no rule")
            self.refused(narrow + "allow br0\ndeny br0\n", f"{POLICY}:3 denies")
            self.assertTrue(self.granted(narrow + "allow br0\n", uid=OTHER))
            self.assertTrue(self.granted(f"allow br0 group={group} user=vmother mac=lock\nallow br0\n"))
            self.assertTrue(self.granted(f"allow br1 group={group} mac=lock\nallow br0\n"))
        self.second()
        sandbox.write(f"{SECOND}/down", "")
        self.refused(f"allow br0 group={OTHER}\nallow br0 uid={NOBODYS}\n", [f"{POLICY}:1 cannot be decided", "'second'"], uid=NOBODYS)


class Many(NamesCase):
    """After a few look-ups by name, the first accounts of the files are read at once: no answer may differ for that."""

    BEFORE = ("", "".join(f"deny br0 user=user{n}\nallow br0 group=group{n} user=user{n}\n" for n in range(6)))

    def setUp(self):
        super().setUp()
        others = [(f"user{n}", NOBODYS + 10 + n) for n in range(6)]
        self.users((ME, USER), ("alias", USER), ("twice", OTHER), ("twice", USER), ("+nis", USER), ("last", OTHER), *others)
        self.groups((ME, USER), ("vmother", OTHER), *((f"group{n}", NOBODYS + 10 + n) for n in range(6)))
        with open(GROUP, "a", encoding="ascii") as file:
            file.write(f"students:x:{NOBODYS}:other,{ME}\nstudents:x:{NOBODYS + 1}:\n")

    def test_users(self):
        for before in self.BEFORE:
            for name in (ME, "alias"):
                self.assertTrue(self.granted(f"{before}allow br0 user={name}\n"))
                self.refused(f"{before}allow br0\ndeny br0 user={name}\n", "denies")
            for name in ("twice", "+nis", "last", "nobodys"):
                self.assertTrue(self.granted(f"{before}allow br0\ndeny br0 user={name}\n"), name)
                self.refused(f"{before}allow br0 user={name}\n", "no rule")

    def test_groups(self):
        for before in self.BEFORE:
            for group in (ME, "students"):
                self.refused(f"{before}allow br0\ndeny br0 group={group}\n", "denies")
            self.assertTrue(self.granted(f"{before}allow br0 group={ME}\n"))
            self.assertTrue(self.granted(f"{before}allow br0\ndeny br0 group=vmother\n"))
            self.refused(f"{before}allow br0 group=students\n", "no rule")

    def test_other_services(self):
        self.second(passwd=f"far:x:{USER}:{USER}::/:/bin/sh\n", group=f"vmother:x:{OTHER}:{ME}\n")
        for services in ("files second", "files [SUCCESS=merge] second"):
            self.services(services)
            for before in self.BEFORE:
                for deny in ("user=far", "user=alias", "group=vmother", "group=students"):
                    with self.subTest(services=services, deny=deny, before=bool(before)):
                        self.refused(f"{before}allow br0\ndeny br0 {deny}\n", "denies")
        sandbox.write(f"{SECOND}/down", "")
        self.services("files second")
        for before in self.BEFORE:
            self.refused(f"{before}allow br0\ndeny br0 user=far\n", ["user 'far' cannot be looked up", "'second'"])


class Subordinate(NamesCase):
    """A user's subordinate uids, which have no account: setuid files of theirs keep the groups of whoever runs them."""

    def test_denies_and_quotas_bind_the_person(self):
        self.groups((ME, USER), ("students", NOBODYS))
        for rules in (f"allow br0\ndeny br0 user={ME}\n", "allow br0 group=students quota=1\n", f"allow br0\ndeny br0 user={USER}\n"):
            self.refused(rules, "has no account", uid=100000, gid=USER, groups=[USER, NOBODYS])


class Ranges(NamesCase):
    def test_a_range_admits_without_account(self):
        rules = "allow br0 uid=100000-100003\ndeny br0 uid=100002\n"
        self.assertTrue(self.granted(rules, uid=100000))
        self.assertTrue(self.granted(rules, uid=100003))
        self.refused(rules, f"{POLICY}:2 denies", uid=100002)
        self.refused(rules, "no rule", uid=100004)
        self.assertTrue(self.granted(f"allow br0 uid={USER}\n"))

    def test_a_range_shares_one_quota(self):
        sandbox.make_bridge("br1")
        sandbox.write(POLICY, "allow all uid=100000-100009 quota=2\nallow all quota=1\n")
        with self.grant(uid=100000) as first, self.grant(uid=100009):
            for uid in (100000, 100001, 100009):
                self.refuse(uid=uid, says=["uids 100000 to 100009 together", "quota=2", f"{POLICY}:1"])
            with self.grant(bridge="br1", uid=100001), self.grant():  # another bridge, and another rule
                pass
            first.close()
            with self.grant(uid=100001) as third:
                fcntl.ioctl(third.fds[0], TUNSETPERSIST, 1)  # what its holder does frees nothing
                fcntl.ioctl(third.fds[0], TUNSETOWNER, OTHER)
            self.refuse(uid=100002, says="together")
        for name in ("vtap-0", "vtap-1", "br1"):
            sandbox.run("ip", "link", "delete", name, check=False)

    def test_a_users_own_quota_counts_as_well(self):
        """Slots that a rule without a range gave are still theirs."""
        sandbox.write(POLICY, f"allow br0 user={ME} quota=1\n")
        with self.grant():
            sandbox.write(POLICY, f"allow br0 uid={USER}-{OTHER} quota=1\n")
            self.refuse(says=f"uid {USER} has as many taps")
            with self.grant(uid=OTHER):
                pass

    def test_a_deny_by_name_refuses_callers_without_account(self):
        self.refused("allow br0 uid=100000-100003\ndeny br0 user=root\n", [f"{POLICY}:2", "has no account"], uid=100000)
        self.refused("allow br0 uid=100000-100003\ndeny br0 group=root\n", [f"{POLICY}:2", "has no name"], uid=100000)


class Starved(NamesCase):
    """Whoever takes memory, descriptors or time from the helper loses the tap, never a deny."""

    RULES = ("allow br0\ndeny br0 user=mallory\n", "allow br0\ndeny br0 group=banned\n", "deny br0 group=banned\nallow br0 uid=0-99999\n",
             "".join(f"deny br0 user=user{n}\n" for n in range(6)) + "allow br0\ndeny br0 user=mallory\n")
    LIMITS = {"AS": range(1_600_000, 9_000_000, 370_000), "DATA": range(200_000, 2_600_000, 120_000), "NOFILE": range(3, 24),
              "STACK": range(0, 200_000, 40_000), "CPU": range(2), "NPROC": range(2)}
    if sanitized.SANITIZED:
        del LIMITS["STACK"]  # ASan calls it an error when the stack ends, wherever that is

    def setUp(self):
        super().setUp()
        self.second(MALLORY, BANNED)
        self.users(("vmother", OTHER))
        self.groups(("vmother", OTHER))

    def granted_under(self, which, limit):
        with self.call(wrap=["prlimit", f"--{which.lower()}={limit}:{limit}", "--"]) as answer:
            return answer.granted

    def test_limits_set_before_the_start(self):
        for rules in self.RULES:
            self.refused(rules, "denies")
            for which, limits in self.LIMITS.items():
                for limit in limits:
                    self.assertFalse(self.granted_under(which, limit), (rules, which, limit))

    def test_plenty_is_enough(self):
        sandbox.write(POLICY, "allow br0\ndeny br0 user=vmother\ndeny br0 group=vmother\n")
        for which in self.LIMITS:
            limit = {"CPU": 60, "NOFILE": 64, "NPROC": 100}.get(which, 1 << 28)
            self.assertTrue(self.granted_under(which, limit), which)

    def test_limits_set_while_it_runs(self):
        """At each system call of the look-ups: stopped there, starved by its caller, and let go on."""
        for rules in self.RULES:
            sandbox.write(POLICY, rules)
            for which, limit in (("AS", 1 << 20), ("NOFILE", 3)):
                tried = 0
                while (status := self.starve_at(tried + 1, which, limit)) is not None:
                    tried += 1
                    self.assertNotEqual(status, 0, (rules, tried, which))
                self.assertGreater(tried, 8, rules)

    def test_one_look_up_starved(self):
        """Its caller dropped a group, and gives back what was taken at the next opening of a file: the other look-ups succeed."""
        self.services("files")
        self.users((ME, USER))
        self.groups((ME, USER))
        with open(GROUP, "a", encoding="ascii") as file:
            file.write(f"students:x:{NOBODYS}:{ME}\n")
        for rules, says in (("allow br0\ndeny br0 group=students\n", "denies"), (f"allow br0\ndeny br0 group={NOBODYS}\n", "denies"),
                            (f"allow br0 group={NOBODYS} mac=lock\nallow br0\n", "log in again")):
            self.refused(rules, says)
            tried = 0
            while (status := self.starve_at(tried + 1, "NOFILE", "3:", WITHOUT_GROUPS, again=True)) is not None:
                tried += 1
                self.assertNotEqual(status, 0, (rules, tried))
            self.assertGreater(tried, 8, rules)

    @unittest.skipIf(sanitized.SANITIZED, "ASan takes more than any of these limits")
    def test_list_of_groups_starved(self):
        """Memory for all but that list: the account's own group has no list of members. A setgid program of its caller's gave it up."""
        self.services("files")
        self.users((ME, USER, NOBODYS, "/run/vt"))
        self.groups((ME, USER), ("students", NOBODYS))
        sandbox.write(POLICY, "allow br0\n")
        low, high = 0, 1 << 24
        while high - low > 1 << 15:
            middle = (low + high) // 2
            low, high = (low, middle) if self.granted_under("AS", middle) else (middle, high)
        for deny in ("students", NOBODYS):
            self.refused(f"allow br0\ndeny br0 group={deny}\n", f"{POLICY}:2 denies")
            for limit in range(high, high + (1 << 19), 1 << 16):
                self.assertFalse(self.granted_under("AS", limit), (deny, limit))

    def starve_at(self, nth, which, limit, become=("-u", "mallory"), again=False):
        """The exit status of a start that is stopped at its nth opening of a file; None: it has fewer. again: and at the next, where the soft
        limit is raised again."""
        trace = sandbox.RUN + "/trace"
        open(trace, "w", encoding="ascii").close()
        last = f"..{nth + 1}" if again else ""
        process = subprocess.Popen(["strace", "-f", "-o", trace, "-e", "trace=openat", "-e", f"inject=openat:signal=SIGSTOP:when={nth}{last}", *become,
                                    self.helper, "create", "--bridge=br0", "--name=vtap-starved"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        limits = [f"{limit}{'' if again else f':{limit}'}", f"{1024}:"][:2 if again else 1]
        for stop, value in enumerate(limits, 1):
            stopped = []
            while process.poll() is None and len(stopped) < stop:
                with open(trace, encoding="utf-8", errors="replace") as file:
                    stopped = re.findall(r"^(\d+) .*stopped by SIGSTOP", file.read(), re.M)
                time.sleep(0.001)
            if len(stopped) < stop:
                return None if stop == 1 else process.wait(20)
            command = ["prlimit", f"--pid={stopped[0]}", f"--{which.lower()}={value}"]
            if sandbox.run(*WITHOUT_GROUPS, *command, check=False).returncode != 0:
                sandbox.run(*command)  # it is setpriv still
            os.kill(int(stopped[0]), signal.SIGCONT)
        return process.wait(20)


if __name__ == "__main__":
    netcase.main()
