#!/usr/bin/env python3
"""Domains of a real libvirtd that get their taps from the hooks, and lose them, whatever happens in between.

Needs VIRT_TAP_HELPER, VIRT_TAP_CLI, VIRT_TAP_HOOKS (as built) and GUEST_KERNEL (a folder filled by tests/lib/guest-kernel).
"""
import concurrent.futures
import os
import re
import socket
import subprocess
import time
import unittest

import guests
import hookhost
import libvirthost
import sandbox
from bridgehelper import await_, become

POLICY, BRIDGES = "/etc/virt-tap/policy.conf", "/etc/virt-tap/bridges.conf"
SECRET = "hunter2-of-the-screen"
DOMAIN = """<domain type='qemu'>
<name>{name}</name>{uuid}<memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type>{boot}</os>
<features><acpi/></features>
<on_poweroff>destroy</on_poweroff>
<devices>
<controller type='usb' model='none'/><memballoon model='none'/>
{devices}
</devices>
</domain>
"""
NIC = "<interface type='bridge'>{mac}<source bridge='{bridge}'/><model type='virtio'/>{more}<rom enabled='no'/></interface>"
VNC = f"<graphics type='vnc' port='-1' autoport='yes' passwd='{SECRET[:8]}'/>"


def nic(bridge="br0", more="", mac=""):
    return NIC.format(bridge=bridge, more=more, mac=f"<mac address='{mac}'/>" if mac else "")


class HookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        _helper, cls.hooks = hookhost.install()
        cls.addClassCleanup(cls.uninstall)
        cls.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        cls.images = guests.prepare(os.environ["GUEST_KERNEL"])

    @classmethod
    def uninstall(cls):
        sandbox.run("umount", "-l", os.path.dirname(os.path.dirname(_helper_of(cls.hooks))))
        sandbox.run("umount", "-l", "/mnt")

    def boot(self, address="192.168.77.1/24"):
        return (f"<kernel>{self.images.kernel}</kernel><initrd>{self.images.initramfs}</initrd>"
                f"<cmdline>{guests.kernel_arguments(address)}</cmdline>")


def _helper_of(hooks):
    return os.path.join(os.path.dirname(os.path.dirname(hooks)), "virt-tap-helper")


class HostTest(HookTest):
    """A host or two, and what their guests are made of."""

    @classmethod
    def make_host(cls, number, bridge):
        host = libvirthost.Host(number, cls.hooks)
        cls.addClassCleanup(host.end)
        host.run("ip", "link", "add", bridge, "address", f"52:54:00:77:00:f{number}", "type", "bridge", "forward_delay", "0")
        host.run("ip", "link", "set", bridge, "up")
        host.write(POLICY, f"allow {bridge} quota=200\n")
        return host

    def define(self, host, name, *devices, boot="", uuid=""):
        """A domain that was rewritten. Returns its taps' names."""
        path = f"{sandbox.RUN}/{name}.xml"
        sandbox.write(path, DOMAIN.format(name=name, boot=boot, devices="".join(devices), uuid=uuid))
        rewritten = sandbox.run(self.cli, "xml", "rewrite", path).stdout
        sandbox.write(path, rewritten)
        host.virsh("define", path)
        self.addCleanup(self.remove, host, name)
        return set(re.findall(r"<vt:tap dev='([^']+)'", rewritten))

    @staticmethod
    def remove(host, name):
        host.virsh("destroy", name, check=False)
        host.virsh("managedsave-remove", name, check=False)
        host.virsh("undefine", name, check=False)

    def has(self, host, *taps):
        """These taps are there, and no others."""
        self.assertTrue(await_(lambda: host.taps() == set(taps)), f"{host.taps()} instead of {set(taps)}")

    def console(self, host, path):
        stream = socket.socket(socket.AF_UNIX)
        self.addCleanup(stream.close)
        stream.connect(host.path(path))
        return guests.Console(stream)


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
        self.host.virsh("destroy", "guest")
        said = self.host.run("virsh", "start", "guest", check=False).stdout
        self.assertIn("/etc/virt-tap/policy.conf:1 denies bridge 'br-lab' to uid 0", said)
        self.has(self.host)

    def test_fifty_at_once(self):
        taps = {}
        for number in range(50):
            taps[f"many{number}"] = self.define(self.host, f"many{number}", nic())
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            for _done in pool.map(lambda name: self.host.virsh("start", "--paused", name), taps):
                pass
            self.has(self.host, *set().union(*taps.values()))
            self.assertEqual(set(self.host.virsh("list", "--name").split()), set(taps))
            for _done in pool.map(lambda name: self.host.virsh("destroy", name), taps):
                pass
        self.has(self.host)


class Migration(HostTest):
    """Between two hosts whose bridges have other names, on one segment; at the destination the tap's name is taken."""
    MAC = "52:54:00:00:00:01"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.one, cls.two = cls.make_host(1, "brA"), cls.make_host(2, "brB")
        for link in ("mig0", "trunk0"):
            sandbox.run("ip", "link", "add", f"{link}a", "type", "veth", "peer", "name", f"{link}b")
        for host, bridge, end in ((cls.one, "brA", "a"), (cls.two, "brB", "b")):
            for link in ("mig0", "trunk0"):
                sandbox.run("ip", "link", "set", link + end, "netns", str(host.pid), "name", link)
                host.run("ip", "link", "set", link, "up")
            host.run("ip", "link", "set", "trunk0", "master", bridge)
            host.run("ip", "address", "add", f"10.99.0.{host.number}/24", "dev", "mig0")
            host.run("ip", "address", "add", f"192.168.77.{250 + host.number}/24", "dev", bridge)
        cls.one.write(BRIDGES, "map bridge brB brA\n")
        cls.two.write(BRIDGES, "map bridge brA brB\n")

    def setUp(self):
        self.has(self.one)
        self.has(self.two)

    def guest(self):
        """A domain on the first host, whose tap's name the second has already. Returns that name."""
        serial = "<serial type='unix'><source mode='bind' path='/var/lib/libvirt/serial'/></serial>"
        tap, = self.define(self.one, "web", nic("brA", mac=self.MAC), serial, VNC, boot=self.boot())
        self.addCleanup(self.remove, self.two, "web")
        self.two.run("ip", "tuntap", "add", tap, "mode", "tap")
        self.addCleanup(self.two.run, "ip", "link", "delete", tap, check=False)
        return tap

    def run_guest(self):
        self.one.virsh("start", "web")
        self.console(self.one, "/var/lib/libvirt/serial").wait_for(guests.READY)

    def migrate(self, host, to, *options, check=True):
        done = host.run("virsh", "migrate", *options, "web", f"qemu+tcp://{to.name}/system", check=check)
        self.assertNotIn(SECRET[:8], done.stdout)
        return done

    def reaches(self, host):
        said = host.run("busybox", "ping", "-c", "3", "-i", "0.2", "-W", "5", "192.168.77.1", check=False)
        self.assertIn(" 0% packet loss", said.stdout)

    def test_live_there_and_back(self):
        tap = self.guest()
        self.run_guest()
        self.reaches(self.two)
        self.migrate(self.one, self.two, "--live", "--p2p")
        self.has(self.one)
        renamed = self.two.taps() - {tap}
        self.assertEqual(len(renamed), 1)
        self.assertIn("master brB", self.two.run("ip", "link", "show", min(renamed)).stdout)
        self.reaches(self.one)
        self.migrate(self.two, self.one, "--live", "--p2p")
        self.has(self.two, tap)
        self.has(self.one, *renamed)
        self.assertIn("master brA", self.one.run("ip", "link", "show", min(renamed)).stdout)
        self.reaches(self.two)
        self.one.virsh("destroy", "web")
        self.has(self.one)
        self.has(self.two, tap)

    def test_aborted(self):
        tap = self.guest()
        self.run_guest()
        self.one.virsh("migrate-setspeed", "web", "1")
        virsh = subprocess.Popen(["nsenter", "-t", str(self.one.pid), "-a", "virsh", "migrate", "--live", "web", "qemu+tcp://host2/system"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertTrue(await_(lambda: len(self.two.taps()) == 2))
        time.sleep(0.5)
        self.one.virsh("domjobabort", "web")
        virsh.communicate(timeout=60)
        self.assertNotEqual(virsh.returncode, 0)
        self.has(self.two, tap)
        self.has(self.one, tap)
        self.reaches(self.two)

    def test_refused_at_the_destination(self):
        """The source lives on; the reason is in its virsh's error."""
        tap = self.guest()
        self.run_guest()
        for path, text, says in ((POLICY, "allow brX\n", "on bridge 'brB'"), (BRIDGES, "nonsense\n", f"{BRIDGES}:1")):
            before = self.two.read(path)
            self.two.write(path, text)
            done = self.migrate(self.one, self.two, "--live", "--p2p", check=False)
            self.two.write(path, before)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(says, done.stdout)
            self.has(self.two, tap)
            self.has(self.one, tap)
            self.assertEqual(self.one.virsh("domstate", "web").strip(), "running")

    def test_offline(self):
        """It fires migrate only, whose output becomes the definition there."""
        tap = self.guest()
        self.migrate(self.one, self.two, "--offline", "--persistent")
        self.has(self.one)
        self.has(self.two, tap)
        xml = self.two.virsh("dumpxml", "web")
        self.assertIn('bridge="brB"', xml.replace("'", '"'))
        self.two.virsh("start", "web")
        self.assertEqual(len(self.two.taps()), 2)
        self.two.virsh("destroy", "web")
        self.has(self.two, tap)

    def test_secrets(self):
        """What migrate is given holds the screen's password: it is in no log of either host."""
        self.guest()
        self.one.virsh("start", "--paused", "web")
        self.migrate(self.one, self.two, "--live", "--p2p")
        self.assertIn(SECRET[:8], self.two.virsh("dumpxml", "--security-info", "web"))
        for host in (self.one, self.two):
            for path in (libvirthost.LOG, "/var/log/libvirt/qemu/web.log"):
                self.assertNotIn(SECRET[:8], host.read(path))
        self.two.virsh("destroy", "web")


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
        sandbox.write(cls.HOME + "/config/libvirt/qemu.conf", 'stdio_handler = "file"\n')
        for folder in ("", "/config", "/config/libvirt"):
            os.chown(cls.HOME + folder, sandbox.USER, sandbox.USER)

    def virsh(self, *words, check=True):
        return sandbox.run("virsh", "-q", "-c", "qemu:///session", *words, env=self.ENVIRONMENT, cwd=self.HOME, check=check,
                           preexec_fn=lambda: become(sandbox.USER)).stdout

    def taps(self):
        return {name for name in sandbox.links() if name.startswith("vt-")}

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
    sandbox.enter(390)
    libvirthost.prepare()
    unittest.main()
