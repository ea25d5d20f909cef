#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The hooks of libvirt's network driver and of its daemons.

Needs VIRT_TAP_HELPER and VIRT_TAP_HOOKS (the folder of the built hooks).
"""
import fcntl
import os
import struct
import time

import bridgehelper
import hookhost
import netcase
import sandbox
from hookcase import BRIDGES, FOREIGN, heard, HookCase, UUID
from netcase import POLICY
from sandbox import OTHER, USER

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
        for event, text in (("port-created", port("br-mgmt")), ("plugged", plugged),
                            ("port-created", NETWORK.format("br0", "nat", PORT.format("br-mgmt", UUID)))):
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


class Started(HookCase):
    """A network of libvirt's own: its bridge is another than its guests were on."""
    driver = "network"

    def off(self, *names, uid=0):
        for name in names:
            self.create(name, uid=uid)
            sandbox.run("ip", "link", "set", name, "nomaster")

    def test_put_back(self):
        """On that bridge only; by the system's daemon only."""
        sandbox.make_bridge("br1")
        sandbox.write(POLICY, "allow all\n")
        log = netcase.system_log(self)
        self.off("vtap-a", "vtap-b", uid=USER)
        self.off("vtap-c")
        self.create("vtap-d", bridge="br1")
        sandbox.run("ip", "link", "set", "vtap-d", "nomaster")
        heard(log)
        self.done("started", NETWORK.format("br0", "nat", ""), uid=USER)
        said = heard(log)
        self.assertIn(b"and 1 more of uid", said)
        self.assertIn(b"sudo virt-tap repair\n", said)
        self.assertNotIn("master", netcase.link("vtap-a"))
        self.done("started", NETWORK.format("br0", "nat", ""))
        self.assertEqual([netcase.link(f"vtap-{letter}").get("master") for letter in "abcd"], ["br0", "br0", "br0", None])
        self.unlink("vtap-a", "vtap-b", "vtap-c", "vtap-d", "br1")

    def test_names(self):
        """Of a bridge that looks like an option, which the command would take for one; nothing but the bridge comes from libvirt's XML."""
        sandbox.make_bridge("--dry-run")
        sandbox.write(POLICY, "allow all\n")
        self.create("vtap-a", bridge="--dry-run")
        sandbox.run("ip", "link", "set", "vtap-a", "nomaster")
        self.done("started", NETWORK.format("--dry-run", "nat", ""))
        self.assertEqual(netcase.link("vtap-a").get("master"), "--dry-run")
        self.unlink("vtap-a")
        sandbox.run("ip", "link", "delete", "dev", "--dry-run")

    def test_limit(self):
        """libvirtd waits for its hooks: a repair that takes long, as one that waits for another, is ended, and is to be run again."""
        self.off("vtap-a")
        os.makedirs("/run/virt-tap", exist_ok=True)
        begin = time.monotonic()
        with open("/run/virt-tap/.apply", "w", encoding="ascii") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            status, _out, said = self.hook("started", NETWORK.format("br0", "nat", ""))
        self.assertEqual(status, 0)
        self.assertIn("did not end in time; to put the other taps back, run: virt-tap repair", said)
        self.assertLess(time.monotonic() - begin, 20)
        self.done("started", NETWORK.format("br0", "nat", ""))
        self.assertEqual(netcase.link("vtap-a")["master"], "br0")
        self.unlink("vtap-a")


class Daemon(HookCase):
    """When the daemon of QEMU's driver starts; a shell of that name calls the hook here."""
    driver = "daemon"

    @staticmethod
    def daemon(name):
        shell = sandbox.RUN + "/" + name
        if not os.path.exists(shell):
            sandbox.run("cp", "/bin/sh", shell)
        return shell

    def words(self):
        return ["-c", '"$@"; exit $?', "sh", f"{self.hooks}/daemon", "-", "start", "-", "start"]

    def start(self, parent="libvirtd", uid=0):
        status, out, said = hookhost.call(self.daemon(parent), self.words(), "", uid=uid)
        self.assertEqual((status, out, said), (0, "", ""))

    @staticmethod
    def age(*names):
        for name in names:
            os.utime(f"/sys/class/net/{name}", (time.time() - 100,) * 2)

    def test_put_back_whatever_is_said_about_other_taps(self):
        """Taps that are not allowed any more are listed first, however many they are."""
        sandbox.write(POLICY, f"allow br0 user={USER} quota=400\nallow br0 user=root\n")
        for number in range(400):
            self.create(f"vtap-u{number}", f"--domain={FOREIGN}")
        self.create("vtap-web", uid=0)
        sandbox.run("ip", "link", "set", "vtap-web", "nomaster")
        sandbox.write(POLICY, "allow br0 user=root\n")
        shell = self.daemon("libvirtd")
        said = hookhost.call(shell, self.words(), "")[2]
        master = netcase.link("vtap-web").get("master")
        self.delete(f"--domain={FOREIGN}")
        self.unlink("vtap-web")
        self.assertEqual(master, "br0", said)
        self.assertIn("not allowed any more: no rule", said)

    def test_a_session_tells_the_log(self):
        log = netcase.system_log(self)
        for number, uid in enumerate((USER, 0)):
            self.create(f"vtap-{number}", uid=uid)
            sandbox.run("ip", "link", "set", f"vtap-{number}", "nomaster")
        heard(log)
        self.start(uid=USER)
        self.assertIn(b"sudo virt-tap repair -- vtap-0", heard(log))
        self.assertEqual([netcase.link(f"vtap-{number}").get("master") for number in range(2)], [None, None])
        self.start()
        self.assertEqual([netcase.link(f"vtap-{number}").get("master") for number in range(2)], ["br0", "br0"])
        self.unlink("vtap-0", "vtap-1")

    def test_lost_protection(self):
        """Also what only the policy says of a port; a session's cannot know that, but tells of what was asked for, or half lost."""
        log = netcase.system_log(self)
        guest, command = "52:54:00:00:00:01", f"{os.path.dirname(os.path.dirname(self.installed))}/bin/virt-tap"
        sandbox.write(POLICY, "allow br0 isolated=yes mac=lock user=root\nallow br0 quota=9\n")
        self.create("vtap-root", f"--mac={guest}", uid=0)
        self.create("vtap-asks", "--isolated")
        for change in ("bridge link set dev vtap-root isolated off", "bridge link set dev vtap-root flood on learning on",
                       "tc qdisc del dev vtap-root clsact", f"bridge fdb del {guest} dev vtap-root master",
                       "bridge link set dev vtap-root locked off", "bridge link set dev vtap-asks isolated off"):
            with self.subTest(change):
                sandbox.run(*change.split())
                before = sandbox.run("bridge", "-d", "link", "show").stdout
                heard(log)
                self.start(uid=USER)
                self.assertEqual(b"tap 'vtap-asks' has lost its port options; " in heard(log), "asks" in change)
                self.assertEqual(sandbox.run("bridge", "-d", "link", "show").stdout, before)
                self.start()
                self.assertIn("changed 0", sandbox.run(command, "repair").stdout)
                options = netcase.link("vtap-root")["linkinfo"]["info_slave_data"]
                self.assertEqual([options[key] for key in ("isolated", "locked", "flood", "learning")], [True, True, False, False])
                self.assertTrue(netcase.link("vtap-asks")["linkinfo"]["info_slave_data"]["isolated"])
        self.unlink("vtap-root", "vtap-asks")

    def test_orphans(self):
        sandbox.write("/run/libvirt/qemu/runs.xml", f"<domstatus><domain><uuid>{FOREIGN}</uuid></domain></domstatus>")
        self.addCleanup(sandbox.run, "rm", "-rf", "/run/libvirt")
        self.create("vtap-gone", f"--domain={UUID}", uid=0)
        self.create("vtap-gone-mq", f"--domain={UUID}", "--multi-queue", uid=0)
        self.create("vtap-young", f"--domain={UUID}", uid=0)
        self.create("vtap-runs", f"--domain={FOREIGN}", uid=0)
        self.create("vtap-no-domai", uid=0)
        self.create("vtap-users", f"--domain={UUID}")
        self.create("vtap-held", f"--domain={UUID}", uid=0)
        held = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(held, bridgehelper.TUNSETIFF, struct.pack("16sH22x", b"vtap-held", bridgehelper.IFF_TAP | bridgehelper.IFF_NO_PI))
        before = self.taps()
        self.start()
        self.assertEqual(self.taps(), before)  # all are young
        self.age(*before - {"vtap-young"})
        self.start("virtnetworkd")
        self.assertEqual(self.taps(), before)
        self.start()
        self.assertEqual(self.taps(), before - {"vtap-gone", "vtap-gone-mq"})
        self.start("virtqemud", uid=USER)
        self.assertEqual(self.taps(), before - {"vtap-gone", "vtap-gone-mq", "vtap-users"})
        os.close(held)
        self.start()
        self.assertEqual(self.taps(), {"vtap-young", "vtap-runs", "vtap-no-domai"})
        self.unlink("vtap-young", "vtap-runs", "vtap-no-domai")

    def test_what_fails_stops_nothing_else(self):
        """One orphan that cannot be deleted: the others are, and what was taken off its bridge is put back. In the helper's place is what fails
        for that one, for want of a tap that the helper cannot delete."""
        self.create("vtap-a", f"--domain={UUID}", uid=0)
        self.create("vtap-b", f"--domain={UUID}", uid=0)
        self.create("vtap-web", uid=0)
        self.age("vtap-a", "vtap-b")
        sandbox.run("ip", "link", "set", "vtap-web", "nomaster")
        sandbox.run("mv", self.installed, f"{self.installed}.real")
        self.addCleanup(sandbox.run, "mv", f"{self.installed}.real", self.installed)
        sandbox.write(self.installed, f'#!/bin/sh\ncase "$*" in *=vtap-a\\ *) echo cannot >&2; exit 1;; esac\nexec {self.installed}.real "$@"\n', mode=0o755)
        status, out, said = hookhost.call(self.daemon("libvirtd"), self.words(), "")
        self.assertEqual(self.taps(), {"vtap-a", "vtap-web"}, said)
        self.assertEqual(netcase.link("vtap-web").get("master"), "br0")
        self.assertEqual((status, out), (0, ""))
        self.assertIn("cannot", said)
        self.unlink("vtap-a", "vtap-web")


if __name__ == "__main__":
    netcase.main()
