#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap domain with a real libvirtd, of a user and of the system: domains are rewritten, start on taps that the helper
has made from their metadata, and are restored.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI (as built) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ET

import bridgehelper
import guests
import needed
import sandbox
from bridgehelper import await_
from libvirthost import DOMAIN, QEMU_CONF
from rounds import THOROUGH
from virshell import Virsh

HOME = sandbox.RUN + "/session"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": HOME, "XDG_RUNTIME_DIR": HOME, "LC_ALL": "C",
               "XDG_CONFIG_HOME": HOME + "/config", "XDG_CACHE_HOME": HOME + "/cache"}
HOST, GUEST = "192.168.77.254", "192.168.77.1"
SYSTEM_CONF = QEMU_CONF + 'namespaces = []\ncgroup_controllers = []\nsecurity_driver = "none"\nuser = "root"\ngroup = "root"\n'
NIC = "<interface type='bridge'><source bridge='br0'/>{}<rom enabled='no'/></interface>"
VIRTIO, MULTIQUEUE = "<model type='virtio'/>", "<model type='virtio'/><driver queues='4'/>"
TAPS = "{urn:virt-tap}tap"
# A way to the session's daemon that ends when the client names the domain "lost".
RELAY = f"""#!/usr/bin/python3
import os, select, socket
daemon = socket.socket(socket.AF_UNIX)
daemon.connect("{HOME}/libvirt/libvirt-sock")
while True:
    for ready in select.select([0, daemon], [], [])[0]:
        data = os.read(0, 65536) if ready == 0 else daemon.recv(65536)
        if not data or b"lost" in data:
            raise SystemExit
        daemon.sendall(data) if ready == 0 else os.write(1, data)
"""


def setUpModule():
    sandbox.make_bridge("br0")
    sandbox.run("ip", "address", "add", HOST + "/24", "dev", "br0")
    sandbox.write("/etc/virt-tap/policy.conf", "allow br0\n")
    os.makedirs(HOME)
    sandbox.write(HOME + "/config/libvirt/qemu.conf", QEMU_CONF)
    for folder in ("", "/config", "/config/libvirt"):
        os.chown(HOME + folder, sandbox.USER, sandbox.USER)


def as_user(*command, **options):
    return sandbox.run(*command, env=ENVIRONMENT, cwd=HOME, uid=sandbox.USER, **options)


class Base:
    """What is the same for every libvirt; a class of its own, so that it is no test itself."""

    @classmethod
    def setUpClass(cls):
        cls.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        cls.helper = sandbox.install(os.environ["VIRT_TAP_HELPER"])
        virsh = Virsh((), ["-c", cls.URI], **cls.OPTIONS)
        cls.addClassCleanup(virsh.end)
        cls.virsh = staticmethod(virsh.checked)

    def virt_tap(self, *words, status=0):
        done = self.run_here(self.cli, "domain", words[0], "-c", self.URI, *words[1:], check=False)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def define(self, name, *nics, boot="", more=""):
        sandbox.write(f"{HOME}/{name}.xml", DOMAIN.format(uuid="", name=name, boot=boot, devices="".join(nics) + more))
        self.virsh("define", f"{HOME}/{name}.xml")
        self.addCleanup(self.virsh, "undefine", name, check=False)
        self.addCleanup(self.virsh, "destroy", name, check=False)

    def definition(self, name):
        return self.virsh("dumpxml", "--security-info", "--inactive", name)

    def make_taps(self, name):
        """By the helper, as the metadata says: what the hooks will do. Returns their names."""
        domain = ET.fromstring(self.definition(name))
        made = []
        for tap in domain.iter(TAPS):
            nic, = [nic for nic in domain.iter("interface") if nic.find("target").get("dev") == tap.get("dev")]
            driver = nic.find("driver")
            options = ["--multi-queue"] if driver is not None and int(driver.get("queues", "1")) > 1 else []
            self.run_here(self.helper, "create", "--bridge=" + tap.get("bridge"), "--name=" + tap.get("dev"), "--vnet-hdr", *options)
            self.addCleanup(sandbox.run, "ip", "link", "delete", tap.get("dev"), check=False)
            made.append(tap.get("dev"))
        return made

    def starts_and_is_restored(self, *nics):
        self.define("guest", *nics)
        before = self.definition("guest")
        self.virt_tap("rewrite", "--yes", "guest")
        rewritten = self.definition("guest")
        self.assertEqual(rewritten.count("<interface type='ethernet'>"), len(nics))
        self.assertEqual(self.virt_tap("rewrite", "--yes", "guest"), "")
        self.assertEqual(self.definition("guest"), rewritten)
        taps = self.make_taps("guest")
        self.assertEqual(len(taps), len(nics))
        self.virsh("start", "guest")
        for tap in taps:
            self.assertEqual(carrier(tap), 1)
        self.assertIn("running: the change takes effect at its next start", self.virt_tap("restore", "--yes", "guest"))
        self.assertEqual(self.definition("guest"), before)
        self.assertIn(taps[0], self.virsh("domiflist", "guest"))
        self.virsh("destroy", "guest")
        self.assertTrue(all(await_(lambda tap=tap: carrier(tap) == 0) for tap in taps))

    def test_one_queue(self):
        self.starts_and_is_restored(NIC.format(VIRTIO))

    def test_many_queues(self):
        self.starts_and_is_restored(NIC.format(MULTIQUEUE))

    def test_several_nics(self):
        self.starts_and_is_restored(NIC.format(VIRTIO), NIC.format(MULTIQUEUE), NIC.format("<model type='e1000'/>"),
                                    NIC.format("<model type='virtio'/><mtu size='1400'/><link state='down'/>"))

    def test_what_was_edited_since_stays(self):
        self.define("edited", NIC.format(VIRTIO))
        before = self.definition("edited")
        self.virt_tap("rewrite", "--yes", "edited")
        text = self.definition("edited").replace("<model type='virtio'/>\n      <rom", "<model type='e1000'/>\n      <rom")
        sandbox.write(HOME + "/edited.xml", text)
        self.virsh("define", HOME + "/edited.xml")
        self.virt_tap("restore", "--yes", "edited")
        self.assertEqual(self.definition("edited"), before.replace("<model type='virtio'/>\n      <rom", "<model type='e1000'/>\n      <rom"))

    def test_a_definition_that_the_schema_does_not_accept(self):
        """libvirt has accepted and kept it, and says so of it itself: it was no better before."""
        self.define("odd", NIC.format(VIRTIO).replace("enabled='no'", "file=''"))
        before = self.definition("odd")
        self.assertIn("failed to validate", self.virsh("define", "--validate", HOME + "/odd.xml", check=False))
        said = self.virt_tap("rewrite", "--yes", "odd")
        self.assertIn("odd: libvirt's schema does not accept this definition, and did not before: ", said)
        self.assertIn("managed='no'", self.definition("odd"))
        self.virt_tap("restore", "--yes", "odd")
        self.assertEqual(self.definition("odd"), before)

    def test_clone_gets_its_own(self):
        self.define("first", NIC.format(VIRTIO))
        self.virt_tap("rewrite", "--yes", "first")
        text = re.sub(r"<uuid>.*?</uuid>|<mac .*?/>", "", self.definition("first")).replace("<name>first<", "<name>second<")
        sandbox.write(HOME + "/second.xml", text)
        self.virsh("define", HOME + "/second.xml")
        self.addCleanup(self.virsh, "undefine", "second", check=False)
        self.assertIn("clone", self.virt_tap("restore", "--yes", "second", status=1))
        self.virt_tap("rewrite", "--yes", "second")
        self.assertRegex(self.virt_tap("show", "second"), r"\Asecond\n  1  [0-9a-f:]{17}  tap vtap-seco-\w{5} on br0\n\Z")
        self.virt_tap("restore", "--yes", "second")
        self.assertIn("<source bridge='br0'/>", self.definition("second"))

    def test_clone_by_virt_clone(self):
        """It takes the names of the targets away, and gives new MACs."""
        self.define("first", NIC.format(VIRTIO), NIC.format("<model type='e1000'/>"))
        self.virt_tap("rewrite", "--yes", "first")
        self.run_here("/usr/bin/virt-clone", "--connect", self.URI, "--original", "first", "--name", "second", "--auto-clone")
        self.addCleanup(self.virsh, "undefine", "second", check=False)
        self.assertIn("<target managed='no'/>", self.definition("second"))
        self.virt_tap("rewrite", "--yes", "second")
        taps = self.make_taps("second")
        self.assertEqual(len(taps), 2)
        self.virsh("start", "second")
        self.addCleanup(self.virsh, "destroy", "second", check=False)
        self.assertEqual([carrier(tap) for tap in taps], [1, 1])
        self.virt_tap("restore", "--yes", "second")
        self.assertEqual(re.findall(r"type='(?:bridge|virtio|e1000)'", self.definition("second")),
                         ["type='bridge'", "type='virtio'", "type='bridge'", "type='e1000'"])

    def test_name_that_another_domain_has(self):
        """The UUIDs and MACs are those of tests/unit/test_xml_refused.py, whose hashes are the same."""
        for name, uuid, mac in (("webs-a", 4, "03:cd"), ("webs-b", 8, "00:e3")):
            devices = NIC.format(VIRTIO).replace("<source", f"<mac address='52:54:00:00:{mac}'/><source")
            sandbox.write(f"{HOME}/{name}.xml", DOMAIN.format(
                uuid=f"<uuid>11111111-1111-4111-8111-{uuid:012}</uuid>", name=name, boot="", devices=devices))
            self.virsh("define", f"{HOME}/{name}.xml")
            self.addCleanup(self.virsh, "undefine", name, check=False)
            self.virt_tap("rewrite", "--yes", name)
        taps = [ET.fromstring(self.definition(name)).find(f".//{TAPS}").get("dev") for name in ("webs-a", "webs-b")]
        self.assertEqual(taps[0], "vtap-webs-fpxgb")
        self.assertRegex(taps[1], r"\Avtap-webs-[a-z2-7]{5}\Z")
        self.assertNotEqual(*taps)

    def test_secrets_stay_where_they_are(self):
        self.define("secret", NIC.format(VIRTIO), more="<graphics type='vnc' passwd='hunter2'/>")
        for verb in ("show", "rewrite", "show", "restore"):
            said = self.virt_tap(verb, *([] if verb == "show" else ["--yes"]), "secret")
            self.assertNotIn("hunter2", said)
            self.assertIn("hunter2", self.definition("secret"))

    def test_refusals(self):
        self.define("refused", NIC.format(VIRTIO))
        before = self.definition("refused")
        self.assertIn("no domain 'nobody'", self.virt_tap("rewrite", "--yes", "nobody", "refused", status=1))
        self.virt_tap("restore", "--yes", "refused")
        self.assertIn("no interface '7'", self.virt_tap("rewrite", "--yes", "--interface", "7", "refused", status=1))
        self.assertIn("--yes", self.virt_tap("rewrite", "refused", status=2))
        for words in ([], ["--all", "refused"], ["--bridge", "a/b", "refused"], ["--network", "x", "refused"], ["--nonsense"]):
            self.virt_tap("rewrite", "--yes", *words, status=2)
        self.assertEqual(self.definition("refused"), before)
        wrong = self.run_here(self.cli, "domain", "show", "-c", "qemu+unix:///session?socket=/nowhere", "--all", check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertRegex(wrong.stdout, r"\Avirt-tap domain show: no connection to libvirt at [^\n]+\n\Z")

    def test_question(self):
        """On a terminal it asks, after showing; anything but y leaves the domain as it is."""
        self.define("asked", NIC.format(VIRTIO))
        before = self.definition("asked")
        for answer, status in (("n", 1), ("", 1), ("y", 0)):
            done = self.run_here("script", "-qec", f"{self.cli} domain rewrite -c {self.URI} asked", "/dev/null", check=False,
                                 stdin=None, input=answer + "\n")
            self.assertEqual(done.returncode, status, done.stdout)
            self.assertIn("+    <interface type='ethernet'>", done.stdout)
            self.assertIn("Apply this change to asked? [y/N]", done.stdout)
            self.assertEqual(self.definition("asked") == before, status == 1)

    def test_an_answer_is_one_line(self):
        """What is left of a long one is no answer to the next question."""
        for name in ("first", "second"):
            self.define(name, NIC.format(VIRTIO))
        before = self.definition("second")
        done = self.run_here("script", "-qec", f"{self.cli} domain rewrite -c {self.URI} first second", "/dev/null", check=False, stdin=None,
                             input="nothingyes\n")
        self.assertEqual((done.returncode, done.stdout.count("left as it is")), (1, 2), done.stdout)
        self.assertEqual(self.definition("second"), before)

    def test_dry_run(self):
        self.define("dry", NIC.format(VIRTIO))
        before = self.definition("dry")
        self.assertIn("+    <interface type='ethernet'>", self.virt_tap("rewrite", "--dry-run", "dry"))
        self.assertEqual(self.definition("dry"), before)
        self.assertIn("--dry-run", self.virt_tap("rewrite", "--dry-run", "--yes", "dry", status=2))

    def test_what_comes_next(self):
        """What keeps the next start from its taps is said now: libvirt's own words then name neither hook nor policy."""
        nic = NIC.format(VIRTIO)
        hook = "the hook that makes the taps when a domain starts is not enabled: "
        policy = "policy explain --bridge=br7"
        self.define("next", nic, nic.replace("br0", "br7"), nic.replace("br0", "br7"))
        for words in (["--dry-run"], ["--yes"]):
            said = self.virt_tap("rewrite", *words, "next")
            self.assertEqual((said.count(hook), said.count(policy), "--bridge=br0" in said), (1, 1, False), said)
            self.assertEqual("next is redefined" in said, words == ["--yes"])
        self.assertNotIn("policy", self.virt_tap("restore", "--yes", "next"))
        os.makedirs("/etc/libvirt/hooks/qemu.d", exist_ok=True)
        link = "/etc/libvirt/hooks/qemu.d/50-virt-tap"
        os.symlink("/bin/true", link)
        self.addCleanup(os.unlink, link)
        self.assertIn("a domain starts is shadowed by a file", self.virt_tap("rewrite", "--yes", "next"))

    def test_saved_state_and_snapshots(self):
        """They hold the interfaces from before."""
        self.define("kept", NIC.format(VIRTIO).replace("<source", "<mac address='52:54:00:00:00:77'/><source"))
        self.addCleanup(self.virsh, "undefine", "--managed-save", "--snapshots-metadata", "kept", check=False)
        sandbox.write(f"{HOME}/first.xml", "<domainsnapshot><name>first</name><state>shutoff</state><creationTime>1</creationTime>"
                      f"{self.definition('kept')}</domainsnapshot>")
        self.virsh("snapshot-create", "kept", f"{HOME}/first.xml", "--redefine")
        self.virt_tap("rewrite", "--yes", "kept")
        self.make_taps("kept")
        self.virsh("start", "kept")
        self.virsh("managedsave", "kept")
        said = self.virt_tap("restore", "--yes", "kept")
        self.assertIn("has a saved state with the old interfaces", said)
        self.assertIn("virsh managedsave-remove kept", said)
        self.assertIn("snapshots with the old interfaces", said)

    def test_transient(self):
        sandbox.write(HOME + "/passing.xml", DOMAIN.format(uuid="", name="passing", boot="", devices=""))
        self.virsh("create", HOME + "/passing.xml")
        self.addCleanup(self.virsh, "destroy", "passing", check=False)
        self.assertIn("transient", self.virt_tap("rewrite", "--yes", "passing", status=1))


def carrier(tap):
    with open(f"/sys/class/net/{tap}/carrier", encoding="ascii") as file:
        return int(file.read())


class Session(Base, unittest.TestCase):
    URI, OPTIONS = "qemu:///session", {"env": ENVIRONMENT, "cwd": HOME, "uid": sandbox.USER}
    run_here = staticmethod(as_user)

    def test_a_connection_that_ends(self):
        """There may be such a domain: libvirt did not say that there is none."""
        self.virsh("list")  # its daemon runs
        relay = f"{HOME}/relay"
        sandbox.write(relay, RELAY, mode=0o755)
        done = self.run_here(self.cli, "domain", "show", "-c", f"qemu+ext:///session?command={relay}", "lost", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"\Avirt-tap domain show: cannot look up 'lost': [^\n]+\n\Z")

    def test_guest_on_the_bridge(self):
        """A multiqueue guest of an unprivileged user, which libvirt alone cannot give them."""
        images = guests.prepare(needed.folder("GUEST_KERNEL"))
        boot = (f"<kernel>{images.kernel}</kernel><initrd>{images.initramfs}</initrd>"
                f"<cmdline>{guests.kernel_arguments(GUEST + '/24')}</cmdline>")
        serial = f"<serial type='unix'><source mode='bind' path='{HOME}/serial'/></serial>"
        self.define("linux", NIC.format(MULTIQUEUE), boot=boot, more=serial)
        self.virt_tap("rewrite", "--yes", "linux")
        self.make_taps("linux")
        self.virsh("start", "linux")
        stream = socket.socket(socket.AF_UNIX)
        self.addCleanup(stream.close)
        stream.connect(HOME + "/serial")
        console = guests.Console(stream)
        console.wait_for(guests.READY)
        self.assertRegex(guests.ping(console, HOST), ", 0% packet loss$")

    def test_hooks_newer_than_the_daemon(self):
        """libvirt calls none of them then, and only says that the tap doesn't exist; what the system's daemon has seen does not matter here."""
        self.virsh("list")  # its daemon runs
        self.define("old", NIC.format(VIRTIO))
        os.makedirs("/etc/libvirt/hooks/qemu.d", exist_ok=True)
        hook, link = sandbox.RUN + "/own/virt-tap/hooks/qemu", "/etc/libvirt/hooks/qemu.d/50-virt-tap"
        sandbox.write(hook, "#!/bin/sh\n", mode=0o755)
        os.symlink(hook, link)
        self.addCleanup(os.unlink, link)
        said = self.virt_tap("rewrite", "--yes", "old")
        self.assertIn(f"is not called yet: the daemon is older than the hooks, and does not call them; the next command starts another after this: "
                      f"kill $(cat {HOME}/libvirt/libvirtd.pid)\n", said)
        self.assertNotIn("--reload", said)

    def test_over_a_socket(self):
        self.define("remote", NIC.format(VIRTIO))
        self.virsh("list")
        done = self.run_here(self.cli, "domain", "show", "-c", f"qemu+unix:///session?socket={HOME}/libvirt/libvirt-sock",
                             "remote")
        self.assertIn("could be a tap on br0", done.stdout)


class Hosts(unittest.TestCase):
    """Three libvirts of a user's, and what does not answer."""

    @classmethod
    def setUpClass(cls):
        cls.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        cls.uris = []
        for number in range(3):
            home = f"{HOME}/host{number}"
            os.makedirs(f"{home}/config/libvirt")
            sandbox.write(f"{home}/config/libvirt/qemu.conf", QEMU_CONF)
            sandbox.run("chown", "-R", str(sandbox.USER), home)
            environment = {**ENVIRONMENT, "HOME": home, "XDG_RUNTIME_DIR": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_CACHE_HOME": f"{home}/cache"}
            daemon = bridgehelper.start(["libvirtd"], uid=sandbox.USER, env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
            cls.addClassCleanup(daemon.wait, 30)
            cls.addClassCleanup(daemon.terminate)
            await_(lambda path=f"{home}/libvirt/libvirt-sock": os.path.exists(path))
            cls.uris.append(f"qemu+unix:///session?socket={home}/libvirt/libvirt-sock")

    def define(self, host, name, *nics):
        path = f"{HOME}/{name}.xml"
        sandbox.write(path, DOMAIN.format(uuid="", name=name, boot="", devices="".join(nics)))
        as_user("virsh", "-q", "-c", self.uris[host], "define", path)
        self.addCleanup(as_user, "virsh", "-q", "-c", self.uris[host], "undefine", name)

    def run_at(self, verb, *words, hosts=None, status=0, by=()):
        """Standard output and standard error."""
        connect = [word for uri in hosts or self.uris for word in ("-c", uri)]
        began = time.monotonic()
        with tempfile.TemporaryFile() as errors:
            done = bridgehelper.start([*by, self.cli, "domain", verb, *connect, *words], uid=sandbox.USER, env=ENVIRONMENT, cwd=HOME,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
            said, _ = done.communicate(timeout=120)
            errors.seek(0)
            complaints = errors.read().decode()
        self.took = time.monotonic() - began
        self.assertEqual(done.returncode, status, said.decode() + complaints)
        return said.decode(), complaints

    def test_all_at_once(self):
        counts = (67, 67, 66) if THOROUGH else (1, 3, 2)
        for host, count in enumerate(counts):
            for number in range(count):
                self.define(host, f"d{host}{number}", NIC.format(VIRTIO))
        before = [as_user("virsh", "-q", "-c", uri, "dumpxml", "d00" if uri == self.uris[0] else "d20").stdout for uri in self.uris[::2]]
        said, _ = self.run_at("rewrite", "--all", "--dry-run")
        self.assertEqual(said.count("+    <interface type='ethernet'>"), sum(counts), said)
        said, _ = self.run_at("rewrite", "--all", "--yes", "--jobs=2")
        if THOROUGH:
            print(f"{sum(counts)} domains of three libvirts rewritten in {self.took:.1f} s", file=sys.stderr)
        self.assertEqual([line for line in said.splitlines() if line.startswith("qemu")], [uri + ":" for uri in self.uris])
        self.assertTrue(said.endswith("3 hosts: 3 done, 0 failed\n"), said)
        said, _ = self.run_at("show", "--all")
        self.assertEqual(len(re.findall("tap vtap-d", said)), sum(counts), said)
        self.run_at("restore", "--all", "--yes")
        after = [as_user("virsh", "-q", "-c", uri, "dumpxml", "d00" if uri == self.uris[0] else "d20").stdout for uri in self.uris[::2]]
        self.assertEqual(after, before)

    def test_one_that_does_not_answer(self):
        """It costs its time and nothing else; likewise one that is not there."""
        self.define(0, "here", NIC.format(VIRTIO))
        self.define(2, "there", NIC.format(VIRTIO))
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(f"{HOME}/deaf")
            os.chmod(f"{HOME}/deaf", 0o666)
            deaf.listen()
            silent, missing = f"qemu+unix:///session?socket={HOME}/deaf", f"qemu+unix:///session?socket={HOME}/nobody"
            said, complaints = self.run_at("rewrite", "--all", "--yes", "--timeout=3", status=1, hosts=[self.uris[0], silent, missing, self.uris[2]],
                                           by=["timeout", "-k1", "50", "env", "--block-signal"])  # as some daemon may start it
        self.assertLess(self.took, 40)
        self.assertTrue(said.endswith("4 hosts: 2 done, 2 failed\n"), said)
        self.assertIn(f"virt-tap domain rewrite: {silent}: no answer within 3 s; is it up? --timeout=SECONDS allows more\n", complaints)
        self.assertIn(f"virt-tap domain rewrite: {missing}: no connection to libvirt at {missing}: ", complaints)
        self.assertEqual(len(re.findall("tap vtap-", self.run_at("show", "--all")[0])), 2)

    def test_many_behind_one_that_is_silent(self):
        """What they said waits for its turn, within the descriptors of a login."""
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(f"{HOME}/deaf3")
            os.chmod(f"{HOME}/deaf3", 0o666)
            deaf.listen()
            uris = [f"qemu+unix:///session?socket={HOME}/{name}" for name in ("deaf3", *["nobody"] * 520)]
            said, complaints = self.run_at("show", "--all", "--timeout=8", "--jobs=64", status=1, hosts=uris)
        self.assertTrue(said.endswith("521 hosts: 0 done, 521 failed\n"), said[-200:])
        self.assertEqual((complaints.count("no answer within 8 s"), complaints.count("no connection to libvirt at ")), (1, 520), complaints[-400:])

    def test_children_of_whoever_called(self):
        """A shell that replaced itself by virt-tap leaves it its children: their end is not a host's."""
        said, _ = self.run_at("show", "--all", by=["timeout", "-k1", "30", "sh", "-c", 'true & exec "$@"', "sh"])
        self.assertTrue(said.endswith("3 hosts: 3 done, 0 failed\n"), said)

    def test_one_that_says_too_much(self):
        """What it says waits in memory for its turn: it may not be all of that."""
        domain = "<domain type='test'><name>{}{}</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        sandbox.write(f"{HOME}/endless.xml", "<node>" + "".join(domain.format("\x81" * 600000, number) for number in range(12)) + "</node>")
        said, complaints = self.run_at("show", "--all", status=1, hosts=[f"test://{HOME}/endless.xml", self.uris[0]])
        self.assertTrue(said.endswith(f"\n{self.uris[0]}:\n2 hosts: 1 done, 1 failed\n"), said[-200:])
        self.assertIn("endless.xml: it says more than 32 MiB; ask it alone\n", complaints[-300:])

    def test_an_interface_that_is_left(self):
        self.define(1, "left", "<interface type='bridge'><source bridge='br0'/><virtualport type='openvswitch'/></interface>")
        said, complaints = self.run_at("rewrite", "--all", "--yes", "--strict", status=3)
        self.assertTrue(said.endswith("3 hosts: 3 done, 0 failed\n"), said)
        self.assertIn(f"virt-tap domain rewrite: {self.uris[1]}: left:", complaints)
        self.assertIn("is left as it is", complaints)

    def test_refusals(self):
        for words in (["--all"], ["--all", "--yes", "--jobs=0"], ["--all", "--yes", "--jobs=65"], ["--all", "--yes", "--timeout=0"], ["--yes"]):
            self.assertEqual(self.run_at("rewrite", *words, status=2)[0], "")

    def test_ended_by_its_user(self):
        """Nothing goes on behind his back."""
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(f"{HOME}/deaf2")
            os.chmod(f"{HOME}/deaf2", 0o666)
            deaf.listen()
            uri = f"qemu+unix:///session?socket={HOME}/deaf2"
            running = bridgehelper.start([self.cli, "domain", "show", "-c", uri, "-c", uri, "--all"], uid=sandbox.USER, env=ENVIRONMENT, cwd=HOME,
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

            def children():
                return sandbox.run("pgrep", "-f", "deaf2", check=False).stdout.split()
            self.assertTrue(await_(lambda: len(children()) == 3), children())
            running.terminate()
            running.wait(10)
            self.assertTrue(await_(lambda: not children()), children())


class Names(unittest.TestCase):
    """A domain that is called like an option, at libvirt's test driver."""

    def says(self, *words):
        tap = "<metadata><v:taps xmlns:v='urn:virt-tap' version='1' uuid='11111111-1111-4111-8111-111111111111'>" \
              "<v:tap dev='vtap-x' bridge='br0'/></v:taps></metadata>"
        sandbox.write(f"{HOME}/node.xml", f"<node><domain type='test'><name>--all</name>{tap * (words[0] == 'clone')}<memory>1024</memory>"
                      "<os><type>hvm</type></os></domain></node>")
        done = sandbox.run(os.environ["VIRT_TAP_CLI"], "domain", words[1], "-c", f"test://{HOME}/node.xml", "--config", *words[2:], check=False)
        self.assertEqual(done.returncode, 1)
        return done.stdout

    def test_commands_to_type(self):
        self.assertIn("has no interface 'x'; virsh domiflist --inactive -- --all lists them", self.says("", "detach", "--", "--all", "x"))
        for words in (("attach", "--bridge=br0", "--", "--all"), ("detach", "--", "--all", "x")):
            self.assertIn("virt-tap domain rewrite -- --all\n", self.says("clone", *words))


class System(Base, unittest.TestCase):
    URI, OPTIONS = "qemu:///system", {}
    run_here = staticmethod(sandbox.run)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for folder in ("/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt"):
            os.makedirs(folder, exist_ok=True)
            sandbox.run("mount", "-t", "tmpfs", "tmpfs", folder)
        sandbox.write("/etc/libvirt/qemu.conf", SYSTEM_CONF)
        # libvirtd looks its default user up, whatever qemu.conf says; Debian's libvirt-daemon-system would have made them.
        for path, line in (("/etc/passwd", "libvirt-qemu:x:64055:64055::/:/bin/false\n"), ("/etc/group", "libvirt-qemu:x:64055:\n")):
            with open(path, "a", encoding="ascii") as file:
                file.write(line)
        cls.daemon = subprocess.Popen(["libvirtd"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_(lambda: os.path.exists("/run/libvirt/libvirt-sock"))

    @classmethod
    def tearDownClass(cls):
        cls.daemon.terminate()
        cls.daemon.wait(30)

    def net_define(self, name, content, attributes=""):
        sandbox.write(f"{HOME}/{name}.xml", f"<network{attributes}><name>{name}</name>{content}</network>")
        self.virsh("net-define", f"{HOME}/{name}.xml")
        self.addCleanup(self.virsh, "net-undefine", name)

    def test_networks(self):
        """libvirt is asked for the bridge; what a network says beyond it is not lost silently."""
        bridge = "<forward mode='bridge'/><bridge name='br0'/>"
        self.net_define("lan", bridge)
        self.net_define("apart", bridge + "<port isolated='yes'/>")
        self.net_define("groups", bridge + "<portgroup name='all' default='yes'/>")
        self.net_define("direct", "<forward mode='bridge'><interface dev='br0'/></forward>")
        self.net_define("trusting", bridge, " trustGuestRxFilters='yes'")
        networks = ("lan", "apart", "groups", "direct", "missing", "trusting")
        self.define("networked", *[f"<interface type='network'><source network='{name}'/></interface>" for name in networks])
        shown = self.virt_tap("show", "networked")  # what rewrite would do, and why not
        self.assertRegex(shown, r"\Anetworked\n  1 .* could be a tap on br0\n")
        said = self.virt_tap("rewrite", "--yes", "--strict", "networked", status=3)
        for number, words in ((2, "network 'apart' has <port isolated='yes'>"), (3, "network 'groups' has <portgroup default='yes'>"),
                              (4, "network 'direct' is not known"), (5, "network 'missing' is not known"),
                              (6, "network 'trusting' has trustGuestRxFilters='yes'")):
            self.assertRegex(said, rf"interface {number} is left as it is: .*{re.escape(words)}")
            self.assertRegex(shown, rf"(?m)^  {number} .* no tap: .*{re.escape(words)}")
        self.assertEqual(self.definition("networked").count("<interface type='ethernet'>"), 1)
        self.virt_tap("rewrite", "--yes", "--network", "missing=br0", "networked")
        self.assertEqual(self.definition("networked").count("<interface type='ethernet'>"), 2)

    def test_all(self):
        self.define("one", NIC.format(VIRTIO))
        self.define("two", NIC.format(VIRTIO))
        self.virt_tap("rewrite", "--yes", "--all")
        shown = self.virt_tap("show", "--all")
        self.assertEqual(len(re.findall("tap vtap-(?:one|two)-", shown)), 2, shown)
        self.virt_tap("restore", "--yes", "--all")
        self.assertNotIn("tap vtap-", self.virt_tap("show", "--all"))


if __name__ == "__main__":
    sandbox.enter()
    needed.main()
