#!/usr/bin/env python3
"""libvirt's hooks on real taps: the events' arguments and standard input as libvirt 9.0 gives them, without libvirt.

Needs VIRT_TAP_HELPER and VIRT_TAP_HOOKS (the folder of the built hooks).
"""
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import time

import bridgehelper
import hookhost
import netcase
import sandbox
from netcase import POLICY
from sandbox import OTHER, USER

UUID, FOREIGN = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3", "0c0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c4"
BRIDGES = "/etc/virt-tap/bridges.conf"
TAP = "<vt:tap dev='{0}' bridge='{1}'{2}>&lt;interface type='bridge'/&gt;</vt:tap>"
NIC = """<interface type='ethernet'>
      <mac address='52:54:00:00:00:0{1}'/>
      <target dev='{0}' managed='no'/>
      <model type='{2}'/>{3}
      <address type='pci' domain='0x0000' bus='0x00' slot='0x0{1}' function='0x0'/>
    </interface>"""
SECRET = "hunter2-of-the-screen"


def domain(*taps, uuid=UUID, owner=None, kind="qemu", more="", nics=None, name="web"):
    """What libvirt gives a hook: taps are (dev, bridge) and, if need be, the tap's other attributes, model, and other elements."""
    taps = [(*tap, *("", "virtio", "")[len(tap) - 2:]) for tap in taps]
    listed = "".join(TAP.format(*tap[:3]) for tap in taps)
    if nics is None:
        nics = "".join(NIC.format(tap[0], number + 1, *tap[3:]) for number, tap in enumerate(taps))
    metadata = f"<vt:taps xmlns:vt=\"urn:virt-tap\" version=\"1\" uuid=\"{owner or uuid}\">{listed}</vt:taps>" if taps else ""
    return f"""<domain type='{kind}' id='3'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <metadata>
    {metadata}
  </metadata>
  <memory unit='KiB'>131072</memory>
  <devices>
    {nics}
    <graphics type='vnc' port='-1' autoport='yes' passwd='{SECRET}'/>
    {more}
  </devices>
</domain>
"""


class HookCase(netcase.NetCase):
    driver = "qemu"

    @classmethod
    def setUpClass(cls):
        cls.installed, cls.hooks = hookhost.install()
        cls.addClassCleanup(cls.uninstall)

    @classmethod
    def uninstall(cls):
        sandbox.run("umount", os.path.dirname(os.path.dirname(cls.installed)))
        sandbox.run("umount", "/mnt")

    def tearDown(self):
        if os.path.exists(BRIDGES):
            os.unlink(BRIDGES)
        super().tearDown()

    def hook(self, operation, text, sub="begin", name="web", **more):
        status, out, said = hookhost.call(f"{self.hooks}/{self.driver}", [name, operation, sub, "-"], text, **more)
        self.assertNotIn(SECRET, said)
        if operation not in ("migrate", "restore"):
            self.assertEqual(out, "")
        return status, out, said

    def done(self, operation, text, **more):
        """It must succeed, and say nothing. Returns its standard output."""
        status, out, said = self.hook(operation, text, **more)
        self.assertEqual((status, said), (0, ""))
        return out

    def fails(self, operation, text, *says, **more):
        """It must fail with one line, and leave what there was."""
        before = netcase.state()
        status, out, said = self.hook(operation, text, **more)
        self.assertEqual((status, out), (1, ""), said)
        self.assertRegex(said, r"\Avirt-tap: [^\n]+\n\Z")
        for words in says:
            self.assertIn(words, said)
        self.assertEqual(netcase.state(), before)

    @staticmethod
    def unlink(*names):
        for name in names:
            sandbox.run("ip", "link", "delete", name)

    def taps(self):
        return sandbox.links() - self.before


class Prepare(HookCase):
    def test_made_and_removed(self):
        text = domain(("vt-web-a", "br0"), ("vt-web-b", "br0", "", "virtio", "<driver name='vhost' queues='4'/>"),
                      ("vt-web-c", "br0", " isolated='yes'", "e1000"))
        for uid in (0, USER):
            self.done("prepare", text, uid=uid)
            self.assertEqual(self.taps(), {"vt-web-a", "vt-web-b", "vt-web-c"})
            for dev, queues, vnet, isolated in (("vt-web-a", False, True, False), ("vt-web-b", True, True, False), ("vt-web-c", False, False, True)):
                tap = netcase.link(dev)
                info = tap["linkinfo"]
                self.assertEqual((info["info_data"]["multi_queue"], info["info_data"]["vnet_hdr"], info["info_slave_data"]["isolated"]),
                                 (queues, vnet, isolated))
                self.assertEqual((tap["master"], tap["address"][:3], tap["ifalias"].split(" ")[:3]),
                                 ("br0", "fe:", ["virt-tap", f"uid={uid}", f"domain={UUID}"]))
            for event, sub in (("start", "begin"), ("started", "begin"), ("attach", "begin"), ("stopped", "end"), ("unheard-of", "-")):
                self.done(event, text, uid=uid, sub=sub)
            self.assertEqual(len(self.taps()), 3)
            self.done("release", text, uid=uid, sub="end")
            self.assertEqual(self.taps(), set())

    def test_only_what_an_interface_names(self):
        self.done("prepare", domain(("vt-web-a", "br0"), ("vt-web-b", "br0"), nics=NIC.format("vt-web-a", 1, "virtio", "")))
        self.assertEqual(self.taps(), {"vt-web-a"})
        self.done("release", domain(("vt-web-a", "br0")))

    def test_release_goes_by_the_uuid_alone(self):
        """Metadata can be changed while the domain runs: it is gone, damaged, or names another's taps."""
        self.create("vt-other", f"--domain={FOREIGN}", uid=0)
        text = domain(("vt-web-a", "br0"))
        for now in (domain(nics=NIC.format("vt-web-a", 1, "virtio", "")), text.replace("version=\"1\"", "version=\"9\""),
                    domain(("vt-other", "br0")), domain(("vt-web-a", "br0"), owner=FOREIGN)):
            self.done("prepare", text)
            self.assertEqual(self.taps(), {"vt-web-a", "vt-other"})
            self.done("release", now)
            self.assertEqual(self.taps(), {"vt-other"})
        self.unlink("vt-other")

    def test_all_or_none(self):
        """The second has no rule: the first is removed again. Who, which, where, why, and what to type."""
        sandbox.make_bridge("br1")
        self.fails("prepare", domain(("vt-web-a", "br0"), ("vt-web-b", "br1")), "interface 2 (52:54:00:00:00:02) of domain 'web'",
                   "tap 'vt-web-b' on bridge 'br1'", "no rule", "allow br1")
        self.unlink("br1")

    def test_refusals(self):
        self.fails("prepare", domain(("vt-web-a", "br7")), "bridge 'br7'", "no rule")
        sandbox.write(POLICY, "allow br0 mac=lock\nallow br7\ndeny br-mgmt\n")
        self.fails("prepare", domain(("vt-web-a", "br7")), "interface 1", "bridge 'br7'", "ip link")  # gone since
        self.fails("prepare", domain(("vt-web-a", "br-mgmt")), f"{POLICY}:3 denies")
        self.fails("prepare", domain(("vt-web-a", "br0", " vlan='7'")), "--vlan=7")
        sandbox.write(POLICY, "allow br0 quota=1\n")
        self.fails("prepare", domain(("vt-web-a", "br0"), ("vt-web-b", "br0")), "interface 2", "quota")
        sandbox.write(POLICY, "allow\n")
        self.fails("prepare", domain(("vt-web-a", "br0")), f"{POLICY}:1")
        os.chmod(POLICY, 0o666)
        self.fails("prepare", domain(("vt-web-a", "br0")), POLICY)

    def test_clone(self):
        self.fails("prepare", domain(("vt-web-a", "br0"), owner=FOREIGN), "clone", "virt-tap domain rewrite 'web'")

    def test_hostile_metadata(self):
        """Other names than ours, and names of others."""
        for dev in ("eth0", "br0", "vt-a b", "vt-0123456789abc", "--force", "vt-$(id)", "vt-a%d", "lo"):
            self.fails("prepare", domain((dev, "br0")))
        self.create("vt-other", f"--domain={FOREIGN}", uid=OTHER)
        self.create("vt-root", f"--domain={FOREIGN}", uid=0)
        sandbox.run("ip", "tuntap", "add", "vt-plain", "mode", "tap")
        for dev in ("vt-other", "vt-root", "vt-plain"):
            for uid in (0, USER):
                self.fails("prepare", domain((dev, "br0")), f"tap '{dev}'", "is taken", uid=uid)
                self.done("release", domain((dev, "br0")), uid=uid)
                self.assertIn(dev, self.taps())
        self.assertEqual(self.taps(), {"vt-other", "vt-root", "vt-plain"})
        self.unlink("vt-other", "vt-root", "vt-plain")

    def test_left_over(self):
        """What a start that was killed has left is replaced; a tap that is held is not."""
        self.create("vt-web-a", f"--domain={UUID}", uid=0)
        index = sandbox.ifindex("vt-web-a")
        self.done("prepare", domain(("vt-web-a", "br0")))
        self.assertNotEqual(sandbox.ifindex("vt-web-a"), index)
        self.done("release", domain(("vt-web-a", "br0")))
        with self.grant("--name=vt-held", uid=0):
            self.fails("prepare", domain(("vt-held", "br0")), "vt-held")

    def test_kvm(self):
        """A guest that is to run by KVM is not begun where there is none; one without taps of ours is libvirt's own affair."""
        self.fails("prepare", domain(("vt-web-a", "br0"), kind="kvm"), "'web' is to run by KVM", "/dev/kvm is not there", "virt-tap check kvm")
        self.done("prepare", domain(kind="kvm"))
        if netcase.real_kvm():
            self.done("prepare", domain(("vt-web-a", "br0"), kind="kvm"))
            self.done("release", domain(("vt-web-a", "br0"), kind="kvm"))
        if os.path.exists("/dev/kvm"):
            os.unlink("/dev/kvm")

    def test_root_is_judged_by_policy(self):
        sandbox.write(POLICY, f"allow br0 user={USER}\n")
        self.fails("prepare", domain(("vt-web-a", "br0")), "to uid 0")
        self.done("prepare", domain(("vt-web-a", "br0")), uid=USER)
        self.done("release", domain(("vt-web-a", "br0")), uid=USER)


class Replay(HookCase):
    """The events as libvirt 9.0 gave them (tests/data/hooks)."""

    def test_life_of_a_domain(self):
        for event, left in (("prepare", 1), ("start", 1), ("started", 1), ("reconnect", 1), ("stopped", 1), ("release", 0), ("restore", 0),
                            ("prepare", 1), ("stopped", 1), ("release", 0)):
            self.assertEqual(self.done(event, recorded(event), sub="end" if event in ("stopped", "release") else "begin"), "")
            self.assertEqual(self.taps(), {"vt-web-5q3e4p"} if left else set(), event)

    def test_migration(self):
        """The bridge and nothing else: also not the way in which libvirt quotes its metadata."""
        sandbox.write(BRIDGES, "map bridge brA br0\n")
        text = recorded("migrate")
        self.assertEqual(self.done("migrate", text), text.replace('bridge="brA"', 'bridge="br0"'))

    def test_network(self):
        self.driver = "network"
        sandbox.write(POLICY, "deny br0\n")
        self.done("start", recorded("network-start"), name="lan")
        self.fails("port-created", recorded("port-created"), "denies bridge 'br0'", name="lan")


def recorded(name):
    with open(f"{os.environ['VIRT_TAP_SOURCE']}/tests/data/hooks/{name}.xml", encoding="utf-8") as file:
        return file.read()


class Hostile(HookCase):
    """Whatever stands in arguments and input."""

    def test_input(self):
        good = domain(("vt-web-a", "br0"))
        cut = good[:good.index("<devices>")]
        wide = good.replace("<name>", "<!--" + "x" * 50_000_000 + "--><name>")
        for text, says in ((cut, "line"), (good + good, "line"), (good.replace("<domain", "<pool").replace("</domain", "</pool"), "no domain"),
                           ("<?xml version='1.0'?><!DOCTYPE x>" + good, ""), (wide, ""), ("x" * 50_000_000, ""),
                           (good.replace("version=\"1\"", "version=\"2\""), "damaged metadata"), (good.encode() + b"\0", ""),
                           (good.replace(f"<uuid>{UUID}", "<uuid>8d0f1b2c"), "clone"), (good.replace(f"<uuid>{UUID}</uuid>", ""), "UUID"),
                           (good.replace("52:54:00:00:00:01", "52:54:00:00:00:01:02:03:04"), "MAC"),
                           (good.replace("52:54:00:00:00:01", "x y"), "--mac")):
            self.fails("prepare", text, says)
            if says not in ("clone", "UUID", "MAC", "--mac"):
                self.fails("migrate", text, says)
            for event in ("release", "reconnect"):
                status, _out, _said = self.hook(event, text)
                self.assertEqual((status, self.taps()), (0, set()))
        for text in ("", "\n", "nothing", "<", "<domain/>", "\0\xff"):
            for event in ("prepare", "release", "stopped", "reconnect", "migrate", "restore"):
                self.assertEqual(self.done(event, text), "")

    def test_arguments(self):
        text = domain(("vt-web-a", "br0"))
        for words in ([], [""], ["web"], ["web", ""], ["web", "prepare "], ["", "", "", ""], ["web", "Prepare", "begin", "-"],
                      ["web", "start", "prepare", "prepare"]):
            self.assertEqual(hookhost.call(f"{self.hooks}/qemu", words, text), (0, "", ""))
        self.assertEqual(self.taps(), set())
        empty = bridgehelper.LIBC and subprocess.run(["python3", "-c", "import os; os.execve(os.sys.argv[1], [], {})", f"{self.hooks}/qemu"],
                                                     input=text.encode(), capture_output=True, timeout=20, check=False)
        self.assertEqual((empty.stdout, self.taps()), (b"", set()))
        for name in ("a b", "$(touch /run/vt/x)", "`id`\n;id", "--force", "../../etc", "x" * 100_000, ""):
            escaped = name.replace("&", "&amp;")
            self.done("prepare", domain(("vt-web-a", "br0"), name=escaped), name=name)
            self.done("release", domain(("vt-web-a", "br0"), name=escaped), name=name)
            self.fails("prepare", domain(("vt-web-a", "br9"), name=escaped), name=name)
        self.assertFalse(os.path.exists("/run/vt/x"))

    def test_release_and_reconnect_never_fail(self):
        text = domain(("vt-web-a", "br0"))
        self.done("prepare", text)
        aside = self.installed + ".aside"
        for uid in (0, USER):
            os.rename(self.installed, aside)
            self.addCleanup(lambda: os.path.exists(aside) and os.rename(aside, self.installed))
            for event in ("release", "reconnect"):
                self.assertEqual(self.hook(event, text, uid=uid)[0], 0)
            self.assertIn("vt-web-a", self.taps())
            os.rename(aside, self.installed)
        sandbox.write(POLICY, "nonsense\n", mode=0o600)
        sandbox.run("ip", "link", "delete", "br0")
        for uid in (USER, 0):
            for event in ("reconnect", "release"):
                self.assertEqual(self.hook(event, text, uid=uid)[0], 0)
        self.assertEqual(self.taps(), set())
        sandbox.make_bridge("br0")

    def test_no_helper(self):
        os.rename(self.installed, self.installed + ".aside")
        self.addCleanup(os.rename, self.installed + ".aside", self.installed)
        self.fails("prepare", domain(("vt-web-a", "br0")), f"cannot start {self.installed}", "./dev install")

    def test_nothing_from_the_environment(self):
        env = hookhost.ENVIRONMENT | {"VIRT_TAP_HELPER": "/bin/false", "LD_PRELOAD": "", "NLCB": "debug"}
        self.done("prepare", domain(("vt-web-a", "br0")), env=env)
        self.done("release", domain(("vt-web-a", "br0")), env=env)

    def test_time_limit(self):
        """Input that does not end, and a helper that hangs, whose child would keep libvirt's pipes open. The alarm comes early."""
        text = domain(("vt-web-a", "br0")).encode()
        sandbox.run("cp", "-a", self.installed, self.installed + ".aside")
        self.addCleanup(os.rename, self.installed + ".aside", self.installed)
        sandbox.write(self.installed, "#!/bin/sh\nexec sleep 600\n", mode=0o755)
        for event, status in (("prepare", 1), ("release", 0), ("reconnect", 0)):
            for whole in (False, True):
                process = subprocess.Popen([f"{self.hooks}/qemu", "web", event, "begin", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=subprocess.PIPE)
                process.stdin.write(text if whole else text[:-9])
                process.stdin.flush()
                if whole:
                    process.stdin.close()
                    process.stdin = None
                if whole and event == "reconnect":  # it has nothing to ask the helper
                    process.communicate(timeout=10)
                    self.assertEqual(process.returncode, 0)
                    continue
                self.assertTrue(bridgehelper.await_(lambda: not whole or children(process.pid)))
                for _turn in range(100):  # once more for what is cleaned up
                    time.sleep(0.1)
                    if process.poll() is not None:
                        break
                    process.send_signal(signal.SIGALRM)
                _out, said = process.communicate(timeout=10)  # which ends: no child holds the pipes
                self.assertEqual(process.returncode, status)
                self.assertIn(b"did not end in time", said)
        trace = sandbox.RUN + "/trace"
        sandbox.run("strace", "-o", trace, "-e", "trace=setitimer", f"{self.hooks}/qemu", "web", "prepare", "begin", "-")
        with open(trace, encoding="ascii") as file:
            self.assertIn("it_value={tv_sec=40,", file.read())

    def test_secrets(self):
        """In no message and no log, whatever goes wrong."""
        log, logged = system_log(self), b""
        good = domain(("vt-web-a", "br0"))
        for text in (good, domain(("vt-web-a", "br7")), domain(("eth0", "br0")), good.replace("</devices>", ""), good.replace("'yes'", "'yes"),
                     good.replace("version=\"1\"", ""), good[:good.index(SECRET) + 9], domain(("vt-web-a", "br0"), owner=FOREIGN)):
            for event in ("prepare", "reconnect", "release", "migrate", "restore"):
                _status, _out, said = self.hook(event, text)
                self.assertNotIn(SECRET[:9], said)
                logged += heard(log)  # it keeps ten lines only
        self.assertNotIn(SECRET[:9].encode(), logged)
        self.assertIn(b"virt-tap[", logged)  # the log was there to be read, and reconnect's failures are in it
        self.assertIn(b"virt-tap-helper[", logged)


def system_log(test):
    """The system's log, for as long as the test."""
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    test.addCleanup(log.close)
    log.bind("/dev/log")
    test.addCleanup(os.unlink, "/dev/log")
    os.chmod("/dev/log", 0o666)
    log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    log.setblocking(False)
    return log


def heard(log):
    """All that was written to it until now."""
    text = b""
    try:
        while part := log.recv(65536):
            text += part + b"\n"
    except BlockingIOError:
        return text


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read()


class Map(HookCase):
    """The events migrate and restore: the domain, as this host can run it."""

    def test_nothing_to_change(self):
        for event in ("migrate", "restore"):
            self.assertEqual(self.done(event, domain(("vt-web-a", "br0"))), "")
            self.assertEqual(self.done(event, domain()), "")
            sandbox.write(BRIDGES, "map bridge brB br1\nmap network lan br1\n")
            self.assertEqual(self.done(event, domain(("vt-web-a", "br0"))), "")

    def test_maps(self):
        sandbox.write(BRIDGES, "map bridge brA br0\nmap network lan br1\n")
        more = ("<interface type='bridge'><mac address='52:54:00:00:00:08'/><source bridge='brA'/></interface>"
                "<interface type='bridge'><mac address='52:54:00:00:00:09'/><source bridge='lan'/></interface>"
                "<interface type='network'><mac address='52:54:00:00:00:0a'/><source network='lan' bridge='brA'/></interface>"
                "<interface type='network'><mac address='52:54:00:00:00:0b'/><source network='brA'/></interface>"
                "<interface type='network'><mac address='52:54:00:00:00:0c'/><source network='lan' portgroup='x'/></interface>")
        text = domain(("vt-web-a", "brA"), ("vt-web-b", "brZ"), more=more)
        text = text.replace("bridge='brZ'>&lt;interface type='bridge'/&gt;",
                            "bridge='brZ'>&lt;interface type='network'&gt;&lt;source network='lan'/&gt;&lt;/interface&gt;")
        expected = text.replace("dev='vt-web-a' bridge='brA'", "dev='vt-web-a' bridge='br0'")
        expected = expected.replace("bridge='brZ'", "bridge='br1'").replace("<source bridge='brA'/>", "<source bridge='br0'/>")
        expected = expected.replace("<interface type='network'><mac address='52:54:00:00:00:0a'/><source network='lan' bridge='brA'/>",
                                    "<interface type='bridge'><mac address='52:54:00:00:00:0a'/><source bridge='br1'/>")
        for event in ("migrate", "restore"):
            self.assertEqual(self.done(event, text), expected)

    def test_taken_names(self):
        """Of others, of another kind; but not what is left of this domain. What comes out can start here."""
        self.create("vt-web-a", f"--domain={FOREIGN}", uid=0)
        sandbox.run("ip", "link", "add", "vt-web-b", "type", "veth", "peer", "name", "vt-peer")
        self.create("vt-web-c", f"--domain={UUID}", uid=0)
        text = domain(*((f"vt-web-{letter}", "br0") for letter in "abcd"))
        out = self.done("migrate", text)
        self.assertNotRegex(out, "vt-web-[ab]'")
        for dev in ("vt-web-c", "vt-web-d"):
            self.assertEqual(out.count(f"'{dev}'"), 2)
        self.assertIn(SECRET, out)
        self.assertEqual(self.done("restore", out), "")
        before = self.taps()
        self.done("prepare", out)
        self.assertEqual(len(self.taps() - before), 3)
        self.done("release", out)
        self.assertEqual(self.taps(), before - {"vt-web-c"})
        self.unlink("vt-web-a", "vt-web-b")

    def test_no_name_twice(self):
        """The name that would be given is the one of another tap of the same domain."""
        sandbox.run("ip", "tuntap", "add", "vt-web-a", "mode", "tap")
        given = re.search("<vt:tap dev='(.*?)'", self.done("migrate", domain(("vt-web-a", "br0"))))[1]
        out = self.done("migrate", domain(("vt-web-a", "br0"), (given, "br0")))
        names = re.findall("<vt:tap dev='(.*?)'", out)
        self.assertEqual((len(set(names)), names[1]), (2, given))
        self.unlink("vt-web-a")

    def test_broken_maps(self):
        sandbox.write(BRIDGES, "map bridge brA\n")
        for event in ("migrate", "restore"):
            self.fails(event, domain(("vt-web-a", "br0")), f"{BRIDGES}:1")


class Reconnect(HookCase):
    def test_missing_bridge_comes_back(self):
        sandbox.write(POLICY, "allow br-lab\n")
        sandbox.write(BRIDGES, "bridge br-lab\n")
        text = domain(("vt-web-a", "br-lab"))
        self.done("prepare", text)
        sandbox.run("ip", "link", "delete", "br-lab")
        self.done("reconnect", text)
        self.assertIn("br-lab", sandbox.links())
        self.done("release", text)
        self.unlink("br-lab")

    def test_tap_off_its_bridge_is_told_the_log(self):
        log = system_log(self)
        self.done("prepare", domain(("vt-web-a", "br0")))
        sandbox.run("ip", "link", "set", "vt-web-a", "nomaster")
        self.done("reconnect", domain(("vt-web-a", "br0")))
        self.assertIn(b"ip link set 'vt-web-a' master 'br0'", heard(log))
        self.done("release", domain(("vt-web-a", "br0")))


NETWORK = """<hookData>
  <network connections='1'>
    <name>lan</name>
    <uuid>8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c5</uuid>
    <forward mode='{1}'/>
    <bridge name='{0}'/>
  </network>
  {2}
</hookData>
"""
PORT = """<networkport>
    <uuid>5d744f21-ba4a-4d6e-bdb2-30a35ff3207d</uuid>
    <owner><name>web</name><uuid>{1}</uuid></owner>
    <mac address='52:54:00:00:00:07'/>
    <plug type='bridge' bridge='{0}'/>
  </networkport>"""


class Network(HookCase):
    driver = "network"

    def test_declared_bridge(self):
        """Made once, also when libvirtd starts again; one that is not declared is left to others."""
        sandbox.write(POLICY, "allow br-lab\n")
        sandbox.write(BRIDGES, "bridge br-lab address=10.66.0.1/24\n")
        self.done("start", NETWORK.format("br-lab", "nat", ""))
        self.done("start", NETWORK.format("br-other", "bridge", ""))
        self.assertEqual(self.taps(), set())
        for _time in range(2):
            self.done("start", NETWORK.format("br-lab", "bridge", ""))
            self.assertIn("10.66.0.1/24", sandbox.run("ip", "address", "show", "br-lab").stdout)
        self.unlink("br-lab")

    def test_refusals(self):
        sandbox.write(POLICY, "allow br0\n")
        sandbox.write(BRIDGES, "bridge br-lab\n")
        self.fails("start", NETWORK.format("br-lab", "bridge", ""), "bridge 'br-lab'", "allow br-lab")
        sandbox.write(BRIDGES, "bridge\n")
        self.fails("start", NETWORK.format("br-lab", "bridge", ""), f"{BRIDGES}:1")
        self.done("start", NETWORK.format("virbr0", "nat", ""))

    def test_port(self):
        """Only a deny that matches keeps a guest away; that nothing allows the bridge does not."""
        def port(bridge):
            return NETWORK.format(bridge, "nat", PORT.format(bridge, UUID))
        plugged = NETWORK.format("br-mgmt", "nat", "<domain type='qemu'/>")
        for policy in (None, "", "allow br0\n", f"deny virbr0 user={OTHER}\n"):
            if policy is not None:
                sandbox.write(POLICY, policy)
            self.done("port-created", port("virbr0"))
            self.done("plugged", plugged)
        sandbox.write(POLICY, "allow all\ndeny br-mgmt\n")
        for event, text in (("port-created", port("br-mgmt")), ("plugged", plugged), ("port-created", NETWORK.format("br0", "nat", PORT.format("br-mgmt", UUID)))):
            self.fails(event, text, f"{POLICY}:2 denies bridge 'br-mgmt' to uid 0")
        sandbox.write(POLICY, f"deny br-mgmt user={USER}\n")
        self.done("port-created", port("br-mgmt"))
        self.fails("port-created", port("br-mgmt"), uid=USER)
        sandbox.write(POLICY, "nonsense\n")
        self.fails("port-created", port("virbr0"), f"{POLICY}:1")
        os.unlink(POLICY)
        os.unlink(netcase.QEMU_ACL)
        self.done("port-created", port("virbr0"))

    def test_hostile(self):
        sandbox.write(POLICY, "deny br-mgmt\n")
        good = NETWORK.format("br-mgmt", "bridge", PORT.format("br-mgmt", UUID))
        for text in (good[:-9], "", "<domain/>", "x" * 50_000_000, good.replace("br-mgmt", "br'-x"), good.replace("hookData", "data")):
            for event in ("start", "port-created"):
                self.fails(event, text)
        for event in ("started", "stopped", "updated", "port-deleted", "unplugged", "", "x" * 1000):
            self.done(event, good)
        for bridge in ("--force", "a b", "br0/../br1", "x" * 100, "$(id)"):
            for event in ("start", "port-created"):
                self.done(event, NETWORK.format(bridge, "bridge", PORT.format(bridge, UUID)))


class Daemon(HookCase):
    """When the daemon of QEMU's driver starts; a shell of that name calls the hook here."""
    driver = "daemon"

    def start(self, parent="libvirtd", uid=0):
        shell = sandbox.RUN + "/" + parent
        if not os.path.exists(shell):
            sandbox.run("cp", "/bin/sh", shell)
        status, out, said = hookhost.call(shell, ["-c", '"$@"; exit $?', "sh", f"{self.hooks}/daemon", "-", "start", "-", "start"], "", uid=uid)
        self.assertEqual((status, out, said), (0, "", ""))

    @staticmethod
    def age(*names):
        for name in names:
            os.utime(f"/sys/class/net/{name}", (time.time() - 100,) * 2)

    def test_orphans(self):
        sandbox.write("/run/libvirt/qemu/runs.xml", f"<domstatus><domain><uuid>{FOREIGN}</uuid></domain></domstatus>")
        self.addCleanup(sandbox.run, "rm", "-rf", "/run/libvirt")
        self.create("vt-gone", f"--domain={UUID}", uid=0)
        self.create("vt-gone-mq", f"--domain={UUID}", "--multi-queue", uid=0)
        self.create("vt-young", f"--domain={UUID}", uid=0)
        self.create("vt-runs", f"--domain={FOREIGN}", uid=0)
        self.create("vt-no-domain", uid=0)
        self.create("vt-users", f"--domain={UUID}")
        self.create("vt-held", f"--domain={UUID}", uid=0)
        held = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(held, bridgehelper.TUNSETIFF, struct.pack("16sH22x", b"vt-held", bridgehelper.IFF_TAP | bridgehelper.IFF_NO_PI))
        before = self.taps()
        self.start()
        self.assertEqual(self.taps(), before)  # all are young
        self.age(*before - {"vt-young"})
        self.start("virtnetworkd")
        self.assertEqual(self.taps(), before)
        self.start()
        self.assertEqual(self.taps(), before - {"vt-gone", "vt-gone-mq"})
        self.start("virtqemud", uid=USER)
        self.assertEqual(self.taps(), before - {"vt-gone", "vt-gone-mq", "vt-users"})
        os.close(held)
        self.start()
        self.assertEqual(self.taps(), {"vt-young", "vt-runs", "vt-no-domain"})
        self.unlink("vt-young", "vt-runs", "vt-no-domain")


if __name__ == "__main__":
    netcase.main()
