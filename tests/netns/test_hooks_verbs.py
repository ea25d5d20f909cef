#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap hooks enable, disable, status, and virt-tap xml map: an administrator's part of the hooks."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import unittest

import documents
import hookhost
import sandbox
from bridgehelper import await_
from sandbox import USER

FOLDER, DRIVERS = "/etc/libvirt/hooks", ("qemu", "network", "daemon")
CLI = os.path.abspath(os.environ["VIRT_TAP_CLI"])
DOMAIN = """<domain type='qemu'><name>d</name><uuid>8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3</uuid><devices>
  <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='brA'/></interface>
  <interface type='network'><mac address='52:54:00:00:00:02'/><source network='lan'/></interface>
</devices></domain>
"""


@contextlib.contextmanager
def session_daemon():
    """A user's own daemon; and what tells where its PID file is."""
    put_program("/bin/sleep", "libvirtd")
    folder = f"{sandbox.RUN}/session o'f/libvirt"
    os.makedirs(folder, exist_ok=True)
    with subprocess.Popen([f"{sandbox.RUN}/libvirtd", "60"], user=USER) as daemon:
        try:
            sandbox.write(f"{folder}/libvirtd.pid", f"{daemon.pid}\n")
            time.sleep(0.1)
            yield daemon, f"XDG_RUNTIME_DIR={os.path.dirname(folder)}"
        finally:
            daemon.kill()


def link(driver):
    return f"{FOLDER}/{driver}.d/50-virt-tap"


def put_program(path, name):
    """In place of one that a child of an earlier test may still run."""
    shutil.copy(path, f"{sandbox.RUN}/{name}.new")
    os.replace(f"{sandbox.RUN}/{name}.new", f"{sandbox.RUN}/{name}")


class HooksCase(unittest.TestCase):
    def setUp(self):
        shutil.rmtree("/etc/libvirt", ignore_errors=True)
        os.mkdir("/etc/libvirt")
        self.hooks = HOOKS

    def hooks_verb(self, *words, status=0, uid=0):
        done = sandbox.run(CLI_COPY, "hooks", *words, check=False, uid=uid)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    @staticmethod
    def tree():
        return sorted((path, os.readlink(path) if os.path.islink(path) else None) for folder, folders, files in os.walk("/etc/libvirt")
                      for path in (os.path.join(folder, name) for name in folders + files))


class Links(HooksCase):
    def test_there_and_back(self):
        said = self.hooks_verb("status", status=1)
        self.assertEqual(said.count("not enabled: virt-tap hooks enable"), 3, said)
        for _ in range(2):  # a second time changes nothing
            self.assertIn("enabled: libvirt's drivers", self.hooks_verb("enable"))
            for driver in DRIVERS:
                self.assertEqual(os.readlink(link(driver)), f"{self.hooks}/{driver}")
                self.assertTrue(os.access(link(driver), os.X_OK))
        self.assertEqual(sorted(os.listdir(FOLDER)), ["daemon.d", "network.d", "qemu.d"])
        self.assertEqual(self.hooks_verb("status").count("  enabled\n"), 3)
        self.assertIn("disabled", self.hooks_verb("disable"))
        self.assertEqual(os.listdir(FOLDER), [])
        self.assertIn("were not enabled", self.hooks_verb("disable"))

    def test_json(self):
        seen = json.loads(self.hooks_verb("status", "--json", status=1))
        self.assertEqual(set(seen), documents.json_keys("`virt-tap hooks status --json`"))
        self.assertEqual((seen["enabled"], {hook["state"] for hook in seen["hooks"]}), (False, {"missing"}))
        self.hooks_verb("enable")
        seen = json.loads(self.hooks_verb("status", "--json"))
        self.assertEqual(seen, {"enabled": True, "hooks": [{"driver": driver, "path": link(driver), "state": "enabled"} for driver in DRIVERS],
                                "session": True, "confinement": []})
        self.hooks_verb("disable")

    def test_umask(self):
        """The daemons of users look for them, too."""
        sandbox.run("sh", "-c", 'umask 077; exec "$@"', "sh", CLI_COPY, "hooks", "enable")
        self.assertEqual(self.hooks_verb("status", uid=USER).count("  enabled\n"), 3)

    def test_of_another_prefix(self):
        """An earlier installation's is ours, and replaced."""
        os.makedirs(f"{FOLDER}/qemu.d")
        os.symlink("/opt/old/libexec/virt-tap/hooks/qemu", link("qemu"))
        self.assertIn("cannot be run", self.hooks_verb("status", status=1))
        self.hooks_verb("enable")
        self.assertEqual(os.readlink(link("qemu")), f"{self.hooks}/qemu")

    def test_what_is_not_ours_stays(self):
        for make in (lambda path: sandbox.write(path, "#!/bin/sh\n", mode=0o755), lambda path: os.symlink("/bin/true", path),
                     lambda path: os.symlink("/x/virt-tap/hooks/qemu", path), os.mkdir):
            os.makedirs(f"{FOLDER}/network.d", exist_ok=True)
            sandbox.write(f"{FOLDER}/qemu", "#!/bin/sh\n", mode=0o755)
            make(link("network"))
            before = self.tree()
            self.assertIn("exists and is not virt-tap's; move it away", self.hooks_verb("enable", status=1))
            self.assertIn("network  /etc/libvirt/hooks/network.d/50-virt-tap  shadowed", self.hooks_verb("status", status=1))
            self.assertIn("were not enabled", self.hooks_verb("disable"))
            self.assertEqual(self.tree(), before)
            shutil.rmtree(FOLDER)

    def test_refusals(self):
        before = self.tree()
        for verb in ("enable", "disable"):
            self.assertIn("requires root", self.hooks_verb(verb, uid=USER, status=1))
        for words in (("enable", "x"), ("disable", "x"), ("status", "--x"), ("status", "x"), ("enable", "--x"), ()):
            self.hooks_verb(*words, status=2)
        os.chmod(f"{self.hooks}/daemon", 0o644)
        try:
            self.assertRegex(self.hooks_verb("enable", status=1), "/daemon cannot be run: .*; install the package virt-tap-hooks, or")
        finally:
            os.chmod(f"{self.hooks}/daemon", 0o755)
        self.assertEqual(self.tree(), before)
        shutil.rmtree("/etc/libvirt")
        self.assertIn("libvirt is not installed", self.hooks_verb("enable", status=1))
        self.assertFalse(os.path.exists("/etc/libvirt"))

    def test_a_folder_that_cannot_be_written(self):
        os.mkdir(FOLDER)
        sandbox.run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", FOLDER)
        self.addCleanup(sandbox.run, "umount", FOLDER)
        self.assertIn("cannot make the link", self.hooks_verb("enable", status=1))


class LinkedFolder(HooksCase):
    def test_on_another_file_system(self):
        os.makedirs(FOLDER)
        os.mkdir(sandbox.RUN + "/git")
        sandbox.run("mount", "-t", "tmpfs", "tmpfs", sandbox.RUN + "/git")
        self.addCleanup(sandbox.run, "umount", sandbox.RUN + "/git")
        os.symlink(sandbox.RUN + "/git", f"{FOLDER}/qemu.d")
        os.symlink("/opt/old/virt-tap/hooks/qemu", link("qemu"))
        self.hooks_verb("enable")
        self.assertEqual(os.readlink(f"{sandbox.RUN}/git/50-virt-tap"), f"{self.hooks}/qemu")
        self.assertEqual(self.hooks_verb("status").count("  enabled\n"), 3)
        self.hooks_verb("disable")
        self.assertEqual(os.listdir(sandbox.RUN + "/git"), [])
        self.assertEqual(sorted(os.listdir(FOLDER)), ["qemu.d"])

    def test_what_is_no_folder(self):
        os.makedirs(FOLDER)
        for make in (lambda path: os.symlink("/nowhere", path), lambda path: sandbox.write(path, ""), lambda path: os.symlink("/etc/passwd", path)):
            make(f"{FOLDER}/qemu.d")
            self.assertIn("qemu.d is neither a folder nor a link to one", self.hooks_verb("enable", status=1))
            os.unlink(f"{FOLDER}/qemu.d")


class Daemon(HooksCase):
    """Processes called as libvirt's daemons, which call the daemon hook when told to reload; real ones are in the system suite."""

    def start(self, name, script='{hook} - reload begin SIGHUP </dev/null'):
        put_program("/bin/sh", name)
        script = script.replace("{hook}", f"{self.hooks}/daemon")
        daemon = subprocess.Popen([f"{sandbox.RUN}/{name}", "-c", f"trap '{script}; echo hup > {sandbox.RUN}/told' HUP; while :; do sleep 0.05; done"],
                                  stdin=subprocess.DEVNULL)
        self.addCleanup(daemon.wait, 20)
        self.addCleanup(daemon.kill)
        sandbox.write(f"/run/{name}.pid", f"{daemon.pid}\n")
        self.addCleanup(sandbox.run, "rm", "-f", f"/run/{name}.pid")
        time.sleep(0.1)
        return daemon

    def lines(self, status):
        """The drivers whose hooks the daemon has not seen."""
        return [line.split()[0] for line in self.hooks_verb("status", status=status).splitlines() if "must be reloaded" in line]

    def setUp(self):
        super().setUp()
        shutil.rmtree("/run/virt-tap", ignore_errors=True)

    def test_reload(self):
        daemon = self.start("libvirtd")
        self.assertIn("virt-tap hooks enable --reload", self.hooks_verb("enable"))
        self.assertEqual(self.lines(1), ["qemu", "network", "daemon"])
        self.assertIn(f"reloaded: libvirtd, process {daemon.pid}\n", self.hooks_verb("enable", "--reload"))
        self.assertEqual(self.lines(0), [])
        self.assertTrue(await_(lambda: os.path.exists(sandbox.RUN + "/told")))
        os.unlink(sandbox.RUN + "/told")
        self.assertNotIn("reload", self.hooks_verb("enable"))

    def test_what_is_no_hook(self):
        """The daemon did not take it for one, so it does not call ours either; after an executable one it does."""
        sandbox.write(f"{FOLDER}/qemu.d/README", "")
        sandbox.write(f"{FOLDER}/network.d/10-old", "#!/bin/sh\n", mode=0o744)
        os.makedirs(f"{FOLDER}/daemon.d")
        os.symlink("/nowhere", f"{FOLDER}/daemon.d/10-old")
        time.sleep(0.1)
        self.start("libvirtd")
        self.assertIn("hooks enable --reload", self.hooks_verb("enable"))
        self.assertEqual(self.lines(1), ["qemu", "daemon"])

    def test_what_is_no_reload(self):
        """A stamp of an earlier daemon; a hook called by somebody else, or by an ordinary user."""
        daemon = self.start("libvirtd")
        self.hooks_verb("enable")
        for uid in (0, USER):
            self.assertEqual(hookhost.call(f"{self.hooks}/daemon", ["-", "reload", "begin", "SIGHUP"], "", uid=uid)[0], 0)
        self.assertFalse(os.path.exists("/run/virt-tap/libvirtd.reloaded"))
        self.hooks_verb("enable", "--reload")
        self.hooks_verb("disable")
        daemon.kill()
        time.sleep(0.1)
        self.start("libvirtd")
        self.hooks_verb("enable")
        self.assertEqual(len(self.lines(1)), 3)

    def test_a_daemon_that_does_not_answer(self):
        self.start("libvirtd", script=":")
        self.assertIn("has not called them within", self.hooks_verb("enable", "--reload", status=1))
        self.assertEqual(len(self.lines(1)), 3)

    def test_split_daemons(self):
        """Each driver is compared with its own daemon, and `daemon` with all of them."""
        network = self.start("virtnetworkd")
        self.hooks_verb("enable")
        time.sleep(0.1)
        qemu = self.start("virtqemud")
        self.assertEqual(self.lines(1), ["network", "daemon"])
        said = self.hooks_verb("enable", "--reload")
        for name, daemon in (("virtnetworkd", network), ("virtqemud", qemu)):
            self.assertIn(f"reloaded: {name}, process {daemon.pid}\n", said)
        self.assertEqual(self.lines(0), [])

    def test_a_pid_that_is_anothers(self):
        """One of another name, and a user's, who has given it the daemon's."""
        put_program("/bin/sleep", "libvirtd")
        self.addCleanup(os.unlink, "/run/libvirtd.pid")
        for command, uid in (("sleep", 0), (f"{sandbox.RUN}/libvirtd", USER)):
            with subprocess.Popen([command, "60"], user=uid) as other:
                self.addCleanup(other.kill)
                sandbox.write("/run/libvirtd.pid", f"{other.pid}\n")
                time.sleep(0.1)
                self.assertNotIn("reloaded", self.hooks_verb("enable", "--reload"))
                self.assertIsNone(other.poll())
                other.kill()

    def test_a_sessions(self):
        """A user's own daemon, which nothing reloads, and which is nobody else's concern."""
        with session_daemon() as (daemon, runtime):
            self.assertIn("session's daemon", self.hooks_verb("enable"))
            said = sandbox.run("env", runtime, CLI_COPY, "hooks", "status", check=False, uid=USER)
            self.assertEqual((said.returncode, said.stdout.count("  enabled\n")), (1, 3), said.stdout)
            self.assertIn("session  qemu:///session  the daemon is older than the hooks", said.stdout)
            told = sandbox.run("env", runtime, CLI_COPY, "hooks", "status", "--json", check=False, uid=USER)
            self.assertEqual((told.returncode, json.loads(told.stdout)["session"]), (1, False))
            sandbox.run("sh", "-c", said.stdout.split(": ")[-1])
            daemon.wait(20)
            sandbox.run("env", runtime, CLI_COPY, "hooks", "status", uid=USER)
        self.hooks_verb("status", uid=USER)
        self.hooks_verb("status")


class AppArmor(HooksCase):
    """By a sysfs and a parser of our own; test_apparmor.py of the system suite has a kernel's."""

    def setUp(self):
        super().setUp()
        self.local = "/etc/apparmor.d/local/usr.sbin.libvirtd"
        sandbox.write("/etc/apparmor.d/usr.sbin.libvirtd", "profile libvirtd /usr/sbin/libvirtd { #include <local/usr.sbin.libvirtd>\n}\n")
        sandbox.write(self.local, "# the administrator's\n/srv/** r,", mode=0o640)
        self.parser("exit 0")
        sandbox.write(sandbox.RUN + "/parsed", "")
        sandbox.run("mount", "-t", "tmpfs", "tmpfs", "/sys/module")
        self.addCleanup(sandbox.run, "umount", "/sys/module")
        sandbox.write("/sys/module/apparmor/parameters/enabled", "Y\n")

    def parser(self, script):
        sandbox.write(sandbox.RUN + "/parser", f"#!/bin/sh\necho \"$@\" >> {sandbox.RUN}/parsed\n{script}\n", mode=0o755)
        if not os.path.exists("/usr/sbin/apparmor_parser"):
            sandbox.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={self.bin()}:/usr/sbin", "/usr/sbin")
            self.addCleanup(sandbox.run, "umount", "/usr/sbin")
        else:
            sandbox.run("mount", "--bind", sandbox.RUN + "/parser", "/usr/sbin/apparmor_parser")
            self.addCleanup(sandbox.run, "umount", "/usr/sbin/apparmor_parser")

    @staticmethod
    def bin():
        os.makedirs(sandbox.RUN + "/bin", exist_ok=True)
        if not os.path.lexists(sandbox.RUN + "/bin/apparmor_parser"):
            os.symlink(sandbox.RUN + "/parser", sandbox.RUN + "/bin/apparmor_parser")
        return sandbox.RUN + "/bin"

    def text(self):
        with open(self.local, encoding="ascii") as file:
            return file.read()

    def test_lines_come_and_go(self):
        self.hooks_verb("enable")
        self.hooks_verb("enable")
        lines = (f"# by virt-tap hooks enable\n{os.path.dirname(os.path.dirname(self.hooks))}/virt-tap-helper PUx,\n{self.hooks}/* PUx,\n"
                 "unix (send, receive) type=stream addr=none peer=(label=virt-tap-helper),\nsignal (send) set=(kill, term) peer=virt-tap-helper,\n")
        self.assertEqual(self.text(), "# the administrator's\n/srv/** r,\n" + lines)
        self.assertEqual(os.stat(self.local).st_mode & 0o777, 0o640)
        with open(sandbox.RUN + "/parsed", encoding="ascii") as file:
            self.assertEqual(file.read(), "-r /etc/apparmor.d/usr.sbin.libvirtd\n")
        os.unlink(sandbox.RUN + "/parsed")
        self.assertIn("lets libvirt run the hooks", self.hooks_verb("status"))
        self.assertEqual(json.loads(self.hooks_verb("status", "--json"))["confinement"], [{"by": "AppArmor", "path": self.local, "allows": True}])
        self.hooks_verb("disable")
        self.assertEqual(self.text(), "# the administrator's\n/srv/** r,\n")
        self.assertIn("does not let libvirt run the hooks: virt-tap hooks enable", self.hooks_verb("status", status=1))

    def test_a_sessions_daemon_besides(self):
        """Neither hides the other."""
        with session_daemon() as (_, runtime):
            self.hooks_verb("enable")
            sandbox.write(self.local, "#\n")
            said = sandbox.run("env", runtime, CLI_COPY, "hooks", "status", check=False, uid=USER)
        self.assertEqual(said.returncode, 1)
        self.assertIn("session  qemu:///session  the daemon is older", said.stdout)
        self.assertIn("does not let libvirt run the hooks", said.stdout)

    def test_a_profile_that_is_not_taken(self):
        """What was there comes back, and no hook is enabled that could not run."""
        self.parser("echo 'line 3: no' >&2; exit 1")
        self.assertIn("AppArmor rejects /etc/apparmor.d/usr.sbin.libvirtd: line 3: no", self.hooks_verb("enable", status=1))
        self.assertEqual(self.text(), "# the administrator's\n/srv/** r,")
        self.assertFalse(os.path.exists(FOLDER))


class SELinux(HooksCase):
    """By labels and a switch of our own: there is no SELinux here."""

    def test_a_label_that_keeps_it_from_running(self):
        self.hooks_verb("enable")
        sandbox.run("mount", "-t", "tmpfs", "tmpfs", "/sys/fs")
        self.addCleanup(sandbox.run, "umount", "/sys/fs")
        for driver in DRIVERS:
            os.setxattr(f"{self.hooks}/{driver}", "security.selinux", b"system_u:object_r:bin_t:s0\0")
        os.setxattr(f"{self.hooks}/qemu", "security.selinux", b"unconfined_u:object_r:user_home_t:s0\0")
        for enforce, status in (("0", 0), ("1", 1)):
            sandbox.write("/sys/fs/selinux/enforce", enforce)
            said = self.hooks_verb("status", status=status)
            self.assertEqual(said.count("user_home_t:s0, which libvirt cannot run: restorecon -F"), status, said)
        os.removexattr(f"{self.hooks}/qemu", "security.selinux")
        self.assertIn("labelled not at all", self.hooks_verb("status", status=1))


class Map(HooksCase):
    def xml_map(self, *words, text=DOMAIN, status=0):
        done = sandbox.run(CLI_COPY, "xml", "map", *words, check=False, input=text)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def test_bridges_and_networks(self):
        sandbox.write("/etc/virt-tap/bridges.conf", "map bridge brA br0\nmap network lan br1\n")
        said = self.xml_map()
        self.assertIn("<source bridge='br0'/>", said)
        self.assertIn("<source bridge='br1'/>", said)
        self.assertIn("-  <interface type='network'>", self.xml_map("--diff"))
        os.unlink("/etc/virt-tap/bridges.conf")
        self.assertEqual(self.xml_map(), DOMAIN)

    def test_refusals(self):
        sandbox.write("/etc/virt-tap/bridges.conf", "map bridge brA\n")
        self.assertIn("bridges.conf:1", self.xml_map(status=1))
        os.unlink("/etc/virt-tap/bridges.conf")
        self.assertIn(":1:1:", self.xml_map(text="no XML", status=1))
        self.xml_map("--bridge=br0", status=2)


if __name__ == "__main__":
    sandbox.enter()
    _, HOOKS = hookhost.install()
    CLI_COPY = sandbox.install(CLI, caps=None)
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
