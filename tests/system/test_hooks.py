#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Domains of a real libvirtd that get their taps from the hooks, and lose them, whatever happens in between.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_HOOKS (as built) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import concurrent.futures
import json
import os
import socket
import subprocess

import guests
import libvirthost
import needed
import sandbox
from bridgehelper import await_
from libvirtcase import _helper_of, BRIDGES, DOMAIN, HookTest, HostTest, nic, POLICY, VNC
from rounds import rounds


class System(HostTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.make_host(1, "br0")
        cls.host.run("ip", "address", "add", "192.168.77.254/24", "dev", "br0")

    def setUp(self):
        self.has(self.host)

    def tearDown(self):
        self.host.write(POLICY, "allow br0 quota=200\n")
        self.host.write(BRIDGES, "")

    def test_start_and_destroy(self):
        taps = self.define(self.host, "web", nic(), nic(more="<driver queues='4'/>"), nic())
        self.assertEqual(len(taps), 3)
        for _time in range(2):
            self.host.virsh("start", "web")
            self.has(self.host, *taps)
            self.host.virsh("destroy", "web")
            self.has(self.host)

    def test_guest_reaches_the_bridge_and_shuts_down(self):
        serial = "/var/lib/libvirt/serial"
        taps = self.define(self.host, "linux", nic(), f"<serial type='unix'><source mode='bind' path='{serial}'/></serial>", boot=self.boot())
        self.host.virsh("start", "linux")
        self.has(self.host, *taps)
        console = self.console(self.host, serial)
        console.wait_for(guests.READY)
        self.assertRegex(guests.ping(console, "192.168.77.254"), ", 0% packet loss$")
        console.send("poweroff -f")
        self.has(self.host)
        self.assertEqual(self.host.virsh("domstate", "linux").strip(), "shut off")

    def test_qemu_is_killed(self):
        taps = self.define(self.host, "web", nic())
        self.host.virsh("start", "web")
        self.has(self.host, *taps)
        self.host.run("kill", "-KILL", self.host.read("/run/libvirt/qemu/web.pid").strip())
        self.has(self.host)

    def test_start_fails_after_prepare(self):
        missing = "<interface type='bridge'><source bridge='br-none'/></interface>"
        self.define(self.host, "web", nic())
        xml = self.host.virsh("dumpxml", "--inactive", "web").replace("</devices>", missing + "</devices>")
        sandbox.write(sandbox.RUN + "/web.xml", xml)
        self.host.virsh("define", sandbox.RUN + "/web.xml")
        said = self.host.run("virsh", "start", "web", check=False)
        self.assertIn("br-none", said.stdout)
        self.assertNotEqual(said.returncode, 0)
        self.has(self.host)

    def test_refusal_is_virshs_error(self):
        """Which interface, which bridge, why, what to type."""
        self.define(self.host, "web", nic(), nic("br-dmz"), VNC)
        done = self.host.run("virsh", "start", "web", check=False)
        self.assertNotEqual(done.returncode, 0)
        for words in ("interface 2 (52:54:00:", "of domain 'web'", "on bridge 'br-dmz'", "no rule in /etc/virt-tap/policy.conf", "allow br-dmz"):
            self.assertIn(words, done.stdout)
        self.has(self.host)

    def test_daemon_is_killed_and_guests_run_on(self):
        one, two = self.define(self.host, "one", nic()), self.define(self.host, "two", nic(more="<driver queues='2'/>"))
        for name in ("one", "two"):
            self.host.virsh("start", name)
        index = self.host.read(f"/sys/class/net/{min(one)}/ifindex")
        for signal in ("KILL", "TERM"):
            self.host.stop(signal)
            self.host.start()
            self.has(self.host, *one, *two)
            self.assertEqual(self.host.virsh("domstate", "one").strip(), "running")
        self.assertEqual(self.host.read(f"/sys/class/net/{min(one)}/ifindex"), index)
        self.host.stop("KILL")
        self.host.run("kill", "-KILL", self.host.read("/run/libvirt/qemu/two.pid").strip())
        self.host.start()
        self.has(self.host, *one)
        self.host.virsh("destroy", "one")
        self.has(self.host)

    def test_taps_are_put_back(self):
        """What was taken off its bridge while no daemon ran, and that of a bridge on demand, which only the guest's reconnection makes again."""
        self.host.write(POLICY, "allow br0 quota=200 mac=lock\nallow br-lab quota=200\n")
        self.host.write(BRIDGES, "bridge br-lab\n")
        taps = self.define(self.host, "web", nic(), nic("br-lab"))
        self.host.virsh("start", "web")
        self.has(self.host, *taps)
        self.host.stop("KILL")
        for tap in taps:
            self.host.run("ip", "link", "set", tap, "nomaster")
        self.host.run("ip", "link", "delete", "br-lab")
        self.host.start()
        self.assertTrue(await_(lambda: {self.master(tap) for tap in taps} == {"br0", "br-lab"}))
        self.host.virsh("dommemstat", "web")  # QEMU answers: a destroy earlier than that can fail
        self.host.virsh("destroy", "web")
        self.has(self.host)
        self.host.run("ip", "link", "delete", "br-lab")

    def master(self, tap):
        return json.loads(self.host.run("ip", "-json", "link", "show", "dev", tap).stdout)[0].get("master")

    def test_reconnect_never_ends_a_guest(self):
        """No helper, no policy, no bridge, damaged metadata: libvirt would kill the guest if the hook failed."""
        taps = self.define(self.host, "web", nic())
        self.host.virsh("start", "web")
        self.host.virsh("metadata", "web", "urn:virt-tap", "--live", "--set", "<taps version='9'/>", "--key", "vt")
        helper = _helper_of(self.hooks)
        os.rename(helper, helper + ".aside")
        self.host.write(POLICY, "nonsense\n")
        self.host.write(BRIDGES, "nonsense\n")
        self.host.run("ip", "link", "set", "br0", "down")
        try:
            self.host.stop("KILL")
            self.host.start()
            self.assertEqual(self.host.virsh("domstate", "web").strip(), "running")
            self.has(self.host, *taps)
        finally:
            os.rename(helper + ".aside", helper)
            self.host.run("ip", "link", "set", "br0", "up")
        self.host.virsh("destroy", "web")
        self.has(self.host)

    def test_killed_within_a_start(self):
        """libvirtd dies between prepare and QEMU: who starts next collects what was left, once it is old."""
        hang = "/etc/libvirt/hooks/qemu.d/60-hang"
        self.host.write(hang, "#!/bin/sh\n[ $2 != prepare ] || exec sleep 600\n", 0o755)
        self.addCleanup(self.host.run, "rm", "-f", hang)
        taps = self.define(self.host, "web", nic())
        virsh = subprocess.Popen(["nsenter", "-t", str(self.host.pid), "-a", "virsh", "start", "web"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.has(self.host, *taps)
        self.host.stop("KILL")
        virsh.wait(20)
        self.host.run("rm", "-f", hang)
        self.host.start()
        self.has(self.host, *taps)  # young: somebody might be starting it
        self.host.stop()
        self.host.run("touch", "-d", "2 minutes ago", f"/sys/class/net/{min(taps)}")
        self.host.start()
        self.has(self.host)
        self.host.virsh("start", "web")
        self.has(self.host, *taps)

    def test_save_and_restore(self):
        """Meanwhile somebody else got the name of the tap, and the bridge is another."""
        taps = self.define(self.host, "web", nic(), VNC)
        image = "/var/lib/libvirt/web.image"
        self.host.virsh("start", "web")
        self.host.virsh("save", "web", image)
        self.has(self.host)
        self.host.run("ip", "tuntap", "add", min(taps), "mode", "tap")
        self.host.virsh("restore", image)
        renamed = self.host.taps() - taps
        self.assertEqual(len(renamed), 1)
        self.assertIn(min(renamed), self.host.virsh("domiflist", "web"))
        self.host.virsh("managedsave", "web")
        self.has(self.host, *taps)
        self.host.run("ip", "link", "delete", min(taps))
        self.host.write(BRIDGES, "map bridge br0 br1\n")
        self.host.run("ip", "link", "add", "br1", "address", "52:54:00:77:00:e1", "type", "bridge")
        self.addCleanup(self.host.run, "ip", "link", "delete", "br1")
        said = self.host.run("virsh", "start", "web", check=False).stdout  # the image is kept
        self.assertIn("on bridge 'br1'", said)
        self.has(self.host)
        self.host.write(POLICY, "allow br0\nallow br1\n")
        self.host.virsh("start", "web")
        self.has(self.host, *renamed)
        self.assertIn("master br1", self.host.run("ip", "link", "show", min(renamed)).stdout)
        self.host.virsh("destroy", "web")
        self.has(self.host)

    def test_networks(self):
        """A declared bridge is made when its network starts; a deny keeps guests off a network."""
        self.host.write(POLICY, "allow br-lab\n")
        self.host.write(BRIDGES, "bridge br-lab address=10.66.0.1/24\n")
        sandbox.write(sandbox.RUN + "/lan.xml", "<network><name>lan</name><forward mode='bridge'/><bridge name='br-lab'/></network>")
        self.host.virsh("net-define", sandbox.RUN + "/lan.xml")
        self.addCleanup(self.host.virsh, "net-undefine", "lan")
        self.host.virsh("net-start", "lan")
        self.addCleanup(self.host.virsh, "net-destroy", "lan")
        self.addCleanup(self.host.run, "ip", "link", "delete", "br-lab")
        self.assertIn("br-lab", self.host.links())
        sandbox.write(sandbox.RUN + "/guest.xml", DOMAIN.format(
            name="guest", uuid="", boot="", devices="<interface type='network'><source network='lan'/></interface>"))
        self.host.virsh("define", sandbox.RUN + "/guest.xml")
        self.addCleanup(self.remove, self.host, "guest")
        self.host.virsh("start", "guest")
        self.host.stop()
        self.host.write(POLICY, "deny br-lab\n")
        self.host.start()
        self.assertEqual(self.host.virsh("domstate", "guest").strip(), "running")
        self.host.virsh("dommemstat", "guest")  # as above
        self.host.virsh("destroy", "guest")
        said = self.host.run("virsh", "start", "guest", check=False).stdout
        self.assertIn("/etc/virt-tap/policy.conf:1 denies bridge 'br-lab' to uid 0", said)
        self.has(self.host)

    def test_a_network_restarts_under_a_guest(self):
        """libvirt makes its bridge again; the guest's tap goes back there, locked as before. So it does when the daemon starts."""
        self.host.write(POLICY, "allow virbr7 mac=lock\n")
        sandbox.write(sandbox.RUN + "/own.xml", "<network><name>own</name><bridge name='virbr7'/></network>")
        self.host.virsh("net-define", sandbox.RUN + "/own.xml")
        self.addCleanup(self.host.virsh, "net-undefine", "own")
        self.host.virsh("net-start", "own")
        self.addCleanup(self.host.virsh, "net-destroy", "own")
        tap, = self.define(self.host, "web", nic("virbr7", mac="52:54:00:00:00:01"))
        self.host.virsh("start", "web")
        before = self.on_bridge(tap)
        self.assertEqual(before, ("virbr7", [True, False, False, 0], True))
        self.host.virsh("net-destroy", "own")
        self.assertEqual(self.on_bridge(tap)[0], None)
        self.host.virsh("net-start", "own")
        self.assertEqual(self.on_bridge(tap), before)
        listed, = json.loads(self.host.run(self.cli, "list", "--json").stdout)
        self.assertTrue(listed["filter"]["attached"])
        self.host.run("ip", "link", "set", tap, "nomaster")
        self.host.stop()
        self.host.start()
        self.assertTrue(await_(lambda: self.on_bridge(tap) == before), self.on_bridge(tap))
        self.host.virsh("destroy", "web")
        self.has(self.host)

    def on_bridge(self, tap):
        """Its bridge, and how the port is protected."""
        link, = json.loads(self.host.run("ip", "-d", "-json", "link", "show", tap).stdout)
        port = link["linkinfo"].get("info_slave_data", {})
        return link.get("master"), [port.get(name) for name in ("locked", "learning", "flood", "multicast_router")], "UP" in link["flags"]

    def test_many_at_once(self):
        """Six, or as many as a host may have to start after a power cut."""
        taps = {}
        for number in range(rounds(6, 50)):
            taps[f"many{number}"] = self.define(self.host, f"many{number}", nic())
        with concurrent.futures.ThreadPoolExecutor(len(taps)) as pool:
            for _done in pool.map(lambda name: self.host.virsh("start", "--paused", name), taps):
                pass
            self.has(self.host, *set().union(*taps.values()))
            self.assertEqual(set(self.host.virsh("list", "--name").split()), set(taps))
            for _done in pool.map(lambda name: self.host.virsh("destroy", name), taps):
                pass
        self.has(self.host)


class Session(HookTest):
    """An unprivileged user's own libvirt, with what it cannot have by a bridge helper."""
    HOME = sandbox.RUN + "/session"
    ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": HOME, "XDG_RUNTIME_DIR": HOME, "LC_ALL": "C",
                   "XDG_CONFIG_HOME": HOME + "/config", "XDG_CACHE_HOME": HOME + "/cache"}
    MAC = "52:54:00:00:00:0"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sandbox.make_bridge("br0")
        sandbox.run("ip", "address", "add", "192.168.77.254/24", "dev", "br0")
        sandbox.write(POLICY, f"allow br0 user={sandbox.USERS[sandbox.USER]} mac=lock macs=52:54:00\n")
        sandbox.run("mkdir", "-p", "/etc/libvirt/hooks/qemu.d")
        sandbox.run("ln", "-sf", cls.hooks + "/qemu", "/etc/libvirt/hooks/qemu.d/50-virt-tap")
        sandbox.write(cls.HOME + "/config/libvirt/qemu.conf", libvirthost.QEMU_CONF)
        for folder in ("", "/config", "/config/libvirt"):
            os.chown(cls.HOME + folder, sandbox.USER, sandbox.USER)

    def virsh(self, *words, check=True):
        return sandbox.run("virsh", "-q", "-c", "qemu:///session", *words, env=self.ENVIRONMENT, cwd=self.HOME, check=check, uid=sandbox.USER).stdout

    def taps(self):
        return {name for name in sandbox.links() if name.startswith("vtap-")}

    def test_queues_three_cards_and_a_locked_mac(self):
        path, serial = self.HOME + "/web.xml", self.HOME + "/serial"
        cards = [nic(more="<driver queues='4'/>" if number == 1 else "", mac=self.MAC + str(number)) for number in (1, 2, 3)]
        sandbox.write(path, DOMAIN.format(name="web", uuid="", boot=self.boot(), devices="".join(cards) +
                                          f"<serial type='unix'><source mode='bind' path='{serial}'/></serial>"))
        sandbox.write(path, sandbox.run(self.cli, "xml", "rewrite", path).stdout)
        self.virsh("define", path)
        self.addCleanup(self.virsh, "destroy", "web", check=False)
        self.virsh("start", "web")
        self.assertEqual(len(self.taps()), 3)
        stream = socket.socket(socket.AF_UNIX)
        self.addCleanup(stream.close)
        stream.connect(serial)
        console = guests.Console(stream)
        console.wait_for(guests.READY)
        self.assertRegex(guests.ping(console, "192.168.77.254"), ", 0% packet loss$")
        console.run("ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:99; ip link set eth0 up")
        self.assertRegex(guests.ping(console, "192.168.77.254", 3), "100% packet loss$")
        console.send("poweroff -f")
        self.assertTrue(await_(lambda: not self.taps()), self.taps())

    def test_refusal(self):
        path = self.HOME + "/other.xml"
        sandbox.write(path, DOMAIN.format(name="other", uuid="", boot="", devices=nic("br9")))
        sandbox.write(path, sandbox.run(self.cli, "xml", "rewrite", path).stdout)
        self.virsh("define", path)
        self.assertIn(f"allows bridge 'br9' to uid {sandbox.USER}", self.virsh("start", "other", check=False))
        self.assertEqual(self.taps(), set())


if __name__ == "__main__":
    sandbox.enter()
    libvirthost.prepare()
    needed.main()
