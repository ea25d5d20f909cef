#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap domain attach and detach: interfaces of real domains come and go with their taps, while the domain runs and in its
definition, and whatever is refused or fails leaves nothing.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_HOOKS (as built) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import concurrent.futures
import json
import os
import re
import socket
import xml.etree.ElementTree as ET

import guests
import hookhost
import libvirthost
import needed
import sandbox
from bridgehelper import await_
from libvirtcase import _helper_of, DOMAIN, HookTest, HostTest, nic, POLICY
from rounds import THOROUGH
from virshell import Virsh

ALLOW = "allow br0 quota=200\n"
MAC, FIRST = "52:54:00:00:00:77", "52:54:00:00:00:01"
ADDED = re.compile(r"\Avirt-tap domain attach: (\S+): '(vtap-[\w-]+)' on 'br0', with the MAC ([0-9a-f:]{17}), is added to ([a-z ]+)\n")


class Verbs:
    """The verbs, and what a domain has; for a libvirt that .run_here() and .virsh() reach."""

    def attach(self, name, *options, status=0):
        return self.verb("attach", name, "--bridge=br0", *options, status=status)

    def added(self, name, *options):
        """An attach that succeeds. Returns the tap, the MAC, and what was changed."""
        said = ADDED.match(text := self.attach(name, *options))
        self.assertTrue(said, text)
        self.assertEqual(said[1], name)
        return said.groups()[1:]

    def detach(self, name, word, *options, status=0):
        return self.verb("detach", name, word, *options, status=status)

    def verb(self, *words, status=0):
        done = self.run_here(self.cli, "domain", words[0], "-c", self.URI, *words[1:], check=False)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def devices(self, name, *options):
        """MAC and tap of each interface; and the taps in the metadata."""
        domain = ET.fromstring(self.virsh("dumpxml", *options, name))
        return ([(nic.find("mac").get("address"), nic.find("target").get("dev")) for nic in domain.iter("interface")],
                [tap.get("dev") for tap in domain.iter("{urn:virt-tap}tap")])

    def runs_and_is_defined(self, name, running, defined):
        """These interfaces, (MAC, tap), and no others, each of which is in the metadata, too."""
        for options, nics in (([], running), (["--inactive"], defined)):
            if nics is not None:
                self.assertEqual(self.devices(name, *options), (nics, [tap for _mac, tap in nics]))

    def refused(self, name, words, verb="attach", status=1, says=""):
        """One line that has `says`, after which everything is as before."""
        before = self.virsh("dumpxml", "--security-info", name), self.virsh("dumpxml", "--inactive", "--security-info", name), self.taps()
        said = self.verb(verb, name, *words, status=status)
        self.assertRegex(said, r"\A[^\n]+\n\Z")
        self.assertIn(says, said)
        self.assertEqual((self.virsh("dumpxml", "--security-info", name), self.virsh("dumpxml", "--inactive", "--security-info", name),
                          self.taps()), before)
        return said

    def boots(self, name):
        """Until its console answers. Returns that."""
        self.virsh("start", name)
        console = self.console_of(name)
        console.wait_for(guests.READY)
        return console

    def linux(self, name, *cards):
        raise NotImplementedError

    def test_definition(self):
        """Nothing is made until the domain starts; then by the hook."""
        self.plain("web", nic(mac=FIRST))
        first, = self.devices("web", "--inactive")[0]
        tap, mac, where = self.added("web", "--mac", MAC.upper())
        self.assertEqual((mac, where), (MAC, "its definition"))
        self.assertEqual(self.taps(), set())
        self.runs_and_is_defined("web", None, [first, (MAC, tap)])
        self.virsh("start", "web")
        self.has_taps(first[1], tap)
        self.virsh("destroy", "web")
        self.has_taps()
        self.refused("web", ["--bridge=br0", "--mac", MAC], says=f"has an interface with the MAC {MAC} already")
        self.assertIn(f"'{tap}' is removed from its definition", self.detach("web", MAC))
        self.runs_and_is_defined("web", None, [first])

    def test_last_one_of_a_definition(self):
        """The definition is to the byte what it was, apart from what libvirt itself adds for a first interface."""
        self.plain("bare")
        before = self.virsh("dumpxml", "--inactive", "bare")
        tap, mac, _where = self.added("bare", "--config")
        self.assertRegex(mac, "52:54:00:")
        self.assertRegex(tap, "vtap-bare-")
        self.detach("bare", tap, "--config")
        self.assertEqual(self.virsh("dumpxml", "--inactive", "bare"), before)

    def test_options_reach_tap_and_device(self):
        self.plain("web")
        self.added("web", "--mac", MAC, "--queues=4", "--mtu=1400", "--isolated", "--lock=mac", "--serve=dhcp")
        self.virsh("start", "web")
        self.protected(isolated=True)
        tap, = self.taps()
        self.assertIn("multi_queue", sandbox.run(*self.enter("ip", "-d", "tuntap")).stdout)
        xml = self.virsh("dumpxml", "web")
        for words in ("<mtu size='1400'/>", "queues='4'", f"dev='{tap}'"):
            self.assertIn(words, xml)

    def protected(self, isolated):
        tap, = (tap for tap in json.loads(self.run_here(self.cli, "list", "--json").stdout) if tap["bound"])
        self.assertEqual((tap["bound"]["mac"], tap["filter"]["attached"]), (MAC, True))
        link, = json.loads(sandbox.run(*self.enter("ip", "-d", "-json", "link", "show", tap["name"])).stdout)
        self.assertEqual(link["linkinfo"]["info_slave_data"]["isolated"], isolated)

    def test_plugged_and_unplugged(self):
        """Under a guest that sees it come and go; live only by default, as virsh has it, and both if asked."""
        self.linux("web", nic(mac=FIRST))
        console = self.boots("web")
        first, = self.devices("web")[0]
        tap, mac, where = self.added("web", "--mac", MAC, "--queues=2", "--lock=mac")
        self.assertEqual(where, "the running domain")
        self.runs_and_is_defined("web", [first, (MAC, tap)], [first])
        self.has_taps(first[1], tap)
        self.protected(isolated=False)
        console.run(f"until grep -q {MAC} /sys/class/net/*/address; do sleep 0.1; done")
        card = "$(basename $(dirname $(grep -l 52:54:00:00:00:77 /sys/class/net/*/address)))"
        console.run(f"ip address flush dev eth0; ip link set {card} up; ip address add 192.168.77.1/24 dev {card}")
        self.assertRegex(guests.ping(console, "192.168.77.254"), ", 0% packet loss$")
        said = self.detach("web", tap)
        self.assertIn("is removed from the running domain", said)
        self.has_taps(first[1])
        self.runs_and_is_defined("web", [first], [first])
        both = [self.added("web", "--live", "--config") for _time in range(2)]
        self.assertEqual({where for _tap, _mac, where in both}, {"the running domain and its definition"})
        nics = [first, *[(mac, tap) for tap, mac, _where in both]]
        self.runs_and_is_defined("web", nics, nics)
        self.detach("web", nics.pop(1)[0], "--live", "--config")
        self.runs_and_is_defined("web", nics, nics)
        taps = {tap for _mac, tap in nics}
        self.has_taps(*taps)
        self.virsh("destroy", "web")
        self.has_taps()
        self.virsh("start", "web")
        self.has_taps(*taps)

    def test_several_at_once(self):
        """None takes another's tap out of the list."""
        self.plain("web")
        self.virsh("start", "web")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            added = list(pool.map(lambda _number: self.added("web"), range(6)))
        nics, listed = self.devices("web")
        self.assertEqual(sorted(nics), sorted((mac, tap) for tap, mac, _where in added))
        self.assertEqual(sorted(listed), sorted(tap for tap, _mac, _where in added))
        self.virsh("destroy", "web")
        self.has_taps()

    def test_several_at_once_in_a_definition(self):
        """None takes another's interface out of it, or is refused for the other's change; the like for what goes."""
        self.plain("web")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            added = list(pool.map(lambda _number: self.added("web", "--config"), range(6)))
            self.runs_are_defined("web", added)
            list(pool.map(lambda one: self.detach("web", one[0], "--config"), added[1:]))
        self.runs_are_defined("web", added[:1])
        self.virsh("start", "web")
        self.has_taps(added[0][0])

    def runs_are_defined(self, name, added):
        nics, listed = self.devices(name, "--inactive")
        self.assertEqual(sorted(nics), sorted((mac, tap) for tap, mac, _where in added))
        self.assertEqual(sorted(listed), sorted(tap for tap, _mac, _where in added))

    def test_removed_at_the_end(self):
        """What was attached to the running domain only ends with it."""
        self.plain("web", nic())
        self.virsh("start", "web")
        first, = self.taps()
        tap, _mac, _where = self.added("web")
        self.has_taps(first, tap)
        self.virsh("destroy", "web")
        self.has_taps()
        self.virsh("start", "web")
        self.has_taps(first)

    def test_a_guest_that_does_not_release_it(self):
        """There is no operating system in it: the tap stays until the domain ends, or until it is released after all."""
        self.plain("web")
        self.virsh("start", "web")
        tap, mac, _where = self.added("web")
        said = self.refused("web", [mac], verb="detach", says=f"has not released the interface on '{tap}'")
        self.assertIn(f"virt-tap domain detach web {tap}", said)
        self.virsh("destroy", "web")
        self.has_taps()

    def test_only_the_tap_is_left(self):
        """As when the guest released it later: its name still removes it."""
        self.linux("web", nic(mac=FIRST))
        self.boots("web")
        first, = self.devices("web")[0]
        tap, mac, _where = self.added("web")
        self.virsh("detach-interface", "web", "ethernet", "--mac", mac, "--live")
        self.assertTrue(await_(lambda: self.devices("web") == ([first], [first[1], tap])), self.devices("web"))
        self.has_taps(first[1], tap)
        self.refused("web", [mac], verb="detach", says=f"the running domain of web has no interface '{mac}'")
        self.detach("web", tap)
        self.has_taps(first[1])
        self.runs_and_is_defined("web", [first], [first])

    def test_refused(self):
        self.plain("web", nic(mac=FIRST))
        here = ["--bridge=br0"]
        self.refused("web", [*here, "--live"], says="web is not running")
        self.refused("web", [FIRST, "--live"], verb="detach", says="web is not running")
        for words, says in (([], "--bridge=BRIDGE"), (["--bridge=a/b"], "not a valid name"), ([*here, "--mac=01:00:5e:00:00:01"], "--mac"),
                            ([*here, "--mac=nonsense"], "--mac"), ([*here, "--ip=300.1.1.1"], "--ip"), ([*here, "--serve=pizza"], "--serve"),
                            ([*here, "--model="], "--model"), ([*here, "--queues=2", "--model=e1000"], "--queues")):
            self.refused("web", words, status=2, says=says)
        for words, says in (([*here, f"--mac={FIRST}"], "has an interface with the MAC"),
                            ([*here, "--model=x'/><script path='/bin/sh'/><b a='"], "libvirt refuses")):
            self.refused("web", words, says=says)
        for word, says in ((MAC, f"no interface '{MAC}'"), ("vtap-web-aaaaa", "no interface 'vtap-web-aaaaa'"), ("\x1b[2J'&\n", "no interface")):
            self.assertNotIn("\x1b", self.refused("web", [word], verb="detach", says=says))
        for verb, words in (("attach", ["nobody", *here]), ("detach", ["nobody", MAC])):
            self.assertIn("there is no domain 'nobody'", self.verb(verb, *words, status=1))

    def test_interface_of_another_kind(self):
        self.plain("web", f"<interface type='user'><mac address='{MAC}'/></interface>")
        self.refused("web", [MAC], verb="detach", says="has no tap of virt-tap; remove it with virsh detach-interface")

    def test_policy_refuses(self):
        """Nothing is changed in a running domain; its definition may be, with a warning."""
        self.plain("web", nic())
        self.virsh("start", "web")
        for options in (["--live"], ["--live", "--config"]):
            self.refused("web", ["--bridge=br9", *options], says="br9")
        self.assertIn("policy explain --bridge=br9", self.verb("attach", "web", "--bridge=br9", "--config"))

    def test_smaller_mtu(self):
        """The tap is made before it is known, and deleted again."""
        self.plain("web")
        self.virsh("start", "web")
        self.refused("web", ["--bridge=br0", "--mtu=9000"], says="--mtu=9000: a tap there gets 1500")

    def test_libvirt_refuses(self):
        """After the tap was made, listed and defined: everything is taken back, the definition too."""
        self.plain("web", nic(), more="<graphics type='vnc' passwd='hunter2'/>")
        self.virsh("start", "web")
        for options in ([], ["--live", "--config"]):
            self.refused("web", ["--bridge=br0", "--model=lan9118", *options], says="libvirt does not add the interface")

    def test_schema_refuses(self):
        """What it said is told, although the old definition is tried after that."""
        self.plain("web", nic())
        self.refused("web", ["--bridge=br0", "--config", "--model=a.b"], says="failed to validate against schema")

    def test_name_of_the_tap_is_taken(self):
        """By a device of somebody else's: another name is chosen."""
        self.plain("web")
        self.virsh("start", "web")
        first, _mac, _where = self.added("web", "--mac", MAC)
        self.virsh("destroy", "web")
        self.has_taps()
        sandbox.run(*self.enter("ip", "tuntap", "add", first, "mode", "tap"))
        self.addCleanup(sandbox.run, *self.enter("ip", "link", "delete", first), check=False)
        self.virsh("start", "web")
        tap, _mac, _where = self.added("web", "--mac", MAC, "--live", "--config")
        self.assertNotEqual(tap, first)
        self.runs_and_is_defined("web", *[[(MAC, tap)]] * 2)
        self.virsh("destroy", "web")
        self.has_taps(first)

    def test_transient(self):
        path = f"{self.FOLDER}/passing.xml"
        sandbox.write(path, DOMAIN.format(uuid="", name="passing", boot="", devices=""))
        self.virsh("create", path)
        self.addCleanup(self.virsh, "destroy", "passing", check=False)
        self.assertIn("transient", self.attach("passing", "--config", status=1))
        tap, _mac, where = self.added("passing")
        self.assertEqual(where, "the running domain")
        self.has_taps(tap)
        self.virsh("destroy", "passing")
        self.has_taps()

    def test_clone(self):
        self.plain("first", nic(), uuid="<uuid>11111111-1111-4111-8111-111111111111</uuid>")
        text = re.sub(r"<uuid>.*?</uuid>|<mac .*?/>", "", self.virsh("dumpxml", "--inactive", "first")).replace("<name>first<", "<name>second<")
        sandbox.write(f"{self.FOLDER}/second.xml", text)
        self.virsh("define", f"{self.FOLDER}/second.xml")
        self.addCleanup(self.virsh, "undefine", "second", check=False)
        mac = self.devices("second", "--inactive")[0][0][0]
        self.refused("second", ["--bridge=br0"], says="second is a clone")
        self.refused("second", [mac], verb="detach", says="second is a clone")

    def test_hostile_names(self):
        name = "a'\"&<$(id)>;\u202e"
        self.plain_named(name)
        said = self.attach(name, "--config")
        self.assertRegex(said, r"\A[ -~]+\n\Z")
        tap = re.search("'(vtap-[^']+)'", said)[1]
        self.assertEqual(self.devices(name, "--inactive")[1], [tap])
        self.virsh("start", name)
        live, = re.findall("'(vtap-[^']+)' on 'br0'", self.attach(name))
        self.has_taps(tap, live)
        self.virsh("destroy", name)
        self.has_taps()
        self.detach(name, tap)
        self.assertEqual(self.devices(name, "--inactive"), ([], []))


class System(HostTest, Verbs):
    URI, FOLDER = "qemu:///system", sandbox.RUN

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.make_host(1, "br0")
        cls.host.run("ip", "address", "add", "192.168.77.254/24", "dev", "br0")
        cls.virsh, cls.enter = cls.host.virsh, cls.host.enter

    def setUp(self):
        self.has(self.host)

    def run_here(self, *command, **options):
        return self.host.run(*command, env=hookhost.ENVIRONMENT, **options)

    def taps(self):
        return self.host.taps()

    def has_taps(self, *taps):
        self.has(self.host, *taps)

    def plain(self, name, *cards, boot="", more="", uuid=""):
        self.define(self.host, name, *cards, more, boot=boot, uuid=uuid)

    def plain_named(self, name):
        path = f"{sandbox.RUN}/named.xml"
        escaped = name.replace("&", "&amp;").replace("<", "&lt;")
        sandbox.write(path, DOMAIN.format(name=escaped, uuid="", boot="", devices=""))
        self.host.virsh("define", path)
        self.addCleanup(self.remove, self.host, name)

    def linux(self, name, *cards):
        serial = "<serial type='unix'><source mode='bind' path='/var/lib/libvirt/serial'/></serial>"
        self.plain(name, *cards, boot=self.boot(), more=serial)

    def console_of(self, _name):
        return self.console(self.host, "/var/lib/libvirt/serial")

    def test_from_elsewhere(self):
        """Through a connection that may lead to another host: the definition only."""
        self.plain("web", nic(mac=FIRST))
        self.virsh("start", "web")
        remote = "qemu+tcp://127.0.0.1/system"
        before = self.virsh("dumpxml", "web"), self.taps()
        for words in (["attach", "web", "--bridge=br0"], ["detach", "web", FIRST]):
            done = self.run_here(self.cli, "domain", words[0], "-c", remote, *words[1:], check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r"\A[^\n]*made and deleted on its host[^\n]*--config\n\Z")
        self.assertEqual((self.virsh("dumpxml", "web"), self.taps()), before)
        done = self.run_here(self.cli, "domain", "attach", "-c", remote, "web", "--bridge=br0", "--mac", MAC, "--config")
        self.assertIn("is added to its definition", done.stdout)
        self.run_here(self.cli, "domain", "detach", "-c", remote, "web", MAC, "--config")
        self.assertEqual(len(self.devices("web", "--inactive")[0]), 1)

    def test_another_command_hangs(self):
        """One that changes the same domain: it is waited for, but not for ever, and nothing is changed."""
        self.plain("web")
        before = self.virsh("dumpxml", "web")
        holder = self.host.run("python3", "-c", "import fcntl, os, subprocess, sys\nfile = open('/run/virt-tap-domain.lock', 'w')\n"
                               "fcntl.lockf(file, fcntl.LOCK_EX)\nsys.exit(subprocess.call(sys.argv[1:]))", self.cli, "domain", "attach", "-c", self.URI,
                               "web", "--bridge=br0", "--config", check=False)
        self.assertEqual(holder.returncode, 1)
        self.assertRegex(holder.stdout, r"\A[^\n]*: web: another virt-tap command changes it, and has not ended within 30 s; [^\n]*fuser -v [^\n]*lock\n\Z")
        self.assertEqual(self.virsh("dumpxml", "web"), before)

    def test_not_root(self):
        """Who may use libvirtd, but does not own its taps."""
        self.plain("web")
        self.virsh("start", "web")
        self.host.run("chmod", "666", "/run/libvirt/libvirt-sock")

        def as_user(*options):
            return self.host.run("setpriv", f"--reuid={sandbox.USER}", f"--regid={sandbox.USER}", "--clear-groups", "env", "HOME=/nonexistent",
                                 self.cli, "domain", "attach", "-c", self.URI, "web", "--bridge=br0", *options, check=False)
        done = as_user()
        self.assertEqual((done.returncode, self.taps()), (1, set()))
        self.assertRegex(done.stdout, r"\A[^\n]*are root's; use sudo, or --config[^\n]*\n\Z")
        self.assertEqual(as_user("--config").returncode, 0)

    def test_saved_and_restored(self):
        """What was attached to the running domain is in its saved state, and so is its tap."""
        self.plain("web", nic())
        self.virsh("start", "web")
        tap, mac, _where = self.added("web", "--mac", MAC, "--lock=mac")
        image = "/var/lib/libvirt/web.image"
        self.virsh("save", "web", image)
        self.has_taps()
        self.virsh("restore", image)
        self.assertIn(tap, self.taps())
        self.assertIn((mac, tap), self.devices("web")[0])
        listed, = (one for one in json.loads(self.run_here(self.cli, "list", "--json").stdout) if one["name"] == tap)
        self.assertEqual((listed["bound"]["mac"], listed["filter"]["attached"]), (MAC, True))

    def test_killed_half_way(self):
        """While the helper makes the tap, which is the first one of a domain without any: the end of the domain removes it."""
        self.plain("web")
        self.virsh("start", "web")
        helper = _helper_of(self.hooks)
        os.rename(helper, helper + ".aside")
        try:
            sandbox.write(helper, f"#!/bin/sh\nkill -KILL $PPID\nexec {helper}.aside \"$@\"\n", 0o755)
            self.attach("web", status=-9)
            self.assertTrue(await_(lambda: len(self.taps()) == 1))
        finally:
            os.rename(helper + ".aside", helper)
        self.assertEqual(self.devices("web"), ([], []))
        self.virsh("destroy", "web")
        self.has_taps()

    def test_no_helper(self):
        self.plain("web")
        self.virsh("start", "web")
        helper = _helper_of(self.hooks)
        os.rename(helper, helper + ".aside")
        try:
            self.refused("web", ["--bridge=br0"], says="cannot start ")
        finally:
            os.rename(helper + ".aside", helper)


class Session(HookTest, Verbs):
    if not THOROUGH:  # for these it does not matter which libvirtd it is: System has them
        test_last_one_of_a_definition = test_several_at_once = test_a_guest_that_does_not_release_it = test_only_the_tap_is_left = None
        test_interface_of_another_kind = test_smaller_mtu = test_name_of_the_tap_is_taken = test_clone = None

    URI, FOLDER = "qemu:///session", sandbox.RUN + "/session"
    ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": FOLDER, "XDG_RUNTIME_DIR": FOLDER, "LC_ALL": "C",
                   "XDG_CONFIG_HOME": FOLDER + "/config", "XDG_CACHE_HOME": FOLDER + "/cache"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sandbox.make_bridge("br0")
        cls.addClassCleanup(sandbox.run, "ip", "link", "delete", "br0")
        sandbox.run("ip", "address", "add", "192.168.77.254/24", "dev", "br0")
        sandbox.write(POLICY, f"allow br0 user={sandbox.USERS[sandbox.USER]} quota=20\n")
        sandbox.run("mkdir", "-p", "/etc/libvirt/hooks/qemu.d")
        sandbox.run("ln", "-sf", cls.hooks + "/qemu", "/etc/libvirt/hooks/qemu.d/50-virt-tap")
        sandbox.write(cls.FOLDER + "/config/libvirt/qemu.conf", libvirthost.QEMU_CONF)
        for folder in ("", "/config", "/config/libvirt"):
            os.chown(cls.FOLDER + folder, sandbox.USER, sandbox.USER)
        virsh = Virsh((), ["-c", cls.URI], env=cls.ENVIRONMENT, cwd=cls.FOLDER, uid=sandbox.USER)
        cls.addClassCleanup(virsh.end)
        cls.virsh = staticmethod(virsh.checked)

    def setUp(self):
        self.has_taps()

    def run_here(self, *command, **options):
        return sandbox.run(*command, env=self.ENVIRONMENT, cwd=self.FOLDER, uid=sandbox.USER, **options)

    @staticmethod
    def enter(*words):
        return words

    def taps(self):
        return {name for name in sandbox.links() if name.startswith("vtap-")}

    def has_taps(self, *taps):
        self.assertTrue(await_(lambda: self.taps() == set(taps)), f"{self.taps()} instead of {set(taps)}")

    def define(self, name, text):
        path = f"{self.FOLDER}/defined.xml"
        sandbox.write(path, text)
        sandbox.run(self.cli, "xml", "rewrite", "--in-place", path)
        self.virsh("define", path)
        self.addCleanup(self.virsh, "undefine", name, check=False)
        self.addCleanup(self.virsh, "destroy", name, check=False)

    def plain(self, name, *cards, boot="", more="", uuid=""):
        self.define(name, DOMAIN.format(name=name, uuid=uuid, boot=boot, devices="".join(cards) + more))

    def plain_named(self, name):
        escaped = name.replace("&", "&amp;").replace("<", "&lt;")
        self.define(name, DOMAIN.format(name=escaped, uuid="", boot="", devices=""))

    def linux(self, name, *cards):
        self.plain(name, *cards, boot=self.boot(), more=f"<serial type='unix'><source mode='bind' path='{self.FOLDER}/serial'/></serial>")

    def console_of(self, _name):
        stream = socket.socket(socket.AF_UNIX)
        self.addCleanup(stream.close)
        stream.connect(f"{self.FOLDER}/serial")
        return guests.Console(stream)


if __name__ == "__main__":
    sandbox.enter()
    libvirthost.prepare()
    needed.main()
