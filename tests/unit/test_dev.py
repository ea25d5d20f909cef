#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What ./dev says and does to its user: what it installs, what it downloads, and how a run of the tests ends.

Needs VIRT_TAP_SOURCE. apt and dpkg-query are stand-ins: nothing is downloaded or installed.
"""
import glob
import json
import lzma
import os
import pty
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

import pseudoterminal

SOURCE = os.environ["VIRT_TAP_SOURCE"]
LIB = SOURCE + "/tests/lib"
SETUP = f"""set -eu
die() {{ echo "dev: $*" >&2; exit 1; }}
as_root() {{ "$@"; }}
be_root() {{ [ -z "${{REFUSED:-}}" ] || die "$1 takes root"; }}
. {LIB}/setup.sh
setup build guest
"""
UNITTEST = """.F
======================================================================
FAIL: test_ports (__main__.Alone.test_ports)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "test_bridge.py", line 1, in test_ports
    self.assertIn("a", "b")
AssertionError: 'a' not found in '\x1b[2J'

======================================================================
ERROR: setUpClass (__main__.Other)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "test_bridge.py", line 2, in setUpClass
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "test_bridge.py", line 3, in setUpClass
ValueError: second

----------------------------------------------------------------------
Ran 5 tests in 0.1s

FAILED (failures=1, errors=1, skipped=1)
"""
CMOCKA = """[==========] tests: Running 3 test(s).
[  ERROR   ] --- 0x1 != 0x2
[   LINE   ] --- ../tests/unit/test_text.c:12: error: Failure!
[  FAILED  ] test_quote
[==========] tests: 3 test(s) run.
[  PASSED  ] 2 test(s).
[  FAILED  ] tests: 1 test(s), listed below:
[  FAILED  ] test_quote
"""


class Help(unittest.TestCase):
    def test_every_verb_has_it(self):
        """And does nothing else: no verb may install, download or build for it."""
        usage = self.run_dev("--help")
        self.assertEqual(usage.returncode, 0)
        verbs = re.findall(r"(?m)^  ([a-z]+)\b", usage.stdout)
        self.assertGreater(len(verbs), 10)
        for words in (["help"], ["-h"], *([verb, asking] for verb in verbs for asking in ("--help", "-h")), ["test", "unit", "--help"]):
            with self.subTest(words=words):
                done = self.run_dev(*words)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, usage.stdout, ""))
        for words in ([], ["nonsense"]):
            done = self.run_dev(*words)
            self.assertEqual((done.returncode, done.stdout), ((0, usage.stdout) if not words else (2, "")), words)

    @staticmethod
    def run_dev(*words):
        """With none of the programs that it calls, but dirname."""
        folder = tempfile.mkdtemp()
        try:
            for name in ("dirname", "cat"):
                os.symlink(shutil.which(name), f"{folder}/{name}")
            return subprocess.run(["/bin/sh", SOURCE + "/dev", *words], env={"PATH": folder}, text=True, capture_output=True, timeout=60, check=False)
        finally:
            shutil.rmtree(folder)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def program(self, name, text):
        """A stand-in, found before the real one."""
        path = f"{self.folder}/bin/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def run_it(self, *command, **options):
        env = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        return subprocess.run(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
                              **{"stdin": subprocess.DEVNULL, **options})


class Report(Folder):
    def report(self, *entries, missing=()):
        path = self.folder + "/netns.json"
        with open(path, "w", encoding="utf-8") as file:
            for name, result, stdout, stderr in entries:
                file.write(json.dumps({"name": f"virt-tap:netns / {name}", "result": result, "stdout": stdout, "stderr": stderr}) + "\n")
        done = self.run_it("python3", LIB + "/report.py", path, *missing)
        return done.returncode, done.stdout.replace(self.folder, "LOGS")

    def test_what_failed(self):
        status, said = self.report(("bridge", "FAIL", "", UNITTEST), ("text", "FAIL", CMOCKA, ""), ("gc", "OK", "", "....\nRan 4 tests in 1s\n\nOK\n"),
                                   ("corpus", "OK", "", ""), ("wifi", "SKIP", "", "skipped: no kernel\n"))
        self.assertEqual(status, 1)
        self.assertEqual(said, r"""
failed: netns/bridge: Alone.test_ports
  AssertionError: 'a' not found in '\x1b[2J'
failed: netns/bridge: setUpClass
  KeyError: 'first'
  log: LOGS/netns-bridge.log
failed: netns/text: test_quote
  ../tests/unit/test_text.c:12: 0x1 != 0x2
  log: LOGS/netns-text.log
9 tests passed, 3 failed, 2 skipped
""")
        with open(self.folder + "/netns-bridge.log", encoding="utf-8") as file:
            self.assertEqual(file.read(), UNITTEST)

    def test_other_ends(self):
        status, said = self.report(("move", "TIMEOUT", "", "..."), ("xml", "FAIL", "x\n==7==ERROR: AddressSanitizer: heap-use-after-free\ny\n", ""))
        self.assertEqual(status, 1)
        self.assertIn("failed: netns/move: move\n  it did not end in time; its last line: ...\n", said)
        self.assertIn("failed: netns/xml: xml\n  ==7==ERROR: AddressSanitizer: heap-use-after-free\n", said)

    def test_no_log(self):
        status, said = self.report(missing=["/nosuch/system.json"])
        self.assertEqual(status, 1)
        self.assertIn("failed: no test ran: /nosuch/system.json", said)

    def test_all_is_well(self):
        self.assertEqual(self.report(("gc", "OK", "", "..\nRan 2 tests in 1s\n\nOK\n")), (0, "\n2 tests passed, 0 failed\n"))


class Setup(Folder):
    def setUp(self):
        super().setUp()
        self.program("dpkg-query", 'for last; do :; done; case $last in meson | xz-utils) exit 1 ;; esac; echo installed\n')
        self.program("apt-get", f'shift 2; echo "$@" >>{self.folder}/said\n')

    def installed(self):
        path = self.folder + "/said"
        if not os.path.exists(path):
            return ""
        with open(path, encoding="ascii") as file:
            return file.read()

    def on_terminal(self, answer):
        """Exit status and what was shown."""
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        done = self.run_it("sh", "-c", f"exec 2>/proc/self/fd/0; {SETUP}", stdin=theirs)
        os.close(theirs)
        return done.returncode, pseudoterminal.said(ours)

    def test_no_terminal(self):
        done = self.run_it("sh", "-c", SETUP)
        self.assertEqual(done.returncode, 0)
        self.assertIn("are missing:\n  build: the compiler and the libraries that virt-tap is built with\n    meson\n  guest: ", done.stdout)
        self.assertNotIn("[Y/n]", done.stdout)
        self.assertEqual(self.installed(), "update\ninstall -y --no-install-recommends meson xz-utils\n")

    def test_asked(self):
        status, said = self.on_terminal("n\n")
        self.assertEqual(status, 1)
        self.assertLess(said.index("    xz-utils"), said.index("[Y/n]"))
        self.assertIn("nothing was installed", said)
        self.assertEqual(self.installed(), "")
        self.assertEqual(self.on_terminal("\n")[0], 0)
        self.assertIn("install", self.installed())

    def test_what_goes_wrong(self):
        """Its first cause comes last."""
        done = self.run_it("sh", "-c", f"REFUSED=1; {SETUP}")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "dev: installing packages takes root"))
        self.assertEqual(self.installed(), "")
        self.program("apt-get", "[ $3 != install ] || { printf 'W: old\\nE: no route\\nE: many more\\n' >&2; exit 100; }\n")
        done = self.run_it("sh", "-c", SETUP)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "dev: the packages could not be installed: no route"))
        self.program("apt-get", "[ $3 = install ] || exit 100\n")  # some other source's lists
        self.assertEqual(self.run_it("sh", "-c", SETUP).returncode, 0)

    def test_no_sudo_no_root(self):
        """Said before anything is built."""
        self.program("dpkg-query", "echo installed\n")
        self.program("id", 'case $1 in -u) echo 1000 ;; *) echo someone ;; esac\n')
        self.program("sudo", "echo 'sudo: refused' >&2; exit 1\n")
        for words, what in ((["demo"], "the demo"), (["test", "netns"], "the suite 'netns'"), (["test"], "the suite 'netns+system'")):
            done = self.run_it(SOURCE + "/dev", *words)
            self.assertEqual((done.returncode, done.stdout), (1, f"sudo: refused\ndev: {what} takes root, and sudo refused it to someone, see above: run ./dev "
                                                              "as root, or as a user whom sudo lets be root\n"))
        self.assertIn("there is no suite 'nonsense'", self.run_it(SOURCE + "/dev", "test", "unit", "nonsense").stdout)

    def test_nothing_is_missing(self):
        self.program("dpkg-query", "echo installed\n")
        self.assertEqual(self.run_it("sh", "-c", SETUP).stdout, "")
        self.assertEqual(self.installed(), "")

    def test_what_only_some_releases_have(self):
        self.program("dpkg-query", "exit 1\n")
        for known in (True, False):
            self.program("apt-cache", "echo '  Candidate: 1'\n" if known else ":\n")
            done = self.run_it("sh", "-c", SETUP.replace("build guest", "test"))
            self.assertEqual("libvirt-daemon-driver-network" in done.stdout, known)


@unittest.skipUnless(shutil.which("dpkg-deb") and shutil.which("xz"), "requires dpkg-deb and xz")
class GuestKernel(Folder):
    """Packages as Debian 12, Debian 13 and later ones have them."""

    def package(self, name, **files):
        tree = f"{self.folder}/tree-{name}"
        control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
        for path, data in {"DEBIAN/control": control.encode(), **files}.items():
            os.makedirs(os.path.dirname(f"{tree}/{path}"), exist_ok=True)
            with open(f"{tree}/{path}", "wb") as file:
                file.write(data)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, f"{self.folder}/{name}_1_all.deb"], check=True, stdout=subprocess.DEVNULL)

    def modules(self, top, packed):
        data = lzma.compress(b"module", format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32) if packed else b"module"
        names = [f"{part}/m.ko{'.xz' if packed else ''}" for part in ("arch", "crypto", "lib", "net", "drivers/net", "drivers/virtio", "virt")]
        return {f"{top}/modules/9/kernel/{name}": data for name in names} | {f"{top}/modules/9/modules.builtin": b""}

    def get(self, takes=0, **depends):
        """Run guest-kernel; takes: seconds of the download; depends: package to those that it depends on."""
        cases = "".join(f"  {name.replace('_', '-')}) printf '  Depends: %s\\n' {others} ;;\n" for name, others in depends.items())
        self.program("apt-cache", f"case $2 in\n{cases}esac\n")
        self.program("apt-get", f'shift; sleep {takes}; for name; do cp {self.folder}/"$name"_1_all.deb . || exit 100; done\n')
        return self.run_it(LIB + "/guest-kernel", self.folder + "/kernel")

    def got(self):
        files = [path for path in glob.glob(self.folder + "/kernel/**", recursive=True) if os.path.isfile(path)]
        return sorted(path.removeprefix(self.folder + "/kernel/") for path in files)

    def want(self, done):
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.got(), ["boot/vmlinuz-9", *(f"lib/modules/9/kernel/{part}/m.ko" for part in (
            "arch", "crypto", "drivers/net", "drivers/virtio", "lib", "net", "virt")), "lib/modules/9/modules.builtin", "made-by"])
        with open(self.folder + "/kernel/lib/modules/9/kernel/lib/m.ko", "rb") as file:
            self.assertEqual(file.read(), b"module")

    def test_debian_12(self):
        self.package("linux-image-9", **{"boot/vmlinuz-9": b"k"}, **self.modules("lib", packed=False))
        done = self.get(takes=5, linux_image_cloud_amd64="linux-image-9")
        self.want(done)
        self.assertRegex(done.stdout, r"downloading linux-image-9 .*\n *\d+ MB so far\n(.*\n)*.*unpacking")  # no silent wait
        self.assertEqual(self.get(linux_image_cloud_amd64="linux-image-9").stdout, "")
        self.assertIn("downloading linux-image-10", self.get(linux_image_cloud_amd64="linux-image-10").stdout)  # the release's newest

    def test_debian_13(self):
        self.package("linux-image-9", **{"boot/vmlinuz-9": b"k"}, **self.modules("usr/lib", packed=True))
        self.want(self.get(linux_image_cloud_amd64="linux-image-9"))

    def test_unpacked_kernel(self):
        """Beside the other one if it can be started so, as the note of PVH says."""
        for note, unpacked in ((b"\x04\0\0\0\x08\0\0\0\x12\0\0\0Xen\0", ["boot/vmlinux-9"]), (b"no note", [])):
            with self.subTest(unpacked):
                kernel = b"\x7fELF" + bytes(1000) + note
                packed = lzma.compress(kernel, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32) + struct.pack("<I", len(kernel))
                header = bytearray(2 * 512)
                header[0x1f1], header[0x202:0x206] = 1, b"HdrS"
                header[0x248:0x250] = struct.pack("<II", 16, len(packed))
                self.package("linux-image-9", **{"boot/vmlinuz-9": bytes(header) + bytes(16) + packed + bytes(99)}, **self.modules("lib", packed=False))
                self.assertEqual(self.get(linux_image_cloud_amd64="linux-image-9").returncode, 0)
                self.assertEqual([path for path in self.got() if "vmlinux" in path], unpacked)
                for path in unpacked:
                    with open(f"{self.folder}/kernel/{path}", "rb") as file:
                        self.assertEqual(file.read(), kernel)
                shutil.rmtree(self.folder + "/kernel")

    def test_several_packages(self):
        self.package("linux-image-9")
        self.package("linux-binary-9", **{"boot/vmlinuz-9": b"k"})
        self.package("linux-modules-9", **self.modules("usr/lib", packed=True))
        self.want(self.get(linux_image_cloud_amd64="linux-image-9", linux_image_9="linux-binary-9 linux-modules-9 kmod"))

    def test_not_complete(self):
        self.package("linux-image-9", **self.modules("lib", packed=False))
        done = self.get(linux_image_cloud_amd64="linux-image-9")
        self.assertEqual(done.returncode, 1)
        self.assertIn("guest-kernel: cannot unpack linux-image-9: it has no boot/vmlinuz-*", done.stdout)
        self.assertEqual(self.got(), [])


if __name__ == "__main__":
    unittest.main()
