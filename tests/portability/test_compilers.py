#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""It builds without a warning, and passes the unit tests, with other compilers and libraries and for other processors:
test_compilers.py RELEASE [Class.test...]. On a Debian of its own: takes root, some minutes, and packages of Debian (or from $MIRROR),
which $PORTABILITY_FOLDER keeps for the next time.

What runs of another processor's programs does so in QEMU's user mode: the unit tests that are programs, and check, which tells what it
does not know."""
import os
import sys
import tempfile
import unittest

import debianroot
import needed

RELEASE = sys.argv.pop(1)
LIBRARIES = ("libc6-dev", "libnl-3-dev", "libjansson-dev", "libxml2-dev", "libvirt-dev", "libcmocka-dev")
TOOLS = ("meson", "ninja-build", "pkgconf", "python3", "procps", "xz-utils", "mandoc", "git", "systemd-dev", "iproute2", "mount")
# {Debian's architecture: (its triplet, meson's family, the folder of its libraries, what runs its programs)}
CROSS = {"arm64": ("aarch64-linux-gnu", "aarch64", "aarch64-linux-gnu", "qemu-aarch64"),
         "armhf": ("arm-linux-gnueabihf", "arm", "arm-linux-gnueabihf", "qemu-arm"), "i386": ("i686-linux-gnu", "x86", "i386-linux-gnu", "")}
COMPILERS = {"trixie": ("gcc-13", "gcc-14", "clang-19"), "sid": ("gcc", "clang")}[RELEASE]
PACKAGES = [*LIBRARIES, *TOOLS, *COMPILERS]
if RELEASE == "trixie":
    PACKAGES += ["gcc", "qemu-user", *(f"gcc-{CROSS[name][0].replace('_', '-')}" for name in CROSS),
                 *(f"{library}:{name}" for name in CROSS for library in LIBRARIES)]
    # A release as it came out: its updates are not always there for all processors at once, and a library is then in two versions.
    OPTIONS = ["--architectures=amd64," + ",".join(CROSS), '--setup-hook=sed -i "/-updates /d; /-security /d" "$1/etc/apt/sources.list"']
else:  # its lists may be older than they say they are good for
    OPTIONS = ['--aptopt=Acquire::Check-Valid-Until "false"']
CROSS_FILE = """[binaries]
c = '{triplet}-gcc'
ar = '{triplet}-ar'
strip = '{triplet}-strip'
pkg-config = 'pkg-config'
{wrapper}
[built-in options]
pkg_config_path = '/usr/lib/{folder}/pkgconfig'
[properties]
needs_exe_wrapper = {needs}
[host_machine]
system = 'linux'
cpu_family = '{family}'
cpu = '{family}'
endian = 'little'
"""
# Those that are programs: a script starts programs of ours, which no emulator of this kind runs then.
PROGRAMS = r"""import json, subprocess
tests = json.loads(subprocess.run(["meson", "introspect", "--tests", "build"], capture_output=True, check=True).stdout)
print(*(test["name"] for test in tests if "virt-tap:unit" in test["suite"] and not any(word.endswith(".py") for word in test["cmd"])))"""


class Built(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = os.environ.get("PORTABILITY_FOLDER") or needed.folder("PORTABILITY_FOLDER")
        cls.base = debianroot.make(f"{folder}/{RELEASE}", RELEASE, PACKAGES, *OPTIONS)

    def root(self):
        root = debianroot.Root(self.base)
        self.addCleanup(root.remove)
        with tempfile.NamedTemporaryFile() as file:
            debianroot.tree(file.name)
            root.put(file.name, "tree.tar")
        return root

    def built(self, setup, test, cross=""):
        """Set up with these words, built, and what the other words test."""
        root = self.root()
        os.makedirs(f"{root.folder}/upper/src", exist_ok=True)
        with open(f"{root.folder}/upper/src/cross.ini", "w", encoding="ascii") as file:
            file.write(cross)
        with open(f"{root.folder}/upper/src/programs.py", "w", encoding="ascii") as file:
            file.write(PROGRAMS)
        root.run(f"mkdir /src/tree; cd /src/tree; tar -x -f ../tree.tar; {setup} -Dwerror=true; ninja -C build; {test}")
        return root

    def cross(self, name, needs):
        triplet, family, folder, emulator = CROSS[name]
        text = CROSS_FILE.format(triplet=triplet, family=family, folder=folder, needs=str(needs).lower(),
                                 wrapper=f"exe_wrapper = '{emulator}'" if emulator else "")
        tests = "$(python3 /src/programs.py)" if emulator else ""
        root = self.built("meson setup build --cross-file /src/cross.ini", f"meson test -C build --suite unit -t 5 {tests}", text)
        said = root.run(f"cd /src/tree; {emulator} build/cli/virt-tap check kvm", check=False).stdout
        self.assertNotIn("qemu: uncaught", said)
        return said


def add(compiler):
    def test(self):
        self.built(f"CC={compiler} meson setup build", "meson test -C build --suite unit")
    setattr(Built, "test_" + compiler.replace("-", "_"), test)


for each in COMPILERS:
    add(each)
if RELEASE == "trixie":
    class Processors(Built):
        def test_arm64(self):
            self.cross("arm64", True)

        def test_armhf(self):
            """The kernel's headers have no KVM there."""
            self.assertIn("kvm", self.cross("armhf", True))

        def test_i386(self):
            self.cross("i386", False)


if __name__ == "__main__":
    if os.geteuid() != 0:
        needed.skip("a Debian of its own takes root")
    needed.main()
