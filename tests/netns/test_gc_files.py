#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What users put where gc looks for libvirt's state files: root opens none of it with its own rights, waits for nothing, and
it decides about that user's taps alone."""
import ctypes
import os
import signal
import subprocess
import time

import bridgehelper
import fuse
import netcase
import sandbox
from sandbox import OTHER, RUN, USER

UUID = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3"
FOLDER = f"/run/user/{USER}/libvirt/qemu/run"
LIBC = ctypes.CDLL(None, use_errno=True)
GONE = "removed: nobody holds it, and its domain is not running"
STATE = f"<domstatus><domain><uuid>{UUID}</uuid></domain></domstatus>"


def as_user(script, uid=USER):
    return sandbox.run("python3", "-c", "import os\n" + script, uid=uid, cwd="/")


class Opened:
    """Whether anybody has opened a file since, by inotify."""

    def __init__(self, path):
        self.fd = LIBC.inotify_init1(os.O_NONBLOCK)
        assert LIBC.inotify_add_watch(self.fd, path.encode(), 0x20) >= 0  # IN_OPEN

    def __bool__(self):
        try:
            return bool(os.read(self.fd, 4096))
        except BlockingIOError:
            return False


class StateFiles(netcase.NetCase):
    """vtap-hostile is USER's, vtap-honest OTHER's, and both their domains do not run."""

    def setUp(self):
        super().setUp()
        self.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        for uid in (USER, OTHER):
            os.makedirs(f"/run/user/{uid}")
            os.chown(f"/run/user/{uid}", uid, uid)
            os.chmod(f"/run/user/{uid}", 0o700)
        as_user(f"os.makedirs('{FOLDER}')")
        self.create("vtap-hostile", f"--domain={UUID}")
        self.create("vtap-honest", f"--domain={UUID}", uid=OTHER)

    def tearDown(self):
        for name in ("vtap-hostile", "vtap-honest"):
            self.ask("delete", f"--name={name}", uid=0)
        sandbox.run("rm", "-rf", "/run/user", "/run/libvirt")
        super().tearDown()

    def gc(self, uid=0, within=4.0, env=None):
        """What it printed, in order; and how long it took."""
        begin = time.monotonic()
        process = bridgehelper.start([self.cli, "gc", "--wait=0"], env={"VIRT_TAP_HELPER": self.helper, **(env or {})}, text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, uid=uid)
        try:
            said = process.communicate(timeout=20)[0]
        finally:
            process.kill()
        self.assertEqual(process.returncode, 0, said)
        self.assertLess(time.monotonic() - begin, within)
        return sorted(said.splitlines())

    def keeps(self, **more):
        """The hostile user's tap stays, the other's goes, and quickly."""
        self.assertEqual(self.gc(**more), [f"vtap-honest: {GONE}"])
        self.assertIn("vtap-hostile", sandbox.links())

    def test_nothing_there(self):
        self.assertEqual(self.gc(), [f"vtap-honest: {GONE}", f"vtap-hostile: {GONE}"])

    def test_what_runs(self):
        sandbox.write(f"{FOLDER}/x.xml", "x" * 3_000_000 + STATE.upper().replace("UUID>", "uuid>"), uid=USER)
        self.keeps()

    def test_in_the_cache(self):
        """Both users have the same home here, in which the file is only one's: for the other it is not libvirt's."""
        sandbox.write(f"{RUN}/.cache/libvirt/qemu/run/x.xml", STATE, uid=USER)
        self.addCleanup(sandbox.run, "rm", "-rf", f"{RUN}/.cache")
        self.assertEqual(self.gc(), [])

    def test_another_domain_runs(self):
        sandbox.write(f"{FOLDER}/x.xml", STATE.replace("8d0f", "9d0f") + "<uuid>", uid=USER)
        sandbox.write(f"{FOLDER}/x.pid", STATE, uid=USER)
        sandbox.write(f"{FOLDER}/.x.xml", STATE, uid=USER)
        self.assertEqual(len(self.gc()), 2)

    def test_own_environment(self):
        """Of the caller's own libvirt, it is known where XDG_RUNTIME_DIR and XDG_CACHE_HOME are."""
        sandbox.write(f"{RUN}/xdg/libvirt/qemu/run/x.xml", STATE, uid=USER)
        for name in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME"):
            self.assertEqual(self.gc(uid=USER, env={name: f"{RUN}/xdg"}), [])
        self.assertEqual(self.gc(uid=USER), [f"vtap-hostile: {GONE}"])

    def test_of_the_system(self):
        self.create("vtap-root", f"--domain={UUID}", uid=0)
        sandbox.write("/run/libvirt/qemu/x.xml", STATE, mode=0o600)
        self.assertEqual(len(self.gc()), 2)
        sandbox.write("/run/libvirt/qemu/x.xml", "", uid=USER)  # not libvirt's
        self.assertEqual(self.gc(), [])
        os.unlink("/run/libvirt/qemu/x.xml")
        self.assertEqual(self.gc(), [f"vtap-root: {GONE}"])

    def test_not_a_file(self):
        for script in (f"os.mkfifo('{FOLDER}/x.xml')", f"os.mkdir('{FOLDER}/x.xml')", f"os.symlink('x.xml', '{FOLDER}/x.xml')",
                       f"import socket; socket.socket(socket.AF_UNIX).bind('{FOLDER}/x.xml')", f"os.symlink('/dev/tty', '{FOLDER}/x.xml')",
                       f"os.symlink('/dev/zero', '{FOLDER}/x.xml')", f"os.mkfifo('{FOLDER}/\\x1b[2J\\n.xml')",
                       f"os.rmdir('{FOLDER}'); os.mkfifo('{FOLDER}')", f"os.rmdir('{FOLDER}'); os.symlink('run', '{FOLDER}')"):
            with self.subTest(script):
                as_user(script)
                self.keeps()
                self.create("vtap-honest", f"--domain={UUID}", uid=OTHER)
                sandbox.run("rm", "-rf", FOLDER)
                as_user(f"os.makedirs('{FOLDER}')")

    def test_nothing_of_roots_is_opened(self):
        """By links to it, at each step of the way; what the user himself may not open, gc does not either."""
        sandbox.write(f"{RUN}/roots/x.xml", STATE, mode=0o600)
        sandbox.write(f"{RUN}/roots/libvirt/qemu/run/x.xml", STATE, mode=0o600)
        opened = [Opened(f"{RUN}/roots/x.xml"), Opened(f"{RUN}/roots/libvirt/qemu/run/x.xml")]
        for script in (f"os.symlink('{RUN}/roots/x.xml', '{FOLDER}/x.xml')",
                       f"os.unlink('{FOLDER}/x.xml'); os.rmdir('{FOLDER}'); os.symlink('{RUN}/roots', '{FOLDER}')",
                       f"os.rename('/run/user/{USER}/libvirt', '/run/user/{USER}/old'); os.symlink('{RUN}/roots/libvirt', "
                       f"'/run/user/{USER}/libvirt')"):
            with self.subTest(script):
                as_user(script)
                self.keeps()
                self.create("vtap-honest", f"--domain={UUID}", uid=OTHER)
                self.assertFalse(any(opened))

    def test_too_much(self):
        """A file too large, too many bytes, too many entries: up to 100,000, in the time that is asked of one."""
        for script in (f"open('{FOLDER}/x.xml', 'w').truncate(1 << 40)",
                       f"[open(f'{FOLDER}/{{i}}.xml', 'w').truncate(16777215) for i in range(1500)]",
                       f"[open(f'{FOLDER}/{{i}}.xml', 'w').truncate(4 << 20) for i in range(1500)]",
                       f"[os.close(os.open(f'{FOLDER}/{{i}}.pid', os.O_CREAT)) for i in range(100000)]"):
            with self.subTest(script):
                as_user(script)
                self.keeps()
                self.create("vtap-honest", f"--domain={UUID}", uid=OTHER)
                sandbox.run("rm", "-rf", FOLDER)
                as_user(f"os.makedirs('{FOLDER}')")

    def test_a_file_system_that_never_answers(self):
        """As a user can mount one, by FUSE: without a server, or with one that takes a request and never answers, so that who waits cannot be killed."""
        for takes in (False, True):
            with self.subTest(takes=takes):
                try:
                    with fuse.hanging(FOLDER, USER, takes):
                        self.keeps(within=6)
                except OSError as error:
                    self.skipTest(f"no FUSE here: {error}")
                self.create("vtap-honest", f"--domain={UUID}", uid=OTHER)

    def test_a_user_who_stops_what_looks(self):
        """The child that looks is the user's process, who may stop and kill it, but not look into it."""
        as_user(f"[open(f'{FOLDER}/{{i}}.xml', 'w').truncate(1 << 20) for i in range(30)]")
        for number in (signal.SIGSTOP, signal.SIGKILL):
            with self.subTest(number):
                hunter = bridgehelper.start(["python3", "-c", f"import os\nwhile True:\n try: os.kill(-1, {int(number)})\n except OSError: pass"],
                                            uid=USER)
                try:
                    self.gc(within=15)
                finally:
                    hunter.kill()
                    hunter.wait()
                self.assertNotIn("vtap-honest", sandbox.links())
                for name, uid in (("vtap-honest", OTHER), ("vtap-hostile", USER)):
                    if name not in sandbox.links():
                        self.create(name, f"--domain={UUID}", uid=uid)

    def test_whose_process_looks(self):
        """In a session of its own, as the user, without root's groups, terminal or descriptors."""
        as_user(f"[open(f'{FOLDER}/{{i}}.xml', 'w').truncate(4 << 20) for i in range(7)]")
        seen = None
        for _ in range(20):
            process = subprocess.Popen([self.cli, "gc", "--wait=0", "--dry-run"], stdout=subprocess.DEVNULL)
            while process.poll() is None and not seen:
                for pid in filter(str.isdigit, os.listdir("/proc")):
                    seen = seen or self.look_at(int(pid), process.pid)
            process.wait()
            if seen:
                break
        self.assertIsNotNone(seen, "the child was never seen")
        session, groups, files = seen
        self.assertTrue(session, "not a session of its own")
        self.assertEqual(groups, [str(USER)])
        self.assertEqual(files[:3], ["/dev/null"] * 3)
        self.assertFalse([name for name in files if name.startswith(("/dev/pts", "socket"))], files)

    @staticmethod
    def look_at(pid, parent):
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
            if status["PPid"].strip() != str(parent) or status["Uid"].split() != [str(USER)] * 4:
                return None
            files = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in sorted(os.listdir(f"/proc/{pid}/fd"), key=int)]
            return os.getsid(pid) == pid, status["Groups"].split(), files
        except (OSError, KeyError):
            return None


class Crowd(netcase.NetCase):
    """Fifty users with such folders cost as much time as one, and the fifty-first is served."""

    def test_fifty(self):
        cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        self.addCleanup(sandbox.run, "rm", "-rf", "/run/user")
        for uid in range(70000, 70051):
            folder = f"/run/user/{uid}/libvirt/qemu/run"
            os.makedirs(folder)
            for i in range(5 if uid != 70050 else 0):
                sandbox.write(f"{folder}/{i}.xml", "", uid=uid)
                os.truncate(f"{folder}/{i}.xml", 4 << 20)
            os.mkfifo(f"{folder}/x.xml")
            self.create(f"vtap-{uid}", f"--domain={UUID}", uid=uid)
        os.unlink("/run/user/70050/libvirt/qemu/run/x.xml")
        begin = time.monotonic()
        said = sandbox.run(cli, "gc", "--wait=0", env={"VIRT_TAP_HELPER": self.helper}).stdout
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(said, f"vtap-70050: {GONE}\n")
        for uid in range(70000, 70050):
            self.delete(f"--domain={UUID}", uid=uid)


if __name__ == "__main__":
    netcase.main()
