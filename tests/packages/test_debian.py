#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What packaging/ makes, on a Debian of its own: test_debian.py RELEASE [Class.test...]. Takes root, some minutes, and packages of Debian
(or from $MIRROR), which $PACKAGES_FOLDER keeps for the next time.
"""
import glob
import hashlib
import os
import re
import shutil
import sys
import tempfile
import unittest

import debianroot
import needed
from debianroot import Root

SOURCE = os.environ["VIRT_TAP_SOURCE"]
RELEASE = sys.argv.pop(1)
with open(SOURCE + "/meson.build", encoding="utf-8") as meson:
    VERSION = re.search(r"^  version: '(.*)',$", meson.read(), re.M)[1]
# What debian/control and the spec build with, and what reads and tries what was built.
PACKAGES = ["build-essential", "debhelper", "dh-apparmor", "libcmocka-dev", "libjansson-dev", "libnl-3-dev", "libvirt-dev", "libxml2-dev", "meson", "pkgconf",
            "procps", "python3", "lintian", "rpm", "libcap2-bin", "iproute2", "mount", "util-linux",
            {"bookworm": "systemd"}.get(RELEASE, "systemd-dev"), *{"trixie": ["makepkg", "nix-bin"]}.get(RELEASE, [])]
HELPER = "/usr/libexec/virt-tap-helper"
# All files but dpkg's own, with kind, mode and owner, and the size or target of those that have one.
FILES = r"""find / -xdev '(' -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /src -o -path /var/lib/dpkg -o -path /var/log \
  -o -path /var/cache/man ')' -prune \
  -o -type d -printf '%p %y %m %u %g\n' -o -printf '%p %y %m %u %g %s %l\n' | sort; ls /var/lib/dpkg/info"""


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Debian(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = os.environ.get("PACKAGES_FOLDER") or needed.folder("PACKAGES_FOLDER")
        cls.base = debianroot.make(f"{folder}/{RELEASE}", RELEASE, PACKAGES)
        cls.builder = Root(cls.base)
        cls.addClassCleanup(cls.builder.remove)
        with tempfile.NamedTemporaryFile() as file:
            debianroot.tree(file.name)
            cls.builder.put(file.name, "tree.tar")
        cls.built("one", "deb")

    @classmethod
    def built(cls, name, kind, before=""):
        """Build in /src/NAME; returns the packages by their names."""
        cls.builder.run(f"mkdir -p /src/{name}; cd /src/{name}; tar -x -f /src/tree.tar; {before} sh packaging/build.sh {kind}")
        return {os.path.basename(path): path
                for path in glob.glob(f"{cls.builder.folder}/upper/src/{name}/build/{kind}/**/*.{kind}", recursive=True)}

    @classmethod
    def packages(cls):
        return sorted(glob.glob(f"{cls.builder.folder}/upper/src/one/build/deb/virt-tap*_*.deb"))

    def root(self):
        """A Debian with our packages in /src, not installed yet, and a second version of them in /src/v2."""
        root = Root(self.base)
        self.addCleanup(root.remove)
        for path in self.packages():
            if "dbgsym" not in path:
                root.put(path, os.path.basename(path))
        root.run(f"""cd /src; mkdir v2
            for deb in *.deb; do
              dpkg-deb -R "$deb" tree
              sed -i 's/{VERSION}-1~0/{VERSION}-1/' tree/DEBIAN/control
              dpkg-deb --root-owner-group -b tree v2/; rm -r tree
            done""")
        return root

    def has_capability(self, root, want=f"{HELPER} cap_net_admin=p 755 root\n"):
        self.assertEqual(root.run(f"getcap {HELPER} | tr '\\n' ' '; stat -c '%a %G' {HELPER}").stdout, want)

    def test_lintian(self):
        """With what lintian wants to be told about sources, too: of a source package with a tarball of ours."""
        said = self.builder.run(f"""mkdir -p /src/source/virt-tap-{VERSION}; cd /src/source; tar -x -f ../tree.tar -C virt-tap-{VERSION}
            tar -c -z -f virt-tap_{VERSION}.orig.tar.gz virt-tap-{VERSION}
            cp -Rp virt-tap-{VERSION}/packaging/debian virt-tap-{VERSION}/
            dpkg-source -b virt-tap-{VERSION} >/dev/null
            lintian --fail-on error,warning --tag-display-limit 0 --no-cfg /src/one/build/deb/*.changes ./*.dsc 2>&1""", check=False)
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertNotRegex(said.stdout, r"(?m)^[EW]: ")

    def test_built_twice(self):
        """Elsewhere, by an ordinary user with another umask, in another time zone and without the tests: the same packages."""
        others = self.built("another-folder/in/there", "deb", "chown -R daemon .; umask 027; export HOME=$PWD TZ=Asia/Tokyo DEB_BUILD_OPTIONS=nocheck; "
                            "setpriv --reuid=daemon --regid=daemon --clear-groups")
        self.assertEqual(sorted(others), [os.path.basename(path) for path in self.packages()])
        for path in self.packages():
            self.assertEqual(digest(path), digest(others[os.path.basename(path)]), os.path.basename(path))

    def test_install_upgrade_remove_purge(self):
        root = self.root()
        before = root.run("mkdir -p /etc/libvirt/hooks; " + FILES).stdout
        root.run("dpkg -i /src/*.deb")
        self.has_capability(root)
        self.assertEqual(root.run("find /etc/virt-tap /etc/systemd -name '*virt-tap*'; find /etc/virt-tap -type f").stdout, "/etc/virt-tap\n")
        for command in ("check --help", "domain --help", "bridge --help", "xml --help", "version"):
            root.run(f"virt-tap {command}")

        root.run(f"ln {HELPER} /usr/kept; dpkg -i /src/v2/*.deb")
        self.has_capability(root)
        self.assertEqual(root.run("getcap /usr/kept; rm /usr/kept").stdout, "")  # a user may have the old one open for as long as he likes
        root.run("dpkg -i /src/v2/*.deb")  # again
        self.has_capability(root)

        self.turn_on(root)
        root.run("dpkg -i --force-downgrade /src/*.deb")  # as an upgrade: what is on stays on
        self.assertEqual(len(self.links(root)), 4)
        root.run("dpkg -r virt-tap-hooks virt-tap")
        self.assertEqual([link for link in self.links(root) if "hooks" in link], [])
        self.assertIn("allow br0", root.run("cat /etc/virt-tap/policy.conf").stdout)
        root.run("rm /etc/virt-tap/policy.conf; dpkg -P virt-tap-hooks virt-tap")
        self.assertEqual(set(root.run(FILES).stdout.splitlines()) ^ set(before.splitlines()), set())

    def turn_on(self, root):
        """The hooks, and the broker as `systemctl enable` does; and a policy."""
        root.run("""mkdir -p /run/virt-tap; virt-tap hooks enable
            unit=$(dpkg -L virt-tap | grep 'broker[.]socket$')
            mkdir -p /etc/systemd/system/sockets.target.wants; ln -s "$unit" /etc/systemd/system/sockets.target.wants/
            : >/run/virt-tap/libvirtd.reloaded
            echo 'allow br0' >/etc/virt-tap/policy.conf""")
        self.assertEqual(len(self.links(root)), 4)

    @staticmethod
    def links(root):
        return root.run("find /etc -type l -lname '*virt-tap*'").stdout.split()

    def test_purge_keeps_what_others_wrote(self):
        root = self.root()
        root.run("""dpkg -i /src/*.deb; echo 'allow br0' >/etc/virt-tap/policy.conf
            mkdir -p /etc/libvirt/hooks/qemu.d; ln -s /opt/libexec/virt-tap/hooks/qemu /etc/libvirt/hooks/qemu.d/50-virt-tap
            dpkg -P virt-tap-hooks virt-tap""")
        self.assertEqual(root.run("cat /etc/virt-tap/policy.conf; readlink /etc/libvirt/hooks/qemu.d/*").stdout,
                         "allow br0\n/opt/libexec/virt-tap/hooks/qemu\n")

    def test_statoverride(self):
        """Its owner and mode stay, and the capability is there."""
        root = self.root()
        root.run(f"dpkg-statoverride --add root daemon 0750 {HELPER}; dpkg -i /src/*.deb")
        want = f"{HELPER} cap_net_admin=p 750 daemon\n"
        self.has_capability(root, want)
        root.run("dpkg -i /src/v2/*.deb")
        self.has_capability(root, want)

    def test_no_capabilities_there(self):
        """It is installed all the same, and says what does not work."""
        root = self.root()
        said = root.run("ln -sf /bin/false $(readlink -f $(command -v setcap)); dpkg -i /src/*.deb").stdout
        self.assertIn(f"virt-tap: {HELPER} did not get its file capability", said)
        self.assertEqual(root.run(f"getcap {HELPER}").stdout, "")

    def test_without_libvirt(self):
        """What the first package says when it misses the second."""
        root = self.root()
        root.run("dpkg -i /src/virt-tap_*.deb; mkdir -p /etc/libvirt")
        for command in ("virt-tap hooks enable", "virt-tap domain show x"):
            done = root.run(command, check=False)
            self.assertEqual((done.returncode, "virt-tap-hooks" in done.stdout), (1, True), done.stdout)
        needs = root.run("dpkg-deb -f /src/virt-tap_*.deb Depends").stdout
        self.assertNotIn("libvirt", needs)
        self.assertIn("libnl-3-200", needs)

    def test_autopkgtest(self):
        root = self.root()
        root.put(SOURCE + "/packaging/debian/tests/make-a-tap", "make-a-tap")
        said = root.run("dpkg -i /src/*.deb >/dev/null; /src/make-a-tap")
        self.assertIn("vtap-test", said.stdout)
        self.assertEqual(root.run("find /etc/virt-tap -type f").stdout, "")

    def test_on_a_machine(self):
        with tempfile.TemporaryDirectory() as folder:
            for path in self.packages():
                if "dbgsym" not in path:
                    shutil.copy(path, folder)
            debianroot.run(sys.executable, f"{SOURCE}/tests/packages/test_machine.py", RELEASE, folder)

    def test_units(self):
        """They are off. An upgrade starts a service that runs again, and leaves the socket open; a removal stops both."""
        root = self.root()
        root.run("""mkdir -p /run/systemd/system; rm -f /usr/sbin/policy-rc.d
            printf '#!/bin/sh\necho "$@" >>/src/said\n' >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl""")

        def asked(command):
            said = root.run(f": >/src/said; {command} >/dev/null; cat /src/said").stdout.splitlines()
            return [line.removeprefix("--system ") for line in said if re.search(r"\b(start|stop|restart|try-restart|enable|preset|disable)\b", line)]
        self.assertEqual(asked("dpkg -i /src/*.deb"), [])
        self.assertEqual(root.run("find /etc/systemd /var/lib/systemd -name '*virt-tap*' ! -name '*.dsh-also'").stdout, "")
        self.assertEqual(asked("dpkg -i /src/v2/*.deb"), ["try-restart virt-tap-broker.service"])
        self.assertEqual(asked("dpkg -r virt-tap-hooks virt-tap"), ["stop virt-tap-broker.socket virt-tap-broker.service"])

    def test_rpm(self):
        """Built twice, and installed, upgraded and removed; one file has a capability, and nothing is in both."""
        first, second = self.built("one", "rpm"), self.built("elsewhere", "rpm")
        self.assertEqual(sorted(name.partition("-" + VERSION)[0] for name in first if "-debuginfo-" not in name), ["virt-tap", "virt-tap-hooks"])
        for name, path in first.items():
            self.assertEqual(digest(path), digest(second[name]), name)
        root = Root(self.base)
        self.addCleanup(root.remove)
        for name, path in first.items():
            if "-debuginfo-" not in name:
                root.put(path, name)
        said = root.run("cd /src; rpm -qp --filecaps *.rpm | grep cap_; rpm -qpl *.rpm | grep -v build-id | sort | uniq -d").stdout
        self.assertEqual(said.split(), [HELPER, "cap_net_admin=p"])
        before = root.run("mkdir -p /etc/libvirt/hooks; find /etc -xdev ! -path '*rpm*'").stdout
        root.run("rpm -i --nodeps /src/*.rpm; virt-tap hooks enable; mkdir -p /run/virt-tap; : >/run/virt-tap/x.reloaded")
        self.has_capability(root)
        self.assertEqual(root.run("find /etc/virt-tap -type f; ls /usr/share/doc/virt-tap/examples").stdout, "bridges.conf.example\npolicy.conf.example\n")
        root.run("rpm -U --force --nodeps /src/*.rpm")
        self.has_capability(root)
        self.assertEqual(len(self.links(root)), 3)
        root.run("rpm -e --nodeps virt-tap-hooks virt-tap")
        self.assertEqual(root.run("find /etc -xdev ! -path '*rpm*'; find /run -name '*virt-tap*'; find /usr -name '*virt-tap*'").stdout, before)

    if RELEASE == "trixie":
        def test_others_parse(self):
            root = Root(self.base)
            self.addCleanup(root.remove)
            for path in ("aur/PKGBUILD", "aur/virt-tap.install", "nix/default.nix"):
                root.put(f"{SOURCE}/packaging/{path}", os.path.basename(path))
            said = root.run("cd /src; chown -R daemon .; export HOME=/src PACMAN=true; "  # Debian has none
                            "setpriv --reuid=daemon --regid=daemon --clear-groups makepkg --printsrcinfo").stdout
            self.assertIn("pkgname = virt-tap-hooks\n", said)
            self.assertIn("mkDerivation", root.run("nix-instantiate --parse /src/default.nix").stdout)


if __name__ == "__main__":
    if os.geteuid() != 0:
        needed.skip("a Debian of its own takes root")
    needed.main()
