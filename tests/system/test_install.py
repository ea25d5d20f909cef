#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""./dev install, an upgrade, and ./dev uninstall, as an administrator types them, on a private /usr/local and /etc."""
import contextlib
import ctypes
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import unittest

import bridgehelper
import brokerhost
import needed
import rounds
import sandbox
from sandbox import USER

SOURCE = os.environ["VIRT_TAP_SOURCE"]
PREFIX = "/usr/local"
HELPER = PREFIX + "/libexec/virt-tap-helper"
POLICY, EXAMPLE = "/etc/virt-tap/policy.conf", "/etc/virt-tap/policy.conf.example"
SNIPPETS = ("/etc/NetworkManager/conf.d/50-virt-tap.conf", "/etc/NetworkManager/dispatcher.d/50-virt-tap", "/etc/network/if-up.d/virt-tap",
            "/etc/apparmor.d/virt-tap-helper", f"{PREFIX}/lib/systemd/network/05-virt-tap.network", f"{PREFIX}/lib/systemd/network/05-virt-tap.link",
            f"{PREFIX}/lib/udev/rules.d/90-virt-tap.rules")
MANAGERS = ("NetworkManager", "network", "apparmor.d")  # folders in /etc that come and go with them, unless others made them


def dev(*words, status=0, **env):
    done = sandbox.run("./dev", *words, cwd=SOURCE, timeout=120, check=False, env=dict(os.environ, **env))
    assert done.returncode == status, done.stdout
    return done.stdout


def files():
    return {os.path.join(folder, name) for folder, _folders, names in os.walk(PREFIX) for name in names}


@contextlib.contextmanager
def a_home_that_never_answers():
    """An account with such a home, as a user can mount one by FUSE where user_allow_other is set, or a server of NFS that is down."""
    home, device = f"{sandbox.RUN}/stuck", f"{sandbox.RUN}/fuse"
    os.mkdir(home)
    with open("/etc/passwd", "a", encoding="ascii") as file:
        file.write(f"stuck:x:64399:64399::{home}:/bin/sh\n")
    os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(10, 229))
    fd = os.open(device, os.O_RDWR)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mount(b"x", home.encode(), b"fuse", 0, f"fd={fd},rootmode=40000,user_id=64399,group_id=64399,allow_other".encode()) == 0
        yield
    finally:
        os.close(fd)  # ends all that wait
        sandbox.run("umount", "-l", home)


class Install(unittest.TestCase):
    def test_install_upgrade_uninstall(self):
        sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", PREFIX)
        os.rmdir("/etc/virt-tap")
        managers = [name for name in MANAGERS if os.path.exists(f"/etc/{name}")]
        words = dev("install")
        self.assertIn("allow br0", words)
        self.assertIn(f"helper={HELPER}", words)
        self.assertIn("bridge_helper", words)
        self.assertIn("virt-tap check --bridge=br0", words)
        self.assertIn("sudo virt-tap setup ", words)
        self.assertIn("sudo virt-tap bridge create br0 --uplink=NIC\n", words)
        self.check_works()
        self.check_units()
        self.check_snippets()
        self.check_bridge_up()

        os.chown(HELPER, 0, 0)  # as an upgrade by copying would: the kernel takes the capability away
        self.assertEqual(sandbox.run("getcap", HELPER).stdout, "")
        with open(EXAMPLE, "a", encoding="ascii") as file:
            file.write("# mine\n")
        dev("install")
        self.check_works()
        with open(EXAMPLE, encoding="ascii") as file:
            self.assertIn("# mine\n", file.read())
        with open(HELPER, "rb") as old:
            sandbox.run("meson", "install", "-C", "build", "--no-rebuild", cwd=SOURCE)
            self.lost_capability(old)
        self.check_works()

        dev("uninstall")
        self.assertEqual(files(), set())
        self.assertEqual(sorted(os.listdir("/etc/virt-tap")), ["policy.conf", "policy.conf.example"])  # both are mine
        os.unlink(POLICY)
        os.unlink(EXAMPLE)
        dev("install")
        os.makedirs("/etc/libvirt/hooks/qemu.d", exist_ok=True)
        os.symlink("/opt/x/libexec/virt-tap/hooks/qemu", "/etc/libvirt/hooks/qemu.d/50-virt-tap")
        dev("uninstall")
        self.assertFalse(os.path.exists("/etc/virt-tap"))
        self.assertEqual([path for path in SNIPPETS if os.path.exists(path)], [])
        self.assertEqual(managers, [name for name in MANAGERS if os.path.exists(f"/etc/{name}")])
        self.assertTrue(os.path.islink("/etc/libvirt/hooks/qemu.d/50-virt-tap"))  # of an installation elsewhere

    def test_next_steps(self):
        """The NIC is the one of the default route, and Wi-Fi is not bridged."""
        def says():
            return sandbox.run("sh", f"{SOURCE}/data/next-steps.sh", HELPER).stdout

        sandbox.delete_links()
        for line in ("link add enp1s0 type veth peer name other", "link set enp1s0 up", "link set other up", "address add 192.0.2.5/24 dev enp1s0",
                     "route add default via 192.0.2.1 dev enp1s0"):
            sandbox.run("ip", *line.split())
        self.addCleanup(sandbox.delete_links)
        self.assertIn("bridge create br0 --uplink=enp1s0\n", says())
        tree = sandbox.RUN + "/net"
        os.makedirs(f"{tree}/enp1s0/wireless")
        sandbox.run("mount", "--bind", tree, "/sys/class/net")
        self.addCleanup(sandbox.run, "umount", "/sys/class/net")
        said = says()
        self.assertIn("bridge persist br0 --nat --apply\n", said)
        self.assertNotIn("--uplink", said)

    def test_uninstall_after_use(self):
        """What `hooks enable` put there goes, too; not while domains still have taps."""
        sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", PREFIX)
        shutil.rmtree("/etc/libvirt", ignore_errors=True)
        os.makedirs("/etc/libvirt/qemu")
        self.assertIn("if it was installed elsewhere: PREFIX=", dev("uninstall", status=1))
        dev("install")
        brokerhost.with_systemd(self, HELPER)
        self.assertIn("enabled: ", sandbox.run(PREFIX + "/bin/virt-tap", "broker", "enable").stdout)
        with open(HELPER, "rb") as old:
            dev("install")  # has systemd read the units, and the broker be the new program
            self.lost_capability(old)
        with open(f"{sandbox.RUN}/systemctl", encoding="utf-8") as file:
            asked = [line for line in file.read().splitlines() if "is-active" not in line and not line.startswith("reload ")]
        self.assertEqual(asked[-2:], ["daemon-reload", "try-restart virt-tap-broker.service"])
        sandbox.run(PREFIX + "/bin/virt-tap", "hooks", "enable")
        text = "<domain><metadata><vt:taps xmlns:vt='urn:virt-tap' version='1'/></metadata></domain>"
        sandbox.write("/etc/libvirt/qemu/web.xml", text)
        home = f"{pwd.getpwuid(USER).pw_dir}/.config/libvirt/qemu"
        os.makedirs(home)
        os.mkfifo(f"{home}/fifo.xml")
        os.symlink("/dev/zero", f"{home}/zero.xml")
        sandbox.write(f"{home}/a\n\033[2J.xml", text)
        # Not rewritten, and on a tap all the same: of `virt-tap tap create`.
        sandbox.write("/etc/libvirt/qemu/db.xml", "<domain><interface type='ethernet'><target dev='vtap-db' managed='no'/></interface></domain>")
        sandbox.write("/etc/libvirt/qemu/other.xml", "<domain><interface type='ethernet'><target dev='tap0' managed='no'/></interface></domain>")
        with a_home_that_never_answers():
            words = dev("uninstall", status=1)
        for said in ("qemu:///session of stuck: could not be checked", "qemu:///system: 2", "virsh edit", "qemu:///session of vmuser: 1",
                     "virt-tap domain restore --all", "Nothing was removed"):
            self.assertIn(said, words)
        self.assertNotIn("\033", words)
        self.assertTrue(os.path.islink("/etc/libvirt/hooks/qemu.d/50-virt-tap"))
        self.assertTrue(os.path.exists(brokerhost.SOCKET))
        with open(HELPER, "rb") as old:
            dev("uninstall", "--force")
            self.lost_capability(old)
        self.assertFalse(os.path.exists("/run/virt-tap"))
        self.assertFalse(os.path.exists("/etc/libvirt/hooks/qemu.d"))
        self.assertEqual(files(), set())
        self.assertFalse(os.path.exists(PREFIX + "/libexec/virt-tap"))

    def test_prefix(self):
        """By default /usr/local, whatever was built before. Building anew would take minutes: meson and ninja only tell what they were
        asked. What has the prefix already is not configured again."""
        folder = sandbox.RUN + "/bin"
        os.mkdir(folder)
        for name in ("meson", "ninja"):
            sandbox.write(f"{folder}/{name}", f"#!/bin/sh\necho {name} \"$@\"\n", 0o755)
        path = f"{folder}:{os.environ['PATH']}"
        with open(SOURCE + "/build/config.h", encoding="ascii") as file:
            built = file.read()
        for env, prefix in (({}, "/usr/local"), ({"PREFIX": "/opt/x"}, "/opt/x")):
            for said in (dev("install", PATH=path, **env), dev("uninstall", PATH=path, status=1, **env)):
                self.assertEqual(f"meson configure build --prefix={prefix}\n" in said, f'"{prefix}/libexec/virt-tap-helper"' not in built)
                self.assertIn("ninja -C build all\n", said)

    if rounds.THOROUGH:  # configures anew, three times
        def test_where_units_go(self):
            local, asked = "/usr/local/lib/systemd", sandbox.run("pkg-config", "--variable=systemdutildir", "systemd", check=False)
            own = asked.stdout.strip() if asked.returncode == 0 else "/usr/lib/systemd"
            for number, (options, folder) in enumerate(((["--prefix=/usr"], own), (["--prefix=/opt/x"], local), (["-Dsystemd=false"], None))):
                build = f"{sandbox.RUN}/build{number}"
                sandbox.run("meson", "setup", build, *options, cwd=SOURCE)
                installed = json.loads(sandbox.run("meson", "introspect", "--installed", build, cwd=SOURCE).stdout).values()
                units = {os.path.dirname(path) for path in installed if "virt-tap-broker" in path}
                self.assertEqual(units, {f"{folder}/system"} if folder else set())

    def check_units(self):
        """systemd takes them, and they are locked down. The broker's are off."""
        units = [f"{PREFIX}/lib/systemd/system/virt-tap-{name}" for name in ("broker.service", "repair@.service", "broker.socket")]
        self.assertEqual(sandbox.run("systemd-analyze", "--man=no", "verify", *units).stdout, "")
        with open(units[0], encoding="utf-8") as unit:
            self.assertIn(f"ExecStart={HELPER} broker\n", unit.read())
        for unit in units[:2]:
            said = sandbox.run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit).stdout
            self.assertLessEqual(float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1]), 2.0)
        sandbox.run("systemctl", "preset", "virt-tap-broker.socket")  # what distributions do with units of packages
        self.assertEqual(sandbox.run("systemctl", "is-enabled", "virt-tap-broker.socket", check=False).stdout, "disabled\n")

    def check_snippets(self):
        for path in SNIPPETS:
            self.assertEqual(os.stat(path).st_mode & 0o7777, 0o755 if path.endswith("/virt-tap") or "dispatcher.d" in path else 0o644, path)
        # Of an interface that is no bridge, and of what is none at all, nothing is done.
        for words, env in ((["lo", "up"], {}), (["", "up"], {}), (["br0", "down"], {}), ([], {"IFACE": "--all"}), ([], {"IFACE": "../net/br0"})):
            self.assertEqual(sandbox.run("/etc/network/if-up.d/virt-tap", *words, env={**os.environ, **env}).stdout, "")

    def check_bridge_up(self):
        """As udev's rule has it called: with the folder of a bridge, whose name may be anything that the kernel takes."""
        program = PREFIX + "/libexec/virt-tap/bridge-up"
        for name in ("br-lab", "-n", "$HOME", "a'b\"c;d", "x\\x41", "\N{SNOWMAN}"):
            sandbox.run("ip", "link", "add", "name", name, "type", "bridge")
            sandbox.run("ip", "link", "set", "dev", name, "up")
            self.assertEqual(sandbox.run(program, f"/sys/devices/virtual/net/{name}").stdout, "")  # repair would tell of an unknown name
            sandbox.run("ip", "link", "delete", "dev", name)
            self.assertEqual(sandbox.run(program, f"/sys/devices/virtual/net/{name}").stdout, "")
        with bridgehelper.call(HELPER, uid=USER) as answer:
            sandbox.run("ip", "link", "delete", "br0")
            sandbox.run("ip", "link", "add", "br0", "type", "bridge")
            later = subprocess.Popen(["sh", "-c", "sleep 0.7; ip link set br0 up"])  # as a manager sets it up
            with open(f"{PREFIX}/lib/systemd/system/virt-tap-repair@.service", encoding="utf-8") as unit:
                bounds = ",".join(word.lower().replace("cap_", "+") for word in re.search("^CapabilityBoundingSet=(.*)", unit.read(), re.M)[1].split())
            sandbox.run("setpriv", f"--bounding-set=-all,{bounds}", "--no-new-privs", program, "/sys/devices/virtual/net/br0")
            self.assertEqual(later.wait(10), 0)
            self.assertIn("state", sandbox.run("ip", "link", "show", "dev", answer.tap()[0], "master", "br0").stdout)

    def lost_capability(self, old):
        """Whoever kept the program open or has a hard link to it can go on running it, but it can do nothing any more."""
        self.assertNotIn("security.capability", os.listxattr(old.fileno()))
        self.assertEqual(os.fstat(old.fileno()).st_nlink, 0)

    def check_works(self):
        self.assertRegex(sandbox.run("getcap", HELPER).stdout, r"cap_net_admin=p\n")
        self.assertEqual(os.stat(HELPER).st_mode & 0o7777, 0o755)
        if not os.path.exists(POLICY):  # the example is not read: nothing is allowed yet
            answer = bridgehelper.call(HELPER, uid=USER)
            self.assertIn("there is no policy", answer.stderr)
            sandbox.make_bridge("br0")
            sandbox.write(POLICY, "allow br0\n")
        with bridgehelper.call(HELPER, uid=USER) as answer:
            self.assertTrue(answer.granted, answer)
        self.assertIn("Usage: virt-tap", sandbox.run(PREFIX + "/bin/virt-tap", "--help").stdout)
        with open(PREFIX + "/share/man/man8/virt-tap-helper.8", encoding="utf-8") as page:
            self.assertIn(HELPER, page.read())
        completion = PREFIX + "/share/bash-completion/completions/virt-tap"
        words = sandbox.run("bash", "-c", f". {completion}; COMP_CWORD=1 COMP_WORDS=(virt-tap he); _virt_tap; "
                            'echo "${COMPREPLY[@]}"').stdout
        self.assertEqual(words, "help\n")


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
