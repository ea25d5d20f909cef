#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Users and groups by name: rules mean whom NSS means, and each is asked for once."""
import os

import netcase
import sandbox
from namescase import GROUP, ME, NSSWITCH, PASSWD, NamesCase
from netcase import POLICY
from sandbox import OTHER, USER


class Names(NamesCase):
    def verdicts(self):
        """Whether an allow by the name of the user, and of the group, binds."""
        return [self.granted(f"allow br0 {kind}={ME}\n") for kind in ("user", "group")]

    def denied_by_each(self):
        for kind in ("user", "group"):
            self.assertFalse(self.granted(f"allow br0\ndeny br0 {kind}={ME}\n"), kind)

    def test_order_of_services(self):
        for services in ("files", "files systemd", "systemd files", "nosuchservice files", "files [NOTFOUND=return] systemd",
                         "files [SUCCESS=continue] files", "compat"):
            self.services(services)
            self.assertEqual(self.verdicts(), [True, True], services)
            self.denied_by_each()
        os.unlink(NSSWITCH)  # glibc's own default has files
        self.assertEqual(self.verdicts(), [True, True])
        self.denied_by_each()
        for services in ("systemd", "[NOTFOUND=return]"):
            self.services(services)
            self.assertEqual(self.verdicts(), [False, False], services)
            self.denied_by_each()

    def test_more_services_than_are_read(self):
        """None is left out: a name that the first ones do not know cannot be looked up."""
        self.services("files " + 80 * "systemd ")
        self.assertEqual(self.verdicts(), [True, True])
        self.refused("allow br0\ndeny br0 user=nobody-has-it\n",
                     ["'nobody-has-it' cannot be looked up", "the line 'passwd:' in /etc/nsswitch.conf is longer than"])

    def test_lines_that_only_glibc_understands(self):
        for passwd, group in ((f"  {ME}:x:{USER}:{USER}::/:\n", f"\t{ME}:x:{USER}:\n"),
                              (f"{ME}:x:no:1::/:\n{ME}:x:{USER}:{USER}::/:\n", f"{ME}:x:no:\n{ME}:x:{USER}:\n"),
                              (f"{ME}:x:+{USER}:{USER}::/:\n", f"{ME}:x:+{USER}:\n")):
            sandbox.write(PASSWD, passwd)
            sandbox.write(GROUP, group)
            self.assertEqual(self.verdicts(), [True, True], (passwd, group))
            self.denied_by_each()

    def test_a_name_that_leads_elsewhere_is_nobodys(self):
        """The first line of a name counts: vmuser is another user, and this caller has no account."""
        sandbox.write(PASSWD, f"{ME}:x:{OTHER}:{OTHER}::/:\n{ME}:x:{USER}:{USER}::/:\n")
        sandbox.write(GROUP, f"{ME}:x:{OTHER}:\n{ME}:x:{USER}:\n")
        self.assertEqual(self.verdicts(), [False, False])
        self.denied_by_each()
        self.refused("allow br0\n", [f"{POLICY}:1", f"uid {USER} has no account"])

    def test_names_that_are_numbers(self):
        """A number is a uid; but a deny binds also whoever has it as a name, as students do."""
        self.users(("20261128", USER), ("vmother", OTHER))
        self.refused("allow br0\ndeny br0 user=20261128\n", f"{POLICY}:2 denies")
        self.refused("allow br0 user=20261128\n", ["no rule", f"allow br0 user={USER}"])
        self.assertTrue(self.granted("allow br0\ndeny br0 user=20261128\n", uid=OTHER))
        self.assertTrue(self.granted(f"allow br0 user={USER}\n"))

    def test_every_name_of_a_user_counts(self):
        """An allow and a deny mean the same."""
        self.users((ME, USER), ("second", USER))
        for name in (ME, "second"):
            self.assertTrue(self.granted(f"allow br0 user={name}\n"), name)
            self.refused(f"allow br0\ndeny br0 user={name}\n", f"{POLICY}:2 denies")

    def opened(self, rules):
        """How often a start opens /etc/passwd and /etc/group."""
        trace = sandbox.RUN + "/trace"
        sandbox.write(POLICY, rules)
        with self.call(uid=0, wrap=["strace", "-qq", "-o", trace, "-u", ME, "-e", "trace=openat"]) as answer:
            self.assertTrue(answer.granted, answer)
        with open(trace, encoding="utf-8") as file:
            text = file.read()
        return text.count(f'"{PASSWD}"'), text.count(f'"{GROUP}"')

    def test_each_is_asked_for_once_and_only_for_this_bridge(self):
        self.users((ME, USER), ("many1", 70001), ("many2", 70002))
        self.groups((ME, USER), ("many1", 70001))
        account = 3  # by number, by name, and whether it is root's own file
        self.assertEqual(self.opened(f"allow br1 user=many1 group=many1\nallow br0 user={USER}\n"), (account, 0))
        self.assertEqual(self.opened(f"allow br0 user={ME}\n"), (account, 0))
        allows, denies = "allow br0 user=many1\ndeny br0 user=many2\nallow br0 group=many1\n" * 20, "deny br0 group=many1\n" * 20
        group = 3  # whether it is root's own, by name, and all groups of the account: was it dropped?
        for services, each in (("files", 0), ("files systemd", 1)):  # of several, each is asked whether it has the member
            self.services(services)
            self.assertEqual(self.opened(f"{allows}allow br0 user={ME}\n"), (account + 2, group + each), services)
            self.assertEqual(self.opened(f"{denies}allow br0 user={ME}\n"), (account, group + 1 + each), services)  # and the caller's own gid


if __name__ == "__main__":
    netcase.main()
