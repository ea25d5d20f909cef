#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap policy edit: the editor gets a copy, and the file is replaced as a whole, or not at all."""
import os
import pty
import signal
import subprocess
import unittest

import bridgehelper
import netcase
import sandbox
from netcase import POLICY, QEMU_ACL
from sandbox import USER

CLI = os.path.abspath(os.environ["VIRT_TAP_CLI"])
EDITOR, OLD = sandbox.RUN + "/editor", "allow br0\n"


class Edit(unittest.TestCase):
    def setUp(self):
        sandbox.write(POLICY, OLD)
        os.chmod(POLICY, 0o640)
        os.chown(POLICY, 0, USER)
        self.command = sandbox.install(CLI, caps=None)

    def tearDown(self):
        for path in (POLICY, QEMU_ACL):
            if os.path.lexists(path):
                os.unlink(path)
        self.assertEqual(os.listdir("/etc/virt-tap"), [], "left behind")

    def edit(self, script, *words, uid=0, answers="", variable="EDITOR", arguments=""):
        """The exit status and what was said, with an editor that runs this script on its last argument, $f."""
        sandbox.write(EDITOR, f"#!/bin/sh\nfor f; do :; done\n{script}\n", mode=0o755)
        done = bridgehelper.run([self.command, "policy", "edit", *words], uid, answers, 60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                cwd="/", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", variable: f"{EDITOR}{arguments}"})
        return done.returncode, done.stdout

    def text(self, path=POLICY):
        with open(path, encoding="ascii") as file:
            return file.read()

    def stays(self, status, said, *says):
        self.assertEqual((status, self.text()), (1, OLD), said)
        for words in says:
            self.assertIn(words, said)

    def test_saves(self):
        before = os.stat(POLICY).st_ino
        for variable in ("EDITOR", "VISUAL"):
            status, said = self.edit(f"echo 'allow br1' >>$f; stat -c '%a %U' $f; [ \"$1\" = -x ] && cmp {POLICY} {POLICY}", variable=variable, arguments=" -x")
            self.assertEqual((status, "600 root" in said, f"{POLICY}: saved" in said), (0, True, True), said)
        self.assertEqual(self.text(), OLD + "allow br1\n" * 2)
        after = os.stat(POLICY)
        self.assertEqual((after.st_mode & 0o7777, after.st_gid), (0o640, USER))
        self.assertNotEqual(after.st_ino, before)

    def test_editors_that_replace_the_copy(self):
        status, said = self.edit("cp $f $f~; rm $f; echo 'deny br0' >$f; rm $f~")
        self.assertEqual((status, self.text()), (0, "deny br0\n"), said)

    def test_nothing_changed(self):
        before = os.stat(POLICY).st_ino
        status, said = self.edit("touch $f")
        self.assertEqual((status, said, os.stat(POLICY).st_ino), (0, f"{POLICY}: not changed\n", before))

    def test_errors(self):
        for answers in ("q\n", "", "what\nq\n"):
            status, said = self.edit("echo nonsense >>$f", answers=answers)
            self.stays(status, said, ":2: error:", "[e/q]", "nothing was changed")
        status, said = self.edit(f"if grep -q nonsense $f; then echo '{OLD.strip()} quota=2' >$f; else echo nonsense >>$f; fi", answers="e\n")
        self.assertEqual((status, self.text()), (0, "allow br0 quota=2\n"), said)

    def test_editors_that_fail(self):
        self.stays(*self.edit("echo deny all >$f; exit 3"), "failed; nothing was changed")
        self.stays(*self.edit("echo deny all >$f; kill -9 $$"), "failed; nothing was changed")
        self.stays(*self.edit("rm $f"), "the copy is gone")
        self.stays(*self.edit("chmod 666 $f; echo deny all >$f"), "writable by others")
        os.unlink(EDITOR)
        done = subprocess.run([self.command, "policy", "edit"], env={"PATH": "/bin", "EDITOR": "/nosuch/editor"}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        self.stays(done.returncode, done.stdout, "/nosuch/editor", "sudo env EDITOR=nano virt-tap policy edit")

    def test_changed_by_somebody_else(self):
        for change in (f"echo 'deny br0' >>{POLICY}", f"cp {POLICY} {POLICY}.new; mv {POLICY}.new {POLICY}", f"rm {POLICY}"):
            sandbox.write(POLICY, OLD)
            status, said = self.edit(f"echo 'allow br1' >>$f; {change}")
            self.assertEqual((status, "changed by somebody else" in said), (1, True), said)
            kept = said.split("your version is '")[1].split("'")[0]
            self.assertIn("allow br1", self.text(kept))
            self.assertNotIn("allow br1", self.text() if os.path.exists(POLICY) else "")
            os.unlink(kept)

    def test_two_at_once(self):
        status, said = self.edit(f"{self.command} policy edit || echo deny all >>$f")
        self.assertEqual((status, "somebody else is editing" in said, self.text()), (0, True, OLD + "deny all\n"), said)

    def test_nobody_keeps_root_from_it(self):
        """By a lock on what every user may open, or on all that there is."""
        self.edit("touch $f")
        for path in ("/etc/virt-tap", POLICY, "/run/virt-tap", "/run/virt-tap/.policy"):
            os.chmod(POLICY, 0o644)
            with subprocess.Popen(["flock", "-s", path, "sh", "-c", "echo locked; exec sleep 60"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, user=USER, group=USER, extra_groups=[]) as holder:
                self.assertIn("Permission denied" if path.endswith("/.policy") else "locked", holder.stdout.readline())
                self.assertEqual(self.edit("touch $f"), (0, f"{POLICY}: not changed\n"))
                holder.kill()

    def test_the_first_policy_carries_the_old_rules_over(self):
        os.unlink(POLICY)
        sandbox.write(QEMU_ACL, OLD)
        status, said = self.edit("echo 'deny br1' >>$f")
        self.assertEqual((status, os.stat(POLICY).st_mode & 0o7777), (0, 0o644), said)
        self.assertIn(f"\ninclude {QEMU_ACL}\ndeny br1\n", self.text())
        os.unlink(POLICY)
        status, said = self.edit(f"echo 'deny br1' >>$f; echo 'deny br2' >{POLICY}")
        self.assertEqual((status, self.text()), (1, "deny br2\n"), said)
        os.unlink(said.split("your version is '")[1].split("'")[0])

    def test_no_folder(self):
        """It is said what to type."""
        os.unlink(POLICY)
        os.rmdir("/etc/virt-tap")
        self.addCleanup(os.makedirs, "/etc/virt-tap", exist_ok=True)
        self.assertEqual(self.edit("touch $f"), (1, "virt-tap policy edit: there is no folder '/etc/virt-tap/'; type: mkdir -m 755 /etc/virt-tap/\n"))
        os.mkdir("/etc/virt-tap")

    def test_a_file_of_a_folder(self):
        """The copy is none of the folder's files while it is edited."""
        folder = "/etc/virt-tap/policy.d"
        self.addCleanup(sandbox.run, "rm", "-rf", folder)
        sandbox.write(f"{folder}/10.conf", OLD)
        status, said = self.edit(f"ls {folder}/*; echo 'allow br1' >>$f", f"{folder}/10.conf")
        self.assertEqual((status, said.count(f"{folder}/"), self.text(f"{folder}/10.conf")), (0, 2, OLD + "allow br1\n"), said)
        sandbox.run("rm", "-rf", folder)

    def test_refused(self):
        self.stays(*self.edit("echo deny all >$f", uid=USER), "only root", "sudo")
        self.assertEqual(self.edit(":", "a", "b")[0], 2)
        self.assertEqual(self.edit(":", "--nonsense")[0], 2)
        self.stays(*self.edit(":", "/nosuchfolder/policy.conf"), "/nosuchfolder")
        os.chmod(POLICY, 0o666)
        self.stays(*self.edit("echo deny all >$f"), "writable by others")
        os.unlink(POLICY)
        os.symlink("/etc/passwd", POLICY)
        status, said = self.edit("echo deny all >$f")
        self.assertEqual((status, "symbolic link" in said), (1, True), said)

    def test_an_interrupt_is_the_editors(self):
        """Ctrl-C in the editor ends neither the edit nor the file."""
        sandbox.write(EDITOR, "#!/bin/sh\ntrap 'echo deny br1 >>$1; exit 0' INT\necho ready\nwhile :; do sleep 0.05; done\n", mode=0o755)
        leader, terminal = pty.openpty()
        process = subprocess.Popen([self.command, "policy", "edit"], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
                                   env={"PATH": "/usr/bin:/bin", "EDITOR": EDITOR})
        os.close(terminal)
        self.addCleanup(os.close, leader)
        self.addCleanup(process.kill)
        self.assertIn(b"ready", os.read(leader, 100))
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(self.text(), OLD + "deny br1\n")


if __name__ == "__main__":
    netcase.main()
