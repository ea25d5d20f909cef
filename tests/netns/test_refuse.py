#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Every refusal of the helper: one line that says what was asked, why not and what to do; nothing left behind."""
import fcntl
import os
import socket
import struct
import subprocess

import netcase
import sandbox
from bridgehelper import IFF_NO_PI, IFF_TAP, TUNSETIFF, TUNSETPERSIST
from netcase import POLICY, QEMU_ACL
from sandbox import OTHER, USER


class Request(netcase.NetCase):
    def test_usage(self):
        self.refuse("--bogus", status=2, says=["'--bogus'", "; see virt-tap-helper(8)"])
        self.refuse("--br=br0", status=2, says="twice")
        for words in (["--br=br0"], ["--br=br0", "--fd=x"], ["--br=br0", "--fd="], ["--br=br0", "--fd=-1"]):
            done = sandbox.run(self.helper, *words, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stdout, r"\Avirt-tap-helper: .*--fd.*virt-tap-helper\(8\)\n\Z")
        done = sandbox.run(self.helper, "--fd=3", check=False)
        self.assertEqual((done.returncode, done.stdout.count("\n")), (2, 1))
        self.assertIn("--br=BRIDGE", done.stdout)

    def test_names(self):
        sandbox.write(QEMU_ACL, "allow all\n")
        for name in ("", "a" * 16, "br0" * 100, "a/b", "br%d", "br 0", "br\t0", ".", "..", "br\n0"):
            self.refuse(bridge=name, says=["--br=", "ip link"])
            self.refuse(f"--name={name}", says=["--name=", "ip link"])

    def test_names_that_mean_something_elsewhere(self):
        sandbox.write(QEMU_ACL, "allow all\n")
        self.refuse(bridge="all", says="every bridge")
        for name in ("vtap-$(x)", "vtap-`x`", "vtap-a;b", "vtap-a\u00e9"):
            self.refuse(f"--name={name}", says="letters, digits")

    def test_name_outside_the_callers_own(self):
        self.refuse("--name=eth0", says=["eth0", "vtap-"])
        self.refuse("--name=virt-tap.1", says="vtap-")

    def test_name_that_is_taken(self):
        sandbox.run("ip", "link", "add", "vtap-x", "type", "veth", "peer", "name", "vtap-y")
        self.refuse("--name=vtap-x", says=["'vtap-x' is taken", "choose another"])
        sandbox.run("ip", "link", "delete", "vtap-x")
        sandbox.run("ip", "link", "property", "add", "dev", "br0", "altname", "vtap-alt")
        self.refuse("--name=vtap-alt", says="'vtap-alt' is taken")

    def test_socket(self):
        def with_fd(fd, says):
            done = sandbox.run(self.helper, "--br=br0", f"--fd={fd}", pass_fds=[fd] if fd < 900 else [], check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r"\Avirt-tap-helper: [^\n]+\n\Z")
            self.assertIn(says, done.stdout)

        with_fd(987, "no such descriptor is open")
        with open("/dev/null", "rb") as file:
            with_fd(file.fileno(), "not a socket")
        with socket.socket(socket.AF_INET) as tcp:
            with_fd(tcp.fileno(), "not a Unix one")
        with socket.socket(socket.AF_UNIX) as alone:
            with_fd(alone.fileno(), "could not be handed over")
        ours, theirs = socket.socketpair()
        ours.close()
        with theirs:
            with_fd(theirs.fileno(), "the other end is closed")

    def test_socket_that_is_full_never_blocks(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            try:
                while True:
                    theirs.send(b"x" * 65536)
            except BlockingIOError:
                pass
            theirs.setblocking(True)  # the helper must not count on its caller's choice
            done = sandbox.run(self.helper, "--br=br0", f"--fd={theirs.fileno()}", pass_fds=[theirs.fileno()],
                               check=False, timeout=10)
            self.assertEqual(done.returncode, 1)
            self.assertIn("could not be handed over", done.stdout)


class StandardError(netcase.NetCase):
    """Whatever the caller gave us to speak to, we end."""

    def end_with(self, stderr, *words):
        ours, theirs = socket.socketpair()
        with theirs:
            ours.close()
            process = subprocess.Popen([self.helper, *words, f"--fd={theirs.fileno()}"], stderr=stderr,
                                       pass_fds=[theirs.fileno()])
            return process.wait(10)

    def test_pipe_that_nobody_empties(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(writer, True)
        self.assertEqual(self.end_with(writer, "--br=br1"), 1)
        self.assertEqual(self.end_with(writer, "--br=br0"), 1)  # made, and not handed over
        self.assertEqual(self.end_with(writer, "--bogus"), 2)
        os.close(reader)
        os.close(writer)

    def test_pipe_that_nobody_reads(self):
        reader, writer = os.pipe()
        os.close(reader)
        self.assertEqual(self.end_with(writer, "--br=br1"), 1)
        os.close(writer)


class Bridge(netcase.NetCase):
    def setUp(self):
        super().setUp()
        sandbox.write(QEMU_ACL, "allow all\n")

    def test_there_is_none(self):
        self.refuse(bridge="br9", says=["there is no bridge 'br9'", "virt-tap bridge create NAME"])

    def test_there_is_none_and_no_rule(self):
        """What comes first is said first: the rule alone would not do."""
        sandbox.write(QEMU_ACL, "allow br0\n")
        answer = self.refuse(bridge="br9", says=f"no rule in {QEMU_ACL}")
        self.assertIn("virt-tap-helper: there is no bridge 'br9' on this host, and no rule in ", answer.stderr)
        sandbox.make_bridge("br9")
        self.assertNotIn("there is no bridge", self.refuse(bridge="br9", says="no rule in").stderr)
        sandbox.run("ip", "link", "delete", "br9")

    def test_not_a_bridge(self):
        self.refuse(bridge="lo", says=["'lo'", "not a bridge"])
        sandbox.run("ip", "link", "add", "ve0", "type", "veth", "peer", "name", "ve1")
        self.refuse(bridge="ve0", says=["not a bridge", "veth", "ip link show type bridge"])
        sandbox.run("ip", "link", "delete", "ve0")

    def test_alternative_name(self):
        """`deny br0` must not be passed by asking for another name of br0 (facts: qemu-bridge-helper lets it pass)."""
        sandbox.run("ip", "link", "property", "add", "dev", "br0", "altname", "lan")
        sandbox.write(QEMU_ACL, "allow all\ndeny br0\n")
        self.refuse(bridge="lan", says="alternative name of 'br0'")
        sandbox.write(QEMU_ACL, "allow lan\n")
        self.refuse(bridge="lan", says="alternative name of 'br0'")

    def test_full(self):
        for i in range(1023):  # quicker than 1,023 helpers; the bridge does not care who made its ports
            fd = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"p%d" % i, IFF_TAP | IFF_NO_PI))
            fcntl.ioctl(fd, TUNSETPERSIST, 1)
            os.close(fd)  # a login may have 1,024 files open
        batch = "".join(f"link set p{i} master br0 group 77\n" for i in range(1023))
        sandbox.run("ip", "-batch", "-", input=batch)
        self.refuse(says=["'br0' is full", "1,023", "another bridge"])
        sandbox.run("ip", "link", "delete", "group", "77")  # at once: one by one it takes a minute


class Policy(netcase.NetCase):
    def test_none(self):
        os.unlink(QEMU_ACL)
        self.refuse(says=["there is no policy", POLICY, f"allow br0 user={sandbox.USERS[USER]}"])

    def test_no_rule(self):
        self.refuse(bridge="br1", says=[QEMU_ACL, "'br1'", f"uid {USER}", "add the line: allow br1"])

    def test_denied_by_a_rule(self):
        sandbox.write(QEMU_ACL, "allow all\n\ndeny br0\n")
        self.refuse(says=f"{QEMU_ACL}:3 denies bridge 'br0': deny br0")
        sandbox.write(QEMU_ACL, "allow br0\ndeny all\n")
        self.refuse(says=f"{QEMU_ACL}:2 denies bridge 'br0': deny all")

    def test_bad_line(self):
        for path in (QEMU_ACL, POLICY):
            sandbox.write(path, "allow br0\nallow\n")
            self.refuse(says=f"{path}:2 does not parse")
            sandbox.write(path, "allow br0\npermit br0\n")
            self.refuse(says=[f"{path}:2 does not parse", "'permit'"])

    def test_not_roots_own(self):
        for path in (QEMU_ACL, POLICY):
            sandbox.write(path, "allow br0\n", uid=USER)
            self.refuse(says=[path, "does not belong to root"])
            for mode in (0o664, 0o646, 0o666):
                sandbox.write(path, "allow br0\n", mode=mode)
                self.refuse(says=[path, "writable by others"])
            folder = os.path.dirname(path)
            sandbox.write(path, "allow br0\n")
            os.chmod(folder, 0o777)
            self.refuse(says=[f"'{folder}' is", "writable by others"])
            os.chmod(folder, 0o755)
            os.chown(folder, USER, 0)
            self.refuse(says=f"'{folder}' does not belong to root")
            os.chown(folder, 0, 0)

    def test_folder_of_others_hides_no_policy(self):
        """A policy.conf that somebody could have removed does not make way for bridge.conf."""
        os.chmod("/etc/virt-tap", 0o777)
        self.refuse(says="writable by others")
        os.chmod("/etc/virt-tap", 0o755)

    def test_unreadable(self):
        sandbox.write(QEMU_ACL, "allow br0\n", mode=0o600)
        self.refuse(says=[QEMU_ACL, "Permission denied"])
        sandbox.write(QEMU_ACL, "allow br0\n")
        sandbox.write(POLICY, "allow br0\n", mode=0o600)
        self.refuse(says=[POLICY, "Permission denied"])

    def test_not_a_file(self):
        os.unlink(QEMU_ACL)
        for path in (POLICY, QEMU_ACL):
            os.mkfifo(path, 0o644)
            self.refuse(says=[path, "not a regular file"])
            os.unlink(path)
            os.mkdir(path)
            self.refuse(says=[path, "is a folder"])
            os.rmdir(path)
            os.mknod(path, 0o020644, os.makedev(1, 5))
            self.refuse(says=[path, "not a regular file"])
            os.unlink(path)

    def test_too_large(self):
        for path in (QEMU_ACL, POLICY):
            sandbox.write(path, "allow br0\n" * (1 << 20))
            self.refuse(says=[path, "larger than 4 MiB"])

    def test_symbolic_link(self):
        os.symlink(QEMU_ACL, POLICY)
        self.refuse(says=[POLICY, "symbolic link"])
        os.unlink(POLICY)
        os.symlink("/nonexistent", POLICY)
        self.refuse(says=[POLICY, "symbolic link"])

    def test_policy_conf_replaces_bridge_conf(self):
        sandbox.write(POLICY, "allow br1\n")
        self.refuse(says=f"no rule in {POLICY}")
        sandbox.write(QEMU_ACL, "deny all\n")
        sandbox.write(POLICY, "allow br0\n")
        with self.grant():
            pass


class LineToAdd(netcase.NetCase):
    def test_it_is_about_the_caller(self):
        """Also where no rule could say the name."""
        with open("/etc/passwd", encoding="utf-8") as file:
            accounts = file.read()
        self.addCleanup(sandbox.write, "/etc/passwd", accounts)
        os.unlink(QEMU_ACL)
        for name in (sandbox.USERS[USER], "sp ace", "\u00fcser", "12", "DOM\\user"):
            sandbox.write("/etc/passwd", accounts.replace(f"\n{sandbox.USERS[USER]}:", f"\n{name}:"))
            sandbox.write(POLICY, "allow br1\n")
            line = self.refuse(says="add the line: ").stderr.partition("add the line: ")[2]
            with self.subTest(name=name, line=line):
                sandbox.write(POLICY, line)
                with self.grant():
                    pass


class Includes(netcase.NetCase):
    """What an include that cannot be read means, in both files."""
    EXTRA = "/etc/qemu/extra.conf"

    def tearDown(self):
        if os.path.lexists(self.EXTRA):
            os.unlink(self.EXTRA)
        super().tearDown()

    def test_given_to_some_by_file_mode(self):
        """QEMU's documented way: mode 0640, a group for those who may."""
        sandbox.write(self.EXTRA, "allow br0\n", mode=0o640, gid=USER)
        for path in (QEMU_ACL, POLICY):
            sandbox.write(path, f"include {self.EXTRA}\n")
            with self.grant():
                pass
            self.refuse(uid=sandbox.OTHER, says="no rule")
        with self.grant(uid=sandbox.OTHER, groups=[USER]):
            pass

    def test_missing(self):
        sandbox.write(QEMU_ACL, f"allow br0\ninclude {self.EXTRA}\n")
        with self.grant():
            pass
        sandbox.write(POLICY, f"allow br0\ninclude {self.EXTRA}\n")
        self.refuse(says=[f"{POLICY}:2", self.EXTRA, "No such file"])

    def test_broken(self):
        sandbox.write(self.EXTRA, "nonsense\n")
        sandbox.write(QEMU_ACL, f"allow br0\ninclude {self.EXTRA}\n")
        with self.grant():
            pass
        sandbox.write(POLICY, f"allow br0\ninclude {self.EXTRA}\n")
        self.refuse(says=f"{self.EXTRA}:1 does not parse")

    def test_not_roots_own(self):
        sandbox.write(self.EXTRA, "allow br0\n", uid=USER)
        for path in (QEMU_ACL, POLICY):
            sandbox.write(path, f"allow br0\ninclude {self.EXTRA}\n")
            self.refuse(says=[f"{path}:2", self.EXTRA, "does not belong to root"])

    def test_relative(self):
        sandbox.write(self.EXTRA, "allow br0\n")
        for path in (QEMU_ACL, POLICY):
            sandbox.write(path, "allow br0\ninclude etc/qemu/extra.conf\n")  # found from '/', where calls start
            self.refuse(says=[f"{path}:2", "path"])

    def test_loop(self):
        sandbox.write(POLICY, f"allow br0\ninclude {POLICY}\n")
        self.refuse(says=[f"{POLICY}:2", "being read already"])

    def test_links_of_roots(self):
        """bridge.conf may be a link (NixOS), as long as root made it and all that it passes; policy.conf not."""
        real = "/etc/static/qemu/bridge.conf"
        sandbox.write(real, "include /etc/qemu/extra.conf\n")
        os.unlink(QEMU_ACL)
        os.symlink("../static/qemu/bridge.conf", QEMU_ACL)
        sandbox.write("/etc/static/allow", "allow br0\n")
        os.symlink("/etc/static/allow", self.EXTRA)
        with self.grant():
            pass
        os.lchown(self.EXTRA, USER, USER)
        self.refuse(says="does not belong to root")
        os.unlink(self.EXTRA)
        os.symlink("/etc/qemu/extra.conf", self.EXTRA)  # to itself: an include that cannot be opened
        self.refuse(says="no rule")

    def test_links_to_folders(self):
        """By a whole path or a relative one, with folders behind the link and before it."""
        sandbox.write("/etc/static/deep/er/allow", "allow br0\n")
        self.addCleanup(sandbox.run, "rm", "-rf", "/etc/static", "/etc/linked")
        for link, target, path in (("/etc/linked", "static", "/etc/linked/deep/er/allow"),
                                   ("/etc/linked", "/etc/static", "/etc/linked/deep/er/allow"),
                                   ("/etc/static/here", "deep/er", "/etc/static/here/allow"),
                                   ("/etc/static/deep/up", "../deep", "/etc/static/deep/up/er/allow")):
            os.symlink(target, link)
            sandbox.write(QEMU_ACL, f"include {path}\n")
            with self.grant():
                pass
            os.lchown(link, USER, USER)
            self.refuse(says=[link, "does not belong to root"])
            os.unlink(link)


class Privilege(netcase.NetCase):
    def test_capability_missing(self):
        self.helper = sandbox.install(netcase.HELPER, caps=None)
        self.refuse(says=["file capability is missing", f"setcap cap_net_admin=p {self.helper}"])

    def test_another_capability(self):
        self.helper = sandbox.install(netcase.HELPER, caps="cap_net_raw=p")
        self.refuse(says=["different file capability", f"setcap cap_net_admin=p {self.helper}"])

    def test_nosuid(self):
        folder = sandbox.RUN + "/nosuid"
        os.mkdir(folder)
        sandbox.run("mount", "-t", "tmpfs", "-o", "nosuid,mode=755", "tmpfs", folder)
        self.helper = sandbox.install(netcase.HELPER, "nosuid/virt-tap-helper")
        self.refuse(says=["mounted nosuid", self.helper])
        sandbox.run("umount", folder)
        os.rmdir(folder)

    def test_no_new_privs(self):
        self.refuse(no_new_privs=True, says=["no_new_privs is set", "-sandbox on"])

    def test_bounding_set(self):
        # A shell between, for setpriv itself still has what it had before.
        self.refuse(uid=0, wrap=["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
                                 "--bounding-set=-net_admin", "sh", "-c", 'exec "$0" "$@"'], says="bounding set")

    def test_setuid(self):
        self.helper = sandbox.install(netcase.HELPER, mode=0o4755)
        sandbox.run("chmod", "4755", self.helper)
        self.refuse(says=["must not be setuid", "chmod ug-s /", "setcap cap_net_admin=p /"])

    def test_started_by_a_setgid_program(self):
        self.refuse(uid=0, wrap=["setpriv", f"--reuid={USER}", f"--rgid={USER}", f"--egid={OTHER}", "--clear-groups", "--"],
                    says=["nor be started by one that is", "has not become its caller"])

    def test_user_namespace(self):
        """The file capability counts there, for what belongs to that namespace; the host's root is a stranger to it."""
        probe = sandbox.run("setpriv", f"--reuid={USER}", "--clear-groups", "unshare", "--user", "true", check=False)
        if probe.returncode != 0:
            self.skipTest(f"ordinary users may make no user namespaces here: {probe.stdout}")
        self.refuse(wrap=["unshare", "--user"], says="user namespace")
        self.refuse(wrap=["unshare", "--user", "--map-root-user"], says="user namespace")


class Device(netcase.NetCase):
    def test_missing(self):
        os.rename("/dev/net/tun", "/dev/net/gone")
        self.refuse(says=["/dev/net/tun is missing", "modprobe tun"])
        os.rename("/dev/net/gone", "/dev/net/tun")

    def test_not_accessible(self):
        os.chmod("/dev/net/tun", 0o600)
        self.refuse(says=["/dev/net/tun may not be opened", "chmod 0666 /dev/net/tun"])
        os.chmod("/dev/net/tun", 0o666)


if __name__ == "__main__":
    netcase.main()
