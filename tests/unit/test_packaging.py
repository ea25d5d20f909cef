#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""packaging/: each installed file is in the list of exactly one package, the same one for Debian and RPM, and all have the version of
meson.build. Nothing is built: ./dev test packages does that."""
import glob
import json
import os
import re
import subprocess
import unittest

SOURCE = os.environ["VIRT_TAP_SOURCE"]
BUILD = os.path.dirname(os.path.dirname(os.environ["VIRT_TAP_CLI"]))
PACKAGING = SOURCE + "/packaging"
UNITS = "${env:UNITS}"  # systemd's folder, which debian/rules knows
MACROS = {"_bindir": "usr/bin", "_libexecdir": "usr/libexec", "_datadir": "usr/share", "_mandir": "usr/share/man", "_docdir": "usr/share/doc",
          "_unitdir": UNITS + "/system", "_presetdir": UNITS + "/system-preset", "_sysconfdir": "etc", "name": "virt-tap"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def installed():
    """What meson would install with prefix /usr, without the first slash."""
    options = {option["name"]: option["value"] for option in json.loads(read(BUILD + "/meson-info/intro-buildoptions.json"))}
    paths = json.loads(read(BUILD + "/meson-info/intro-installed.json")).values()
    inside = [re.sub(r".*/(system(?:-preset)?/[^/]*virt-tap[^/]*)$", rf"{UNITS}/\1", path) for path in paths]
    return {"usr/" + path.removeprefix(options["prefix"] + "/") if path.startswith("/") else path for path in inside}


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
            entries.add(path.removesuffix("*"))
    return lists


def homes(lists, path):
    return [package for package, entries in lists.items() for entry in entries if path == entry or path.startswith(entry + "/")]


class Lists(unittest.TestCase):
    def test_each_file_is_in_one_package(self):
        files = installed()
        self.assertGreater(len(files), 20)
        for lists in (debian(), rpm()):
            self.assertEqual(sorted(lists), ["virt-tap", "virt-tap-hooks"])
            for path in sorted(files):
                self.assertEqual(len(homes(lists, path)), 1, f"{path} is in {homes(lists, path)}")
            for entry in set().union(*lists.values()):
                self.assertTrue(any(path == entry or path.startswith(entry + "/") for path in files), f"nothing installs {entry}")

    def test_the_same_split(self):
        ours, others = debian(), rpm()
        for path in installed():
            self.assertEqual(homes(ours, path), homes(others, path), path)

    def test_documents_are_there(self):
        spec = read(PACKAGING + "/rpm/virt-tap.spec")
        for path in glob.glob(PACKAGING + "/debian/*.docs"):
            documents = read(path).split()
            for name in documents:
                self.assertTrue(os.path.exists(f"{SOURCE}/{name}"), name)
            self.assertIn(f"cp -p {' '.join(documents)} ", spec)


class Versions(unittest.TestCase):
    def test_all_are_that_of_meson(self):
        version = re.search(r"^  version: '(.*)',$", read(SOURCE + "/meson.build"), re.M)[1]
        for path, pattern in (("debian/changelog", r"\Avirt-tap \((.*)-[^-]+\) "), ("rpm/virt-tap.spec", r"(?m)^Version: (.*)$"),
                              ("rpm/virt-tap.spec", r"(?s)\n%changelog\n[^\n]* - (\S+)-\d+\n"), ("aur/PKGBUILD", r"(?m)^pkgver=(.*)$"),
                              ("nix/default.nix", r'version = "(.*)";'),
                              ("ansible/galaxy.yml", r"(?m)^version: (.*)$")):
            with self.subTest(path):
                self.assertEqual(re.search(pattern, read(f"{PACKAGING}/{path}"))[1], version)


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
