#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Policies that a sandbox of the caller's hides from the helper, and that an editor has put aside for a moment."""
import glob
import os
import shutil
import unittest

import bridgehelper
import namescase
import netcase
import sandbox
from namescase import GROUP, ME
from netcase import POLICY, QEMU_ACL
from sandbox import OTHER, USER

FOLDER, DENY, ELSEWHERE = "/etc/virt-tap/policy.d", "/etc/virt-tap/policy.d/90-deny.conf", "/srv/site"
DENIES = f"deny br0 user={ME}\n"
EMPTY = sandbox.RUN + "/empty"


class SandboxCase(namescase.NamesCase):
    def setUp(self):
        super().setUp()
        os.makedirs(FOLDER, exist_ok=True)
        os.makedirs(EMPTY, exist_ok=True)
        for path in (FOLDER, EMPTY, "/etc/virt-tap/bridges.conf"):
            self.addCleanup(sandbox.run, "rm", "-rf", path)
        sandbox.write(EMPTY + "/unreadable", "", mode=0o400)

    def inside(self, setup, outside="", uid=USER):
        """A call behind mounts: `setup` is what a setuid sandbox does in a mount namespace of its own, a slave of one where
        `outside` was done, as the host might have done it."""
        drop = f'exec setpriv --reuid={uid} --regid={uid} --clear-groups "$0" "$@"'
        jail = f"set -e\n{setup}\n{drop}"
        host = f'set -e\n{outside}\nunshare --mount --propagation slave sh -c \'{jail}\' "$0" "$@"'
        return self.call(uid=0, wrap=["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", host])

    def hidden(self, setup, says, outside=""):
        """Refused with these words."""
        before = sandbox.links()
        self.is_refusal(self.inside(setup, outside), says)
        self.assertEqual(sandbox.links(), before)

    def shown(self, setup, outside=""):
        """What the sandbox does hides nothing: the policy is read, and says what it says."""
        sandbox.write(DENY, "deny br1\n")
        with self.inside(setup, outside) as answer:
            self.assertTrue(answer.granted, (setup, answer))
        sandbox.write(DENY, DENIES)
        self.is_refusal(self.inside(setup, outside), f"{DENY}:1 denies")


class Hidden(SandboxCase):
    def setUp(self):
        super().setUp()
        sandbox.write(POLICY, f"allow br0\ninclude {FOLDER}/*.conf\n")
        sandbox.write(DENY, DENIES)
        sandbox.write(QEMU_ACL, "allow all\n")

    WAYS = (f"mount --bind {EMPTY}/unreadable {DENY}", f"mount --bind {EMPTY}/unreadable {POLICY}", f"mount --bind {EMPTY} {FOLDER}",
            f"mount -t tmpfs -o mode=755 tmpfs {FOLDER}", f"mount -t tmpfs -o mode=0 tmpfs {FOLDER}", "mount -t tmpfs -o mode=755 tmpfs /etc/virt-tap",
            f"mount --bind {EMPTY} /etc/virt-tap", f"mount --bind {POLICY} {DENY}",
            f"cp -a /etc/. {EMPTY}; rm {EMPTY}/virt-tap/policy.conf; mount --bind {EMPTY} /etc",  # --private-etc
            f"mount -t tmpfs -o mode=755 tmpfs /mnt; cp -a /etc/. /mnt; rm {DENY.replace('/etc', '/mnt', 1)}; mount --bind /mnt /etc",
            "mount -t tmpfs -o mode=755 tmpfs /etc/virt-tap; mount --bind /etc/virt-tap /etc/virt-tap")

    def test_each_way_to_hide_a_deny(self):
        for way in self.WAYS:
            self.hidden(way, "is a mount that a sandbox or container made")

    def test_on_a_host_whose_mounts_propagate(self):
        """With systemd: a sandbox's own mounts are in no peer group, or came from one that shows other files."""
        for way in (*self.WAYS, "mount --make-rslave /; mount -t tmpfs -o mode=755 tmpfs /etc; mkdir /etc/qemu; echo allow all >/etc/qemu/bridge.conf"):
            self.hidden(way, "is a mount that a sandbox or container made", outside="mount --make-rshared /")

    def test_includes_elsewhere(self):
        self.addCleanup(shutil.rmtree, ELSEWHERE, True)
        sandbox.write(f"{ELSEWHERE}/deny.conf", DENIES)
        sandbox.write(POLICY, f"allow br0\ninclude {ELSEWHERE}/*.conf\n")
        for way in (f"mount -t tmpfs -o mode=755 tmpfs {ELSEWHERE}", f"mount --bind {EMPTY}/unreadable {ELSEWHERE}/deny.conf",
                    f"mount --bind {EMPTY} {ELSEWHERE}"):
            self.hidden(way, "is a mount that a sandbox or container made")

    def test_bridge_conf_and_its_includes(self):
        os.unlink(POLICY)
        sandbox.write("/etc/qemu/deny.conf", "deny br0\n")
        self.addCleanup(os.unlink, "/etc/qemu/deny.conf")
        sandbox.write(QEMU_ACL, "allow br0\ninclude /etc/qemu/deny.conf\n")
        self.hidden(f"mount --bind {EMPTY}/unreadable /etc/qemu/deny.conf", "is a mount that a sandbox or container made")
        for way in (f"mount --bind {EMPTY}/unreadable /etc/qemu/deny.conf",
                    "mount -t tmpfs -o mode=755 tmpfs /etc/qemu; echo allow all >/etc/qemu/bridge.conf"):
            self.hidden(way, "is a mount that a sandbox or container made", outside="mount --make-rshared /")

    def test_declared_bridges(self):
        """Whose ports may all have to be isolated."""
        sandbox.write(DENY, "deny br1\n")
        sandbox.write("/etc/virt-tap/bridges.conf", "bridge br0 isolated=yes\n")
        self.hidden(f"mount --bind {EMPTY}/unreadable /etc/virt-tap/bridges.conf", "/etc/virt-tap/bridges.conf")

    def test_groups_without_some_lines(self):
        """As firejail shows /etc/group: a name that is not in it is not known to be nobody's."""
        self.groups((ME, USER), ("students", USER))
        sandbox.write(POLICY, "allow br0 group=students quota=1\nallow br0\n")
        self.hidden(f"grep -v students {GROUP} >{EMPTY}/group; mount --bind {EMPTY}/group {GROUP}", [GROUP, "is a mount that a sandbox or container made"])

    @unittest.skipUnless(glob.glob("/lib/*/libnss_systemd.so.2"), "libnss-systemd is not installed")
    def test_records_of_systemds_service(self):
        """Which says "not found" where they are hidden; whoever dropped a group would so get past its rule."""
        self.services("files systemd")
        sandbox.write("/etc/userdb/students.group", f'{{"groupName": "students", "gid": {OTHER + 5}, "members": ["{ME}"]}}')
        sandbox.write(f"/etc/userdb/{ME}:students.membership", "")
        self.addCleanup(shutil.rmtree, "/etc/userdb")
        sandbox.write(POLICY, "allow br0 group=students quota=1\nallow br0\n")
        self.refuse(says="log in again")
        sandbox.write(POLICY, "allow br0 group=others quota=1\nallow br0\n")
        self.grant().close()
        os.mkdir("/run/systemd")
        self.addCleanup(os.rmdir, "/run/systemd")
        for folder in ("/etc/userdb", "/run/systemd"):
            self.hidden(f"mount -t tmpfs -o mode=755 tmpfs {folder}", [f"'{folder}' is a mount that a sandbox or container made"], "mount --make-rshared /")

    @unittest.skipUnless(shutil.which("firejail"), "firejail is not installed")
    def test_firejail(self):
        drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "firejail", "--noprofile", "--quiet"]
        environment = {"PATH": os.environ["PATH"], "container": "lxc"}  # so that it runs inside of namespaces
        for option in (f"--blacklist={DENY}", f"--blacklist={FOLDER}", f"--blacklist={POLICY}", "--private-etc=qemu,passwd,group,nsswitch.conf",
                       "--whitelist=/etc/qemu"):
            answer = bridgehelper.Call([*drop, option, "--", self.helper, "create", "--bridge=br0", "--name=vtap-jailed"], 0, env=environment,
                                       pass_socket=False).finish()
            self.assertNotEqual(answer.status, 0, option)
            self.assertIn("virt-tap-helper: ", answer.stderr, option)


class Shown(SandboxCase):
    """What hardened units and other systems do hides nothing, and goes on working."""

    def setUp(self):
        super().setUp()
        sandbox.write(POLICY, f"allow br0\ninclude {FOLDER}/*.conf\n")

    def test_read_only_by_bind_mounts(self):
        """ProtectSystem=full and strict, ReadOnlyPaths=, ReadWritePaths=."""
        def read_only(*paths):
            return "; ".join(f"mount --bind {path} {path}; mount -o remount,bind,ro {path}" for path in paths)
        for outside in ("", "mount --make-rshared /"):
            for setup in (read_only("/etc"), read_only("/"), read_only("/", "/etc", "/etc/virt-tap", FOLDER, DENY),
                          f"{read_only('/etc')}; mount --bind /etc/virt-tap /etc/virt-tap", "mount --make-rprivate /", "mount --make-rshared /"):
                self.shown(setup, outside)

    @unittest.skipUnless(glob.glob("/lib/*/libnss_systemd.so.2"), "libnss-systemd is not installed")
    def test_where_systemds_service_is_asked(self):
        """For a group that is nobody's: what units have is no reason to doubt that."""
        self.services("files systemd")
        sandbox.write(POLICY, "allow br0 group=others quota=1\nallow br0\n")
        read_only = "mount --bind {0} {0}; mount -o remount,bind,ro {0}"
        for outside in ("", "mount --make-rshared /"):
            for setup in (":", read_only.format("/"), read_only.format("/run"), "mount -t tmpfs tmpfs /tmp; mount -t tmpfs tmpfs /home"):
                with self.inside(setup, outside) as answer:
                    self.assertTrue(answer.granted, (outside, setup, answer))

    def test_to_root_whatever_it_mounts(self):
        """A libvirtd in a mount namespace of its own, for one: there the policy says what it says."""
        for words, granted in (("allow br0", True), ("deny br0", False)):
            answer = self.inside(f"mount -t tmpfs -o mode=755 tmpfs /etc/virt-tap; echo {words} >{POLICY}", uid=0)
            with answer:
                self.assertEqual(answer.granted, granted, answer)
        self.hidden(f"mount -t tmpfs -o mode=755 tmpfs /etc/virt-tap; echo allow br0 >{POLICY}", "is a mount that a sandbox or container made")

    def test_an_etc_of_its_own(self):
        """A file system, an overlay (NixOS) or a bind mount (ostree) that the host has at /etc: other namespaces have it too."""
        copy = f"mkdir {EMPTY}/etc; cp -a /etc/. {EMPTY}/etc; "
        for etc in (f"mount --make-rprivate /; mount -t tmpfs -o mode=755 tmpfs {EMPTY}; {copy} mount --bind {EMPTY}/etc /etc; mount --make-rshared /",
                    f"mount -t tmpfs -o mode=755 tmpfs {EMPTY}; {copy} mkdir {EMPTY}/up {EMPTY}/work; "
                    f"mount -t overlay overlay -o lowerdir={EMPTY}/etc,upperdir={EMPTY}/up,workdir={EMPTY}/work /etc"):
            for inside in (":", "mount --bind /etc /etc; mount -o remount,bind,ro /etc"):
                self.shown(inside, f"mount --make-rshared /; {etc}; mount -o remount,bind,ro /etc")

    def test_a_file_system_of_policies(self):
        """One that the host has mounted whole counts, wherever it is; a bind mount of some folder only as a whole /etc."""
        whole = "mount --make-rshared /; cp -a /etc/virt-tap/. {0}; mount -t tmpfs -o mode=755 tmpfs /etc/virt-tap; cp -a {0}/. /etc/virt-tap".format(EMPTY)
        self.shown(":", whole)
        sandbox.write(DENY, "deny br1\n")
        self.hidden(":", "put the files themselves there", f"mount --make-rshared /; cp -a /etc/virt-tap/. {EMPTY}; mount --bind {EMPTY} /etc/virt-tap")


class Denied(SandboxCase):
    """An include is passed over only where its mode and group say why it cannot be read."""

    def setUp(self):
        super().setUp()
        sandbox.write(POLICY, f"allow br0\ninclude {DENY}\n")

    def test_by_mode(self):
        for mode, gid, groups, passed in ((0o600, 0, (), True), (0o640, OTHER, (), True), (0o640, OTHER, (OTHER,), False), (0o604, OTHER, (OTHER,), True),
                                          (0o604, OTHER, (), False), (0o604, USER, (), True)):
            sandbox.write(DENY, "deny br0\n", mode=mode, gid=gid)
            with self.call(groups=groups) as answer:
                self.assertEqual(answer.granted, passed, (oct(mode), gid, groups, answer))
        for mode, passed in ((0o700, True), (0o711, False), (0o744, True)):
            sandbox.write(DENY, "deny br0\n")
            os.chmod(FOLDER, mode)
            with self.call() as answer:
                self.assertEqual(answer.granted, passed, (oct(mode), answer))

    def test_by_something_else(self):
        """An ACL, a security module: nobody can tell whose choice that is."""
        sandbox.write(DENY, "deny br0\n")
        sandbox.run("setfacl", "-m", f"u:{USER}:---", DENY)
        self.refuse(says=["is readable by its mode, but reading it is denied", DENY])
        sandbox.run("setfacl", "-b", DENY)
        for syscall, path in (("openat", DENY), ("statx", FOLDER), ("statx", DENY)):
            wrap = ["strace", "-qq", "-o", "/dev/null", "-u", ME, "-P", path, "-e", f"trace={syscall}", "-e", f"inject={syscall}:error=EACCES"]
            self.refuse(uid=0, wrap=wrap, says=[f"{POLICY}:2", "is readable by its mode, but reading it is denied"])


class Saved(SandboxCase):
    """Root saves a file as editors do: the old one put aside, then a new one written."""

    def setUp(self):
        super().setUp()
        sandbox.write(QEMU_ACL, "allow all\n")

    def while_missing(self, path, put_back, **more):
        """A call that begins while the file is not there; it is put back once the helper waits."""
        os.rename(path, path + "~")
        call = bridgehelper.Call([self.helper, "--br=br0", "--fd={fd}"], USER, **more)
        try:
            # However long the start takes, the file has just gone.
            self.assertTrue(bridgehelper.await_(lambda: os.utime(os.path.dirname(path)) or call.process.poll() is not None or is_asleep(call.process.pid),
                                                step=0.005))
            self.assertIsNone(call.process.poll())
        finally:
            put_back()
        return call.finish()

    def test_policy_conf(self):
        sandbox.write(POLICY, "deny br0\n")
        self.is_refusal(self.while_missing(POLICY, lambda: sandbox.write(POLICY, "deny br0\n")), f"{POLICY}:1 denies")
        os.unlink(POLICY + "~")

    def test_a_file_of_a_folder(self):
        sandbox.write(POLICY, f"allow br0\ninclude {FOLDER}/*.conf\n")
        sandbox.write(DENY, DENIES)
        self.is_refusal(self.while_missing(DENY, lambda: sandbox.write(DENY, DENIES)), f"{DENY}:1 denies")

    def test_the_list_of_name_services(self):
        """Without it there are only the files, which know no students."""
        self.groups((ME, USER))
        self.second(group=f"students:x:{OTHER}:\n")
        with open(namescase.NSSWITCH, encoding="ascii") as file:
            services = file.read()
        sandbox.write(POLICY, "allow br0 group=students quota=1 mac=lock\nallow br0\n")
        answer = self.while_missing(namescase.NSSWITCH, lambda: sandbox.write(namescase.NSSWITCH, services), groups=[OTHER])
        self.is_refusal(answer, f"{POLICY}:1 locks the guest")
        os.unlink(namescase.NSSWITCH + "~")

    def test_one_that_is_there_again_after_bridge_conf_was_read(self):
        sandbox.write(POLICY, "deny br0\n")
        old = 1_000_000_000
        os.utime("/etc/virt-tap", (old, old))
        self.refuse(uid=0, wrap=["strace", "-qq", "-o", "/dev/null", "-u", ME, "-P", POLICY, "-e", "trace=openat", "-e", "inject=openat:error=ENOENT:when=1"],
                    says=f"{POLICY}:1 denies")

    def test_one_that_was_never_there(self):
        for time in (1_000_000_000, 4_000_000_000):  # also where the clock was set back since
            os.utime("/etc/virt-tap", (time, time))
            with self.grant():
                pass


def is_asleep(pid):
    """Whether the process waits for time to pass."""
    try:
        with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
            return "nanosleep" in file.read()
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    netcase.main()
