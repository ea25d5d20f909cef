#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Root's `virt-tap xml` on files in folders that a user can write: what is replaced is the file that was read, and nothing of
root's is read for its side effects, replaced, or given away."""
import ctypes
import os
import signal
import stat
import subprocess
import sys
import time
import unittest

import bridgehelper
import sandbox
from faults import stopped_child
from sandbox import OTHER, RUN, USER

HOME = f"{RUN}/home"
LIBC = ctypes.CDLL(None, use_errno=True)
NIC = "<interface type='bridge'><mac address='52:54:00:00:{:02x}:{:02x}'/><source bridge='br0'/><model type='virtio'/></interface>\n"
DOMAIN = ("<domain type='kvm'>\n <name>mine</name>\n <uuid>8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3</uuid>\n <devices>\n{} </devices>\n"
          " <!-- written by a user -->\n</domain>\n")
SMALL, LARGE = DOMAIN.format(NIC.format(0, 1)), DOMAIN.format("".join(NIC.format(i >> 8, i & 255) for i in range(900)))
ROOTS = "<domain type='kvm'><name>roots</name></domain>\n"
REWRITTEN = "managed='no'"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def as_user(script, uid=USER):
    return sandbox.run("python3", "-c", "import os\n" + script, uid=uid, cwd="/")


class FilesCase(unittest.TestCase):
    def setUp(self):
        self.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        for path, mode in ((HOME, 0o755), (f"{RUN}/roots", 0o755)):
            os.mkdir(path)
            os.chmod(path, mode)
            self.addCleanup(sandbox.run, "rm", "-rf", path)
        os.chown(HOME, USER, USER)
        self.roots, self.file = f"{RUN}/roots/victim.xml", f"{HOME}/d.xml"
        sandbox.write(self.roots, ROOTS, 0o600)
        sandbox.write(self.file, SMALL, 0o640, USER, USER)

    def xml(self, *words, uid=0, status=0, says="", wrap=(), **more):
        done = sandbox.run(*wrap, self.cli, "xml", *words, check=False, timeout=20, uid=uid, **more)
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertIn(says, done.stdout)
        return done.stdout

    def roots_is_untouched(self):
        st = os.stat(self.roots)
        self.assertEqual((read(self.roots), st.st_uid, stat.S_IMODE(st.st_mode), os.listdir(f"{RUN}/roots")), (ROOTS, 0, 0o600, ["victim.xml"]))

    def refused(self, says, path=None, **more):
        """In place: refused in one line, nothing changed, nothing left."""
        path = path or self.file
        folder = os.path.dirname(path)
        before = sorted(os.listdir(folder))
        said = self.xml("rewrite", "--in-place", path, status=1, says=says, **more)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertEqual(sorted(os.listdir(folder)), before)
        self.roots_is_untouched()


class InPlace(FilesCase):
    def test_keeps_owner_mode_and_attributes(self):
        os.setxattr(self.file, "user.note", b"x" * 1000)
        os.setxattr(self.file, "trusted.note", b"root's")
        sandbox.run("setfacl", "-m", f"u:{OTHER}:r,m::r", self.file)
        os.chmod(self.file, 0o6755)
        os.setxattr(self.file, "security.capability", bytes.fromhex("0100000200100000000000000000000000000000"))
        acl = sandbox.run("getfacl", "-n", self.file).stdout
        inode = os.stat(self.file).st_ino
        self.xml("rewrite", "--in-place", self.file)
        st = os.stat(self.file)
        self.assertIn(REWRITTEN, read(self.file))
        self.assertNotEqual(st.st_ino, inode)
        self.assertEqual((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)), (USER, USER, 0o755))
        self.assertEqual(sandbox.run("getfacl", "-n", self.file).stdout, "".join(
            line for line in acl.splitlines(True) if not line.startswith("# flags")))
        self.assertEqual((os.getxattr(self.file, "user.note"), os.getxattr(self.file, "trusted.note")), (b"x" * 1000, b"root's"))
        self.assertNotIn("security.capability", os.listxattr(self.file))
        self.xml("restore", "--in-place", self.file)
        self.assertEqual(read(self.file), SMALL)
        self.assertEqual(os.listdir(HOME), ["d.xml"])

    def test_no_rights_by_the_folders_default_list(self):
        """A new file would let the folder's others read what the old one did not."""
        sandbox.run("setfacl", "-d", "-m", f"u:{OTHER}:rw", HOME)
        self.xml("rewrite", "--in-place", self.file)
        self.assertEqual(sandbox.run("getfacl", "-cnp", self.file).stdout.split(), ["user::rw-", "group::r--", "other::---"])

    def test_attributes_that_cannot_be_kept(self):
        os.setxattr(self.file, "user.note", b"1")
        self.refused("attribute user.note", wrap=["strace", "-qq", "-o", "/dev/null", "-e", "inject=fsetxattr:error=EPERM"])
        self.refused("owner, uid 64321", wrap=["strace", "-qq", "-o", "/dev/null", "-e", "inject=fchown:error=EPERM"])

    def test_each_call_failing_leaves_the_file(self):
        for call in ("write", "fchmod", "fsync", "renameat2"):
            with self.subTest(call):
                self.refused("cannot write", wrap=["strace", "-qq", "-o", "/dev/null", "-e", f"inject={call}:error=EIO:when=1"])
                self.assertEqual(read(self.file), SMALL)

    def test_where_files_cannot_be_exchanged(self):
        """As on NFS: looked at just before."""
        wrap = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=renameat2:error=EINVAL"]
        self.xml("rewrite", "--in-place", self.file, wrap=wrap)
        self.assertIn(REWRITTEN, read(self.file))
        self.assertEqual(os.listdir(HOME), ["d.xml"])

    def test_not_a_plain_file(self):
        for script, says in (("os.symlink('{roots}', '{file}')", "symbolic link, which is not followed"), ("os.mkfifo('{file}')", "not a regular file"),
                             ("os.symlink('nowhere', '{file}')", "symbolic link"), ("os.mkdir('{file}')", "Is a directory"),
                             ("open('{file}2', 'w').write('x'); os.link('{file}2', '{file}')", "2 names (hard links)"),
                             ("os.symlink('/dev/full', '{file}')", "symbolic link")):
            with self.subTest(script):
                sandbox.run("rm", "-rf", self.file)
                as_user(script.format(roots=self.roots, file=self.file))
                self.refused(says)

    def test_a_hard_link_to_roots(self):
        """As a user can make where fs.protected_hardlinks is off."""
        os.unlink(self.file)
        os.link(self.roots, self.file)
        self.refused("2 names")

    def test_links_on_the_way(self):
        """One that the user made leads where he likes; one of root's where root likes."""
        sandbox.write(f"{RUN}/roots/d.xml", SMALL)
        as_user(f"os.symlink('{RUN}/roots', '{HOME}/folder'); os.symlink('folder', '{HOME}/chain')")
        for name in ("folder", "chain", "../home/folder", "./folder/../../roots/../home/folder"):
            with self.subTest(name):
                self.xml("rewrite", "--in-place", f"{HOME}/{name}/d.xml", status=1, says="symbolic link of another user, uid 64321")
                self.xml("rewrite", "--output-dir", f"{HOME}/{name}", self.file, status=1, says="symbolic link of another user")
        self.assertEqual(read(f"{RUN}/roots/d.xml"), SMALL)
        os.symlink(HOME, f"{RUN}/roots/home")
        self.xml("rewrite", "--in-place", "roots/home/d.xml", cwd=RUN)
        self.assertIn(REWRITTEN, read(self.file))
        os.symlink("loop", f"{RUN}/roots/loop")
        self.xml("rewrite", "--in-place", f"{RUN}/roots/loop/d.xml", status=1, says="'loop' leads too far")
        as_user(f"os.mkdir('{HOME}/sub'); os.symlink('sub', '{HOME}/own')")
        sandbox.write(f"{HOME}/sub/d.xml", SMALL, 0o644, USER, USER)
        self.xml("rewrite", "--in-place", f"{HOME}/own/d.xml", uid=USER)  # his own is his

    def test_in_a_shared_folder(self):
        """As /tmp: the file stays its owner's."""
        os.mkdir(f"{RUN}/tmp")
        os.chmod(f"{RUN}/tmp", 0o1777)
        self.addCleanup(sandbox.run, "rm", "-rf", f"{RUN}/tmp")
        sandbox.write(f"{RUN}/tmp/d.xml", SMALL, 0o600, OTHER, OTHER)
        self.xml("rewrite", "--in-place", f"{RUN}/tmp/d.xml")
        st = os.stat(f"{RUN}/tmp/d.xml")
        self.assertEqual((st.st_uid, stat.S_IMODE(st.st_mode), os.listdir(f"{RUN}/tmp")), (OTHER, 0o600, ["d.xml"]))

    def test_a_folder_that_may_not_be_listed(self):
        os.mkdir(f"{HOME}/dark")
        sandbox.write(f"{HOME}/dark/d.xml", SMALL, 0o644, USER, USER)
        os.chown(f"{HOME}/dark", USER, USER)
        os.chmod(f"{HOME}/dark", 0o300)
        self.xml("rewrite", "--in-place", f"{HOME}/dark/d.xml", uid=USER)
        self.assertIn(REWRITTEN, read(f"{HOME}/dark/d.xml"))


class Races(FilesCase):
    """The user puts something else there between reading and replacing: root's command is stopped before it makes its own file."""

    def stopped_at(self, call, script):
        """Returns the exit status and what was said."""
        trace = RUN + "/trace"
        sandbox.write(trace, "")
        process = subprocess.Popen(["strace", "-f", "-qq", "-o", trace, "-e", f"inject={call}:signal=SIGSTOP:when=1", self.cli,
                                    "xml", "rewrite", "--in-place", self.file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            self.assertTrue(bridgehelper.await_(lambda: stopped_child(process.pid, trace)), f"never stopped at {call}")
            as_user(script)
            os.kill(stopped_child(process.pid, trace), signal.SIGCONT)
            said = process.communicate(timeout=20)[0]
        finally:
            process.kill()
        self.roots_is_untouched()
        return process.returncode, said

    def test_something_else_in_its_place(self):
        link = f"os.unlink('{self.file}'); os.symlink('{self.roots}', '{self.file}')"
        other = f"os.unlink('{self.file}'); open('{self.file}', 'w').write('new')"
        edited = f"open('{self.file}', 'a').write('more')"
        fifo = f"os.unlink('{self.file}'); os.mkfifo('{self.file}')"
        folder = f"os.unlink('{self.file}'); os.mkdir('{self.file}')"
        gone = f"os.unlink('{self.file}')"
        for call in ("write", "fsync"):
            for script in (link, other, edited, fifo, folder, gone):
                with self.subTest(f"{call}: {script}"):
                    sandbox.run("rm", "-rf", self.file)
                    sandbox.write(self.file, SMALL, 0o640, USER, USER)
                    status, said = self.stopped_at(call, script)
                    self.assertEqual((status, "changed or replaced after it was read" in said), (1, True), said)
                    self.assertEqual(os.listdir(HOME), [] if script == gone else ["d.xml"])
                    self.assertEqual(os.path.islink(self.file), script == link)
                    if script in (other, edited):
                        self.assertIn("new" if script == other else "more", read(self.file))

    def test_the_folder_swapped_for_a_link(self):
        """What was read is replaced where it is now; nothing comes into root's folder."""
        self.file = f"{HOME}/sub/victim.xml"
        for call in ("write", "fsync"):
            os.makedirs(f"{HOME}/sub")
            os.chown(f"{HOME}/sub", USER, USER)
            sandbox.write(self.file, SMALL, 0o640, USER, USER)
            status, said = self.stopped_at(call, f"os.rename('{HOME}/sub', '{HOME}/moved'); os.symlink('{RUN}/roots', '{HOME}/sub')")
            self.assertEqual((status, said), (0, ""))
            self.assertIn(REWRITTEN, read(f"{HOME}/moved/victim.xml"))
            self.assertEqual(os.stat(f"{HOME}/moved/victim.xml").st_uid, USER)
            sandbox.run("rm", "-rf", f"{HOME}/moved", f"{HOME}/sub")

    def test_what_root_writes_swapped(self):
        """The new file itself, under its passing name: what he puts there is his, and root gives no file of its own away."""
        steal = f"name, = [n for n in os.listdir('{HOME}') if n != 'd.xml']; os.unlink('{HOME}/' + name); os.symlink('{self.roots}', '{HOME}/' + name)"
        for call in ("fchown", "fsync"):
            with self.subTest(call):
                self.stopped_at(call, steal)
                sandbox.run("find", HOME, "-type", "l", "-delete")
                sandbox.write(self.file, SMALL, 0o640, USER, USER)

    def test_a_user_who_swaps_all_the_time(self):
        sandbox.write(self.file, LARGE, 0o644, USER, USER)
        script = f"""
import os
file, roots = {self.file!r}, {self.roots!r}
while True:
    try:
        os.symlink(roots, file + '.link')
        os.rename(file, file + '.kept'); os.rename(file + '.link', file)
        os.rename(file + '.kept', file)
    except OSError:
        pass
"""
        swapper = bridgehelper.start(["python3", "-c", script], uid=USER)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            sandbox.run(self.cli, "xml", "rewrite", "--in-place", self.file, check=False, timeout=20)
            sandbox.run(self.cli, "xml", "restore", "--in-place", self.file, check=False, timeout=20)
            self.roots_is_untouched()
        swapper.kill()
        swapper.wait()


class Reading(FilesCase):
    """What is only read: links are followed, for nothing is changed; but nothing waits, and no device is opened."""

    def test_what_never_ends(self):
        for script in ("os.mkfifo('{0}')", "os.symlink('/dev/tty', '{0}')", "os.symlink('/dev/zero', '{0}')",
                       "import socket; socket.socket(socket.AF_UNIX).bind('{0}')"):
            os.unlink(self.file)
            as_user(script.format(self.file))
            for verb in ("show", "rewrite", "restore"):
                with self.subTest(f"{verb} {script}"):
                    self.xml(verb, self.file, status=1, says=f"cannot read {self.file}: it is not a regular file; ")

    def test_a_device_is_not_opened(self):
        device = f"{RUN}/roots/device"
        os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        watch = LIBC.inotify_init1(os.O_NONBLOCK)
        LIBC.inotify_add_watch(watch, device.encode(), 0x20)
        os.unlink(self.file)
        as_user(f"os.symlink('{device}', '{self.file}')")
        self.xml("show", self.file, status=1)
        self.xml("rewrite", "--in-place", self.file, status=1)
        sandbox.write(f"{HOME}/policy.conf", f"include {device}\n", uid=USER)
        sandbox.run(self.cli, "policy", "check", f"{HOME}/policy.conf", check=False)
        sandbox.run(self.cli, "policy", "check", self.file, check=False)
        self.assertRaises(BlockingIOError, os.read, watch, 4096)

    def test_pipes_of_a_shell(self):
        done = sandbox.run("bash", "-c", f"{self.cli} xml rewrite <(sleep 0.2; cat {self.file}); cat {self.file} | {self.cli} xml show /dev/stdin; "
                                         f"{self.cli} xml show - /dev/stdin < {self.file}")
        self.assertIn(REWRITTEN, done.stdout)
        self.assertEqual(done.stdout.count("52:54:00:00:00:01  could be a tap on br0"), 3, done.stdout)


class OutputDir(FilesCase):
    def setUp(self):
        super().setUp()
        self.out = f"{RUN}/out"
        os.mkdir(self.out)
        self.addCleanup(sandbox.run, "rm", "-rf", self.out)

    def test_whose_and_which_mode(self):
        """Root's file is not everybody's to write because the user's was."""
        for mode, becomes in ((0o666, 0o644), (0o6777, 0o644), (0o600, 0o600)):
            os.chmod(self.file, mode)
            self.xml("rewrite", "--output-dir", self.out, self.file)
            st = os.stat(f"{self.out}/d.xml")
            self.assertEqual((st.st_uid, stat.S_IMODE(st.st_mode)), (0, becomes))
        self.assertEqual(os.listdir(self.out), ["d.xml"])

    def test_a_link_there_is_replaced_not_followed(self):
        os.chown(self.out, USER, USER)
        as_user(f"os.symlink('{self.roots}', '{self.out}/d.xml')")
        self.xml("rewrite", "--output-dir", self.out, self.file)
        self.roots_is_untouched()
        self.assertFalse(os.path.islink(f"{self.out}/d.xml"))

    def test_a_folder_in_its_place(self):
        os.mkdir(f"{self.out}/d.xml")
        self.xml("rewrite", "--output-dir", self.out, self.file, status=1, says="Is a directory")
        self.assertEqual(os.listdir(self.out), ["d.xml"])


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
