#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""libvirt's hooks where others have a domain of the same UUID, and where names hold shell words.

Needs VIRT_TAP_HELPER and VIRT_TAP_HOOKS (the folder of the built hooks).
"""
import os
import re
import unittest

import netcase
import sandbox
from hookcase import domain, FOREIGN, heard, HookCase, UUID
from sandbox import OTHER, USER

MARK = sandbox.RUN + "/pasted"
WORDS = ("a';pasted;'", "a;pasted", "$(pasted)", "`pasted`", "a'`pasted`'b", "a\"$(pasted)\"", "a b", "a&#10;pasted&#10;", "\u202epasted", "&amp;pasted",
         "--all", "|pasted", "a\\';pasted;'")


class Owners(HookCase):
    """A UUID is nobody's own: a session's domain may have that of one of the system's."""

    def test_release_removes_own_taps_only(self):
        for uid, name in ((USER, "vtap-user"), (OTHER, "vtap-other"), (0, "vtap-root")):
            self.create(name, f"--domain={UUID}", uid=uid)
        text = domain(("vtap-web-a", "br0"))
        self.done("release", text)
        self.assertEqual(self.taps(), {"vtap-user", "vtap-other"})
        self.done("release", text, uid=USER)
        self.assertEqual(self.taps(), {"vtap-other"})
        self.unlink("vtap-other")

    def test_prepare_replaces_own_leftovers_only(self):
        self.create("vtap-user", f"--domain={UUID}")
        self.create("vtap-web-a", f"--domain={UUID}", uid=0)
        index = sandbox.ifindex("vtap-web-a")
        self.done("prepare", domain(("vtap-web-a", "br0")))
        self.assertEqual(self.taps(), {"vtap-user", "vtap-web-a"})
        self.assertNotEqual(sandbox.ifindex("vtap-web-a"), index)
        self.unlink("vtap-web-a")
        self.fails("prepare", domain(("vtap-user", "br0")), "'vtap-user' is taken")
        self.fails("prepare", domain(("vtap-web-b", "br0"), ("vtap-user", "br0")), "'vtap-user' is taken")  # vtap-web-b goes again
        self.assertEqual(self.taps(), {"vtap-user"})
        self.unlink("vtap-user")

    def test_a_name_that_another_users_domain_has_is_taken(self):
        text = domain(("vtap-web-a", "br0"))
        self.create("vtap-web-a", f"--domain={UUID}", uid=0)
        self.assertEqual(self.done("migrate", text), "")  # what is left of a former start
        self.unlink("vtap-web-a")
        self.create("vtap-web-a", f"--domain={UUID}")
        out = self.done("migrate", text)
        self.assertRegex(out, r"dev='vtap-web-(?!a')\w+'")
        self.unlink("vtap-web-a")

    def test_reconnect_looks_at_own_taps_only(self):
        """Of this user, and for this domain."""
        for uid in (USER, 0):
            self.create("vtap-web-a", f"--domain={UUID}", uid=uid)
            sandbox.run("ip", "link", "set", "vtap-web-a", "nomaster")
            self.done("reconnect", domain(("vtap-web-a", "br0"), uuid=FOREIGN))
            self.assertNotIn("master", netcase.link("vtap-web-a"))
            self.done("reconnect", domain(("vtap-web-a", "br0")))
            self.assertEqual("master" in netcase.link("vtap-web-a"), uid == 0)
            self.unlink("vtap-web-a")


class Pasted(HookCase):
    """What a message tells to type runs nothing but that, pasted into a shell, whole or cut at the backquotes."""

    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: os.path.exists(MARK) and os.unlink(MARK))

    def paste(self, said):
        folder = sandbox.RUN + "/commands"
        for name in ("virt-tap", "ip", "virsh", "bridge", "setcap"):
            sandbox.write(f"{folder}/{name}", "#!/bin/sh\n", 0o755)
        sandbox.write(f"{folder}/pasted", f"#!/bin/sh\n: >{MARK}\n", 0o755)
        found = [line[match.start():] for line in said.splitlines()
                 for match in re.finditer(r"(virt-tap [a-z]+ [a-z-]+|virsh|bridge fdb|ip (-d )?link) ", line)]
        for piece in found:
            for text in {piece, piece.split("`")[0]}:
                for shell in ("sh", "bash"):
                    sandbox.run(shell, "-c", text, check=False, env={"PATH": f"{folder}:/usr/bin:/bin"})
                    self.assertFalse(os.path.exists(MARK), text)
        return found

    def test_the_test_can_fail(self):
        with self.assertRaises(AssertionError):
            self.paste("by: virt-tap domain rewrite 'a';pasted;''")

    def test_a_clone(self):
        for word in WORDS:
            said = self.hook("prepare", domain(("vtap-web-a", "br0"), owner=FOREIGN, name=word))[2]
            self.assertIn("virt-tap domain rewrite -- ", said)
            self.assertTrue(self.paste(said))
            self.assertRegex(said, r"\A[ -~]+\n\Z")

    def test_long_names(self):
        said = self.hook("prepare", domain(("vtap-web-a", "br0"), owner=FOREIGN, name="a';pasted;'" * 23))[2]
        self.assertTrue(self.paste(said))
        said = self.hook("prepare", domain(("vtap-web-a", "br0"), owner=FOREIGN, name="x" * 5000))[2]
        self.assertIn("virt-tap domain rewrite -- '(a name too long to be shown)'", said)  # cut it would be another's
        self.fails("prepare", domain(("vtap-web-a", "br0"), name="x" * (128 * 1024 + 1)), "longer than")

    def test_a_bridge(self):
        log = netcase.system_log(self)
        self.create("vtap-web-a", f"--domain={UUID}", uid=0)
        sandbox.run("ip", "link", "set", "vtap-web-a", "nomaster")
        for word in ("a&apos;;pasted;&apos;", "$(pasted)", "`pasted`", ";pasted;", "&amp;pasted", "\x80"):
            heard(log)
            said = self.hook("reconnect", domain(("vtap-web-a", word)))[2] + heard(log).decode()
            self.paste(said)
            self.assertRegex(said, r"\A[ -~\n]*\Z")
        self.unlink("vtap-web-a")

    def test_names_of_bridges_in_the_helpers_refusals(self):
        sandbox.write(netcase.QEMU_ACL, "allow all\n")
        for name in ("a;pasted", "$(pasted)", "`pasted`", "a';pasted;'"):
            sandbox.run("ip", "link", "add", name, "type", "veth", "peer", "name", "ve1")
            said = self.call(f"--br={name}").stderr + self.ask("create", f"--bridge={name}", "--name=vtap-a").stderr
            self.assertIn("not a bridge", said)
            self.paste(said)
            sandbox.run("ip", "link", "delete", name)
            sandbox.make_bridge(name)
            said = self.ask("create", f"--bridge={name}", "--name=vtap-a", "--vlan=7").stderr + \
                self.ask("delete", "--name=" + name).stderr + self.ask("delete", "--name=lo").stderr
            self.paste(said)
            sandbox.run("ip", "link", "delete", name)


class Completion(unittest.TestCase):
    def test_names_are_not_run(self):
        """bash completes with the names of domains, which `compgen -W` would expand."""
        folder = sandbox.RUN + "/completion"
        sandbox.write(f"{folder}/pasted", f"#!/bin/sh\n: >{MARK}\n", 0o755)
        sandbox.write(f"{folder}/virsh", "#!/bin/sh\ncat <<'EOF'\nweb\n$(pasted)\n`pasted`\nweb;pasted\nweb\x1b[31m\n*\nEOF\n", 0o755)
        sandbox.write(f"{folder}/virt-tap", "#!/bin/sh\n", 0o755)
        script = f"""cd /; . {os.environ['VIRT_TAP_SOURCE']}/data/completion/virt-tap
            COMP_WORDS=(virt-tap domain show "$1"); COMP_CWORD=3; _virt_tap; printf '%s\\n' "${{COMPREPLY[@]}}" """
        for word, answers in (("", "web\n"), ("w", "web\n"), ("$", "\n"), ("x", "\n")):
            done = sandbox.run("bash", "-c", script, "bash", word, env={"PATH": f"{folder}:/usr/bin:/bin"})
            self.assertEqual(done.stdout, answers)
        self.assertFalse(os.path.exists(MARK))


if __name__ == "__main__":
    netcase.main()
