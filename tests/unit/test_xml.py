#!/usr/bin/env python3
"""virt-tap xml: golden pairs, properties that hold for every domain that there is, and what is refused, in which words.

Needs VIRT_TAP_CLI (the built virt-tap) and VIRT_TAP_SOURCE.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

CLI = os.environ["VIRT_TAP_CLI"]
DATA = os.path.join(os.environ["VIRT_TAP_SOURCE"], "tests/data")
SCHEMA = "/usr/share/libvirt/schemas/domain.rng"
BROKEN = {"testdriver-13.xml", "virt-xml-edit-simple-metadata-0.xml"}
NETWORKS = ("--network", "default=virbr0", "--network", "dupmac=virbr1")
DOMAIN = """<domain type='kvm'>
  <name>web</name>
  <uuid>11111111-1111-4111-8111-000000000001</uuid>
  <devices>
    {}
  </devices>
</domain>
"""
BRIDGE = """<interface type='bridge'>
      <mac address='52:54:00:00:00:01'/>
      <source bridge='br0'/>
      <model type='virtio'/>
    </interface>"""


def read(path):
    with open(path, "rb") as file:
        return file.read()


def virt_tap(*words, stdin=b"", folder=None):
    """Run `virt-tap xml ...`; returns its exit status, standard output and standard error."""
    done = subprocess.run([CLI, "xml", *words], input=stdin, capture_output=True, timeout=60, cwd=folder, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def rewrite(text, *options):
    status, out, said = virt_tap("rewrite", *options, stdin=text.encode() if isinstance(text, str) else text)
    assert status == 0, said
    return out


def restore(text, *options):
    status, out, said = virt_tap("restore", *options, stdin=text)
    assert status == 0, said
    return out


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
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name in ("in", "out", "back", "again", "valid"):
            os.mkdir(f"{cls.folder}/{name}")
        for path in glob.glob(DATA + "/domains/*.xml"):
            if os.path.basename(path) in BROKEN:
                continue
            for number, (_, text) in enumerate(variants(read(path))):
                with open(f"{cls.folder}/in/{number}-{os.path.basename(path)}", "wb") as file:
                    file.write(text)
        cls.names = sorted(os.listdir(cls.folder + "/in"))
        cls.said = cls.run_all("rewrite", "in", "out", *NETWORKS)

    @classmethod
    def run_all(cls, verb, source, target, *options):
        status, _, said = virt_tap(verb, *options, "--output-dir", "../" + target, *cls.names, folder=f"{cls.folder}/{source}")
        assert status == 0, [line for line in said.splitlines() if 'is left as it is' not in line]
        return said

    def files(self, folder):
        return {name: read(f"{self.folder}/{folder}/{name}") for name in self.names}

    def test_restored_is_equal(self):
        self.run_all("restore", "out", "back")
        self.assertEqual(self.files("back"), self.files("in"))

    def test_twice_is_once(self):
        self.run_all("rewrite", "out", "again", *NETWORKS)
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
            pointed = len(re.findall(rb"<target dev='vt-[^']+' managed='no'/>", plain))
            self.assertEqual(there - pointed, sum(one == name for one, _ in left), name)
            self.assertEqual(pointed, len(re.findall(rb"<vt:tap ", plain)), name)

    @unittest.skipUnless(os.path.exists(SCHEMA), "libvirt's grammar is not here")
    def test_what_libvirt_accepted_it_accepts(self):
        """Restoring what was never rewritten changes nothing, and so tells of the input itself."""
        options = ("--validate", "--output-dir", "../valid")
        unaccepted = virt_tap("restore", *options, *self.names, folder=self.folder + "/in")[2]
        refused = set(re.findall(r"^virt-tap xml restore: (\S+?):\d", unaccepted, re.M))
        accepted = [name for name in self.names if name not in refused]
        self.assertGreater(len(accepted), 400)
        self.assertEqual(virt_tap("restore", *options, *accepted, folder=self.folder + "/out")[2], "")
        status, _, said = virt_tap("rewrite", *NETWORKS, *options, *accepted, folder=self.folder + "/in")
        self.assertEqual(status, 0, said)


class Refused(unittest.TestCase):
    """One line with place and reason, exit 1, nothing on standard output."""

    def refuse(self, text, place, *words, verb="rewrite", options=()):
        text = text.encode() if isinstance(text, str) else text
        status, out, said = virt_tap(verb, *options, stdin=text)
        self.assertEqual((status, out), (1, b""), said)
        self.assertRegex(said, rf"\Avirt-tap xml {verb}: \(standard input\):{place}[^\n]+\n\Z")
        for word in words:
            self.assertIn(word, said)

    def test_no_xml(self):
        for text in ("", " \n", "hello", "{}", "\x7fELF", "<", "<a", "<a b", "<a b=", "<a b='", "<a b=c/>", "<a 'b'/>", "<a><b",
                     "</a>", "<a/><b/>", "<a></b>", "<a></a", "<a></aa>", "<a/>x", "<!-- ", "<?x", "<a><![CDATA[", "<a b=''c=''/>",
                     "<a b='<'/>", "<a>&</a>", "<a b='' b=''/>", "<a>\x01</a>", "<a:b:c>", "<!-- -- --><a/>", "<a>]]></a>",
                     b"<a>\xff</a>", "<![CDATA[x]]><a/>", "<1/>", "<a/><?xml version='1.0'?>"):
            with self.subTest(text):
                self.refuse(text, r"\d+:\d+: ")

    def test_the_place_is_said(self):
        self.refuse("<domain>\n  é<a></b>\n</domain>", "2:9: ", "mismatched tag")
        self.refuse("<domain>\n <b x='1' x='2'/></domain>", r"2:\d+: ", "duplicate attribute")

    def test_no_domain(self):
        self.refuse("<network><name>x</name></network>", "1:1: ", "no domain", "<network>")
        self.refuse("<domain xmlns='urn:x'/>", "1:1: ", "no domain")
        self.refuse("<domainsnapshot><domain/></domainsnapshot>", "1:1: ", "no domain")

    def test_truncated_anywhere(self):
        text = rewrite(DOMAIN.format(BRIDGE))
        for end in range(len(text) - 2):
            status, out, said = virt_tap("restore", stdin=text[:end]) if end % 7 == 0 else (1, b"", "x\n")
            self.assertEqual((status, out, said.count("\n")), (1, b"", 1), end)

    def test_entities(self):
        bomb = "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
            f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi")) + "]><domain>&i;</domain>"
        self.refuse(bomb, r"1:\d+: ", "document type")
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"SECRET")
            file.flush()
            self.refuse(f"<!DOCTYPE d [<!ENTITY x SYSTEM 'file://{file.name}'>]><domain>&x;</domain>", r"1:\d+: ", "document type")
        self.refuse("<domain>&x;</domain>", r"1:\d+: ", "x")

    def test_limits(self):
        self.refuse("<domain>" + " " * (100 << 20), "", " it is longer than 4 MiB")
        self.refuse("<domain>" + "<a>" * 100000, r"1:\d+: ", "nested deeper")
        self.refuse("<domain>" + "<a/>" * 70000 + "</domain>", r"1:\d+: ", "more elements")
        rewrite("<domain " + " ".join(f"a{i}=''" for i in range(300000)) + "/>")  # takes no time
        self.refuse(DOMAIN.format(BRIDGE * 1025), r"\d+:\d+: ", "more than 1024 interfaces")
        filled = DOMAIN.format(BRIDGE)
        filled = filled.replace("</domain>", "x" * ((4 << 20) - len(filled)) + "</domain>")
        self.assertEqual(len(filled), 4 << 20)
        self.refuse(filled, "1:1: ", "the result would be longer")

    def test_deep_is_read_as_far_as_libvirt_reads(self):
        nested = "<a>" * 250 + "</a>" * 250
        self.assertIn(b"vt-web-", rewrite(DOMAIN.format(BRIDGE + nested)))

    def test_encodings(self):
        for encoding in ("utf-16", "utf-16-le", "utf-32"):
            self.refuse(DOMAIN.format(BRIDGE).encode(encoding), "1:1: ", "UTF-8")
        latin = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<domain><name>\xe9</name></domain>".encode("latin-1")
        self.refuse(latin, "1:1: ", "another encoding", "UTF-8")
        self.assertIn(b"\xc3\xa9", rewrite("<?xml version='1.0' encoding='utf-8'?>\n<domain><name>\xe9</name></domain>"))

    def test_bridge_that_no_kernel_takes(self):
        for name in ("0123456789abcdef", "a/b", "a b", "..", "a%d", "", "a&#10;b"):
            self.refuse(DOMAIN.format(BRIDGE.replace("br0", name)), "5:5: ", "no kernel takes")

    def test_one_name_for_two(self):
        self.refuse(DOMAIN.format(BRIDGE + BRIDGE), r"\d+:\d+: ", "another interface has the target 'vt-web-")
        name = re.search(rb"vt-web-\w+", rewrite(DOMAIN.format(BRIDGE)))[0].decode()
        other = f"<interface type='user'><target dev='{name}'/></interface>"
        self.refuse(DOMAIN.format(BRIDGE + other), r"5:5: ", "another interface has the target")

    def test_no_such_interface(self):
        for word in ("2", "0", "01", "52:54:00:00:00:02", "x", "1x"):
            for verb in ("rewrite", "restore"):
                self.refuse(DOMAIN.format(BRIDGE), "1:1: ", f"no interface '{word}'", verb=verb, options=("--interface", word))

    def test_no_name(self):
        self.refuse(DOMAIN.format(BRIDGE).replace("<name>web</name>", ""), "1:1: ", "<name>")

    def test_result_that_libvirt_would_not_take(self):
        self.refuse(DOMAIN.format(BRIDGE + "<hostdev/>"), r"\d+:\d+: ", options=("--validate",))

    def test_damaged_metadata(self):
        good = rewrite(DOMAIN.format(BRIDGE)).decode()
        name = re.search(r"vt-web-\w+", good)[0]
        for old, new, word in (
                ("version='1'", "version='2'", "version 1"),
                (" version='1'", "", "version 1"),
                (f"<vt:tap dev='{name}'", "<vt:tap", "begins with vt-"),
                (f"<vt:tap dev='{name}'", "<vt:tap dev='eth0'", "begins with vt-"),
                (f"<vt:tap dev='{name}'", "<vt:tap dev='vt-0123456789abcd'", "begins with vt-"),
                (" bridge='br0'>", ">", "such a bridge"),
                (" bridge='br0'>", " bridge='a/b'>", "such a bridge"),
                (" bridge='br0'>", " bridge='br0' vlan='4095'>", "vlan"),
                (" bridge='br0'>", " bridge='br0' vlan='0'>", "vlan"),
                (" bridge='br0'>", " bridge='br0' vlan='1x'>", "vlan"),
                (" bridge='br0'>", " bridge='br0' isolated='no'>", "isolated"),
                ("</vt:taps>", f"<vt:tap dev='{name}' bridge='br0'/></vt:taps>", "two taps"),
                ("</vt:taps>", "<x/></vt:taps>", "nothing else"),
                ("</vt:taps>", "x</vt:taps>", "nothing else"),
                ("</metadata>", "<vt:taps xmlns:vt='urn:virt-tap' version='1'/></metadata>", "second list"),
                ("</metadata>", "</metadata><metadata/>", "second <metadata>"),
                ("</devices>", f"<interface type='ethernet'><target dev='{name}' managed='no'/></interface></devices>",
                 "second interface")):
            with self.subTest(new):
                self.assertIn(old, good)
                for verb in ("rewrite", "restore"):
                    self.refuse(good.replace(old, new), r"\d+:\d+: ", word, verb=verb)
        self.refuse(re.sub("<vt:tap .*</vt:tap>", "", good, flags=re.S), r"\d+:\d+: ", "no tap", verb="restore")

    def test_forged_original(self):
        """restore takes an original only if rewriting it would have given the interface its tap."""
        good = rewrite(DOMAIN.format(BRIDGE)).decode()
        for original, word in (
                ("", "no XML"), ("hello", "no XML"), ("<a/>", "no <interface>"), ("<x/><x/>", "no XML"),
                (BRIDGE + BRIDGE, "junk after"), ("<!DOCTYPE a>" + BRIDGE, "document type"),
                (BRIDGE.replace("bridge'>", "user'>"), "of type 'user'"),
                (BRIDGE.replace("bridge'>", "ethernet'>"), "of type 'ethernet'"),
                (BRIDGE.replace("<model", "<script path='/evil'/><model"), "<script>"),
                (BRIDGE.replace("<source bridge='br0'/>", ""), "names no bridge"),
                (BRIDGE.replace("00:01", "00:02"), "its MAC is not that of the original"),
                (BRIDGE.replace("interface", "hostdev"), "no <interface>")):
            with self.subTest(original):
                escaped = original.replace("&", "&amp;").replace("<", "&lt;")
                self.refuse(re.sub("(<vt:tap [^>]*>).*(</vt:tap>)", lambda m, by=escaped: m[1] + by + m[2], good, flags=re.S),
                            r"\d+:\d+: ", word, verb="restore")
        self.refuse(re.sub("(<vt:tap [^>]*>).*(</vt:tap>)", r"\1<interface/>\2", good, flags=re.S), r"\d+:\d+: ", "no text",
                    verb="restore")
        self.refuse(good.replace("<model type='virtio'/>\n    </interface>\n  </devices>",
                                 "<source><ip address='10.0.0.1'/></source></interface></devices>"),
                    r"\d+:\d+: ", "<source>", verb="restore")

    def test_clone_is_not_restored(self):
        self.refuse(rewrite(DOMAIN.format(BRIDGE)).replace(b"000001</uuid>", b"000002</uuid>"), r"\d+:\d+: ", "clone",
                    "rewrite it first", verb="restore")


class Left(unittest.TestCase):
    """What is left as it is, and why."""

    def left(self, text, word, *options):
        status, out, said = virt_tap("rewrite", *options, stdin=text.encode())
        self.assertEqual((status, out.decode()), (0, text))
        self.assertIn(word, said)
        self.assertEqual(virt_tap("rewrite", "--strict", *options, stdin=text.encode())[0], 3)

    def test_reasons(self):
        for old, new, word in (
                ("<model", "<virtualport type='openvswitch'/><model", "<virtualport>"),
                ("<model", "<filterref filter='clean-traffic'/><model", "<filterref>"),
                ("<model", "<script path='/x'/><model", "<script>"),
                ("<model", "<downscript path='/x'/><model", "<downscript>"),
                ("<model", "<vlan trunk='yes'><tag id='1'/></vlan><model", "<vlan>"),
                ("<model", "<vlan><tag id='1'/><tag id='2'/></vlan><model", "<vlan>"),
                ("<model", "<vlan><tag id='1' nativeMode='tagged'/></vlan><model", "<vlan>"),
                ("<model", "<vlan/><model", "<vlan>"),
                ("<model", "<vlan><tag id='4095'/></vlan><model", "1 to 4094"),
                ("<model", "<vlan><tag id='0'/></vlan><model", "1 to 4094"),
                ("<model", "<vlan><tag id='-1'/></vlan><model", "1 to 4094"),
                ("<model", "<source bridge='br1'/><model", "more than one <source>"),
                ("<model", "<mac address='52:54:00:00:00:02'/><model", "more than one <mac>"),
                ("<model", "<target dev='a'/><target dev='b'/><model", "more than one <target>"),
                ("'bridge'>", "'bridge' trustGuestRxFilters='yes'>", "trustGuestRxFilters"),
                ("<source bridge='br0'/>", "", "names no bridge"),
                ("<source bridge='br0'/>", "<source network='n'/>", "names no bridge"),
                ("<source bridge='br0'/>", "<source bridge='br0'><ip address='10.0.0.1'/></source>", "names no bridge"),
                ("type='bridge'", "type='user'", "type 'user'"),
                (" type='bridge'", "", "type ''")):
            with self.subTest(new):
                self.assertIn(old, BRIDGE)
                self.left(DOMAIN.format(BRIDGE.replace(old, new, 1)), word)

    def test_networks(self):
        network = BRIDGE.replace("bridge", "network").replace("br0", "lan")
        self.left(DOMAIN.format(network), "--network 'lan=BRIDGE'")
        self.left(DOMAIN.format(network), "--network 'lan=BRIDGE'", "--network", "la=br0", "--network", "lann=br0")
        self.left(DOMAIN.format(network.replace("'lan'", "'lan' portgroup='p'")), "portgroup", "--network", "lan=br0")
        self.assertIn(b"bridge='br=1'", rewrite(DOMAIN.format(network.replace("lan", "l=n")), "--bridge", "br=1"))
        self.assertIn(b"bridge='br2'", rewrite(DOMAIN.format(network), "--network", "lan=br2"))

    def test_other_drivers(self):
        self.left(DOMAIN.format(BRIDGE).replace("'kvm'", "'xen'"), "type 'xen'")

    def test_strict_is_content_with_taps(self):
        self.assertEqual(virt_tap("rewrite", "--strict", stdin=rewrite(DOMAIN.format(BRIDGE)))[0], 0)


class Clone(unittest.TestCase):
    def test_clone_gets_taps_of_its_own(self):
        first = rewrite(DOMAIN.format(BRIDGE))
        clone = first.replace(b"000001</uuid>", b"000002</uuid>").replace(b"<name>web", b"<name>mail")
        clone = re.sub(rb"(</metadata>.*)00:01'", rb"\g<1>00:0f'", clone, flags=re.S)
        own = rewrite(clone)
        self.assertNotIn(b"vt-web-", own)
        self.assertEqual(len(set(re.findall(rb"vt-mail-\w+", own))), 1)
        self.assertEqual(rewrite(own), own)
        fresh = DOMAIN.format(BRIDGE.replace("00:01", "00:0f")).replace("000001", "000002").replace("web", "mail")
        self.assertEqual(restore(own).decode(), fresh)
        self.assertEqual(own, rewrite(fresh))

    def test_uuid_in_another_spelling_is_no_clone(self):
        text = rewrite(DOMAIN.format(BRIDGE)).replace(b"11111111-1111-4111-8111-000000000001</uuid>",
                                                     b" 11111111111141118111000000000001</uuid>")
        self.assertIn(b"type='bridge'", restore(text))


class Chosen(unittest.TestCase):
    TWO = DOMAIN.format(BRIDGE + "\n    " + BRIDGE.replace("00:01", "00:02"))

    def test_one_after_the_other(self):
        one = rewrite(self.TWO, "--interface", "2")
        self.assertEqual(one.count(b"<vt:tap "), 1)
        self.assertEqual(rewrite(self.TWO, "--interface", "52:54:00:00:00:02"), one)
        both = rewrite(one)
        self.assertEqual(both.count(b"<vt:tap "), 2)
        self.assertEqual(restore(both, "--interface", "1"), one)
        self.assertEqual(restore(both).decode(), self.TWO)

    def test_interface_that_is_gone(self):
        """What is left of it in the metadata goes with restore, and when its name is needed again."""
        gone = rewrite(self.TWO)
        gone = re.sub(rb"\s*<interface type='ethernet'>\s*<mac address='52:54:00:00:00:02'/>.*?</interface>", b"", gone, flags=re.S)
        self.assertEqual(restore(gone).decode(), DOMAIN.format(BRIDGE))
        self.assertEqual(rewrite(gone), gone)
        back = gone.replace(b"</interface>\n  </devices>", b"</interface>\n    " +
                            BRIDGE.replace("00:01", "00:02").encode() + b"\n  </devices>")
        self.assertEqual(restore(rewrite(back)).decode(), self.TWO)
        self.assertIn(b"no interface has it any more", virt_tap("show", stdin=gone)[1])


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
        self.assertRegex(said, r"\A[^\n]*: bad:1:9: [^\n]+\n[^\n]* missing: No such file[^\n]*\n[^\n]* \.: Is a directory\n\Z")
        self.assertEqual(self.get("a"), rewrite(self.text))
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
        self.assertEqual((status, said), (1, "virt-tap xml rewrite: cannot write nowhere/a: No such file or directory\n"))

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
        self.assertRegex(out.decode(), r"\Aa: web\n  1  52:54:00:00:00:01  tap vt-web-\w+ on br0, multiqueue\n"
                                       r"b: web\n  1  52:54:00:00:00:01  could be a tap on br0\n\Z")
        self.assertEqual(self.run_here("show", "a", "missing")[0], 1)
        self.put("c", self.text.replace(b"type='kvm'", b"type='test'").replace(b"type='qemu'", b"type='test'"))
        self.assertIn(b"no tap: a domain of type 'test'", self.run_here("show", "c")[1])


class DefineHook(unittest.TestCase):
    """KubeVirt's contract, through a link of the name that it calls."""

    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.hook = folder + "/onDefineDomain"
        os.symlink(CLI, self.hook)

    def call(self, vmi, xml, *more):
        done = subprocess.run([self.hook, "--vmi", vmi, "--domain", xml, *more], capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_whole_domain_comes_out(self):
        domain = DOMAIN.format(BRIDGE + "<unknown xmlns='urn:x'><kept/></unknown>")
        status, out, said = self.call("{}", domain)
        self.assertEqual((status, said), (0, ""))
        self.assertEqual(out, rewrite(domain).decode())
        self.assertEqual(self.call("{}", out)[1], out)
        self.assertEqual(virt_tap("define-hook", "--vmi", "{}", "--domain", domain)[1].decode(), out)

    def test_annotations(self):
        network = DOMAIN.format(BRIDGE.replace("bridge", "network").replace("br0", "lan"))
        vmi = '{"metadata": {"name": "x", "annotations": {"virt-tap/%s": "%s"}}}'
        self.assertEqual(self.call(vmi % ("networks", "a=b,lan=br7"), network)[1].encode(), rewrite(network, "--bridge", "br7"))
        self.assertEqual(self.call(vmi % ("bridge", "br7"), network)[1].encode(), rewrite(network, "--bridge", "br7"))
        self.assertEqual(self.call(vmi % ("other", "br7"), network)[:2], (0, network))

    def test_refusals(self):
        for vmi, xml, word in (("", "<domain/>", "--vmi:"), ("[]", "<domain/>", "--vmi:"), ("{", "<domain/>", "--vmi:"),
                               ("{}", "", "--domain:1:1: "), ("{}", "<domain>", "--domain:1:9: "),
                               ('{"metadata":{"annotations":{"virt-tap/bridge":"a/b"}}}', "<domain/>", "a/b"),
                               ('{"metadata":{"annotations":{"virt-tap/networks":"x"}}}', "<domain/>", "NAME=BRIDGE")):
            status, out, said = self.call(vmi, xml)
            self.assertEqual((status, out, said.count("\n")), (1, "", 1), said)
            self.assertIn(word, said)
        for words in ([], ["--vmi", "{}"], ["--domain", "<domain/>"], ["--nonsense"]):
            self.assertEqual(subprocess.run([self.hook, *words], capture_output=True, timeout=60, check=False).returncode, 2)
        self.assertEqual(self.call("{}", "<domain/>", "more")[0], 2)


if __name__ == "__main__":
    unittest.main()
