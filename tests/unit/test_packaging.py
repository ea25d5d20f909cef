#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""packaging/: each installed file is in the list of exactly one package, the same one for Debian and RPM, and all have the version of
meson.build. Nothing is built: ./dev test packages does that."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ["VIRT_TAP_SOURCE"]
sys.path.insert(0, SOURCE + "/packaging")
import release  # noqa: E402

BUILD = os.path.dirname(os.path.dirname(os.environ["VIRT_TAP_CLI"]))
PACKAGING = SOURCE + "/packaging"
UNITS, UDEV = "${env:UNITS}", "${env:UDEV}"  # folders of systemd and udev, which debian/rules knows
DEBIAN_ONLY = {"etc/network/if-up.d/virt-tap", "etc/apparmor.d/virt-tap-helper"}  # distributions with RPM have neither ifupdown nor, mostly, AppArmor
MACROS = {"_prefix": "usr", "_bindir": "usr/bin", "_libexecdir": "usr/libexec", "_datadir": "usr/share", "_mandir": "usr/share/man", "_docdir": "usr/share/doc",
          "_unitdir": UNITS + "/system", "_presetdir": UNITS + "/system-preset", "_udevrulesdir": UDEV + "/rules.d",
          "_sysconfdir": "etc", "name": "virt-tap"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def installed():
    """What meson would install with prefix /usr, without the first slash."""
    options = {option["name"]: option["value"] for option in json.loads(read(BUILD + "/meson-info/intro-buildoptions.json"))}
    paths = json.loads(read(BUILD + "/meson-info/intro-installed.json")).values()
    inside = [re.sub(r".*/systemd/((?:system(?:-preset)?|network)/[^/]*virt-tap[^/]*)$", rf"{UNITS}/\1", path) for path in paths]
    inside = [re.sub(r".*/udev/(rules[.]d/[^/]*virt-tap[^/]*)$", rf"{UDEV}/\1", path) for path in inside]
    inside = [path.replace("/etc/NetworkManager/", options["prefix"] + "/lib/NetworkManager/") for path in inside]
    return {re.sub(f"^{options['prefix']}/", "usr/", path).removeprefix("/") for path in inside}


def debian():
    """{package: entries of its list}"""
    lists = {}
    for path in glob.glob(PACKAGING + "/debian/*.install"):
        lists[os.path.basename(path).removesuffix(".install")] = {line.split()[0] for line in read(path).splitlines()}
    return lists


def rpm():
    """Likewise; without its documents, which no meson.build has, and folders."""
    lists, entries = {}, None
    for line in read(PACKAGING + "/rpm/virt-tap.spec").splitlines():
        if section := re.match(r"%(files|changelog)\b ?(\S*)", line):
            entries = lists.setdefault("virt-tap" + (f"-{section[2]}" if section[2] else ""), set()) if section[1] == "files" else None
        elif entries is not None and line and not line.startswith(("%dir", "%license", "%{_docdir}/%{name}-hooks")):
            path = re.sub(r"%\{(\w+)\}", lambda macro: MACROS[macro[1]], line.split()[-1])
            entries.add(path.removesuffix("*").replace("usr/lib/systemd/", UNITS + "/"))
    return lists


def homes(lists, path):
    return [package for package, entries in lists.items() for entry in entries if path == entry or path.startswith(entry + "/")]


class Lists(unittest.TestCase):
    def test_each_file_is_in_one_package(self):
        files = installed()
        self.assertGreater(len(files), 20)
        for lists, there in ((debian(), files), (rpm(), files - DEBIAN_ONLY)):
            self.assertEqual(sorted(lists), ["virt-tap", "virt-tap-hooks"])
            for path in sorted(there):
                self.assertEqual(len(homes(lists, path)), 1, f"{path} is in {homes(lists, path)}")
            for entry in set().union(*lists.values()):
                self.assertTrue(any(path == entry or path.startswith(entry + "/") for path in files), f"nothing installs {entry}")

    def test_the_same_split(self):
        ours, others = debian(), rpm()
        for path in installed() - DEBIAN_ONLY:
            self.assertEqual(homes(ours, path), homes(others, path), path)

    def test_documents_are_there(self):
        spec = read(PACKAGING + "/rpm/virt-tap.spec")
        for path in glob.glob(PACKAGING + "/debian/*.docs"):
            documents = read(path).split()
            for name in documents:
                self.assertTrue(os.path.exists(f"{SOURCE}/{name}"), name)
            self.assertIn(f"cp -p {' '.join(documents)} ", spec)


class Rules(unittest.TestCase):
    def test_check_writes_the_same(self):
        """What `virt-tap check` has an administrator write is the rule that is installed."""
        rule, = (line for line in read(SOURCE + "/data/snippets/90-virt-tap.rules").splitlines() if not line.startswith("#"))
        source = re.sub(r'"\s*\n\s*"', "", read(SOURCE + "/host/catalogue_list.h")).replace('\\"', '"')
        self.assertIn(f"echo '{rule}' > /etc/udev/rules.d/90-virt-tap.rules", source)


@unittest.skipUnless(shutil.which("checkmodule") and shutil.which("semodule_package"), "checkpolicy and semodule-utils are not installed")
class SELinux(unittest.TestCase):
    LABELS = BUILD + "/data/snippets/selinux/virt_tap.fc"

    def test_the_module_compiles(self):
        with tempfile.TemporaryDirectory() as folder:
            for command in (("checkmodule", "-M", "-m", "-o", "virt_tap.mod", SOURCE + "/data/snippets/selinux/virt_tap.te"),
                            ("semodule_package", "-o", "virt_tap.pp", "-m", "virt_tap.mod", "-f", self.LABELS)):
                done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 0, done.stdout)
            self.assertGreater(os.path.getsize(folder + "/virt_tap.pp"), 100)

    def test_every_program_has_a_label(self):
        labels = [line.split() for line in read(self.LABELS).splitlines() if line.startswith("/")]
        paths = json.loads(read(BUILD + "/meson-info/intro-installed.json")).values()
        programs = [path for path in paths if "/libexec/" in path]
        self.assertGreater(len(programs), 4)
        for path in programs:
            self.assertIn("system_u:object_r:bin_t:s0", [words[-1] for words in labels if re.fullmatch(words[0], path)], path)


class Versions(unittest.TestCase):
    def test_all_are_that_of_meson(self):
        version = release.version_of("meson.build", release.MESON)
        self.assertTrue(release.is_version(version))
        for path, pattern in release.PLACES:
            with self.subTest(path):
                self.assertEqual(release.version_of(path, pattern), version)


class Scripts(unittest.TestCase):
    def test_shells_take_them(self):
        scripts = [path for kind in ("preinst", "postinst", "prerm", "postrm") for path in glob.glob(f"{PACKAGING}/debian/*.{kind}")]
        self.assertGreater(len(scripts), 2)
        for path in scripts:
            self.assertIn("\n#DEBHELPER#\n", read(path))
            self.assertTrue(read(path).startswith("#!/bin/sh\n"))
        for path in (*scripts, PACKAGING + "/debian/tests/make-a-tap", PACKAGING + "/build.sh"):
            subprocess.run(["sh", "-n", path], check=True, timeout=60)
        for path in glob.glob(PACKAGING + "/aur/*"):
            subprocess.run(["bash", "-n", path], check=True, timeout=60)


if __name__ == "__main__":
    unittest.main()
