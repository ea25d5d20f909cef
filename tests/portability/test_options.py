#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""meson's options, each at both of its values: what is installed, and where; nothing outside of DESTDIR; and two builds in two folders,
at two times and by two umasks, whose files are equal bit for bit. Needs VIRT_TAP_SOURCE and what virt-tap is built with; a few minutes."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ["VIRT_TAP_SOURCE"]
UNITS = {"system/virt-tap-broker.service", "system/virt-tap-broker.socket", "system/virt-tap-repair@.service", "system-preset/50-virt-tap.preset"}
PROGRAMS = ("bin/virt-tap", "libexec/virt-tap-helper", "libexec/virt-tap/virt-tap-bridge", "libexec/virt-tap/virt-tap-xml",
            "libexec/virt-tap/virt-tap-domain", "libexec/virt-tap/hooks/qemu", "libexec/virt-tap/hooks/network", "libexec/virt-tap/hooks/daemon")
# Where others read snippets: some have a folder in /etc alone, some one in /usr, too.
ETC = {"/etc/network/if-up.d/virt-tap", "/etc/apparmor.d/virt-tap-helper"}
MANAGERS = {"/etc/NetworkManager/dispatcher.d/50-virt-tap", "/etc/NetworkManager/conf.d/50-virt-tap.conf"}
PACKAGER = ("--prefix=/usr", "--libexecdir=libexec", "--buildtype=plain", "-Dtests=false", "-Dwerror=true")


def run(*command, check=True, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800, check=False, **more)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}:\n{done.stdout[-4000:]}")
    return done


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Options(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def configured(self, *options, name="build", source=SOURCE, **env):
        """The folder of that build."""
        build = f"{self.folder}/{name}"
        run("meson", "setup", build, *options, cwd=source, env={**os.environ, **env})
        return build

    def told(self, build, what):
        return json.loads(subprocess.run(["meson", "introspect", what, build], stdout=subprocess.PIPE, check=True, timeout=300).stdout)

    def units(self, build):
        """{folder of systemd: its files}"""
        found = {}
        for path in self.told(build, "--installed").values():
            place = re.fullmatch(r"(.*)/(system(?:-preset)?/[^/]*virt-tap[^/]*)", path)
            if place:
                found.setdefault(place[1], set()).add(place[2])
        return found

    def test_each_configures(self):
        systemd = run("pkg-config", "--variable=systemdutildir", "systemd", check=False).stdout.strip() or "/usr/lib/systemd"
        for number, (options, units, tests) in enumerate((
                ((), "/usr/local/lib/systemd", True),
                (("-Dtests=false",), "/usr/local/lib/systemd", False),
                (("-Dsystemd=false", "-Dtests=false"), None, False),
                (("--prefix=/usr", "-Dtests=false"), systemd, False),
                (("--prefix=/opt/x", "-Dsystemd_dir=/usr/lib/other", "-Dtests=false"), "/usr/lib/other", False),
                (("-Dstatic_helper=true", "-Dtests=false", "-Db_lto=true"), "/usr/local/lib/systemd", False),
                (("-Dstatic_helper=false", "-Dtests=false", "-Db_sanitize=address", "-Db_lundef=false"), "/usr/local/lib/systemd", False))):
            with self.subTest(options):
                build = self.configured(*options, name=f"build{number}")
                self.assertEqual(self.units(build), {units: UNITS} if units else {})
                self.assertEqual(len(self.told(build, "--tests")) > 0, tests)
                self.assertEqual(any("/tests/" in path for target in self.told(build, "--targets") for path in target["filename"]), tests)
                self.assertFalse(any("test" in path for path in self.told(build, "--installed").values()))
        done = run("meson", "setup", f"{self.folder}/fuzz", "-Dfuzz=true", cwd=SOURCE, env={**os.environ, "CC": "gcc"}, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("fuzz targets take clang: run ./dev fuzz, or configure with CC=clang", done.stdout)

    def test_defaults(self):
        options = {option["name"]: option["value"] for option in self.told(self.configured(), "--buildoptions")}
        self.assertEqual({name: options[name] for name in ("static_helper", "tests", "fuzz", "systemd", "systemd_dir", "prefix")},
                         {"static_helper": False, "tests": True, "fuzz": False, "systemd": True, "systemd_dir": "", "prefix": "/usr/local"})

    def installed(self, build, prefix):
        """{file: digest} of what is installed under the prefix in a DESTDIR, and of the rest of it."""
        to = build + "-installed"
        before = os.listdir("/etc"), os.path.exists("/etc/virt-tap") and os.stat("/etc/virt-tap").st_ctime_ns
        run("ninja", "-C", build)
        run("meson", "install", "-C", build, "--no-rebuild", env={**os.environ, "DESTDIR": to})
        self.assertEqual((os.listdir("/etc"), os.path.exists("/etc/virt-tap") and os.stat("/etc/virt-tap").st_ctime_ns), before)
        paths = [f"{folder}/{name}" for folder, _, names in os.walk(to) for name in names]
        self.assertTrue(paths)
        outside = {path.removeprefix(to) for path in paths if not path.startswith(to + prefix + "/")}
        self.assertEqual(outside, ETC if prefix == "/usr" else ETC | MANAGERS)
        for name in PROGRAMS:
            self.assertTrue(os.access(f"{to}{prefix}/{name}", os.X_OK), name)
        return {path.removeprefix(to + prefix + "/"): digest(path) for path in paths if path.startswith(to + prefix + "/")}

    def test_what_a_packager_builds(self):
        """With hardening of their own, without the units; and no path of the build folder is in a program."""
        build = self.configured(*PACKAGER, "-Dsystemd=false", CFLAGS="-g -O2 -D_FORTIFY_SOURCE=3")
        names = self.installed(build, "/usr")
        self.assertEqual([name for name in names if "systemd" in name or "udev" in name], [])
        helper = build + "-installed/usr/libexec/virt-tap-helper"
        self.assertIn("libnl-3.so", run("readelf", "-d", helper).stdout)
        self.assertIn("BIND_NOW", run("readelf", "-d", helper).stdout)
        for name in PROGRAMS:
            with open(f"{build}-installed/usr/{name}", "rb") as file:
                data = file.read()
            self.assertNotIn(self.folder.encode(), data, name)
            self.assertNotIn(SOURCE.encode() + b"/", data, name)

    def test_built_twice(self):
        """As ./dev build does, in two folders."""
        found = []
        for name, umask in (("a", 0o022), ("another/folder/in/there", 0o077)):
            source = f"{self.folder}/{name}"
            shutil.copytree(SOURCE, source, symlinks=True, ignore=lambda folder, names: [
                each for each in names if each in (".git", "__pycache__") or folder == SOURCE and each.startswith("build")])
            before = os.umask(umask)
            try:
                build = self.configured("-Dwerror=true", "-Dstatic_helper=true",
                                        "-Dtests=false", "-Dsystemd_dir=/opt/virt-tap/systemd", "--prefix=/opt/virt-tap", name=name + "/build", source=source)
                found.append(self.installed(build, "/opt/virt-tap"))
            finally:
                os.umask(before)
        self.assertEqual(*found)
        helper = build + "-installed/opt/virt-tap/libexec/virt-tap-helper"
        if run("pkg-config", "--static", "--libs", "libnl-3.0", check=False).returncode == 0 and os.path.exists(
                run("gcc", "-print-file-name=libnl-3.a").stdout.strip()):
            self.assertNotIn("libnl-3.so", run("readelf", "-d", helper).stdout)


if __name__ == "__main__":
    unittest.main()
