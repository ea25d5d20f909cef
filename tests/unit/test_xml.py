#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap xml: golden pairs, properties that hold for every domain that there is, and files.

VIRT_TAP_DOMAINS names a folder of other domains for the properties, as of libvirt's own tests; what is in none of its files a whole
document of a domain is left out.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import formats
from xmlcase import BRIDGE, BROKEN, CLI, DATA, DOMAIN, NETWORKS, read, restore, rewrite, SCHEMA, virt_tap


MANY = 1200  # files in one run: their names are its arguments


class Golden(unittest.TestCase):
    """What the files of tests/data/xml say: NAME.xml becomes NAME.rewritten.xml, and that NAME.xml again. NAME.changed.xml is
    what others made of a rewritten domain: restored, it is NAME.restored.xml."""

    def test_pairs(self):
        pairs = sorted(glob.glob(DATA + "/xml/*.rewritten.xml"))
        self.assertGreater(len(pairs), 8)
        for path in pairs:
            before = path.replace(".rewritten", "")
            with self.subTest(os.path.basename(before)):
                self.assertEqual(rewrite(read(before), *NETWORKS).decode(), read(path).decode())
                self.assertEqual(restore(read(path)), read(before))

    def test_changed_since(self):
        for path in sorted(glob.glob(DATA + "/xml/*.changed.xml")):
            with self.subTest(os.path.basename(path)):
                self.assertEqual(restore(read(path)).decode(), read(path.replace(".changed", ".restored")).decode())
                self.assertEqual(rewrite(read(path)), read(path))


class Released(unittest.TestCase):
    """Domains that each released version has rewritten (tests/data/formats). A change of what is written needs a new version of the metadata, and
    a folder for it: in that of the version before nothing changes."""

    def test_formats(self):
        versions = formats.versions()
        for version in versions:
            with self.subTest(version):
                before, after = (read(f"{formats.FOLDER}/{version}/{name}.xml") for name in ("domain", "domain.rewritten"))
                self.assertEqual(restore(after).decode(), before.decode())
                self.assertEqual(rewrite(after), after)
                if version == versions[-1]:
                    first = rewrite(before, "--interface=1", "--ip=10.66.1.5", "--ip=2001:db8::5", "--lock=ip", "--serve=dhcp")
                    self.assertEqual(rewrite(first).decode(), after.decode())

    def test_later(self):
        """In words, and not changed."""
        after = read(f"{formats.FOLDER}/{formats.versions()[-1]}/domain.rewritten.xml").replace(b"version='1'", b"version='2'")
        for verb in ("rewrite", "restore", "map", "show"):
            status, out, said = virt_tap(verb, stdin=after)
            self.assertEqual((status, out), (1, b""))
            self.assertIn("a later virt-tap wrote the metadata: it has version 2, and this one supports version 1; use that one", said)


class Addresses(unittest.TestCase):
    def test_they_go_to_the_metadata(self):
        before = DOMAIN.format(BRIDGE + BRIDGE.replace("00:01", "00:02")).encode()
        after = rewrite(before, "--ip", "10.66.1.5", "--ip=2001:db8::5", "--interface=2")
        self.assertEqual(len(re.findall(rb"<vt:tap dev='vtap-web-\w{5}' bridge='br0' ip='10.66.1.5 2001:db8::5'>", after)), 1)
        self.assertEqual(restore(after), before)
        self.assertEqual(rewrite(after).count(b" ip='"), 1)  # the other interface has none
        self.assertIn(b" on br0, 10.66.1.5 2001:db8::5\n", virt_tap("show", stdin=after)[1])

    def test_again(self):
        """What a fleet's playbook runs each time changes nothing, as with --lock and --serve, in whatever order it names them."""
        asked = ["--ip=10.66.1.5", "--ip=2001:db8::5", "--lock=ip"]
        after = rewrite(DOMAIN.format(BRIDGE).encode(), *asked)
        self.assertEqual(rewrite(after, *asked), after)
        self.assertEqual(rewrite(after, *reversed(asked)), after)
        for other in (asked[:1], asked[1:], [*asked, "--ip=10.66.1.6"], ["--ip=10.66.1.6", *asked[1:]], ["--ip=10.66.1.5", "--ip=10.66.1.5"]):
            status, out, said = virt_tap("rewrite", *other, stdin=after)
            self.assertEqual((status, out), (1, b""))
            self.assertIn("--ip: this interface has a tap already", said)


class Filters(unittest.TestCase):
    """Packet filters, for a session's libvirt; a system's enforces them itself."""
    IP = "<parameter name='IP' value='10.66.1.5'/>"

    @staticmethod
    def domain(name, more=IP):
        return DOMAIN.format(BRIDGE.replace("<model", f"<filterref filter='{name}'>{more}</filterref>\n      <model")).encode()

    def becomes(self, text, *options):
        """The attributes of the tap after its bridge, and what is said; or None, and why the interface is left. Either way restoring
        gives back the same."""
        status, out, said = virt_tap("rewrite", "--session", *options, stdin=text)
        self.assertEqual((status, restore(out)), (0, text), said)
        if out == text:
            return None, said
        self.assertNotIn(b"<filterref", out.partition(b"</metadata>")[2])
        self.assertEqual(rewrite(out, "--session"), out)
        return re.search(rb" bridge='br0'([^>]*)>", out)[1].decode(), said

    def test_as_documented(self):
        """docs/domains.md has what becomes of each, and nothing else becomes anything."""
        table = read(os.path.join(os.environ["VIRT_TAP_SOURCE"], "docs/domains.md")).decode().partition("\n## Packet filters\n")[2].partition("\n## ")[0]
        rows = {name: what for names, what in re.findall(r"(?m)^\| (`.*?) \| (.*?) \|", table) for name in re.findall(r"`([a-z-]+)`", names)}
        self.assertEqual(len(rows), 8)
        for name, what in rows.items():
            with self.subTest(name):
                attributes, said = self.becomes(self.domain(name))
                if attributes is None:
                    self.assertTrue(what.startswith("left unchanged: "), what)
                    self.assertIn(f"its packet filter {name} ", said)
                    continue
                lock = re.search("lock='(mac|ip)'", attributes)[1]
                self.assertTrue(what.startswith(f"`lock='{lock}'`"), what)
                self.assertEqual(attributes, " ip='10.66.1.5' lock='ip'" if lock == "ip" else " lock='mac'")
                self.assertIn(f"interface 1 has lock='{lock}' in place of its packet filter {name}: ", said)
        for name in ("", "mine", "clean-traffic2", "clean", "no-ip-multicast", "no-ipv6-spoofing", "allow-ipv4", "qemu-announce-self", "x\u202e"):
            attributes, said = self.becomes(self.domain(name.replace("\u202e", "&#x202e;")))
            self.assertIsNone(attributes)
            self.assertIn("' is not one that the tap's port filter can enforce\n", said)
            self.assertNotIn("\u202e", said)

    def test_parameters(self):
        for more, options, becomes in (
                (self.IP, (), "10.66.1.5"), (self.IP + self.IP.replace("1.5", "1.6"), (), "10.66.1.5 10.66.1.6"), (self.IP, ("--ip=fd00::5",), "fd00::5"),
                ("", ("--ip=10.66.1.7", "--ip=fd00::7"), "10.66.1.7 fd00::7"), ("<!-- x -->" + self.IP, (), "10.66.1.5")):
            self.assertEqual(self.becomes(self.domain("clean-traffic", more), *options)[0], f" ip='{becomes}' lock='ip'")
        for more, says in (("", "learns the guest's addresses, which the tap's port filter cannot: give them with --ip=ADDRESS"),
                           (self.IP + "<parameter name='CTRL_IP_LEARNING' value='dhcp'/>", "'CTRL_IP_LEARNING' of its packet filter means nothing"),
                           ("<parameter name='DHCPSERVER' value='10.66.1.1'/>", "'DHCPSERVER'"), (self.IP + "<parameter name='PORT' value='80'/>", "'PORT'"),
                           ("<parameter name='IP'/>", "not just a filter and its parameters"), ("<parameter value='10.66.1.5'/>", "not just a filter"),
                           ("<x/>", "not just a filter"), (self.IP.replace("10.66.1.5", "[10.66.1.5, 10.66.1.6]"), "is not one address"),
                           (self.IP.replace("10.66.1.5", "10.66.1.5/24"), "is not one address"), (self.IP.replace("10.66.1.5", ""), "IP=''"),
                           (self.IP * 65, "more than 64 addresses")):
            attributes, said = self.becomes(self.domain("clean-traffic", more))
            self.assertIsNone(attributes)
            self.assertIn(says, said)
            self.assertEqual(said.count("\n"), 1)
        for more in ("", self.IP):
            self.assertEqual(self.becomes(self.domain("no-mac-spoofing", more))[0], " lock='mac'")
        self.assertIsNone(self.becomes(self.domain("no-mac-spoofing", "<parameter name='MAC' value='52:54:00:00:00:01'/>"))[0])
        two = self.domain("no-mac-spoofing", "").replace(b"<model", b"<filterref filter='no-mac-spoofing'/><model")
        self.assertIn("more than one <filterref>", self.becomes(two)[1])

    def test_with_what_is_asked_for(self):
        """Never less than the filter."""
        for name, option, lock in (("no-mac-spoofing", "mac", "mac"), ("no-mac-spoofing", "ip", "ip"), ("clean-traffic", "mac", "ip")):
            self.assertIn(f" lock='{lock}' serve='ra,dhcp'", self.becomes(self.domain(name), f"--lock={option}", "--serve=ra,dhcp")[0])

    def test_kept_for_a_system(self):
        for text, comes_back in ((self.domain("clean-traffic"), 1), (self.domain("mine", "<parameter name='PORT' value='80'/>"), 0)):
            for options in ((), ("--lock=mac",)):
                status, out, said = virt_tap("rewrite", *options, stdin=text)
                self.assertEqual((status, said, out.count(b"<filterref"), restore(out)), (0, "", 1, text))
                edited = re.sub(rb"<filterref.*</filterref>", b"", out, flags=re.S).replace(b"virtio'/>\n    </interface>\n  ", b"e1000'/></interface>")
                # Taken out by hand: it comes back where it may have been replaced by the lock.
                self.assertEqual(restore(edited).count(b"<filterref"), comes_back * len(options))

    def test_shown(self):
        self.assertIn(b" could be a tap on br0, lock=ip, 10.66.1.5\n", virt_tap("show", "--session", stdin=self.domain("clean-traffic"))[1])
        self.assertIn(b" could be a tap on br0\n", virt_tap("show", stdin=self.domain("clean-traffic"))[1])
        self.assertIn(b" no tap: its packet filter 'mine' is not", virt_tap("show", "--session", stdin=self.domain("mine"))[1])
        self.assertIn(b" on br0, lock=ip, serve=ra, 10.66.1.5\n",
                      virt_tap("show", stdin=rewrite(self.domain("clean-traffic"), "--session", "--serve=ra"))[1])

    def test_edited_since(self):
        text = self.domain("clean-traffic")
        after = rewrite(text, "--session")
        edited = after.replace(b"<model type='virtio'/>\n    </interface>\n  </devices>", b"<model type='e1000'/>\n    </interface>\n  </devices>")
        self.assertNotEqual(edited, after)
        back = restore(edited)
        self.assertEqual((back.count(b"<filterref filter='clean-traffic'>"), back.count(b"e1000")), (1, 1))


def domains():
    """Texts by name."""
    folder = os.environ.get("VIRT_TAP_DOMAINS")
    if not folder:
        return {name: read(f"{DATA}/domains/{name}") for name in os.listdir(DATA + "/domains") if name not in BROKEN}
    found = {}
    for path in glob.glob(glob.escape(folder) + "/**/*.xml", recursive=True):
        text = read(path)
        if re.search(rb"\A(<\?xml[^>]*>|\s|<!--.*?-->)*<domain[\s>]", text, re.S) and virt_tap("restore", stdin=text)[0] == 0:
            found[os.path.relpath(path, folder).replace("/", "-")] = text
    return found


def variants(text):
    """The same domain as others would write it."""
    kvm = re.sub(rb"type=(['\"])(test|xen|bhyve|hvf)\1>", rb"type=\1kvm\1>", text, count=1)
    yield "as it is", text
    yield "kvm", kvm
    yield "CRLF", kvm.replace(b"\n", b"\r\n")
    yield "one line", re.sub(rb">\s+<", b"><", kvm)
    comment = rb"<!-- <interface type='bridge'> -->"
    yield "comments", kvm if b"<!--" in kvm else re.sub(rb"(<(?:interface|source|mac|/interface)\b)", comment + rb"\1", kvm)
    yield "entities", re.sub(rb"(type=['\"])(bridge|network)", lambda m: m[1] + b"&#%d;" % m[2][0] + m[2][1:], kvm)
    yield "BOM", b"\xef\xbb\xbf" + kvm
    yield "no uuid", re.sub(rb"\s*<uuid>.*?</uuid>", b"", kvm)
    yield "empty metadata", re.sub(rb"\s*<metadata>.*?</metadata>", b"", kvm, flags=re.S).replace(
        b"</name>", b"</name>\n <metadata\n/>", 1)


def outside(text):
    """A domain without what rewriting may touch."""
    text = re.sub(rb"<interface\b[^>]*/>|<interface\b.*?</interface>", b"<interface/>",
                  re.sub(rb"<!--.*?-->", b"", text, flags=re.S), flags=re.S)
    return re.sub(rb"\s*<metadata\s*/>|\s*<metadata.*?</metadata>", b"", text, flags=re.S)


class EveryDomain(unittest.TestCase):
    OPTIONS = NETWORKS

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name in ("in", "out", "back", "again", "valid"):
            os.mkdir(f"{cls.folder}/{name}")
        for name, domain in domains().items():
            for number, (_, text) in enumerate(variants(domain)):
                with open(f"{cls.folder}/in/{number}-{name}", "wb") as file:
                    file.write(text)
        cls.names = sorted(os.listdir(cls.folder + "/in"))
        cls.said = cls.run_all("rewrite", "in", "out", *cls.OPTIONS)

    @classmethod
    def run_all(cls, verb, source, target, *options):
        status, said = cls.virt_tap(verb, source, target, cls.names, *options)
        assert status == 0, [line for line in said.splitlines() if 'is left as it is' not in line]
        return "".join(line for line in said.splitlines(True) if "in place of its packet filter" not in line)

    @classmethod
    def virt_tap(cls, verb, source, target, names, *options):
        """The worst exit status, and all that was said."""
        done = [virt_tap(verb, *options, "--output-dir", "../" + target, *names[first:first + MANY], folder=f"{cls.folder}/{source}")
                for first in range(0, len(names), MANY)]
        return max(status for status, _, _ in done), "".join(said for _, _, said in done)

    def files(self, folder):
        return {name: read(f"{self.folder}/{folder}/{name}") for name in self.names}

    def test_restored_is_equal(self):
        self.run_all("restore", "out", "back")
        self.assertEqual(self.files("back"), self.files("in"))

    def test_twice_is_once(self):
        self.run_all("rewrite", "out", "again", *self.OPTIONS)
        self.assertEqual(self.files("again"), self.files("out"))

    def test_nothing_else_is_touched(self):
        changed = 0
        before, after = self.files("in"), self.files("out")
        for name in self.names:
            self.assertEqual(outside(before[name]), outside(after[name]), name)
            changed += before[name] != after[name]
        self.assertGreater(changed, 400)

    def test_every_interface_is_rewritten_or_named(self):
        left = re.findall(r"^virt-tap xml rewrite: (\S+):\d+:\d+: interface (\d+) is left as it is: \S[^\n]+$", self.said, re.M)
        self.assertEqual(len(left), len(set(left)))
        self.assertEqual(len(left), len(self.said.splitlines()))
        for name, text in self.files("out").items():
            plain = re.sub(rb"<!--.*?-->", b"", text, flags=re.S)
            there = len(re.findall(rb"<interface ", plain))
            pointed = len(re.findall(rb"<target dev='vtap-[^']+' managed='no'/>", plain))
            self.assertEqual(there - pointed, sum(one == name for one, _ in left), name)
            self.assertEqual(pointed, len(re.findall(rb"<vt:tap ", plain)), name)

    @unittest.skipUnless(os.path.exists(SCHEMA), "libvirt's grammar is not here")
    def test_what_libvirt_accepted_it_accepts(self):
        """Restoring what was never rewritten changes nothing, and so tells of the input itself."""
        _, unaccepted = self.virt_tap("restore", "in", "valid", self.names, "--validate")
        refused = set(re.findall(r"^virt-tap xml restore: (\S+?):\d", unaccepted, re.M))
        accepted = [name for name in self.names if name not in refused]
        self.assertGreater(len(accepted), 400)
        self.assertEqual(self.virt_tap("restore", "out", "valid", accepted, "--validate")[1], "")
        status, said = self.virt_tap("rewrite", "in", "valid", accepted, "--validate", *self.OPTIONS)
        self.assertEqual(status, 0, said)


class EveryDomainOfASession(EveryDomain):
    OPTIONS = (*NETWORKS, "--session", "--lock=mac", "--serve=ra")


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.text = DOMAIN.format(BRIDGE).encode()
        for name in "ab":
            self.put(name, self.text)

    def put(self, name, text, mode=0o640):
        with open(f"{self.folder}/{name}", "wb") as file:
            file.write(text)
        os.chmod(f"{self.folder}/{name}", mode)

    def get(self, name):
        return read(f"{self.folder}/{name}")

    def run_here(self, *words):
        return virt_tap(*words, folder=self.folder)

    def test_in_place(self):
        os.symlink("a", self.folder + "/link")
        self.put("bad", b"<domain>")
        self.put("same", b"<domain/>")
        same = os.stat(self.folder + "/same")
        status, out, said = self.run_here("rewrite", "--in-place", "link", "bad", "b", "missing", ".", "same")
        self.assertEqual((status, out), (1, b""))
        self.assertRegex(said, r"\A[^\n]* link: it is a symbolic link[^\n]*\n[^\n]*: bad:1:9: [^\n]+\n[^\n]* missing: No such file[^\n]*\n"
                               r"[^\n]* \.: Is a directory\n\Z")
        self.assertEqual(self.get("a"), self.text)
        self.assertEqual(self.get("b"), rewrite(self.text))
        self.assertEqual(self.get("bad"), b"<domain>")
        self.assertEqual(os.stat(self.folder + "/same").st_ino, same.st_ino)
        self.assertTrue(os.path.islink(self.folder + "/link"))
        self.assertEqual(os.stat(self.folder + "/a").st_mode & 0o777, 0o640)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a", "b", "bad", "link", "same"])

    def test_a_full_disk_leaves_the_file(self):
        status, out, said = virt_tap("rewrite", "--in-place", "--output-dir", "x", "a", folder=self.folder)
        self.assertEqual(status, 2)
        os.symlink("/dev/full", self.folder + "/full")
        done = subprocess.run(f"ulimit -f 0; exec {CLI} xml rewrite --in-place a", shell=True, cwd=self.folder, check=False,
                              capture_output=True, timeout=60, preexec_fn=lambda: __import__("signal").signal(25, 1))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot write a: ", done.stderr)
        self.assertEqual(self.get("a"), self.text)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a", "b", "full"])

    def test_output_dir(self):
        os.mkdir(self.folder + "/out")
        self.assertEqual(self.run_here("rewrite", "--output-dir", "out", "a", "b"), (0, b"", ""))
        self.assertEqual(self.get("out/b"), rewrite(self.text))
        self.assertEqual(self.get("b"), self.text)
        self.assertEqual(os.stat(self.folder + "/out/b").st_mode & 0o777, 0o640)
        status, _, said = self.run_here("rewrite", "--output-dir", "nowhere", "a")
        self.assertEqual((status, said), (1, "virt-tap xml rewrite: cannot write nowhere/a: 'nowhere': No such file or directory\n"))

    def test_diff_is_one_for_patch(self):
        status, out, _ = self.run_here("rewrite", "--diff", "a", "b")
        self.assertEqual((status, self.get("a")), (0, self.text))
        self.assertEqual(out.count(b"--- "), 2)
        lines = self.text.decode().splitlines(True)
        for start, cut, at, come, body in re.findall(r"^@@ -(\d+),(\d+) \+(\d+),(\d+) @@\n((?:[-+].*\n)*)",
                                                     out.decode().split("--- b")[0], re.M):
            removed = [line[1:] for line in body.splitlines(True) if line[0] == "-"]
            added = [line[1:] for line in body.splitlines(True) if line[0] == "+"]
            self.assertEqual((len(removed), len(added)), (int(cut), int(come)))
            begin = int(at) - 1
            self.assertEqual(lines[begin:begin + int(cut)], removed)
            lines[begin:begin + int(cut)] = added
        self.assertEqual("".join(lines).encode(), rewrite(self.text))

    def test_diff_shows_no_neighbours(self):
        secret = b"<graphics type='vnc' passwd='secret'/>"
        self.put("a", self.text.replace(b"<interface", secret + b"\n<interface").replace(b"</interface>", b"</interface>\n" + secret))
        self.assertNotIn(b"secret", self.run_here("rewrite", "--diff", "a")[1])

    def test_usage(self):
        os.mkdir(self.folder + "/d")
        for words in (["rewrite", "a", "b"], ["rewrite", "--in-place"], ["rewrite", "--in-place", "-"],
                      ["rewrite", "--output-dir", "d", "-"], ["rewrite", "--in-place", "--diff", "a"],
                      ["rewrite", "--output-dir", "d", "a", "d/../a"], ["rewrite", "--bridge", "a/b", "a"],
                      ["rewrite", "--bridge"], ["rewrite", "--network", "x", "a"], ["rewrite", "--network", "=br0", "a"],
                      ["rewrite", "--network", "x=a/b", "a"], ["rewrite", "--nonsense"], ["rewrite", "-x"], ["show", "--x"],
                      ["restore", "--bridge", "br0", "a"], ["restore", "--strict", "a"], ["nothing"], []):
            with self.subTest(words):
                status, out, said = self.run_here(*words)
                self.assertEqual((status, out, said.count("\n")), (2, b"", 1), said)

    def test_show(self):
        self.put("a", rewrite(self.text.replace(b"<model", b"<driver queues='4'/><model")))
        status, out, said = self.run_here("show", "a", "b")
        self.assertEqual((status, said), (0, ""))
        self.assertRegex(out.decode(), r"\Aa: web\n  1  52:54:00:00:00:01  tap vtap-web-\w+ on br0, multiqueue\n"
                                       r"b: web\n  1  52:54:00:00:00:01  could be a tap on br0\n\Z")
        self.assertEqual(self.run_here("show", "a", "missing")[0], 1)
        self.put("c", self.text.replace(b"type='kvm'", b"type='test'").replace(b"type='qemu'", b"type='test'"))
        self.assertIn(b"no tap: a domain of type 'test'", self.run_here("show", "c")[1])


if __name__ == "__main__":
    unittest.main()
