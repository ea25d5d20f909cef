#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap xml: what is refused, in which words; what is left as it is; clones, and names."""
import re
import subprocess
import tempfile
import unittest

from xmlcase import BRIDGE, CLI, DOMAIN, read, restore, rewrite, virt_tap


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
        self.refuse("<domain>\n  é<a></b>\n</domain>", "2:11: ", "tag mismatch")
        self.refuse("<domain>\n <b x='1' x='2'/></domain>", r"2:\d+: ", "redefined")

    def test_no_domain(self):
        self.refuse("<network><name>x</name></network>", "1:1: ", "not a libvirt domain", "<network>")
        self.refuse("<domain xmlns='urn:x'/>", "1:1: ", "not a libvirt domain")
        self.refuse("<domainsnapshot><domain/></domainsnapshot>", "1:1: ", "not a libvirt domain")

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
        for count, where in ((1000, ""), (1001, ""), (300000, ""), (300000, "<1"), (300000, "<?"), (300000, "<!--\1"), (300000, '<a "')):  # takes no time
            text = f"<domain><name>x</name>{where}<b " + " ".join(f"a{i}=''" for i in range(count)) + "/></domain>"
            if count == 1000:
                rewrite(text)
            else:
                self.refuse(text, f"1:{text.index('<b') + 1}: ", "more than 1000 attributes")
        self.refuse(DOMAIN.format(BRIDGE.replace("<model", "<a " + " ".join(f"a{i}=''" for i in range(999)) + "/><model")), "5:5: ",
                    "the result would be longer")
        self.refuse(DOMAIN.format(BRIDGE * 1025), r"\d+:\d+: ", "more than 1024 interfaces")
        filled = DOMAIN.format(BRIDGE)
        filled = filled.replace("</domain>", "x" * ((4 << 20) - len(filled)) + "</domain>")
        self.assertEqual(len(filled), 4 << 20)
        self.refuse(filled, "1:1: ", "the result would be longer")

    def test_deep_is_read_as_far_as_libvirt_reads(self):
        nested = "<a>" * 250 + "</a>" * 250
        self.assertIn(b"vtap-web-", rewrite(DOMAIN.format(BRIDGE + nested)))

    def test_encodings(self):
        for encoding in ("utf-16", "utf-16-le", "utf-32"):
            self.refuse(DOMAIN.format(BRIDGE).encode(encoding), "1:1: ", "UTF-8")
        latin = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<domain><name>\xe9</name></domain>".encode("latin-1")
        self.refuse(latin, "1:1: ", "another encoding, 'ISO-8859-1'", "UTF-8")
        self.assertIn(b"\xc3\xa9", rewrite("<?xml version='1.0' encoding='utf-8'?>\n<domain><name>\xe9</name></domain>"))
        self.assertIn(b"\xc3\xa9", rewrite("<?xml version='1.0' encoding='utf8'?>\n<domain><name>\xe9</name></domain>"))

    def test_bridge_that_no_kernel_takes(self):
        for name in ("0123456789abcdef", "a/b", "a b", "..", "a%d", "", "a&#10;b"):
            self.refuse(DOMAIN.format(BRIDGE.replace("br0", name)), "5:5: ", "is not a valid name for a bridge")

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
        name = re.search(r"vtap-web-\w+", good)[0]
        for old, new, word in (
                ("version='1'", "version='2'", "version 1"),
                (" version='1'", "", "no version"), ("version='1'", "version='1.0'", "no version"), ("version='1'", "version='-2'", "no version"),
                (f"<vt:tap dev='{name}'", "<vt:tap", "begins with vtap-"),
                (f"<vt:tap dev='{name}'", "<vt:tap dev='eth0'", "begins with vtap-"),
                (f"<vt:tap dev='{name}'", "<vt:tap dev='vtap-0123456789a'", "begins with vtap-"),
                (" bridge='br0'>", ">", "not a valid name"),
                (" bridge='br0'>", " bridge='a/b'>", "not a valid name"),
                (" bridge='br0'>", " bridge='br0' vlan='4095'>", "vlan"),
                (" bridge='br0'>", " bridge='br0' vlan='0'>", "vlan"),
                (" bridge='br0'>", " bridge='br0' vlan='1x'>", "vlan"),
                *((" bridge='br0'>", f" bridge='br0' {vlans}>", "a tap's vlan is '1' to '4094' or a trunk") for vlans in
                  ("vlan=''", "vlan='0100'", "vlan='100' native='100'", "vlan='100,200'", "vlan='100,200' native=''", "vlan='100,200' native='300'",
                   "vlan='200,100' native='none'", "vlan='100,100' native='none'", "vlan='100,101' native='none'", "vlan='100,200' native='0100'",
                   "native='none'", "native='100'", "vlan='100 200' native='none'", "vlan='100,--force' native='none'")),
                (" bridge='br0'>", " bridge='br0' isolated='no'>", "isolated"),
                *((" bridge='br0'>", f" bridge='br0' ip='{ips}'>", "a tap's ip has 1 to 64") for ips in
                  ("", " ", "10.66.1.5 ", " 10.66.1.5", "10.66.1.5  10.66.1.6", "10.66.1.5,10.66.1.6", "10.66.1.5/24", "10.66.1", "--force",
                   "fe80::1%br0", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", " ".join(["10.66.1.5"] * 65))),
                *((" bridge='br0'>", f" bridge='br0' lock='{lock}'>", "a tap's lock is 'mac' or 'ip'") for lock in ("", "no", "IP", "mac ip", "--force")),
                *((" bridge='br0'>", f" bridge='br0' serve='{serve}'>", "a tap's serve has ") for serve in
                  ("", "dns", "dhcp ", "dhcp,", ",ra", "dhcp ra", "ra,ra", "dhcp,dhcpv6,ra,dhcp", "DHCP", "--force", "dhcpv")),
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

    def test_addresses(self):
        """--ip is for one interface, which has no tap yet."""
        two = DOMAIN.format(BRIDGE + BRIDGE.replace("00:01", "00:02"))
        self.refuse(two, r"\d+:\d+: ", "--ip is for one interface, and these are 2; choose one with --interface", options=("--ip=10.66.1.5",))
        self.refuse(DOMAIN.format(""), r"\d+:\d+: ", "these are 0", options=("--ip=10.66.1.5",))
        self.refuse(rewrite(DOMAIN.format(BRIDGE)).decode(), r"\d+:\d+: ", "has a tap already; restore it first", options=("--ip=10.66.1.5",))
        for word in ("", "10.66.1", "10.66.1.5/24", "10.66.1.5 10.66.1.6", "x' y='"):
            self.assertRegex(virt_tap("rewrite", f"--ip={word}", stdin=DOMAIN.format(BRIDGE).encode())[2], "--ip takes up to 64 times an IP address")
        self.assertEqual(virt_tap("rewrite", *["--ip=10.66.1.5"] * 65, stdin=DOMAIN.format(BRIDGE).encode())[0], 2)
        self.assertEqual(virt_tap("rewrite", "--ip=10.66.1.5", "a.xml", "b.xml")[::2], (2, "virt-tap xml rewrite: --ip is for one document\n"))

    def test_locks(self):
        for before, option in (((), "--lock=mac"), (("--lock=mac",), "--lock=ip"), ((), "--serve=ra"), (("--serve=ra,dhcp",), "--serve=ra")):
            self.refuse(rewrite(DOMAIN.format(BRIDGE), *before).decode(), r"\d+:\d+: ", f"{option.partition('=')[0]}: this interface has a tap already",
                        options=(option,))
        for word in ("", "dns", "dhcp,dhcp", "ra,"):
            self.assertIn("--serve takes dhcp, dhcpv6, ra, or", virt_tap("rewrite", f"--serve={word}", stdin=DOMAIN.format(BRIDGE).encode())[2])
        for word in ("", "no", "macip"):
            self.assertEqual(virt_tap("rewrite", f"--lock={word}", stdin=DOMAIN.format(BRIDGE).encode())[0], 2)

    def test_forged_original(self):
        """restore takes an original only if rewriting it would have given the interface its tap."""
        good = rewrite(DOMAIN.format(BRIDGE)).decode()
        for original, word in (
                ("", "not XML"), ("hello", "not XML"), ("<a/>", "not an <interface>"), ("<x/><x/>", "not XML"),
                (BRIDGE + BRIDGE, "Extra content"), ("<!DOCTYPE a>" + BRIDGE, "document type"),
                (BRIDGE.replace("bridge'>", "user'>"), "of type 'user'"),
                (BRIDGE.replace("bridge'>", "ethernet'>"), "of type 'ethernet'"),
                (BRIDGE.replace("<model", "<script path='/evil'/><model"), "<script>"),
                (BRIDGE.replace("<source bridge='br0'/>", ""), "names no bridge"),
                (BRIDGE.replace("00:01", "00:02"), "its MAC is not that of the original"),
                (BRIDGE.replace("interface", "hostdev"), "not an <interface>")):
            with self.subTest(original):
                escaped = original.replace("&", "&amp;").replace("<", "&lt;")
                self.refuse(re.sub("(<vt:tap [^>]*>).*(</vt:tap>)", lambda m, by=escaped: m[1] + by + m[2], good, flags=re.S),
                            r"\d+:\d+: ", word, verb="restore")
        self.refuse(re.sub("(<vt:tap [^>]*>).*(</vt:tap>)", r"\1<interface/>\2", good, flags=re.S), r"\d+:\d+: ", "not text",
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
                ("<model", "<coalesce><rx><frames max='32'/></rx></coalesce><model", "<coalesce>"),
                ("<model", "<bandwidth><inbound average='1000' floor='200'/></bandwidth><model", "floor"),
                ("<model", "<script path='/x'/><model", "<script>"),
                ("<model", "<downscript path='/x'/><model", "<downscript>"),
                ("<model", "<vlan trunk='maybe'><tag id='1'/></vlan><model", "neither one plain tag nor a trunk"),
                ("<model", "<vlan trunk='no'><tag id='1'/><tag id='2'/></vlan><model", "neither one plain tag nor a trunk"),
                ("<model", "<vlan trunk='no'><tag id='1' nativeMode='untagged'/></vlan><model", "neither one plain tag nor a trunk"),
                ("<model", "<vlan><tag id='1' nativeMode='untagged'/></vlan><model", "neither one plain tag nor a trunk"),
                ("<model", "<vlan/><model", "neither one plain tag nor a trunk"),
                ("<model", "<vlan trunk='yes'/><model", "neither one plain tag nor a trunk"),
                ("<model", "<vlan><tag id='1' nativeMode='tagged'/><tag id='2'/></vlan><model", "native VLAN is not untagged"),
                ("<model", "<vlan trunk='yes'><tag id='1' nativeMode='both'/></vlan><model", "native VLAN is not untagged"),
                ("<model", "<vlan><tag id='1' nativeMode='untagged'/><tag id='2' nativeMode='untagged'/></vlan><model", "more than one native VLAN"),
                ("<model", "<vlan><tag id='1'/><tag/></vlan><model", "1 to 4094"),
                ("<model", "<vlan><tag id='1'/><tag id='4095'/></vlan><model", "1 to 4094"),
                ("<model", "<vlan>" + "".join(f"<tag id='{2 * n}'/>" for n in range(1, 66)) + "</vlan><model", "more than 64 ranges"),
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

    def test_outbound(self):
        """libvirt's limit and the port filter would have to be in the same place. Without a lock it is kept, and so is what is already rewritten."""
        text = DOMAIN.format(BRIDGE.replace("<model", "<bandwidth><outbound average='1000'/></bandwidth><model"))
        self.left(text, "cannot limit what a locked guest sends", "--lock=mac")
        done = rewrite(text)
        self.assertIn(b"vtap-web-", done)
        locked = done.replace(b" bridge='br0'>", b" bridge='br0' lock='mac'>")
        self.assertEqual(virt_tap("restore", stdin=locked)[1].decode(), text)
        self.assertIn(b"lock='mac'", rewrite(text.replace("outbound", "inbound"), "--lock=mac"))

    def test_reasons_stay_out_of_the_document(self):
        """Where standard output and standard error are the same pipe or file, as with 2>&1."""
        text = DOMAIN.format(BRIDGE.replace("<model", "<coalesce><rx><frames max='32'/></rx></coalesce><model")).encode()
        command = [CLI, "xml", "rewrite"]
        for options, status in ((), 0), (("--strict",), 3):
            done = subprocess.run([*command, *options], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual((done.returncode, done.stdout), (status, text))
            with tempfile.TemporaryFile() as file:
                subprocess.run([*command, *options], input=text, stdout=file, stderr=file, check=False)
                file.seek(0)
                self.assertEqual(file.read(), text)
        done = subprocess.run([*command, "--diff"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
        self.assertIn(b"is left as it is", done.stdout)
        done = subprocess.run(command, input=b"<domain>", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertIn(b"virt-tap xml rewrite: (standard input):1:", done.stdout)

    def test_networks(self):
        network = BRIDGE.replace("bridge", "network").replace("br0", "lan")
        self.left(DOMAIN.format(network), "--network lan=BRIDGE")
        self.left(DOMAIN.format(network), "--network lan=BRIDGE", "--network", "la=br0", "--network", "lann=br0")
        self.left(DOMAIN.format(network.replace("'lan'", "'lan' portgroup='p'")), "portgroup", "--network", "lan=br0")
        self.assertIn(b"bridge='br=1'", rewrite(DOMAIN.format(network.replace("lan", "l=n")), "--bridge", "br=1"))
        self.assertIn(b"bridge='br2'", rewrite(DOMAIN.format(network), "--network", "lan=br2"))

    def test_other_drivers(self):
        self.left(DOMAIN.format(BRIDGE).replace("'kvm'", "'xen'"), "type 'xen'")
        esx = DOMAIN.format(BRIDGE).replace("'kvm'", "'vmware'").replace("'br0'", "'VM Network'")  # no kernel's name, nor need it be
        self.left(esx, "type 'vmware'")
        self.assertIn(b"no tap: a domain of type 'vmware'", virt_tap("show", stdin=esx.encode())[1])

    def test_strict_is_content_with_taps(self):
        self.assertEqual(virt_tap("rewrite", "--strict", stdin=rewrite(DOMAIN.format(BRIDGE)))[0], 0)


class Clone(unittest.TestCase):
    def test_clone_gets_taps_of_its_own(self):
        first = rewrite(DOMAIN.format(BRIDGE))
        clone = first.replace(b"000001</uuid>", b"000002</uuid>").replace(b"<name>web", b"<name>mail")
        clone = re.sub(rb"(</metadata>.*)00:01'", rb"\g<1>00:0f'", clone, flags=re.S)
        own = rewrite(clone)
        self.assertNotIn(b"vtap-web-", own)
        self.assertEqual(len(set(re.findall(rb"vtap-mail-\w+", own))), 1)
        self.assertEqual(rewrite(own), own)
        fresh = DOMAIN.format(BRIDGE.replace("00:01", "00:0f")).replace("000001", "000002").replace("web", "mail")
        self.assertEqual(restore(own).decode(), fresh)
        self.assertEqual(own, rewrite(fresh))

    def test_clone_without_names_of_targets(self):
        """As virt-clone and virt-manager make them: new MACs, and of the target only managed='no'. The bridges show which is which."""
        def nics(order, macs, bridges, addresses=True):
            text = ""
            for mac, bridge, slot in zip(macs, bridges, order):
                where = f"<address type='pci' slot='0x0{slot}'/>" if addresses else ""
                text += BRIDGE.replace("00:01", f"00:0{mac}").replace("br0", bridge).replace("</interface>", where + "</interface>")
            return DOMAIN.format(text)

        def clone(text):
            text = text.replace(b"000001</uuid>", b"000002</uuid>").replace(b"<name>web", b"<name>mail")
            head, tail = text.split(b"</metadata>")
            tail = re.sub(rb"00:0(\d)'", lambda mac: b"00:%02d'" % (int(mac[1]) + 10), re.sub(rb"(?<=<target )dev='[^']*' ", b"", tail))
            return head + b"</metadata>" + tail

        for addresses in (True, False):
            first = rewrite(nics("345", "123", ("br0", "br1", "br2"), addresses))
            with self.subTest(addresses):
                cloned = clone(first)
                self.assertEqual(cloned.count(b"<target managed='no'/>"), 3)
                if addresses:  # in another order
                    one, two = (re.search(rb"<interface type='ethernet'>(?:(?!<interface ).)*slot='0x0%d'/></interface>" % slot, cloned, re.S)[0]
                                for slot in (3, 5))
                    cloned = cloned.replace(one, b"?").replace(two, one).replace(b"?", two)
                own = rewrite(cloned)
                self.assertNotIn(b"vtap-web-", own)
                self.assertEqual(rewrite(own), own)
                found = re.findall(rb"52:54:00:00:00:(\d\d)'.*?<source bridge='br(\d)'", restore(own), re.S)
                self.assertEqual(sorted(found), [(b"11", b"0"), (b"12", b"1"), (b"13", b"2")])

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
        self.assertIn(b"no interface uses it any more", virt_tap("show", stdin=gone)[1])


class Names(unittest.TestCase):
    """A tap's name is no other tap's, of this domain or of those at hand."""
    # Domains whose taps would have one name: found by making 12,000.
    PAIR = [DOMAIN.replace("000001<", f"{uuid:06}<").format(BRIDGE.replace("00:00:01", mac)) for uuid, mac in ((4, "00:03:cd"), (8, "00:00:e3"))]

    def name(self, text):
        names = re.findall(rb"<target dev='(vtap-web-[a-z2-7]{5})'", text)
        self.assertEqual(len(names), 1)
        return names[0].decode()

    def files(self, *texts):
        """What comes out when these are rewritten by one command."""
        with tempfile.TemporaryDirectory() as folder:
            for i, text in enumerate(texts):
                with open(f"{folder}/{i}.xml", "wb") as file:
                    file.write(text.encode() if isinstance(text, str) else text)
            status, _, said = virt_tap("rewrite", "--in-place", *(f"{i}.xml" for i in range(len(texts))), folder=folder)
            self.assertEqual((status, said), (0, ""))
            return [read(f"{folder}/{i}.xml") for i in range(len(texts))]

    def test_two_of_one_mac(self):
        out = rewrite(DOMAIN.format(BRIDGE * 1024))
        self.assertEqual(len(set(re.findall(rb"<target dev='vtap-web-[a-z2-7]{5}'", out))), 1024)
        self.assertEqual(restore(out).decode(), DOMAIN.format(BRIDGE * 1024))

    def test_name_of_another_interface(self):
        name = self.name(rewrite(DOMAIN.format(BRIDGE)))
        other = f"<interface type='user'><target dev='{name}'/></interface>"
        self.assertIn(other.encode(), rewrite(DOMAIN.format(BRIDGE + other)))
        self.assertNotEqual(self.name(rewrite(DOMAIN.format(BRIDGE + other)).replace(other.encode(), b"")), name)

    def test_two_domains_at_hand(self):
        alone = [self.name(rewrite(text)) for text in self.PAIR]
        self.assertEqual(alone[0], alone[1])
        for texts in (self.PAIR, self.PAIR[::-1]):
            out = self.files(*texts)
            self.assertEqual(self.name(out[0]), alone[0])
            self.assertNotEqual(self.name(out[1]), alone[0])
            self.assertEqual(self.files(*out), out)
            self.assertEqual([restore(text).decode() for text in out], list(texts))

    def test_name_that_a_later_file_has(self):
        out = self.files(self.PAIR[0], rewrite(self.PAIR[1]))
        self.assertEqual(out[1], rewrite(self.PAIR[1]))
        self.assertNotEqual(self.name(out[0]), self.name(out[1]))

    def test_same_domain_twice(self):
        out = self.files(self.PAIR[0], self.PAIR[0], rewrite(self.PAIR[0]))
        self.assertEqual(len(set(out)), 1)

    def test_clone_does_not_keep_its_originals_name(self):
        original = rewrite(DOMAIN.format(BRIDGE))
        clone = original.replace(b"000001</uuid>", b"000002</uuid>")
        out = self.files(clone, DOMAIN.format(BRIDGE))
        self.assertEqual(out[1], original)
        self.assertNotEqual(self.name(out[0]), self.name(original))


if __name__ == "__main__":
    unittest.main()
