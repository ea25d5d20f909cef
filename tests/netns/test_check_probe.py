#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap check --user: root looks as a user who is hostile, with programs and files of their making."""
import ctypes
import os
import pty
import re
import select
import sys
import time
import unittest

import bridgehelper
import checkcase
import sandbox
from checkcase import State
from sandbox import USER
from states_software import QEMU, program

CONF = "/run/vt/.config/libvirt/qemu.conf"
HOME = "own /run; chown vmuser /run/vt; mkdir -p /run/vt/.config/libvirt; chown -R vmuser /run/vt/.config\n"
SECRET = "root-only-secret"
SAYS = "echo QEMU emulator version 7"
PTRACE_ATTACH, PTRACE_DETACH, PIDFD_OPEN, PIDFD_GETFD = 16, 17, 434, 438
ADD_KEY, KEYCTL, JOIN_SESSION, SESSION = {"x86_64": (248, 250), "aarch64": (217, 219)}.get(os.uname().machine, (286, 288)) + (1, -3)
# Says whether the key named 'virt-tap-test' of root's session can be found (KEYCTL_SEARCH, 10).
FIND_KEY = f"""import ctypes
found = ctypes.CDLL(None).syscall({KEYCTL}, 10, {SESSION}, b"user", b"virt-tap-test", 0)
print("QEMU emulator version", "with the key" if found > 0 else "without the key")"""


def asks(setup, *options, user=0, area="qemu"):
    return State("hostile", setup, "", area=area, user=user, options=() if user else ("--user", "vmuser", *options))


def script(path, text, shell="#!/bin/sh"):
    return program(path, text).replace("#!/bin/sh", shell)


class Seen:
    """A process of the user's, as it was once."""

    def __init__(self, pid):
        self.pid = pid
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
        self.session, self.terminal = int(words[3]), int(words[4])
        self.fds = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        self.folder = os.readlink(f"/proc/{pid}/cwd")
        self.executable = os.readlink(f"/proc/{pid}/exe")
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            self.status = dict(re.findall(r"^(\w+):\t(.*)$", file.read(), re.M))


def users_pids():
    for name in os.listdir("/proc"):
        try:
            if name.isdecimal() and os.stat(f"/proc/{name}/task").st_uid in (0, USER):  # root's, while it cannot be traced
                with open(f"/proc/{name}/status", encoding="ascii", errors="replace") as file:
                    if f"Uid:\t{USER}\t" in file.read():
                        yield int(name)
        except OSError:
            pass


def as_user(action):
    """Call action() in a child that is the user; returns errno, 0 where there was none."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            bridgehelper.become(USER)
            code = action() or 0
        except OSError as error:
            code = error.errno
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def syscall(*words):
    return ctypes.get_errno() if LIBC.syscall(*words) < 0 else 0


LIBC = ctypes.CDLL(None, use_errno=True)


class Terminal(unittest.TestCase):
    """Root at a terminal, while programs of the user's making are slow."""

    def look(self, state, *options):
        """Run it there; returns {(pid, executable): Seen} of all processes of the user's meanwhile, and what was printed."""
        words = checkcase.command(state, *options)
        root, terminal = pty.fork()
        if root == 0:
            os.chdir("/root")
            os.environ.update(HELPER=checkcase.HELPER, HELPER_PATH=checkcase.helper_path())
            os.execvp(words[0], words)
        seen, said, end = {}, b"", time.monotonic() + 40
        while time.monotonic() < end:
            for pid in users_pids():
                try:
                    one = Seen(pid)
                    seen[pid, one.executable] = one
                    self.each(one)
                except OSError:
                    pass
            if select.select([terminal], [], [], 0.005)[0]:
                try:
                    said += os.read(terminal, 65536)
                except OSError:
                    break
        os.close(terminal)
        os.waitpid(root, 0)
        for one in seen.values():
            self.assertNotEqual(one.session, root)
            self.assertEqual(one.terminal, 0, vars(one))
            program, own = os.path.basename(one.executable), ()
            if program.startswith("qemu-system-"):  # what it opens itself: it tries memfd_create(2), and its libraries look at memory in /sys
                own = ("/memfd:", "/sys/")
            if program != "mkdir":  # -p goes down as it makes them; the fix goes to where qemu.conf is
                self.assertTrue(one.folder in ("/", "/run/vt/.config/libvirt") or one.folder.startswith(own), vars(one))
            self.assertEqual(one.status["CapPrm"], "0" * 16)
            self.assertEqual(one.status["Groups"].split(), [str(USER)])
            for fd, file in one.fds.items():
                harmless = file.startswith(("pipe:", "anon_inode:", "/usr/", "/etc/", "/proc/", "/run/vt/.config/", *own))
                self.assertTrue(harmless or file == "/dev/null", (fd, file))
        return seen, said.decode(errors="replace")

    def each(self, one):
        pass

    def test_no_process_of_the_users_has_the_terminal(self):
        checkcase.install()
        seen, said = self.look(asks(script(QEMU, f"{SAYS}; sleep 1")))
        self.assertIn("qemu.installed", said)
        programs = {os.path.basename(executable) for _, executable in seen}
        self.assertLessEqual({"virt-tap", "sleep"}, programs)  # both were caught

    def test_nor_when_it_applies_their_fix(self):
        checkcase.install()
        state = asks(HOME + script("/usr/bin/touch", ': >>"$1"; exec sleep 1'), "--fix", "--apply")
        seen, said = self.look(state)
        self.assertIn("+ as vmuser: cd ", said)
        self.assertIn("(qemu.session)", said)
        self.assertIn("sleep", {os.path.basename(executable) for _, executable in seen})

    def test_the_worker_cannot_be_taken_over(self):
        """Before it executes anything: not traced, not written to, no descriptor or environment taken from it."""
        checkcase.install()
        tried = []

        def attack(one):
            if not one.executable.endswith("/virt-tap") or tried:
                return
            attempts = [as_user(lambda: syscall(ctypes.c_long(101 if os.uname().machine == "x86_64" else 117), PTRACE_ATTACH, one.pid, 0, 0)),
                        as_user(lambda: os.open(f"/proc/{one.pid}/mem", os.O_RDWR) and 0),
                        as_user(lambda: os.open(f"/proc/{one.pid}/environ", os.O_RDONLY) and 0),
                        as_user(lambda: syscall(PIDFD_GETFD, LIBC.syscall(PIDFD_OPEN, one.pid, 0), 3, 0))]
            if os.path.exists(f"/proc/{one.pid}/mem"):
                tried.extend(attempts)

        self.each = attack
        self.look(asks(script(QEMU, f"{SAYS}; sleep 2")))
        self.assertEqual(len(tried), 4)
        self.assertLessEqual(set(tried), {1, 13}, tried)  # EPERM, EACCES


class Hostile(unittest.TestCase):
    def setUp(self):
        checkcase.install()

    def left(self, word):
        """Whether a process with these words goes on running."""
        gone = lambda: sandbox.run("pgrep", "-f", word, check=False).returncode == 1  # noqa: E731
        return not bridgehelper.await_(gone, 3)

    def timed(self, state, *options):
        start = time.monotonic()
        done = checkcase.run(state, *options)
        return done, time.monotonic() - start

    def test_what_a_program_says_is_no_command(self):
        """Root prints and runs the catalogue's commands only, and the terminal gets no control characters."""
        lie = r"printf '\033]0;x\007\302\233[2J\342\200\256\n$(touch /run/vt/owned)`touch /run/vt/owned`;touch /run/vt/owned\n'; exit 1"
        setup = ("own /usr/local; mkdir -p /usr/local/sbin; printf '#!/bin/sh\\n' >/usr/local/sbin/apt-get; chmod 755 /usr/local/sbin/apt-get\n"
                 "PATH=/usr/local/sbin:$PATH\n" + HOME + script(QEMU, lie))
        done = checkcase.run(asks(setup), "--fix", "--apply")
        commands = [line for line in done.stdout.splitlines() if line.startswith("+ ")]
        self.assertEqual(commands[0], "+ apt-get install -y qemu-system")
        self.assertEqual([line for line in commands[1:] if not line.startswith("+ as vmuser: ")], [])
        self.assertFalse(os.path.exists("/run/vt/owned"))
        for words in ((), ("--fix",), ("--json",), ("--report",), ("--fix", "--apply")):
            said = checkcase.run(asks(setup), *words).stdout
            self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said), words)
        script_lines = checkcase.run(asks(setup), "--fix").stdout.splitlines()
        self.assertEqual([line for line in script_lines if line and line[0] != "#"], ["apt-get install -y qemu-system"])

    def test_what_a_program_leaves_is_ended(self):
        """It runs in another session and holds its output open: the check goes on, and it is ended."""
        for user, number in ((0, 6174), (USER, 6175)):
            state = asks(script(QEMU, f"setsid sleep {number} & (setsid sleep {number} &); {SAYS}; echo kvm"), user=user)
            done, seconds = self.timed(state)
            self.assertIn("(qemu.kvm)", done.stdout)
            self.assertLess(seconds, 15)
            self.assertFalse(self.left(f"sleep {number}"))

    def test_the_time_limit_ends_all(self):
        """Signals are ignored, and processes made all the time."""
        makes = "trap '' HUP TERM INT; (setsid sh -c 'while :; do setsid sleep 6176 & sleep 0.05; done' &); while :; do sleep 6176; done"
        for user in (0, USER):
            done, seconds = self.timed(asks(script(QEMU, makes), user=user))
            self.assertIn("'qemu.installed' did not end in 5 s", done.stdout)
            self.assertIn("(qemu.session", done.stdout)
            self.assertLess(seconds, 15)
            self.assertFalse(self.left("sleep 6176"))

    def test_a_flood_of_output(self):
        done, seconds = self.timed(asks(script(QEMU, "while :; do echo 0123456789; done")))
        self.assertIn("(qemu.broken)", done.stdout)
        self.assertLess(seconds, 15)
        self.assertLess(len(done.stdout), 4096)

    def test_files_that_are_none(self):
        """FIFOs, devices, folders, huge files, and links to root's files: no waiting, and nothing of root's is read."""
        link = f"rm -f {CONF}; ln -s /run/vt/target {CONF}; "
        for setup, expect in (
                (f"mkfifo {CONF}", "not a regular file"), (f"mkdir {CONF}", "not a regular file"),
                (f"ln -s /dev/zero {CONF}", "not a regular file"), (f"ln -s /dev/tty {CONF}", "cannot be read"),
                (f"ln -s {CONF} {CONF}", "cannot be read"),
                (link + f"echo 'bridge_helper = \"{SECRET}\"' >/run/vt/target; chmod 600 /run/vt/target", "Permission denied"),
                (f"truncate -s 1T {CONF} || truncate -s 1G {CONF}", "too large"),
                (f"printf 'bridge_helper = \"\\033[1m\\302\\233\\342\\200\\256x\"\\n' >{CONF}", "sets bridge_helper to ?[1m?????x"),
                ("rm -r /run/vt/.config; mkfifo /run/vt/.config", "cannot be read")):
            with self.subTest(setup=setup):
                done, seconds = self.timed(asks(HOME + setup))
                self.assertIn(expect, done.stdout)
                self.assertNotIn(SECRET, done.stdout + done.stderr)
                self.assertLess(seconds, 15)

    def test_root_alone_opens_no_users_files(self):
        """Nothing below a home or a user's run folder, by the kernel's account."""
        state = State("trace", HOME + "mkdir -p /run/user/64321\n", "", area="", user=0,
                      wrap=("strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", "/run/vt/trace"))
        script_state = State("trace", state.setup + "trap 'cat /run/vt/trace' EXIT\n\"$@\" >/dev/null; exit 0\n", "", area="", user=0, wrap=state.wrap)
        trace = checkcase.run(script_state).stdout
        self.assertIn("/proc/cpuinfo", trace)
        self.assertEqual([line for line in trace.splitlines() if re.search(r'"(/run/vt/\.config|/run/user/|/home)', line)], [])

    def test_keys_of_roots_session(self):
        """The worker has a session keyring of its own."""
        self.assertGreater(LIBC.syscall(KEYCTL, JOIN_SESSION, 0), 0)
        self.assertGreater(LIBC.syscall(ADD_KEY, b"user", b"virt-tap-test", b"x", 1, SESSION), 0)
        state = asks(script(QEMU, FIND_KEY, "#!/usr/bin/python3"))
        self.assertIn("without the key", checkcase.run(state).stdout)

    def test_whose_fix_it_is(self):
        done = checkcase.run(asks(HOME), "--fix")
        self.assertNotIn("runuser", done.stdout)
        lines = done.stdout.splitlines()
        self.assertIn("# as vmuser: mkdir -p /run/vt/.config/libvirt", lines)
        self.assertEqual([line for line in lines if "qemu.conf" in line and not line.startswith("# as vmuser: ") and "qemu.session" not in line], [])
        self.assertIn("fix:  as vmuser: mkdir -p", checkcase.run(asks(HOME)).stdout)
        _, findings = checkcase.find(asks(HOME))
        self.assertEqual({finding["fix_as"] for finding in findings if finding["id"] == "qemu.session.unset"}, {"vmuser"})
        done = checkcase.run(asks(HOME, user=USER), "--fix")  # for themselves: to be typed as it is
        self.assertIn("\nmkdir -p /run/vt/.config/libvirt\n", done.stdout)

    def apply(self, setup, show=CONF):
        state = asks(HOME + setup + f"\ntrap 'stat -c %U {show}; cat {show}' EXIT\n\"$@\" --fix --apply || echo \"status $?\"; exit 0\n")
        return self.timed(state)

    def test_apply_is_the_users_act(self):
        """The file is the user's, what was in it stays, and the new line applies, whatever form the old one has."""
        for was in ("bridge_helper = '/x'\nvnc_tls = 1", "\tbridge_helper='/x'\n", "bridge_helper='/x'; vnc_tls = 1\n",
                    "vnc_tls = 1 ; bridge_helper = '/x'", "bridge_helper = \"\"\"/x\ny\"\"\"\n"):
            sandbox.write("/run/vt/was", was)
            done, _ = self.apply(f"cp /run/vt/was {CONF}; chown vmuser {CONF}")
            self.assertIn("(qemu.session)", done.stdout)
            self.assertIn(f"vmuser\nbridge_helper = \"{checkcase.helper_path()}\" # the first one applies\n{was}", done.stdout)

    def test_apply_leaves_a_wrong_type(self):
        """What libvirt refuses is for its owner to correct."""
        was = "bridge_helper = [\n'/x' ]\n"
        sandbox.write("/run/vt/was", was)
        done, _ = self.apply(f"cp /run/vt/was {CONF}; chown vmuser {CONF}")
        self.assertIn("(qemu.session.broken)", done.stdout)
        self.assertTrue(done.stdout.endswith(f"vmuser\n{was}"), done.stdout)

    def test_apply_leaves_what_is_in_a_folder_called_kvm(self):
        """It may be another file system's, mounted there; an empty folder goes."""
        for fill, stays in (("mkdir /run/vt/full; echo keep >/run/vt/full/file; mount --bind /run/vt/full /dev/kvm\n", True),
                            ("echo keep >/dev/kvm/file\n", True), (":\n", False)):
            setup = f"mkdir /dev/kvm; {fill}trap 'stat -c %G /dev/kvm; cat /dev/kvm/file' EXIT\n\"$@\" --fix --apply || :; exit 0\n"
            done, _ = self.timed(checkcase.State("a folder", setup, "", user=0))
            self.assertEqual("root\nkeep\n" in done.stdout, stays)

    def test_apply_reaches_no_file_of_roots(self):
        """By links, and a FIFO does not hold root up."""
        victim = "echo keep >/etc/victim; "
        done, _ = self.apply(victim + f"ln -s /etc/victim {CONF}", show="/etc/victim")
        self.assertIn("root\nkeep\n", done.stdout)
        done, _ = self.apply(victim + "rm -r /run/vt/.config; mkdir /etc/libvirt.d; ln -s /etc /run/vt/.config; rm -rf /etc/libvirt", show="/etc/victim")
        self.assertIn("failed: exit status", done.stdout)
        self.assertIn("root\nkeep\n", done.stdout)
        done, seconds = self.apply(f"mkfifo {CONF}; chown vmuser {CONF}; echo keep >/etc/victim", show="/etc/victim")
        self.assertIn("is not a regular file", done.stdout)
        self.assertLess(seconds, 20)


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(verbosity=1, exit=False).result.wasSuccessful())
