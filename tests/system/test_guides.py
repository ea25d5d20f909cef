#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The examples of the guides in docs/, and of the manual pages about libvirt's domains, typed in their order: as in test_examples.py."""
import functools
import os
import re

import brokerhost
import documents
import guidehost
import libvirthost
import needed
import reader
import sandbox
from guidehost import Guide, SYSTEM
from reader import ALICE, HOME, Guest

POLICY, BRIDGES = "/etc/virt-tap/policy.conf", "/etc/virt-tap/bridges.conf"
HELPER = "/usr/local/libexec/virt-tap-helper"
UUID = "11111111-1111-4111-8111-000000000001"
CARD = "<interface type='bridge'><mac address='52:54:00:12:34:56'/><source bridge='br0'/><model type='virtio'/></interface>"


def on_network(name):
    return CARD.replace("type='bridge'", "type='network'").replace("bridge='br0'", f"network='{name}'")


class System(Guide):
    def setUp(self):
        super().setUp()
        self.system()

    def test_hooks_system(self):
        self.define("web", CARD, uri=SYSTEM, user=0)
        with self.read("hooks-system.md"):
            self.types("sudo virt-tap bridge create br0 --uplink eth0")
            sandbox.make_bridge("virbr0")
            sandbox.write("/etc/qemu/bridge.conf", "allow virbr0\n")
            self.types("sudo virt-tap policy edit")
            self.assertRegex(self.type("sudo virt-tap policy explain --user root --bridge br0"), "quota: .*200 taps")
            self.assertIn("yes: alice", self.type("virt-tap policy explain --bridge virbr0"))  # as before there was a policy.conf
            self.types("sudo virt-tap hooks enable --reload")
            self.types("sudo virt-tap domain rewrite")
            self.has_taps(1)
            self.type("sudo virsh destroy web")
            self.has_taps(0)
            sandbox.write(POLICY, "deny br1\n")
            os.unlink("/etc/qemu/bridge.conf")
            self.types("$ sudo virsh start web", status=1)
        self.assertIn("no: root", self.type("sudo virt-tap policy explain --user root --bridge br0", status=1))
        self.type("sudo virt-tap domain restore --yes --connect qemu:///system web")
        self.assertIn("type='bridge'", self.type("sudo virsh dumpxml --inactive web"))
        self.type("sudo virt-tap hooks disable")

    def test_hooks_page(self):
        self.define("web", CARD, uri=SYSTEM, user=0)
        with self.read("virt-tap-hooks.7"):
            self.types("sudo virt-tap bridge create br0")
        self.has_taps(1)


class Session(Guide):
    def setUp(self):
        super().setUp()
        self.session()
        sandbox.make_bridge("br0")

    def test_hooks_session(self):
        self.define("web", CARD)
        with self.read("hooks-session.md"):
            self.types("sudo virt-tap policy edit")
            self.assertRegex(self.type("virt-tap policy explain --bridge br0"), "quota: .*8 taps")
            self.types("pid=")
            self.types("virt-tap domain rewrite")
            self.has_taps(1)
            self.virsh("destroy", "web")
            card = self.next("<interface").text
        self.define("queues", card)
        self.type("virt-tap domain rewrite --yes --connect qemu:///session queues")
        self.virsh("start", "queues")
        self.has_taps(1)
        self.assertRegex(self.type("virt-tap list"), r"vtap-queu-\w+ +br0 +alice +yes +4\b")

    def test_xml_page(self):
        sandbox.make_bridge("virbr0")
        sandbox.write(f"{HOME}/web.xml", libvirthost.DOMAIN.format(name="web", uuid="", boot="", devices=on_network("default")))
        for number in (1, 2):
            sandbox.write(f"{HOME}/domains/{number}.xml", libvirthost.DOMAIN.format(name=f"d{number}", uuid="", boot="", devices=CARD), uid=ALICE, gid=ALICE)
        os.chown(f"{HOME}/domains", ALICE, ALICE)
        before = documents.read(f"{HOME}/domains/1.xml")
        self.type("virt-tap xml rewrite --in-place ~/domains/*.xml")
        self.assertNotEqual(documents.read(f"{HOME}/domains/1.xml"), before)
        with self.read("virt-tap-xml.1"):
            side_by_side(self, self.next("<interface type='bridge'>"))
            self.types("virt-tap xml rewrite --network")
        self.assertEqual(documents.read(f"{HOME}/domains/1.xml"), before)
        self.assertIn("tap vtap-web-", self.type("virt-tap domain show -c qemu:///session web"))

    def test_domains(self):
        sandbox.write(POLICY, "allow br0 user=alice\n")
        self.type("sudo virt-tap hooks enable")
        self.define("web", CARD)
        self.type("virsh -q -c qemu:///session dumpxml web >web.xml")
        with self.read("domains.md"):
            self.types("virt-tap xml rewrite --diff web.xml")
            self.not_tried("virt-tap domain rewrite --all --dry-run -c", "it takes two hosts; tests/system/test_domain.py has three libvirts")
            self.type("virsh -c qemu:///session undefine web")
            self.define("web", "")
            self.virsh("start", "web")
            self.types("virt-tap domain attach")
            self.has_taps(1)
            sandbox.write(f"{HOME}/nic.xml", self.next("<interface").text)
            self.types("virt-tap tap create")
            self.has_taps(2)
            self.assertIn("vtap-web-2", self.type("virsh -c qemu:///session domiflist web"))
            self.virsh("destroy", "web")
            self.has_taps(0)
            side_by_side(self, self.next("<domain"))


def side_by_side(test, block):
    """Two documents beside each other: what rewriting makes of the left one is the right one, where '...' stands for anything."""
    lines = block.text.splitlines()
    column = lines[0].rindex("<")
    left, right = ("\n".join(line[part].rstrip() for line in lines if line[part].strip()) for part in (slice(column), slice(column, None)))
    whole = left.replace("1111...0001", UUID)
    if not whole.startswith("<domain"):
        whole = f"<domain type='kvm'><name>web</name><uuid>{UUID}</uuid><devices>\n{whole}\n</devices></domain>\n"
    sandbox.write(f"{HOME}/left.xml", whole + "\n")
    said = test.type("virt-tap xml rewrite left.xml")
    pattern = r"\s*".join(".*?".join(map(re.escape, word.split("..."))) for word in right.split())
    test.assertTrue(re.search(pattern, said, re.S), f"{block.place}: this is what comes:\n{said}")


class Containers(Guide):
    """As in test_broker.py, whose container has a root folder that is not an image."""

    def test_containers(self):
        sandbox.make_bridge("br0")
        brokerhost.with_systemd(self, HELPER)
        with self.read("containers.md"):
            self.types("sudo virt-tap broker enable")
            self.types("qemu-system-x86_64 -sandbox")
            (command, _), = self.next("bwrap ").commands()
            guest = Guest(self, command.replace("qemu-system-x86_64", "qemu-system-x86_64 -accel tcg -display none -S -monitor stdio"))
            self.assertEqual(guest.taps, ["vtap-0"])
            self.assertEqual(guest.end()[2], ["52:54:00:0a:00:02"])
            self.not_tried("podman run", "it takes an image; test_broker.py runs what is in it")
            self.not_tried("sudo ln -s /run/host", "it takes toolbox, and an image")
            self.not_tried("flatpak override", "it takes Flatpak, and an application of some gigabytes")
            self.type("sudo virt-tap broker disable")
            (command, _), = self.next("/usr/local/libexec/virt-tap-helper broker").commands()
            brokerhost.by_hand(self, command)


class Migration(Guide):
    def test_migration(self):
        hosts = guidehost.Pair()
        self.addCleanup(hosts.end)
        sandbox.write(f"{sandbox.RUN}/web.xml", libvirthost.DOMAIN.format(
            name="web", uuid="", boot="", devices=CARD.replace("br0", "brA").replace("/></interface>", "/><rom enabled='no'/></interface>")))
        hosts.type(f"virsh define {sandbox.RUN}/web.xml && virt-tap domain rewrite --yes web && virsh start web")
        with self.read("migration.md"):
            hosts.there.write(BRIDGES, self.next("map bridge").text)
            (shown, _), = self.next("virsh dumpxml").commands()
            self.assertRegex(hosts.type(shown), r"(?m)^\+.*bridge=.br0.")
            (migrate, _), = self.next("virsh migrate").commands()
            hosts.there.write(POLICY, "allow br1\n")
            self.assertIn("allows bridge 'br0' to uid 0", hosts.type(f"{migrate} || true"))
            self.assertIn("running", hosts.here.virsh("domstate", "web"))
            hosts.there.write(POLICY, "allow br0\n")
            hosts.type(migrate)
        self.assertIn("running", hosts.there.virsh("domstate", "web"))
        self.assertEqual((len(hosts.here.taps()), len(hosts.there.taps())), (0, 1))
        self.assertIn("master br0", hosts.there.run("ip", "link", "show", hosts.there.taps().pop()).stdout)
        saved = "/var/lib/libvirt/saved"
        hosts.there.virsh("save", "web", saved)
        hosts.there.virsh("restore", saved)
        self.assertEqual(len(hosts.there.taps()), 1)


class Others(Guide):
    """What is no example of anything typed."""

    def test_synopsis_of_the_helper(self):
        with self.read("interfaces.md"):
            text = self.next("virt-tap-helper [--use-vnet]").text
        said = self.type("/usr/local/libexec/virt-tap-helper --help")
        for option in re.findall(r"--[a-z-]+", text):
            self.assertIn(option, said)

    def test_pictures(self):
        with self.read("architecture.md"):
            self.not_tried("programs ", "a picture of the folders")
        with self.read("threat-model.md"):
            pass
        with self.read("releasing.md"):
            pass
        with self.read("coming-from.md"):  # tests/netns/test_coming_from.py types its tables
            pass
        with self.read("packaging.md"):
            self.not_tried("meson setup build", "./dev test packages does, as debian/rules and the spec have it")

    def test_fleet(self):
        with self.read("fleet.md"):
            while not self.examples[0].text.startswith("provider"):
                self.not_tried("", "tests/fleet/test_ansible.py types them, with Ansible")
            self.not_tried("provider ", "it takes Terraform and a provider that Debian does not have")

    def test_port_filter(self):
        sandbox.make_bridge("br0")
        sandbox.write(POLICY, "allow br0 mac=lock\n")
        self.type("virt-tap tap create vtap-web --bridge br0 --mac 52:54:00:0a:00:01")
        self.type("tc qdisc del dev vtap-web clsact", user=0)
        lost = self.type("virt-tap show")
        self.assertIn("its port filter is gone or changed", lost)
        with self.read("port-filter.md"):
            command, = self.next("sudo virt-tap repair").commands()
            self.assertIn(command[0], lost)
            self.assertIn("port filter", self.type(command[0]))
        self.assertIn("frames dropped: 0", self.type("virt-tap show"))

    def test_commands_in_sentences(self):
        """Verbs and options of virt-tap that a text mentions are there."""
        tried = 0
        for name, path in documents.documents().items():
            for words in re.findall(r"`(?:sudo )?virt-tap ([a-z]+(?: [^`]*)?)`", documents.read(path)):
                words, verbs = words.split(), []
                if words[0] in ("plain", "created"):  # aliases
                    continue
                while words and words[0].isalpha() and words[0] in self.offered(*verbs):
                    verbs.append(words.pop(0))
                self.assertTrue(verbs, f"{name}: virt-tap {words}")
                for option in (word.split("=")[0].strip("[]") for word in words if word.startswith("--")):
                    self.assertIn(option, [*self.offered(*verbs), "--help"], f"{name}: {verbs}")
                tried += 1
        self.assertGreater(tried, 20)

    @functools.cache
    def offered(self, *verbs):
        return [word.split("=")[0] for word in self.type(f"virt-tap --list-options {' '.join(verbs)}").split()]

    def test_installed_examples(self):
        """policy.conf.example and bridges.conf.example, with their rules switched on."""
        for name in ("br0", "br-mgmt"):
            sandbox.make_bridge(name)
        for path in (POLICY, BRIDGES):
            text = documents.read(f"/usr/local/share/doc/virt-tap/examples/{os.path.basename(path)}.example")
            switched, count = re.subn(r"(?m)^#(?=(allow|deny|include|bridge|map) )", "", text)
            self.assertGreater(count, 2)
            sandbox.write(path, switched)
        self.assertIn("errors 0, warnings 0", self.type("virt-tap policy check"))
        self.type("virt-tap tap create vtap-a --bridge br-lab")
        self.type("virt-tap tap create vtap-b --bridge br-mgmt", status=1)

    def test_every_document_is_read(self):
        with open(__file__, encoding="utf-8") as file, open(os.path.join(os.path.dirname(__file__), "test_examples.py"), encoding="utf-8") as other:
            tests = file.read() + other.read()
        self.assertEqual([name for name in documents.documents() if f'self.read("{name}")' not in tests], [])


if __name__ == "__main__":
    reader.enter()
    libvirthost.prepare()
    needed.main()
