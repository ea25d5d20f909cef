#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap bridge persist and unpersist, killed at each of their system calls, and each of these failing in turn.

After a kill, what the manager would read at the next start is judged by its own tools: all of the old configuration or all of the
new one. What is called next, persist or unpersist, ends as if nothing had happened; and after a failure nothing has: to the byte, with
owners, modes and times. Usually a share of the calls that change something is tried; with VIRT_TAP_WALK=all all of all calls, but for
those that wait for other programs."""
import glob
import os
import re
import shutil
import signal
import unittest

import needed
import netplanfork
import networkmanager as nm
import sandbox
import uplink
from bridgehelper import await_
from faults import inject
from rounds import WALK_ALL as ALL
from uplink import HOST4, HOST6, ROUTER4, ROUTER6

PROGRAM, TRACE = uplink.CLI + "-bridge", sandbox.RUN + "/trace"
CHANGING = {"rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "rmdir", "openat",
            "write", "fsync", "fchmod", "fchown", "chown", "chmod", "mount", "unshare", "setns", "flock"}
FAILING = {"rename": "EIO", "renameat": "EIO", "renameat2": "EIO", "link": "ENOSPC", "symlink": "EROFS", "mkdir": "EROFS", "openat": "ENOSPC",
           "write": "ENOSPC", "fsync": "EIO", "fchmod": "EIO", "fchown": "EIO"}
FOLDERS = ("/etc/network", "/etc/netplan", "/etc/NetworkManager", "/etc/systemd/network", "/etc/udev/rules.d", "/etc/virt-tap")
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def setUpModule():
    nm.enter()
    remember()


def visible(path):
    return not os.path.basename(path).startswith(".")


def contents(path):
    if os.path.islink(path):
        return os.readlink(path)
    with open(path, "rb") as file:
        return file.read()


def found():
    """All files, links as such, hidden ones, too."""
    tree = {}
    for folder in FOLDERS:
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                info = os.lstat(path)
                tree[path] = (contents(path), info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns, info.st_nlink)
    return tree


def timeless(tree):
    """Without the times of what virt-tap has written, and the record of these times; what it keeps has its own."""
    return {path: (re.sub(rb"(?m)^\d+ ", b"", about[0]) if "/persist." in path else about[0], *about[1:4], about[4] * (".virt-tap-old" in path), about[5])
            for path, about in tree.items()}


class Ifupdown:
    name, slow = "ifupdown", 1
    files = {"/etc/network/interfaces": ("# ours\nauto lo eth0\niface lo inet loopback\n\niface eth0 inet static\n    address 192.0.2.10/24\n"
                                         "    gateway 192.0.2.1\niface eth0 inet6 static\n  address 2001:db8::10/64\n", 0o640)}

    @staticmethod
    def means():
        """What it would bring up."""
        return [sandbox.run("ifquery", "--list", "-a").stdout, *(sandbox.run("ifquery", name, check=False).stdout for name in ("eth0", "br0"))]


class Stanzas(Ifupdown):
    """Its stanzas in several files."""
    files = {"/etc/network/interfaces": ("auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\nsource-directory more.d\n", 0o644),
             "/etc/network/interfaces.d/lan": ("auto eth0\niface eth0 inet static\n    address 192.0.2.10/24\n    gateway 192.0.2.1\n", 0o600),
             "/etc/network/more.d/six": ("iface eth0 inet6 static\n  address 2001:db8::10/64\n", 0o644)}


class Networkd:
    name, slow = "networkd", 1
    files = {"/etc/systemd/network/10-lan.network": (f"[Match]\nName=eth0\n[Network]\nDNS=192.0.2.53\nAddress={HOST4}/24\nGateway={ROUTER4}\n", 0o644),
             "/etc/systemd/network/10-lan.network.d/six.conf": (f"[Network]\nAddress={HOST6}/64\nGateway={ROUTER6}\n", 0o644)}

    @staticmethod
    def means():
        """The files that count: it passes over empty ones, and hidden ones; the first that matches is a link's."""
        known, first = [], {}
        for path in sorted(glob.glob("/etc/systemd/network/*.netdev")) + sorted(glob.glob("/etc/systemd/network/*.network")):
            text = sandbox.run("systemd-analyze", "cat-config", "systemd/network/" + os.path.basename(path)).stdout
            text = re.sub(r"(?m)^#.*\n|\n", "", text) and text
            if os.path.getsize(path) == 0:
                continue
            if path.endswith(".netdev"):
                known.append(text)
            elif re.search(r"(?m)^Name=(\w+)$", text)[1] not in first:
                first[re.search(r"(?m)^Name=(\w+)$", text)[1]] = text
        return [*known, first.get("eth0"), first.get("br0") if known else None]


# Stands for netplan, and asks it once for each question about the same files: Python and its libraries take longer than all else here.
REMEMBERS = r"""#!/bin/sh
key=$({ echo "$1 $4"; tar -C "$3" --sort=name --mtime=@0 -c etc/netplan; } 2>/dev/null | sha256sum)
kept=/run/vt/netplan/${key%% *}
case $1 in set) made=etc/netplan ;; generate) made='run/systemd run/NetworkManager run/udev' ;; *) made= ;; esac
if [ ! -e "$kept" ]; then
  mkdir -p "$kept.$$"
  /run/vt/real/netplan.script "$@" >"$kept.$$/said" 2>"$kept.$$/error"
  echo $? >"$kept.$$/status"
  [ -z "$made" ] || tar -C "$3" -cf "$kept.$$/made" $made 2>/dev/null
  mv -T "$kept.$$" "$kept"
elif [ -n "$made" ]; then
  [ "$1" != set ] || rm -rf "$3/etc/netplan"
  tar -C "$3" -xpf "$kept/made"
fi
cat "$kept/said"
cat "$kept/error" >&2
exit "$(cat "$kept/status")"
"""


class Netplan:
    name, slow = "netplan", 3
    files = {"/etc/netplan/00-installer.yaml": ("# kept\nnetwork:\n  version: 2\n  ethernets:\n    eth0:\n"
                                                f"      addresses: [{HOST4}/24, '{HOST6}/64']\n"
                                                f"      routes: [{{to: default, via: {ROUTER4}}}, {{to: default, via: '{ROUTER6}'}}]\n", 0o600),
             "/etc/netplan/01-other.yaml": ("network: {version: 2, ethernets: {eth9: {dhcp4: true}}}\n", 0o600)}

    @staticmethod
    def means():
        """What it generates."""
        shutil.rmtree("/run/systemd", ignore_errors=True)
        sandbox.run("netplan", "generate", "--root-dir", "/")
        made = {}
        for path in glob.glob("/run/systemd/network/*"):
            with open(path, encoding="ascii") as file:
                made[path] = file.read()
        shutil.rmtree("/run/systemd")  # the sign that systemd runs
        return made


class NetworkManager:
    name, slow = "networkmanager", 2
    files = {"/etc/NetworkManager/system-connections/Wired.nmconnection": (
        "[connection]\nid=Wired\nuuid=6f5d2d1c-7f4e-4c65-9f33-0d9a3a8f7b11\ntype=ethernet\ninterface-name=eth0\n"
        f"[ipv4]\nmethod=manual\naddress1={HOST4}/24,{ROUTER4}\n"
        f"[ipv6]\nmethod=manual\naddress1={HOST6}/64,{ROUTER6}\n", 0o600)}

    @staticmethod
    def means():
        """The files that it would take: NetworkManager's reader wants regular files that only root can read. nmcli parses each."""
        nmcli = needed.folder("NMCLI_FOLDER") + "/usr/bin/nmcli"
        libraries = os.path.dirname(glob.glob(needed.folder("NMCLI_FOLDER") + "/usr/lib/*/libnm.so.0")[0])
        taken = {}
        for path in filter(os.path.isfile, glob.glob("/etc/NetworkManager/system-connections/*")):
            info = os.stat(path)
            assert (info.st_uid, info.st_mode & 0o077) == (0, 0), path
            with open(path, encoding="ascii") as file:
                taken[path] = sandbox.run(nmcli, "--offline", "connection", "modify", "connection.autoconnect", "yes", stdin=file,
                                          env={"LD_LIBRARY_PATH": libraries}).stdout
        return taken


def remember():
    """Puts REMEMBERS in netplan's place."""
    real = shutil.which("netplan")
    shutil.copytree(os.path.dirname(os.path.realpath(real)), sandbox.RUN + "/real")
    sandbox.write(sandbox.RUN + "/remembers", REMEMBERS, 0o755)
    sandbox.run("mount", "--bind", sandbox.RUN + "/remembers", real)


class Death(unittest.TestCase):
    format = None  # one of the above
    persisted = both = None

    maxDiff = None

    def setUp(self):
        uplink.make()
        self.addCleanup(uplink.remove)
        for words in (("route", "flush", "table", "77"), ("-6", "route", "flush", "table", "77"), ("addr", "del", "198.51.100.7/32", "dev", "eth0"),
                      ("addr", "del", "192.0.2.11/24", "dev", "eth0"), ("addr", "del", "2001:db8::11/64", "dev", "eth0"),
                      ("route", "replace", "default", "via", ROUTER4, "dev", "eth0", "metric", "100")):
            uplink.ip(*words)
        for folder in FOLDERS:
            shutil.rmtree(folder, ignore_errors=True)
        for folder in ("/etc/network/interfaces.d", "/etc/systemd/network", "/etc/NetworkManager/system-connections", "/etc/udev/rules.d", "/etc/virt-tap"):
            os.makedirs(folder)
        for path, (text, mode) in self.format.files.items():
            sandbox.write(path, text, mode, gid=12)
            os.utime(path, ns=(10**18 + 1, 10**18 + len(text)))
        if self.format is NetworkManager:  # which is asked for the profile in force
            for words in (("addr", "flush", "dev", "eth0"), ("link", "set", "eth0", "down")):
                uplink.ip(*words)
            self.addCleanup(nm.stop)
            nm.start()
            os.utime("/etc/NetworkManager/NetworkManager.conf", ns=(10**18, 10**18))  # as for the test before
            self.assertTrue(await_(lambda: nm.nmcli("-g", "GENERAL.STATE", "device", "show", "eth0", check=False) == "100 (connected)", 20), nm.log())
        self.old = found()
        self.ways = {"persist": ("persist", "br0", "--uplink=eth0", "--format=" + self.format.name), "unpersist": ("unpersist", "br0")}

    def call(self, verb, wrap=()):
        """One run, by that command; returns the CompletedProcess."""
        return sandbox.run(*wrap, PROGRAM, "bridge", *self.ways[verb], check=False)

    def run_well(self, verb, wrap=()):
        done = self.call(verb, wrap)
        self.assertEqual(done.returncode, 0, done.stdout)

    def means(self):
        """What the manager takes the files for, by its own word, once for each set of files that it can see."""
        seen = {}
        for folder in FOLDERS[:-1]:
            for path in filter(visible, glob.glob(folder + "/**", recursive=True)):
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        seen[path] = file.read()
        key = repr(sorted(seen.items()))
        if key not in self.meanings:
            self.meanings[key] = self.format.means()
        return self.meanings[key]

    def steps(self, verb, wanted):
        """The system calls of one run from the first that is about a swap on, as (name, how many of that name so far). Usually each format
        has its share of them, and all have the switch."""
        self.start = "persist" if verb == "unpersist" else "unpersist"
        self.go_to(self.start)
        self.run_well(verb, ["strace", "-qq", "-y", "-o", TRACE])
        counts, steps, begun = {}, [], False
        for name, rest in re.findall(r"^(\w+)\((.*)", contents(TRACE).decode(errors="replace"), re.M):
            counts[name] = counts.get(name, 0) + 1
            begun = begun or '"/etc/virt-tap' in rest
            changes = name in wanted and (name != "openat" or "O_CREAT" in rest) and (name != "write" or not rest.startswith("1<"))
            if name in ("poll", "read", "waitid") or name == "fsync" and "</run/virt-tap/" in rest:
                continue  # how often it waits, and reads a pipe, depends on others; and what it tries in the copy need not last
            if begun and (changes or ALL and wanted is CHANGING):
                steps.append((name, counts[name], "/.swap/now" in rest and name == "rename"))
        if not ALL:
            share, of_all = 3 * FORMS.index(self.format) + (verb == "persist"), 3 * len(FORMS) * self.format.slow
            steps = [step for i, step in enumerate(steps) if step[2] or i % of_all == share]
        return [step[:2] for step in steps]

    def go_to(self, verb):
        """As after that verb."""
        tree = {"persist": self.persisted, "unpersist": self.old}[verb]
        for path, (text, mode, uid, gid, time, _) in tree.items():
            sandbox.write(path, text, mode & 0o777, uid, gid)
            os.utime(path, ns=(time, time))
        for path in set(found()) - set(tree):
            os.unlink(path)
        shutil.rmtree("/etc/virt-tap/.swap", ignore_errors=True)
        self.assertEqual(found(), tree)

    def end(self, verb):
        """Run to its end, which is as without any kill."""
        done = self.call(verb)
        if verb == "persist":
            self.assertEqual((done.returncode, timeless(found())), (0, timeless(self.persisted)), done.stdout)
        else:
            self.assertIn((done.returncode, "nothing was written" in done.stdout), ((0, False), (1, True)), done.stdout)
            self.assertEqual(found(), self.old)
        self.assertEqual(os.path.exists("/etc/virt-tap/.swap"), False)

    def prepare(self):
        """Both ends, which can be told from each other: the same in every test of a format."""
        if self.both:
            return
        before = self.means()
        self.run_well("persist")
        type(self).persisted = found()
        type(self).both = [before, self.means()]
        self.assertNotEqual(*self.both)
        self.end("persist")  # once more, in place of the first
        self.end("unpersist")

    def kill(self, verb, name, nth, then):
        self.go_to(self.start)
        done = self.call(verb, inject(TRACE, name, nth, "signal=SIGKILL"))
        self.assertEqual(done.returncode, -signal.SIGKILL, done.stdout)
        self.assertIn(self.means(), self.both)
        self.lasts.add(self.both.index(self.means()))
        self.end(then)
        if then == "persist":
            self.end("unpersist")

    def walk(self, verb):
        self.lasts = set()
        steps = self.steps(verb, CHANGING)
        for i, (name, nth) in enumerate(steps):
            with self.subTest(f"{name} {nth}"):
                self.kill(verb, name, nth, "unpersist" if i % 2 else "persist")
        self.assertEqual(self.lasts, {0, 1}, "the switch was not passed")
        self.assertGreater(len(steps), 3)

    def test_killed(self):
        self.prepare()
        for verb in ("persist", "unpersist"):
            self.walk(verb)

    def test_ended_by_a_person(self):
        """Ctrl-C and its like: the step that has begun is done first. Which of them it was is the same to every format: slow ones get one for
        each step."""
        self.prepare()
        for verb in ("persist", "unpersist"):
            for i, (name, nth) in enumerate((("link", 2), ("rename", 2), ("unlink", 9))):
                for by in SIGNALS[i:i + 1] if self.format.slow > 1 and not ALL else SIGNALS:
                    with self.subTest(f"{verb}, {name} {nth}, {by}"):
                        self.go_to("persist" if verb == "unpersist" else "unpersist")
                        done = self.call(verb, inject(TRACE, name, nth, f"signal={by}"))
                        self.assertEqual(done.returncode, -getattr(signal, by), done.stdout)
                        self.assertEqual(timeless(found()), timeless({"persist": self.persisted, "unpersist": self.old}[verb]))
                        self.assertFalse(os.path.exists("/etc/virt-tap/.swap"))

    def fail_each(self, verb):
        steps = self.steps(verb, set(FAILING))
        for name, nth in steps:
            with self.subTest(f"{name} {nth}"):
                self.go_to(self.start)
                before = found()
                done = self.call(verb, inject(TRACE, name, nth, f"error={FAILING[name]}"))
                self.assertEqual(contents(TRACE), b"INJECTED\n")
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertIn("nothing was changed", done.stdout)
                self.assertEqual(found(), before)
        self.assertGreater(len(steps), 1)

    def test_failing(self):
        self.prepare()
        for verb in ("persist", "unpersist"):
            self.fail_each(verb)


class Others(unittest.TestCase):
    def setUp(self):
        uplink.make_plain()
        self.addCleanup(uplink.remove)
        for folder in (*FOLDERS, "/etc/lan"):
            shutil.rmtree(folder, ignore_errors=True)
        sandbox.write("/etc/network/interfaces", "auto lo\niface lo inet loopback\nsource /etc/lan/*\n")
        sandbox.write("/etc/lan/eth0", f"auto eth0\niface eth0 inet static\n  address {HOST4}/24\n  gateway {ROUTER4}\n")

    def persist(self, status=0):
        done = uplink.virt_tap("bridge", "persist", "br0", "--uplink=eth0", "--format=ifupdown")
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def test_folder_of_somebody_else(self):
        """Its owner would choose what is replaced."""
        for uid, mode in ((sandbox.USER, 0o755), (0, 0o777)):
            os.chown("/etc/lan", uid, 0)
            os.chmod("/etc/lan", mode)
            before = found()
            self.assertIn("/etc/lan/.eth0.virt-tap-old.br0 cannot be written", self.persist(status=1))
            self.assertEqual(found(), before)
            self.assertEqual(os.listdir("/etc/lan"), ["eth0"])

    def test_two_bridges(self):
        """In the same file: what the other wrote stays; and whoever was killed, the next call of either ends it."""
        uplink.ip("link", "add", "eth1", "type", "veth", "peer", "name", "far1")
        before = found()
        self.persist()
        one = found()
        two = ("bridge", "persist", "br1", "--uplink=eth1", "--format=ifupdown")
        self.assertEqual(uplink.virt_tap(*two).returncode, 0)
        self.assertIn("was changed for 'br1' since", uplink.virt_tap("bridge", "unpersist", "br0").stdout)
        self.assertEqual(uplink.virt_tap("bridge", "unpersist", "br1").returncode, 0)
        self.assertEqual(found(), one)
        sandbox.run(*inject(TRACE, "rename", 2, "signal=SIGKILL"), PROGRAM, *two, check=False)
        self.assertTrue(os.path.exists("/etc/virt-tap/.swap"))
        self.assertEqual(uplink.virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(found(), before)

    def test_link_of_the_administrators(self):
        """It is one again afterwards."""
        os.rename("/etc/network/interfaces", "/etc/network/real")
        os.symlink("real", "/etc/network/interfaces")
        before = found()
        for _ in range(2):
            self.persist()
        self.assertIn("virt-tap-br0", sandbox.run("cat", "/etc/network/interfaces").stdout)
        self.assertEqual(uplink.virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(found(), before)

    def test_what_was_changed_and_is_to_stay(self):
        """As the message says: it is then what a second persist keeps."""
        self.persist()
        with open("/etc/lan/eth0", "a", encoding="ascii") as file:
            file.write("# mine\n")
        before = found(), contents("/etc/lan/eth0")
        self.assertIn("was changed since", self.persist(status=1))
        self.assertEqual((found(), contents("/etc/lan/eth0")), before)
        os.unlink("/etc/lan/.eth0.virt-tap-old.br0")
        self.persist()
        self.assertEqual(uplink.virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(contents("/etc/lan/eth0"), before[1])


FORMS = (Ifupdown, Stanzas, Networkd, Netplan, NetworkManager)
for _form in FORMS:
    globals()["Death" + _form.__name__] = type("Death" + _form.__name__, (Death,), {"format": _form, "meanings": {}})
del Death  # by itself it has no format


if __name__ == "__main__":
    sandbox.enter(3600 if ALL else 380)
    netplanfork.install()
    needed.main()
