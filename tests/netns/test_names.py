#!/usr/bin/env python3
"""Users and groups by name: what NSS says counts, however few times it is asked."""
import os

import netcase
import sandbox
from netcase import POLICY
from sandbox import OTHER, USER, USERS

NSSWITCH, PASSWD, GROUP = "/etc/nsswitch.conf", "/etc/passwd", "/etc/group"
ME = USERS[USER]


class Names(netcase.NetCase):
    def setUp(self):
        super().setUp()
        for path in (NSSWITCH, PASSWD, GROUP):
            with open(path, encoding="utf-8") as file:
                self.addCleanup(sandbox.write, path, file.read())

    def verdicts(self):
        """Of an allow and of a deny by name, of a user and of a group: whether each binds the user."""
        bound = []
        for kind in ("user", "group"):
            for rules in (f"allow br0 {kind}={ME}\n", f"allow br0\ndeny br0 {kind}={ME}\n"):
                sandbox.write(POLICY, rules)
                with self.call() as answer:
                    bound.append(answer.granted != ("deny" in rules))
        return bound

    def test_order_of_services(self):
        """What the files say counts where NSS would take it from them, and nowhere else."""
        for services in ("files", "files systemd", "systemd files", "nosuchservice files", "files [NOTFOUND=return] systemd",
                         "files [SUCCESS=continue] files", "compat"):
            sandbox.write(NSSWITCH, f"passwd: {services}\ngroup: {services}\n")
            self.assertEqual(self.verdicts(), [True] * 4, services)
        os.unlink(NSSWITCH)  # glibc's own default has files
        self.assertEqual(self.verdicts(), [True] * 4)
        for services in ("systemd", "[NOTFOUND=return]"):
            sandbox.write(NSSWITCH, f"passwd: {services}\ngroup: {services}\n")
            self.assertNotIn(True, self.verdicts(), services)

    def test_files_that_are_not_plain(self):
        """What is in them that only glibc can tell is left to it."""
        sandbox.write(NSSWITCH, "passwd: files\ngroup: files\n")
        for passwd, group in ((f"  {ME}:x:{USER}:{USER}::/:\n", f"\t{ME}:x:{USER}:\n"),
                              (f"{ME}:x:no:1::/:\n{ME}:x:{USER}:{USER}::/:\n", f"{ME}:x:no:\n{ME}:x:{USER}:\n"),
                              (f"{ME}:x:+{USER}:{USER}::/:\n", f"{ME}:x:+{USER}:\n"),
                              (f"a\0b\n{ME}:x:{USER}:{USER}::/:\n", f"a\0b\n{ME}:x:{USER}:\n")):
            sandbox.write(PASSWD, passwd)
            sandbox.write(GROUP, group)
            self.assertEqual(self.verdicts(), [True] * 4, (passwd, group))

    def test_first_line_of_a_name_counts(self):
        sandbox.write(NSSWITCH, "passwd: files\ngroup: files\n")
        sandbox.write(PASSWD, f"{ME}:x:{OTHER}:{OTHER}::/:\n{ME}:x:{USER}:{USER}::/:\n")
        sandbox.write(GROUP, f"{ME}:x:{OTHER}:\n{ME}:x:{USER}:\n")
        self.assertNotIn(True, self.verdicts())

    def test_files_of_others_are_left_to_nss(self):
        """Nothing is read that somebody else could have written, here neither; but NSS reads it."""
        os.chmod(PASSWD, 0o666)
        os.chmod(GROUP, 0o666)
        self.addCleanup(os.chmod, PASSWD, 0o644)
        self.addCleanup(os.chmod, GROUP, 0o644)
        self.assertEqual(self.verdicts(), [True] * 4)
        rules = "allow br0\n" + f"deny br0 user={USERS[OTHER]}\ndeny br0 group={USERS[OTHER]}\n" * 2
        self.assertEqual(self.opened(rules), (3, 3))  # once to see whose it is, and for each name

    def opened(self, rules):
        """How often a start opens /etc/passwd and /etc/group."""
        trace = sandbox.RUN + "/trace"
        sandbox.write(POLICY, rules)
        with self.call(uid=0, wrap=["strace", "-qq", "-o", trace, "-u", ME, "-e", "trace=openat"]) as answer:
            self.assertTrue(answer.granted, answer)
        with open(trace, encoding="utf-8") as file:
            text = file.read()
        return text.count(f'"{PASSWD}"'), text.count(f'"{GROUP}"')

    def test_each_is_read_once_and_only_when_a_rule_needs_it(self):
        with open(PASSWD, "a", encoding="utf-8") as users, open(GROUP, "a", encoding="utf-8") as groups:
            for number in range(100):
                users.write(f"many{number}:x:{70000 + number}:{70000 + number}::/:\n")
                groups.write(f"many{number}:x:{70000 + number}:\n")
        sandbox.write(NSSWITCH, "passwd: files systemd\ngroup: files systemd\n")
        self.assertEqual(self.opened(f"allow br1 user=many1\nallow br0 user={USER}\n"), (0, 0))
        many = "".join(f"allow br0 group=many{n}\ndeny br0 user=many{n}\n" for n in range(100))
        self.assertEqual(self.opened(f"{many}allow br0 user={ME}\n"), (1, 1))


if __name__ == "__main__":
    netcase.main()
