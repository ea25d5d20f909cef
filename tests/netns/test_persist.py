#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap bridge persist: each manager's own parser takes what is written, and ifupdown makes the bridge for real."""
import glob
import json
import os
import re
import shutil
import subprocess
import unittest

import bridgehelper
import formats
import needed
import netplanfork
import sandbox
import uplink
from sandbox import USER
from uplink import HOST4, HOST6, ROUTER4, ROUTER6, virt_tap

INTERFACES = """# the administrator's
auto lo
iface lo inet loopback

allow-hotplug eth0
iface eth0 inet static
    address 192.0.2.10/24
    gateway 192.0.2.1

iface other inet manual
"""


class PersistCase(unittest.TestCase):
    def setUp(self):
        uplink.make()
        self.addCleanup(uplink.remove)
        for words in (("route", "flush", "table", "77"), ("-6", "route", "flush", "table", "77"),
                      ("route", "replace", "default", "via", ROUTER4, "dev", "eth0", "metric", "100")):
            uplink.ip(*words)  # what no format can express: see Losses
        for folder in ("/etc/network", "/etc/netplan", "/etc/NetworkManager/system-connections", "/etc/systemd/network"):
            shutil.rmtree(folder, ignore_errors=True)
        sandbox.write("/etc/network/interfaces", INTERFACES)
        for folder in ("interfaces.d", "if-pre-up.d", "if-up.d", "if-down.d", "if-post-down.d"):
            os.mkdir("/etc/network/" + folder)
        for path in glob.glob("/etc/virt-tap/persist.*"):
            os.unlink(path)

    def persist(self, *words, status=0):
        done = virt_tap("bridge", "persist", *words)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    @staticmethod
    def tree():
        """All files, hidden ones, too, with owners, modes and times."""
        found = {}
        for folder in ("/etc/network", "/etc/netplan", "/etc/NetworkManager", "/etc/systemd/network", "/etc/virt-tap"):
            for where, _, names in os.walk(folder):
                for path in (os.path.join(where, name) for name in names):
                    info = os.lstat(path)
                    with open(path, encoding="utf-8") as file:
                        found[path] = (file.read(), info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns)
        return found

    @staticmethod
    def only_static():
        """Without the addresses of a lifetime, so that no DHCP client waits for a server that is not there."""
        for address in ("198.51.100.7/32", "2001:db8::11/64"):
            uplink.ip("addr", "del", address, "dev", "eth0")

    def there(self):
        """The bridge with eth0, confirmed."""
        done = virt_tap("bridge", "create", "br0", "--uplink", "eth0")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)


class Status(PersistCase):
    """virt-tap bridge status: what Ansible, and people, want to know of a bridge beside what the kernel has."""
    NOTHING = {"exists": False, "uplink": None, "nat": False, "move": None, "confirm_within": None, "persist": None}

    def status(self, *words):
        done = virt_tap("bridge", "status", "--json", *words)
        self.assertEqual(done.returncode, 0, done.stdout)
        return {one.pop("name"): one for one in json.loads(done.stdout)["bridges"]}

    def test_life(self):
        self.assertEqual(self.status(), {})
        self.assertIn("No bridges.", virt_tap("bridge", "status").stdout)
        self.assertEqual(self.status("br0"), {"br0": self.NOTHING})
        self.assertEqual(virt_tap("bridge", "create", "br0", "--uplink", "eth0", "--confirm-within=50s").returncode, 0)
        seen = self.status()["br0"]
        self.assertIn(seen.pop("confirm_within"), range(20, 51))
        self.assertEqual(seen, {"exists": True, "uplink": "eth0", "nat": False, "move": "unconfirmed", "persist": None})
        self.assertRegex(virt_tap("bridge", "status").stdout, "^br0: exists, uplink eth0\n  not confirmed: in [2-5][0-9] s everything is put back, "
                         "unless you run:\n    virt-tap bridge confirm br0\n  not made at boot")
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.assertEqual(self.status()["br0"], {**self.NOTHING, "exists": True, "uplink": "eth0"})
        self.persist("br0", "--format=ifupdown")
        files = {"manager": "ifupdown", "files": ["/etc/network/interfaces", "/etc/network/virt-tap-br0"]}
        self.assertEqual(self.status("br0")["br0"], {**self.NOTHING, "exists": True, "uplink": "eth0", "persist": files})
        self.assertIn("  made at each boot by ifupdown\n    /etc/network/interfaces\n", virt_tap("bridge", "status", "br0").stdout)
        sandbox.make_bridge("br-lab")
        self.addCleanup(sandbox.run, "ip", "link", "delete", "br-lab")
        self.assertEqual(virt_tap("bridge", "delete", "br0").returncode, 0)
        self.assertEqual(self.status(), {"br-lab": {**self.NOTHING, "exists": True}, "br0": {**self.NOTHING, "persist": files}})
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(list(self.status()), ["br-lab"])

    def test_refusals(self):
        for text, says in (("format 2\n", "a later virt-tap wrote it; use that one"), ("nonsense\n", "Bad message")):
            sandbox.write("/etc/virt-tap/persist.br9", text)
            done = virt_tap("bridge", "status")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"cannot read /etc/virt-tap/persist.br9, which bridge persist has written: {says}", done.stdout)
            self.assertIn("br9: does not exist", done.stdout)
        sandbox.write("/etc/virt-tap/persist.much-too-long-for-a-name", "")
        os.unlink("/etc/virt-tap/persist.br9")
        self.assertEqual(self.status(), {})
        done = virt_tap("bridge", "status", "a/b")
        self.assertEqual((done.returncode, "is not a name that a bridge can have" in done.stdout), (2, True))
        cli = sandbox.install(uplink.CLI, caps=None)
        sandbox.install(os.path.dirname(os.path.dirname(uplink.CLI)) + "/cli/virt-tap-bridge", caps=None)
        done = sandbox.run(cli, "bridge", "status", uid=USER, check=False)
        self.assertEqual((done.returncode, "root only: use sudo" in done.stdout), (1, True), done)

    def test_schema(self):
        with open(f"{os.environ['VIRT_TAP_SOURCE']}/docs/interfaces.md", encoding="utf-8") as file:
            table = file.read().partition("`virt-tap bridge status")[2].split("\n\n")[1]
        self.assertEqual(set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"(?m)^\| (`[^|]*)\|", table)))), {"name", *self.NOTHING})


class Formats(PersistCase):
    def test_ifupdown_brings_it_up(self):
        """From the running bridge; then the host is as after a restart, and ifup makes it again."""
        before = self.tree()
        self.only_static()
        self.there()
        said = self.persist("br0", "--format", "ifupdown")
        self.assertIn("wrote /etc/network/virt-tap-br0", said)
        self.assertEqual(virt_tap("bridge", "delete", "br0").returncode, 0)
        uplink.ip("addr", "flush", "dev", "eth0")
        sandbox.write("/run/network/ifstate", "lo=lo\n")
        for word in ("eth0", "br0"):
            sandbox.run("ifup", "--allow=hotplug", "eth0", check=False)  # what a hotplug event does: nothing is said of eth0 any more
            sandbox.run("ifup", "--force", word, check=word == "br0")
        self.assertEqual(sorted(uplink.addresses("br0")), sorted([HOST4 + "/24", "192.0.2.11/24", HOST6 + "/64"]))
        self.assertEqual(uplink.addresses("eth0"), [])
        self.assertIn("master br0", uplink.ip("link", "show", "eth0"))
        self.assertRegex(uplink.ip("route"), f"default via {ROUTER4} dev br0 metric 100")
        self.assertRegex(uplink.ip("-6", "route"), f"default via {ROUTER6} dev br0 metric 512")
        self.assertIn("52:54:00:aa:00:01", uplink.ip("link", "show", "br0"))
        sandbox.run("ifdown", "br0")
        self.assertNotIn("br0", sandbox.links())
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(self.tree(), before)

    def test_ifupdown_keeps_the_old(self):
        before = self.tree()
        for _ in range(2):  # a second time changes nothing more
            self.persist("br0", "--uplink", "eth0", "--format=ifupdown")
            with open("/etc/network/interfaces", encoding="ascii") as file:
                text = file.read()
            for line in ("\nallow-hotplug eth0\n", "#virt-tap# iface eth0 inet static\niface eth0 inet manual\n", "#virt-tap#     address 192.0.2.10/24\n",
                         "\niface other inet manual\n", "\nauto lo\n", "\nsource /etc/network/virt-tap-br0\n"):
                self.assertIn(line, text)
            with open("/etc/network/.interfaces.virt-tap-old.br0", encoding="ascii") as file:
                self.assertEqual(file.read(), INTERFACES)
        virt_tap("bridge", "unpersist", "br0")
        self.assertEqual(self.tree(), before)
        self.assertIn("nothing was written for 'br0'", virt_tap("bridge", "unpersist", "br0").stdout)

    def test_networkd(self):
        """A real systemd-networkd makes the bridge from it."""
        self.only_static()
        self.there()
        self.persist("br0", "--format", "networkd")
        self.assertEqual(virt_tap("bridge", "delete", "br0").returncode, 0)
        for name, line in (("br0.netdev", "MACAddress=52:54:00:aa:00:01"), ("br0.netdev", "ForwardDelaySec=0"), ("br0.network", f"Address={HOST6}/64"),
                           ("br0.network", f"Gateway={ROUTER4}\nMetric=100"), ("br0-uplink.network", "Bridge=br0")):
            with open(f"/etc/systemd/network/0-virt-tap-{name}", encoding="ascii") as file:
                self.assertIn(line + "\n", file.read())
        daemon = "/lib/systemd/systemd-networkd"
        sandbox.run("mount", "-o", "remount,ro", "/sys")  # without udev: networkd then waits for no event of it
        self.addCleanup(sandbox.run, "mount", "-o", "remount,rw", "/sys")
        for folder in ("links", "leases", "lldp"):
            os.makedirs("/run/systemd/netif/" + folder, exist_ok=True)
        sandbox.run("chown", "-R", "systemd-network", "/run/systemd/netif")
        with open(sandbox.RUN + "/networkd.log", "wb") as log:
            process = subprocess.Popen([daemon], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={"SYSTEMD_LOG_TARGET": "console", "PATH": "/usr/bin:/bin"})
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.kill)

        def made():
            return "br0" in sandbox.links() and HOST4 + "/24" in uplink.addresses("br0") and "default via" in uplink.ip("route") \
                and "master br0" in uplink.ip("link", "show", "eth0")
        ok = bridgehelper.await_(made, 20)
        with open(sandbox.RUN + "/networkd.log", encoding="utf-8") as log:
            said = log.read()
        self.assertTrue(ok, said)
        self.assertNotRegex(said, r"0-virt-tap\S+:\d+:")

    def test_netplan(self):
        netplanfork.leave_out(self)
        self.there()
        self.persist("br0", "--format=netplan")
        sandbox.run("netplan", "generate", "--root-dir", "/")
        for path, lines in (("/run/systemd/network/10-netplan-br0.network", (f"Address={HOST4}/24", f"Gateway={ROUTER6}")),
                            ("/run/systemd/network/10-netplan-br0.netdev", ("Kind=bridge", "STP=false")),
                            ("/run/systemd/network/10-netplan-eth0.network", ("Bridge=br0",))):
            with open(path, encoding="ascii") as file:
                text = file.read()
            for line in lines:
                self.assertIn(line, text)
        shutil.rmtree("/run/systemd")  # netplan's, and to others the sign that systemd runs

    def test_netplan_that_does_not_parse(self):
        """What is there is broken: nothing of ours stays."""
        sandbox.write("/etc/netplan/01-broken.yaml", "network: {version: 2, ethernets: {eth7: {dhcp4: perhaps}}}\n", mode=0o600)
        before = self.tree()
        said = self.persist("br0", "--uplink=eth0", "--format=netplan", status=1)
        self.assertIn("nothing was changed: netplan rejects it", said)
        self.assertEqual(self.tree(), before)

    def test_netplan_that_fails_with_status_0(self):
        """As netplan 1.1 does."""
        sandbox.write(sandbox.RUN + "/netplan", "#!/bin/sh\necho 'Command failed: /etc/netplan/01-broken.yaml:1:49: invalid boolean value' >&2\n", mode=0o755)
        sandbox.run("mount", "--bind", sandbox.RUN + "/netplan", shutil.which("netplan"))
        self.addCleanup(sandbox.run, "umount", shutil.which("netplan"))
        before = self.tree()
        said = self.persist("br0", "--uplink=eth0", "--format=netplan", status=1)
        self.assertIn("nothing was changed: netplan rejects it: /etc/netplan/01-broken.yaml:1:49", said)
        self.assertEqual(self.tree(), before)

    def test_netplan_that_makes_something_else_of_it(self):
        """A stand-in, which adds an address to what the real netplan makes of the port, or of others: no configuration is known that does."""
        real = shutil.which("netplan")
        shutil.copytree(os.path.dirname(os.path.realpath(real)), sandbox.RUN + "/real", dirs_exist_ok=True)
        self.only_static()
        sandbox.write("/etc/netplan/01-others.yaml", "network: {version: 2, ethernets: {eth9: {dhcp4: true}}}\n", mode=0o600)
        before = self.tree()
        for name, says in (("eth0", "netplan would leave 'eth0' with Address="), ("eth9", "netplan would also change other definitions: ")):
            sandbox.write(sandbox.RUN + "/netplan",
                          f"#!/bin/sh\n{sandbox.RUN}/real/netplan.script \"$@\" || exit\nfile=$3/run/systemd/network/10-netplan-{name}.network\n"
                          "[ $1 != generate ] || [ ! -e $3/etc/netplan/99-virt-tap-br0.yaml ] || echo Address=203.0.113.1/24 >>$file\n", mode=0o755)
            sandbox.run("mount", "--bind", sandbox.RUN + "/netplan", real)
            said = self.persist("br0", "--uplink=eth0", "--format=netplan", status=1)
            sandbox.run("umount", real)
            self.assertIn(says, said)
            self.assertEqual(self.tree(), before)

    def test_a_definition_of_netplans_for_several_nics(self):
        """All that it matches would become ports; and which one is the NIC's, networkd knows best."""
        self.only_static()
        uplink.ip("link", "add", "eth1", "type", "bridge")
        for family in ("-4", "-6"):
            uplink.ip(family, "route", "flush", "proto", "boot", "dev", "eth0")
        any_nic = "network: {version: 2, %sethernets: {any: {match: {%s}, addresses: [%s/24, 192.0.2.11/24, '%s/64']}}}\n"
        for renderer in ("", "renderer: NetworkManager, "):
            sandbox.write("/etc/netplan/01-any.yaml", any_nic % (renderer, "name: 'et*'", HOST4, HOST6), mode=0o600)
            before = self.tree()
            said = self.persist("br0", "--uplink=eth0", "--format=netplan", status=1)
            self.assertIn("netplan's definition 'any' is for 'eth1', too, which would become a port as well", said)
            self.assertEqual(self.tree(), before)
        sandbox.write("/etc/netplan/01-any.yaml", any_nic % ("", "driver: virtio_net", HOST4, HOST6), mode=0o600)
        self.addCleanup(shutil.rmtree, "/run/systemd")
        for name in ("eth0", "eth1"):
            sandbox.write(f"/run/systemd/netif/links/{sandbox.ifindex(name)}", "NETWORK_FILE=/run/systemd/network/10-netplan-any.network\n")
        self.assertIn("is for 'eth1', too", self.persist("br0", "--uplink=eth0", "--format=netplan", status=1))
        os.unlink(f"/run/systemd/netif/links/{sandbox.ifindex('eth1')}")
        self.persist("br0", "--uplink=eth0", "--format=netplan")
        with open("/etc/netplan/99-virt-tap-br0.yaml", encoding="ascii") as file:
            self.assertRegex(file.read(), r'(?s)"any":.*interfaces: \["any"\].*addresses:')

    def test_a_bond_of_netplans(self):
        """It remains one, without addresses."""
        self.only_static()
        for family in ("-4", "-6"):
            uplink.ip(family, "route", "flush", "proto", "boot", "dev", "eth0")
        bond = "network: {version: 2, bonds: {eth0: {interfaces: [], addresses: [%s]}}}\n"
        sandbox.write("/etc/netplan/01-bond.yaml", bond % "192.0.2.1/24", mode=0o600)
        before = self.tree()
        said = self.persist("br0", "--uplink=eth0", "--format=netplan", status=1)
        self.assertIn(f"'eth0' has the address {HOST4}/24, which is not in its definition in netplan's files (bonds.eth0)", said)
        self.assertEqual(self.tree(), before)
        sandbox.write("/etc/netplan/01-bond.yaml", bond % f"{HOST4}/24, 192.0.2.11/24, '{HOST6}/64'", mode=0o600)
        self.persist("br0", "--uplink=eth0", "--format=netplan")
        with open("/etc/netplan/99-virt-tap-br0.yaml", encoding="ascii") as file:
            text = file.read()
        self.assertRegex(text, r'  bonds:\n    "eth0":\n      dhcp4: false\n')
        self.assertNotIn("ethernets", text)


class Apply(PersistCase):
    """Written, and done at once under the guard."""

    def setUp(self):
        super().setUp()
        self.only_static()
        uplink.ip("route", "replace", "default", "via", ROUTER4, "dev", "eth0", "metric", "100")  # managers are not told of a route's own MTU
        shutil.rmtree("/run/network", ignore_errors=True)
        sandbox.write("/run/network/ifstate", "lo=lo\n")
        self.before = uplink.snapshot(), self.tree()

    def apply(self, within="60s", status=0):
        said = self.persist("br0", "--uplink=eth0", "--format=ifupdown", "--apply", "--confirm-within", within, status=status)
        if not status:
            self.assertIn("virt-tap bridge confirm br0", said)
            self.assertIn("master br0", uplink.ip("link", "show", "eth0"))
            self.assertEqual(sorted(uplink.addresses("br0")), sorted([HOST4 + "/24", "192.0.2.11/24", HOST6 + "/64"]))
            self.assertIn("br0=br0", sandbox.run("ifquery", "--state", "br0").stdout)
        return said

    def assert_restored(self):
        self.assertTrue(bridgehelper.await_(lambda: not uplink.files()), uplink.files())
        self.assertEqual((uplink.settled(), self.tree()), self.before)

    def test_confirmed(self):
        self.apply()
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.assertIn("/etc/network/virt-tap-br0", self.tree())
        done = virt_tap("bridge", "delete", "br0")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assert_restored()

    def test_unconfirmed(self):
        """Also if the file was edited meanwhile: it would make the bridge again."""
        self.apply(within="6s")
        with open("/etc/network/virt-tap-br0", "a", encoding="ascii") as file:
            file.write("# mine\n")
        self.assert_restored()

    def test_the_manager_fails(self):
        """Its own hook refuses: everything is put back at once."""
        sandbox.write("/etc/network/if-pre-up.d/no", "#!/bin/sh\n[ $IFACE != br0 ] || { echo 'no, not this' >&2; exit 1; }\n", mode=0o755)
        self.before = uplink.snapshot(), self.tree()
        self.assertIn("failed: ", self.apply(status=1))
        self.assert_restored()

    def start(self, *command):
        """A daemon, for as long as the test; its log is in RUN."""
        with open(f"{sandbox.RUN}/{os.path.basename(command[0])}.log", "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={"SYSTEMD_LOG_TARGET": "console", "PATH": "/usr/bin:/bin"})
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.kill)

    def test_networkd_does_it(self):
        """A real systemd-networkd, on a D-Bus of our own, that manages eth0: it makes the bridge, and unmakes it."""
        os.makedirs("/run/dbus", exist_ok=True)
        for folder in ("links", "leases", "lldp"):
            os.makedirs("/run/systemd/netif/" + folder, exist_ok=True)
        self.addCleanup(shutil.rmtree, "/run/systemd")
        sandbox.run("chown", "-R", "systemd-network", "/run/systemd/netif")
        sandbox.run("mount", "-o", "remount,ro", "/sys")  # without udev: networkd then waits for no event of it
        self.addCleanup(sandbox.run, "mount", "-o", "remount,rw", "/sys")
        sandbox.write("/etc/systemd/network/50-wan.network", "[Match]\nName=eth0\n[Network]\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n"
                      f"Address={HOST4}/24\n[Route]\nGateway={ROUTER4}\n")
        uplink.ip("-6", "route", "flush", "table", "all", "via", ROUTER6)
        uplink.ip("addr", "flush", "dev", "eth0")
        self.start("dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog")
        self.assertTrue(bridgehelper.await_(lambda: os.path.exists("/run/dbus/system_bus_socket")))
        self.start("setpriv", "--reuid=systemd-network", "--regid=systemd-network", "--clear-groups",
                   "--inh-caps=+net_admin,+net_raw,+net_bind_service,+net_broadcast",
                   "--ambient-caps=+net_admin,+net_raw,+net_bind_service,+net_broadcast", "/lib/systemd/systemd-networkd")
        self.assertTrue(bridgehelper.await_(lambda: HOST4 + "/24" in uplink.addresses("eth0"), 20), self.log())
        listed = ("networkctl", "--no-pager", "list", "eth0")
        self.assertTrue(bridgehelper.await_(lambda: "configured" in sandbox.run(*listed, check=False).stdout, 20), self.log())
        before = self.tree()
        self.assertIn("managed by systemd-networkd", virt_tap("bridge", "create", "br0", "--uplink", "eth0").stdout)
        said = self.persist("br0", "--uplink=eth0", "--apply", "--confirm-within=8s")
        self.assertIn("/etc/systemd/network/0-virt-tap-br0.network", said)
        self.assertIn("master br0", uplink.ip("link", "show", "eth0"))
        self.assertTrue(bridgehelper.await_(lambda: uplink.addresses("br0") == [HOST4 + "/24"] and not uplink.addresses("eth0"), 7), self.log())
        self.assertTrue(bridgehelper.await_(lambda: not uplink.files(), 30), uplink.files())
        self.assertTrue(bridgehelper.await_(lambda: uplink.addresses("eth0") == [HOST4 + "/24"] and "br0" not in sandbox.links(), 20), self.log())
        self.assertIn(f"default via {ROUTER4} dev eth0", uplink.ip("route"))
        self.assertEqual(self.tree(), before)

    @staticmethod
    def log():
        return sandbox.run("sh", "-c", f"cat {sandbox.RUN}/*.log; networkctl --no-pager status eth0; ip addr").stdout

    def test_refusals(self):
        for words, status, says in ((("--uplink=eth0", "--apply", "--print"), 2, "use one of them"),
                                    (("--apply", "--uplink=eth0", "--confirm-within=x"), 2, "not a time"),
                                    (("--uplink=eth0", "--apply", "--format=x"), 2, "not one of these"), (("--uplink=lo", "--apply"), 1, "loopback")):
            self.assertIn(says, self.persist("br0", *words, status=status))
        self.there()
        self.assertIn("exists already", self.persist("br0", "--uplink=eth0", "--apply", status=1))
        self.assertEqual(virt_tap("bridge", "delete", "br0").returncode, 0)
        self.assert_restored()


class Losses(PersistCase):
    """What cannot be carried over is listed, and refused."""

    def refuse(self, *words, says, command="persist"):
        before = self.tree()
        done = virt_tap("bridge", command, *words)
        self.assertEqual(done.returncode, 1, done.stdout)
        for word in says:
            self.assertIn(word, done.stdout)
        self.assertEqual(self.tree(), before)

    def test_routes(self):
        uplink.ip("route", "add", "203.0.113.0/24", "via", ROUTER4, "table", "77")
        uplink.ip("route", "add", "198.18.0.0/15", "via", ROUTER4, "src", HOST4)
        uplink.ip("route", "add", "198.51.100.128/25", "via", ROUTER4, "mtu", "1300")
        uplink.ip("route", "add", "100.64.0.0/10", "nexthop", "via", ROUTER4, "nexthop", "via", "192.0.2.2")
        self.refuse("br0", "--uplink=eth0", "--format=networkd",
                    says=["nothing was changed", "--lossy", "a route to 203.0.113.0/24 that is not in the table main",
                          "source address of the route to 198.18.0.0/15",
                          "MTU or other metrics of the route to 198.51.100.128/25", "several gateways of the route to 100.64.0.0/10"])
        said = self.persist("br0", "--uplink=eth0", "--format=networkd", "--print", "--lossy")
        self.assertIn("this is not carried over: ", said)
        self.assertIn(f"Destination=198.18.0.0/15\nGateway={ROUTER4}\n", said)
        self.assertNotIn("203.0.113.0", said.split("[NetDev]")[1])

    def test_routes_that_come_back_by_themselves(self):
        uplink.ip("route", "add", "203.0.113.0/24", "via", ROUTER4, "proto", "bird")
        self.assertNotIn("203.0.113.0", self.persist("br0", "--uplink=eth0", "--format=networkd", "--print"))

    def test_gateway_outside(self):
        self.only_static()
        uplink.ip("addr", "flush", "dev", "eth0")
        uplink.ip("addr", "add", "203.0.113.5/32", "dev", "eth0")
        uplink.ip("route", "add", "172.31.1.1", "dev", "eth0")
        uplink.ip("route", "add", "default", "via", "172.31.1.1")
        for form, lines in (("networkd", ("Gateway=172.31.1.1\nGatewayOnLink=yes", "Destination=172.31.1.1/32\nScope=link")),
                            ("netplan", ('via: "172.31.1.1"\n          on-link: true', 'to: "172.31.1.1/32"\n          scope: link'))):
            said = self.persist("br0", "--uplink=eth0", f"--format={form}", "--print")
            for line in lines:
                self.assertIn(line, said)
        sandbox.write("/etc/network/interfaces", INTERFACES.replace("192.0.2.10/24", "203.0.113.5/32").replace("192.0.2.1", "172.31.1.1"))
        self.assertIn("default via 172.31.1.1 dev br0 onlink", self.persist("br0", "--uplink=eth0", "--format=ifupdown", "--print"))

    def test_ifupdown(self):
        for text, says in ((INTERFACES.replace("192.0.2.10", "192.0.2.77"), "an address that it does not have now (192.0.2.77/24)"),
                           (INTERFACES + "iface other2 inet manual\n  post-up echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp\n",
                            "another interface's stanza (echo 1"),
                           (INTERFACES + "iface other2 inet manual\n  up true; ip route add 10.0.0.0/8 via 192.0.2.1 dev eth0\n",
                            "another interface's stanza (true;"),
                           (INTERFACES + "mapping eth*\n  script /bin/true\n", "a mapping"),
                           (INTERFACES.replace("inet static", "inet ppp"), "a method other than"),
                           (INTERFACES.replace("inet static", "inet static inherits lan"), "a stanza that inherits"),
                           (INTERFACES + "iface eth7 inet static inherits eth0\n", "a stanza that others inherit"),
                           (INTERFACES + "auto eth0:1\n  address 192.0.2.9/24\n", "an option outside of any stanza"),
                           (INTERFACES + "auto eth0:1 eth7\\\r\n", "a name with a backslash"),
                           (INTERFACES.replace("hotplug eth0", "hotplug eth0=eth0") + "iface br0 inet manual\n", "have 'br0' already"),
                           ("auto eth0=lan\niface lan inet dhcp\n", "a stanza of another name (eth0=lan)"),
                           ("allow-hotplug /eth*=lan\niface lan inet dhcp\n", "a stanza of another name (/eth*=lan)"),
                           ("auto eth0\niface eth0 inet manual\n  up /etc/network/set-up\n", "in none of its stanzas: '/etc/network/set-up' there may"),
                           (INTERFACES.replace("1\n\niface", "1\n  up echo 1 >/proc/sys/net/ipv4/conf/eth0/proxy_arp; nft -f /etc/rules\n\niface"),
                            "a command that is partly the port's, and partly the bridge's (echo 1"),
                           (INTERFACES.replace("1\n\niface", "1\n  up ip link set eth0 mtu 1400 && ip addr add 192.0.2.11/24 dev eth0\n\niface"),
                            "a command that not only sets addresses or routes (ip link set eth0 mtu 1400 && ip addr"),
                           (INTERFACES.replace("1\n\niface", "1\n  up ip route add 10.0.0.0/8 via 192.0.2.1; nft -f /etc/rules\n\niface"),
                            "a command that not only sets addresses or routes (ip route"),
                           (INTERFACES + "iface eth0:1 inet static\n  address 192.0.2.11/24\n  up nft -f /etc/rules\n",
                            "a command in the stanza of an alias (nft -f /etc/rules)"),
                           (INTERFACES + "source $HOME/x\n", "'source $HOME/x' is not understood"),
                           (INTERFACES + "source /etc/network/interfaces.virt\n", None),
                           (INTERFACES + "iface br0 inet manual\n  bridge_ports eth0\n", "have 'br0' already")):
            sandbox.write("/etc/network/interfaces", text)
            if says:
                self.refuse("br0", "--uplink=eth0", "--format=ifupdown", says=["nothing was changed: ", says])
        sandbox.write("/etc/network/interfaces", INTERFACES + "iface other2 inet manual\n  up echo a\0b\n")
        self.refuse("br0", "--uplink=eth0", "--format=ifupdown", says=["a line with a NUL"])
        sandbox.write("/etc/network/loop", "source /etc/network/l*p\n")
        sandbox.write("/etc/network/interfaces", INTERFACES + "source loop\n")
        self.refuse("br0", "--uplink=eth0", "--format=ifupdown", says=["files name each other"])

    def test_ifupdown_reads_what_was_not_seen(self):
        """The answer of ifquery is what counts: everything is taken back."""
        tool = shutil.which("ifquery")
        sandbox.run("mount", "--bind", sandbox.RUN, sandbox.RUN)
        fake = sandbox.RUN + "/ifquery"
        known = "#!/bin/sh\ncase $1 in br0) cat /etc/network/*br0 >/dev/null 2>&1; exit $?;; "
        sandbox.write(fake, known + 'eth0) echo "address: 192.0.2.10";; *) echo "lo br0";; esac\n', mode=0o755)
        sandbox.run("mount", "--bind", fake, tool)
        self.addCleanup(sandbox.run, "umount", tool)
        self.refuse("br0", "--uplink=eth0", "--format=ifupdown", says=["would still give 'eth0' an address"])
        sandbox.write(fake, known + 'eth0) exit 1;; *) echo "lo eth0";; esac\n', mode=0o755)
        self.refuse("br0", "--uplink=eth0", "--format=ifupdown", says=["does not read what was written for 'br0'"])

    def test_networkds_dropins_of_netplans(self):
        self.only_static()
        for family in ("-4", "-6"):
            uplink.ip(family, "route", "flush", "proto", "boot", "dev", "eth0")
        sandbox.write("/etc/netplan/01-lan.yaml", "network: {version: 2, ethernets: {lan: {match: {name: eth0}, addresses: "
                      f"[{HOST4}/24, 192.0.2.11/24, '{HOST6}/64']}}}}}}\n", mode=0o600)
        sandbox.write(f"/run/systemd/netif/links/{sandbox.ifindex('eth0')}", "NETWORK_FILE=/run/systemd/network/10-netplan-lan.network\n")
        self.addCleanup(shutil.rmtree, "/run/systemd")
        path = "/etc/systemd/network/10-netplan-lan.network.d/mine.conf"
        sandbox.write(path, "[DHCPv4]\nUseDNS=no\n")
        self.refuse("br0", "--uplink=eth0", "--format=netplan", says=[f"this cannot be carried over: what {path} says; --lossy"])
        self.persist("br0", "--uplink=eth0", "--format=netplan", "--lossy")

    def test_scripts_beside(self):
        """They name the NIC, and would have to name the bridge."""
        for form, folder in (("ifupdown", "/etc/network/if-up.d"), ("ifupdown", "/etc/dhcp"), ("networkd", "/etc/networkd-dispatcher/routable.d"),
                             ("netplan", "/etc/NetworkManager/conf.d")):
            path = folder + "/mine"
            self.addCleanup(lambda path=path: os.path.exists(path) and os.unlink(path))
            for text, names in (("[ $IFACE = eth0 ] || exit\n", True), ('interface "eth0" {\n', True), ("eth0", True), ("a\n  # interface eth0\n", False),
                                ("eth0.5 veth0 eth0x -eth0\n", False)):
                sandbox.write(path, text)
                if names:
                    self.refuse("br0", "--uplink=eth0", f"--format={form}",
                                says=[f"nothing was changed: this cannot be carried over: what {path} says of 'eth0'; --lossy goes on without it"])
                else:
                    self.persist("br0", "--uplink=eth0", f"--format={form}", "--print")
            os.unlink(path)

    def test_ifupdowns_files_that_others_write(self):
        """At each boot, as the helper of Debian's cloud images does, or at the first boot of a clone."""
        stanza = "\n".join(INTERFACES.splitlines()[4:8]) + "\n"
        for path, says in (("/run/network/interfaces.d/eth0", "/run/network/interfaces.d/eth0, which has a stanza of 'eth0', is written again at each boot"),
                           ("/etc/network/interfaces.d/50-cloud-init", "was written by cloud-init, which may write it again; turn that off first")):
            sandbox.write(path, stanza)
            sandbox.write("/etc/network/interfaces", f"source-directory {os.path.dirname(path)}\n")
            self.refuse("br0", "--uplink=eth0", "--format=ifupdown", says=["nothing was changed: ", says])
        sandbox.write("/etc/cloud/cloud.cfg.d/99.cfg", "network: {config: disabled}\n")
        self.addCleanup(os.unlink, "/etc/cloud/cloud.cfg.d/99.cfg")
        self.persist("br0", "--uplink=eth0", "--format=ifupdown")

    def test_networkd(self):
        sandbox.write("/etc/systemd/network/0-first.network", "[Match]\nName=eth0\n")
        self.refuse("br0", "--uplink=eth0", "--format=networkd", says=["networkd reads 0-first.network before", "rename it"])
        os.unlink("/etc/systemd/network/0-first.network")
        sandbox.write("/etc/systemd/network/25-br0.netdev", "[NetDev]\nName=br0\nKind=bridge\n")
        self.refuse("br0", "--uplink=eth0", "--format=networkd", says=["networkd has a file for 'br0' already: /etc/systemd/network/25-br0.netdev: use that"])
        os.unlink("/etc/systemd/network/25-br0.netdev")
        sandbox.write("/etc/systemd/network/10-lan.network", "[Match]\nName=eth*\n[Network]\nMACVLAN=mac0\n")
        self.refuse("br0", "--uplink=eth0", "--format=networkd", says=["has MACVLAN=, which cannot be carried over"])
        for line, says in (("[Link]\nUnmanaged=yes", "told to leave 'eth0' alone"),
                           ("[RoutingPolicyRule]\nIncomingInterface=eth0", "names it, and would have to"),
                           ("[Route]\nDestination=10.0.0.0/8\nMultiPathRoute=192.0.2.1@eth0", "names it, and would have to")):
            sandbox.write("/etc/systemd/network/10-lan.network", f"[Match]\nName=eth*\n{line}\n[Network]\nDescription=the new-eth0 eth0.5\n")
            self.refuse("br0", "--uplink=eth0", "--format=networkd", says=[says])

    def test_netplan(self):
        self.only_static()
        for family in ("-4", "-6"):
            uplink.ip(family, "route", "flush", "proto", "boot", "dev", "eth0")
        lan = "network: {version: 2, ethernets: {eth0: {addresses: [%s]}}}\n"
        sandbox.write("/etc/netplan/50-cloud-init.yaml", lan % f"{HOST4}/24, 192.0.2.11/24, '{HOST6}/64'", mode=0o600)
        self.refuse("br0", "--uplink=eth0", "--format=netplan", says=["was written by cloud-init", "99-disable-network-config.cfg"])
        sandbox.write("/etc/cloud/cloud.cfg.d/99.cfg", "network: {config: disabled}\n")
        self.assertIn("wrote /etc/netplan/50-cloud-init.yaml", self.persist("br0", "--uplink=eth0", "--format=netplan"))
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        sandbox.write("/etc/netplan/50-cloud-init.yaml", lan % f"{HOST4}/24", mode=0o600)
        self.refuse("br0", "--uplink=eth0", "--format=netplan", says=["'eth0' has the address", "(ethernets.eth0)"])
        uplink.ip("addr", "flush", "dev", "eth0")
        sandbox.write("/etc/netplan/60-twice.yaml", "network: {version: 2, ethernets: {all: {match: {name: 'eth*'}, dhcp4: true}}}\n", mode=0o600)
        self.refuse("br0", "--uplink=eth0", "--format=netplan", says=["more than one definition for 'eth0'"])
        os.unlink("/etc/netplan/60-twice.yaml")
        uplink.ip("addr", "add", "92.0.2.1/24", "dev", "eth0")  # the end of an address is another one
        sandbox.write("/etc/netplan/50-cloud-init.yaml", lan % "192.0.2.1/24", mode=0o600)
        self.refuse("br0", "--uplink=eth0", "--format=netplan", says=["'eth0' has the address 92.0.2.1/24"])
        sandbox.write("/etc/netplan/50-cloud-init.yaml", lan % "92.0.2.1/24" + "#" * (1 << 20) + "\n", mode=0o600)
        self.refuse("br0", "--uplink=eth0", "--format=netplan", says=["larger than 1 MiB"])
        sandbox.write("/etc/netplan/50-cloud-init.yaml", lan % "92.0.2.1/24", mode=0o600)
        uplink.ip("route", "add", "default", "via", "92.0.2.9")
        self.refuse("br0", "--uplink=eth0", "--format=netplan", says=["'eth0' has a route to default through 92.0.2.9, which is not"])
        uplink.ip("route", "del", "default")
        sandbox.write("/etc/netplan/60-bridge.yaml", "network: {version: 2, bridges: {br0: {dhcp4: false}}}\n", mode=0o600)
        self.refuse("br0", "--uplink=eth0", "--format=netplan", says=["netplan's files have 'br0' already (`netplan get bridges.br0`)"])
        os.unlink("/etc/netplan/60-bridge.yaml")
        uplink.ip("addr", "add", "198.51.100.7/32", "dev", "eth0", "valid_lft", "3000", "preferred_lft", "3000")
        self.refuse("br0", "--uplink=eth0", "--format=netplan", says=["'eth0' has an address from DHCP, and netplan's files do not ask for one"])


class CarriedOver(PersistCase):
    """What the NIC's own configuration says beyond addresses."""

    def setUp(self):
        super().setUp()
        self.only_static()

    def test_ifupdown_by_dhcp_for_ever(self):
        """A server may lease an address for ever, and udhcpc sets no lifetime: what a server gives is left to it, for it may be a false one."""
        uplink.ip("route", "add", "198.18.0.0/15", "via", ROUTER4)
        uplink.ip("route", "add", "203.0.113.0/24", "via", ROUTER4)
        for more, kept in (("", ()), ("    up ip route add 203.0.113.0/24 via 192.0.2.1\n", ("203.0.113.0/24 via",)),
                           ("iface eth0 inet static\n    address 192.0.2.11/24\n", ("192.0.2.11/24",))):
            sandbox.write("/etc/network/interfaces", "auto lo\niface lo inet loopback\nallow-hotplug eth0\niface eth0 inet dhcp\n" + more)
            text = self.persist("br0", "--uplink=eth0", "--format=ifupdown", "--print").split("# /etc/network/virt-tap-br0\n")[1]
            for words in ("iface br0 inet dhcp\n", HOST6, f"default via {ROUTER6}", *kept):
                self.assertIn(words, text)
            for words in {HOST4 + "/24", "192.0.2.11/24", "198.18.0.0", "203.0.113.0/24 via"} - set(kept):
                self.assertNotIn(words, text)

    def test_ifupdown(self):
        """A firewall stays with the NIC, name servers go, and so do addresses in any file that is read, to the byte and back."""
        sandbox.write("/etc/network/interfaces", "auto lo eth0\niface lo inet loopback\nsource hosts.d/*.conf\nsource-directory more.d\n")
        sandbox.write("/etc/network/hosts.d/lan.conf", f"iface eth0 inet static\n  address {HOST4}/24\n  dns-nameservers 192.0.2.53\n"
                      "  pre-up echo firewall >>/run/firewall\n  up ip route add 10.0.0.0/8 via 192.0.2.1 >/dev/null 2>&1 || true\n", mode=0o640)
        sandbox.write("/etc/network/more.d/six", f"iface eth0 inet6 static\n  address {HOST6}/64\n  gateway {ROUTER6}\n  autoconf 1\nauto eth0:1\n"
                      "iface eth0:1 inet static\n  address 192.0.2.11/24\n")
        before = self.tree()
        self.persist("br0", "--uplink=eth0", "--format=ifupdown")
        said = sandbox.run("ifquery", "eth0", "br0").stdout
        self.assertIn("dns-nameservers: 192.0.2.53", said)
        self.assertNotIn("address:", said)
        self.assertEqual(sandbox.run("ifquery", "--list", "-a").stdout.split(), ["lo", "eth0", "br0"])
        self.assertEqual(os.stat("/etc/network/hosts.d/lan.conf").st_mode & 0o777, 0o640)
        uplink.ip("addr", "flush", "dev", "eth0")
        shutil.rmtree("/run/network", ignore_errors=True)  # what another test left there
        sandbox.write("/run/network/ifstate", "lo=lo\n")
        sandbox.run("ifup", "-a")
        self.assertTrue(os.path.exists("/run/firewall"))
        self.assertEqual(sorted(uplink.addresses("br0")), sorted([HOST4 + "/24", "192.0.2.11/24", HOST6 + "/64"]))
        self.assertEqual(uplink.addresses("eth0"), [])
        self.assertNotIn("inet6", uplink.ip("addr", "show", "eth0"))
        # What ifupdown sets for a static address with a gateway, and what the stanza says against it; and the NIC has it when it gets the address back.
        self.assertEqual(self.settings("br0"), ["0", "1"])
        done = virt_tap("bridge", "delete", "br0", "--uplink=eth0")
        self.assertEqual((done.returncode, self.settings("eth0")), (0, ["0", "1"]), done.stdout)
        self.assertEqual(sorted(uplink.addresses("eth0")), sorted([HOST4 + "/24", "192.0.2.11/24", HOST6 + "/64"]))
        self.assertEqual(self.tree(), before)

    def test_ifupdown_with_a_route_to_its_own_network(self):
        """Through the gateway, as at a hoster that keeps its servers apart: the kernel's is still there, by which the gateway itself is reached."""
        for words in (("addr", "flush", "dev", "eth0"), ("addr", "add", HOST4 + "/24", "dev", "eth0"), ("route", "prepend", "192.0.2.0/24", "via", ROUTER4),
                      ("route", "add", "203.0.113.0/24", "via", "192.0.2.7")):
            uplink.ip(*words)
        sandbox.write("/etc/network/interfaces", f"auto eth0\niface eth0 inet static\n  address {HOST4}/24\n"
                      f"  up route add -net 192.0.2.0/24 gw {ROUTER4} dev eth0\n"
                      "  up ip route add 203.0.113.0/24 via 192.0.2.7\n")
        routes = uplink.ip("route").replace("eth0", "br0")
        self.persist("br0", "--uplink=eth0", "--format=ifupdown")
        uplink.ip("addr", "flush", "dev", "eth0")
        shutil.rmtree("/run/network", ignore_errors=True)
        sandbox.write("/run/network/ifstate", "lo=lo\n")
        for _ in range(2):
            sandbox.run("ifup", "--force", "br0")
            self.assertEqual(uplink.ip("route"), routes)
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)

    @staticmethod
    def settings(name):
        return sandbox.run("sysctl", "-n", *(f"net.ipv6.conf.{name}.{key}" for key in ("accept_ra", "autoconf"))).stdout.split()

    def test_ifupdowns_commands(self):
        """Of each, who runs it after that: the port, its bridge, both, or neither, since the bridge has it from the kernel."""
        port, bridge = {"port"}, {"bridge"}
        for command, who in (("/sbin/ip -family inet6 route add default via 2001:db8::1 dev eth0", set()),
                             ("sleep 1; ip -6 route add 2001:db8:9::/48 dev eth0", set()),
                             ("/sbin/ip -f inet6 r add 2001:db8:9::/48 via 2001:db8::1", set()), ("ifconfig $IFACE 0.0.0.0 up", set()),
                             ('ip -4 addr add 192.0.2.11/24 dev "${IFACE}"', set()), ("ip -6 route add default via fe80::1 dev 'eth0' || true", set()),
                             ("ip addr add 203.0.113.7/32 dev lo", port), ("ip route add blackhole 10.0.0.0/8", port),
                             ("route add -net 10.0.0.0/8 reject", port),
                             ("ip route add 10.8.0.0/24 dev tun0", port), ("ifconfig eth1 192.0.2.77", port), ("ip link set dev $IFACE promisc on", port),
                             ("ethtool -K eth0 gro off", port),
                             ("/sbin/ifconfig eth0 hw ether 52:54:00:aa:00:01", port), ("ifconfig $IFACE mtu 1400", port),
                             ("ip rule add from 192.0.2.10 lookup 77", port), ("ip rule add iif eth0 lookup 77", bridge),
                             ("sysctl -w net.ipv4.ip_forward=1", port), ("sysctl -w net.ipv6.conf.eth0.accept_ra=2", port | bridge),
                             ("echo 1 > /proc/sys/net/ipv6/conf/$IFACE/proxy_ndp", port | bridge),
                             ("echo 1 >/proc/sys/net/ipv6/conf/eth0/proxy_ndp", port | bridge),
                             ("ip -6 neigh add proxy 2001:db8::7 dev eth0", port | bridge), ("/sbin/dhclient -6 -nw eth0 || true", bridge)):
            sandbox.write("/etc/network/interfaces", INTERFACES.replace("1\n\niface", f"1\n  up {command}\n\niface"))
            said = self.persist("br0", "--uplink=eth0", "--format=ifupdown", "--print")
            edited, own = said.split("\n# /etc/network/virt-tap-br0\n")
            found = ({"port"} if f"\n  up {command}\n" in edited else set()) | ({"bridge"} if "\n    up " in own else set())
            self.assertEqual(found, who, (command, said))
            if found & bridge:
                self.assertIn("    up " + command.replace("eth0", "br0") + "\n", own)

    def test_ifupdowns_script_that_may_set_routes(self):
        uplink.ip("route", "add", "10.0.0.0/8", "via", "192.0.2.7")
        text = INTERFACES.replace("192.0.2.10/24", "192.0.2.10/24\n  up /etc/routes\n  up ip addr add 192.0.2.11/24 dev eth0\n"
                                  f"  up ip addr add {HOST6} dev eth0\n"
                                  f"  up ip route add default via {ROUTER6}")
        sandbox.write("/etc/network/interfaces", text)
        self.assertIn("'eth0' has a route to 10.0.0.0/8, which is in none of its stanzas: '/etc/routes' there may set it",
                      self.persist("br0", "--uplink=eth0", "--format=ifupdown", status=1))
        sandbox.write("/etc/network/interfaces", text.replace("up /etc/routes", "up /etc/routes\n  up ip route add 10.0.0.0/8 via 192.0.2.7"))
        self.persist("br0", "--uplink=eth0", "--format=ifupdown", "--print")

    def test_ifupdown2(self):
        """It removes addresses that it does not know, but not what is set last."""
        uplink.ip("link", "set", "eth0", "mtu", "1400")
        for words, other in (("pre-up", "post-up"), ("post-up", "pre-up")):
            said = self.persist("br0", "--uplink=eth0", "--format=ifupdown", "--print")
            for line in (f"ip addr replace {HOST4}/24 dev br0", f"ip route replace default via {ROUTER4} dev br0 metric 100", "ip link set dev br0 mtu 1400"):
                self.assertIn(f"    {words} {line}\n", said)
                self.assertNotIn(f"    {other} {line}\n", said)
            sandbox.write("/etc/network/ifupdown2/ifupdown2.conf", "")

    def test_ifupdown_listens_to_routers(self):
        """As it did for the NIC: not with a gateway of one's own, unless the stanza says so, before the gateway or behind it."""
        start = f"auto eth0\niface eth0 inet6 static\n  address {HOST6}/64\n"
        for more, kept in (("", None), (f"  gateway {ROUTER6}\n", "0"), (f"  accept_ra 2\n  gateway {ROUTER6}\n", "2"),
                           (f"  gateway {ROUTER6}\n  accept_ra 1\n", "1")):
            sandbox.write("/etc/network/interfaces", start + more)
            said = self.persist("br0", "--uplink=eth0", "--format=ifupdown", "--print")
            found = re.findall("pre-up echo (.) >/proc/sys/net/ipv6/conf/br0/accept_ra", said)
            self.assertEqual(found[-1:], [kept] if kept else [], said)

    def test_networkds_vlans(self):
        """They stay on the NIC."""
        sandbox.write("/etc/systemd/network/10-lan.network", f"[Match]\nName=eth0\n[Network]\nVLAN=eth0.5\nAddress={HOST4}/24\n VLAN = lab\n")
        said = self.persist("br0", "--uplink=eth0", "--format=networkd", "--print").split("\n# /etc/systemd")
        self.assertNotIn("VLAN=eth0.5", said[1])
        for line in ("[Network]\nVLAN=eth0.5\n", "[Network]\nVLAN = lab\n", "Bridge=br0\n"):
            self.assertIn(line, said[2])

    def test_networkd(self):
        sandbox.write("/etc/systemd/network/10-lan.network",
                      f"[Match]\nName=eth0\n[Link]\nRequiredForOnline=no\n[Network]\nDNS=192.0.2.53\nAddress={HOST4}/24\n")
        sandbox.write("/etc/systemd/network/10-lan.network.d/more.conf", "[Network]\nDomains=example.org\n[RoutingPolicyRule]\nFrom=192.0.2.10\nTable=77\n")
        said = self.persist("br0", "--uplink=eth0", "--format=networkd", "--print").split("\n# /etc/systemd")
        for line in ("DNS=192.0.2.53", f"Address={HOST4}/24", "Domains=example.org", "[RoutingPolicyRule]\nFrom=192.0.2.10", f"Gateway={ROUTER4}",
                     f"Address={HOST6}/64"):
            self.assertIn(line + "\n", said[1])
            self.assertNotIn(line, said[2])
        self.assertIn("[Link]\nRequiredForOnline=no\n", said[1])  # a port never gets what the host would wait for
        self.assertNotIn("RequiredForOnline", said[2])

    def test_netplan(self):
        """Its lists are merged, so that they must go from where they are; and an entry of another name is found by its MAC."""
        sandbox.write("/etc/netplan/00-installer.yaml",
                      "# kept\nnetwork:\n  version: 2\n  ethernets:\n    lan0:\n      match: {macaddress: '52:54:00:aa:00:01'}\n      set-name: eth0\n"
                      f"      addresses: [{HOST4}/24, 192.0.2.11/24, '{HOST6}/64']\n"
                      f"      routes: [{{to: default, via: {ROUTER4}}}, {{to: default, via: '{ROUTER6}'}}]\n"
                      "      nameservers: {addresses: [192.0.2.53], search: [example.org]}\n", mode=0o600)
        sandbox.write("/etc/netplan/01-other.yaml", "# stays as it is\nnetwork: {version: 2, ethernets: {eth9: {dhcp4: true}}}\n", mode=0o600)
        before = self.tree()
        said = self.persist("br0", "--uplink=eth0", "--format=netplan")
        self.assertNotIn("01-other", said)
        sandbox.run("netplan", "generate", "--root-dir", "/")
        self.addCleanup(shutil.rmtree, "/run/systemd")
        with open("/run/systemd/network/10-netplan-lan0.network",
                  encoding="ascii") as port, open("/run/systemd/network/10-netplan-br0.network", encoding="ascii") as bridge:
            texts = port.read(), bridge.read()
        for line in (f"Address={HOST4}/24", f"Gateway={ROUTER4}", "DNS=192.0.2.53", "Domains=example.org"):
            self.assertNotIn(line, texts[0])
            self.assertIn(line, texts[1])
        self.assertIn("Bridge=br0", texts[0])
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(self.tree(), before)
        self.assertEqual(glob.glob("/run/virt-tap/netplan.*"), [])
        trace = f"{sandbox.RUN}/trace"  # where others can put something, nothing is looked for, or made
        sandbox.run("strace", "-qq", "-e", "trace=openat,mkdir,statfs,newfstatat", "-o", trace, uplink.CLI, "bridge", "persist", "br0",
                    "--uplink=eth0", "--format=netplan", "--print")
        with open(trace, encoding="ascii") as file:
            self.assertIsNone(re.search('"/tmp(/virt-tap[^"]*)?"', file.read()))

    def test_networkd_says_which_file(self):
        """And what it calls itself to the DHCP server. No networkd runs here: its state files are written as version 252 does."""
        number = sandbox.ifindex("eth0")
        sandbox.write("/etc/systemd/network/10-mac.network", "[Match]\nMACAddress=52:54:00:aa:00:01\n[Network]\nDHCP=ipv4\nDomains=by-mac.test\n"
                      f"[Route]\nDestination=10.0.0.0/8\nGateway={ROUTER4}\nTable=77\n")
        uplink.ip("route", "add", "10.0.0.0/8", "via", ROUTER4, "table", "77", "proto", "static")  # networkd's own
        sandbox.write(f"/run/systemd/netif/links/{number}", "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/10-mac.network\n")
        sandbox.write(f"/run/systemd/netif/leases/{number}", "ADDRESS=198.51.100.7\nCLIENTID=ff6d3bd6a10002000000ab11\n")
        self.addCleanup(shutil.rmtree, "/run/systemd/netif")
        uplink.ip("addr", "add", "198.51.100.7/32", "dev", "eth0", "valid_lft", "3000", "preferred_lft", "3000")
        said = self.persist("br0", "--uplink=eth0", "--format=networkd", "--print")
        self.assertIn("Domains=by-mac.test\n", said)
        self.assertEqual(said.count("10.0.0.0/8"), 1)
        self.assertIn(f"[DHCPv4]\nIAID={0x6d3bd6a1}\n", said)
        for words in (("link", "add", "br0", "type", "bridge"), ("link", "set", "eth0", "master", "br0"),  # as after the reboot
                      ("addr", "add", "198.51.100.7/32", "dev", "br0", "valid_lft", "3000", "preferred_lft", "3000")):
            uplink.ip(*words)
        os.rename(f"/run/systemd/netif/leases/{number}", f"/run/systemd/netif/leases/{sandbox.ifindex('br0')}")
        self.assertIn(f"[DHCPv4]\nIAID={0x6d3bd6a1}\n", self.persist("br0", "--format=networkd", "--print"))
        # With DHCPv6 alone, it is in the state of the link.
        uplink.ip("addr", "del", "198.51.100.7/32", "dev", "br0")
        sandbox.write(f"/run/systemd/netif/links/{sandbox.ifindex('br0')}", "ADMIN_STATE=configured\nDHCP6_CLIENT_IAID=0x97b964e0\n")
        self.assertIn(f"[DHCPv6]\nIAID={0x97b964e0}\n", self.persist("br0", "--format=networkd", "--print"))

    def test_netplans_last_file(self):
        """What ours says must be read last, also behind /etc/netplan/99_config.yaml, the example in Ubuntu's documentation."""
        for family in ("-4", "-6"):
            uplink.ip(family, "route", "flush", "proto", "boot", "dev", "eth0")
        uplink.ip("addr", "flush", "dev", "eth0")
        uplink.ip("addr", "add", "198.51.100.7/32", "dev", "eth0", "valid_lft", "3000", "preferred_lft", "3000")
        sandbox.write("/etc/netplan/99_config.yaml", "network: {version: 2, ethernets: {eth0: {dhcp4: true}}}\n", mode=0o600)
        for _ in range(2):
            self.assertIn("wrote /etc/netplan/zz-virt-tap-br0.yaml", self.persist("br0", "--uplink=eth0", "--format=netplan"))
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        os.rename("/etc/netplan/99_config.yaml", "/etc/netplan/zzz.yaml")
        self.assertIn("netplan would leave 'eth0' with DHCP=ipv, from a file in /etc/netplan whose name comes last",
                      self.persist("br0", "--uplink=eth0", "--format=netplan", status=1))

    def test_networkd_keeps_a_lease(self):
        """For ever, if told to: it is none of the host's own addresses nevertheless."""
        sandbox.write("/etc/systemd/network/10-lan.network", "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nKeepConfiguration=dhcp\n")
        sandbox.write(f"/run/systemd/netif/leases/{sandbox.ifindex('eth0')}", f"ADDRESS={HOST4}\n")
        self.addCleanup(shutil.rmtree, "/run/systemd/netif")
        said = self.persist("br0", "--uplink=eth0", "--format=networkd", "--print")
        self.assertNotIn(HOST4, said)
        self.assertIn("Address=192.0.2.11/24\n", said)

    def test_networkd_makes_the_same_of_advertisements(self):
        """It derives the lower half of such an address from the interface's name, too, if told to."""
        sandbox.write("/etc/systemd/network/10-lan.network", "[Match]\nName=eth0\n[Network]\nIPv6AcceptRA=yes\n[IPv6AcceptRA]\nToken=prefixstable\n")
        words = ("addr", "add", "2001:db8:5::1234:5678:9abc:def0/64", "dev", "eth0", "valid_lft", "3000", "preferred_lft", "3000")
        uplink.ip(*words)
        said = self.persist("br0", "--uplink=eth0", "--format=networkd", "--print")
        self.assertIn("\n[IPv6AcceptRA]\nToken=\nToken=static:::1234:5678:9abc:def0\n", said)
        uplink.ip(*(word.replace("def0", "def1") for word in words))
        self.assertIn("would have others as a bridge", self.persist("br0", "--uplink=eth0", "--format=networkd", status=1))
        sandbox.write("/etc/systemd/network/10-lan.network", "[Match]\nName=eth0\n[Network]\nIPv6AcceptRA=yes\n")
        self.assertNotIn("Token=", self.persist("br0", "--uplink=eth0", "--format=networkd", "--print"))

    def test_netplan_tells_networkd_which_client(self):
        """By a drop-in, as netplan has no word for an IAID: with another one the host would get another address."""
        number = sandbox.ifindex("eth0")
        sandbox.write("/etc/netplan/01-eth0.yaml", "network: {version: 2, ethernets: {eth0: {dhcp4: true, addresses: ["
                      f"{HOST4}/24, 192.0.2.11/24, '{HOST6}/64'], routes: [{{to: default, via: {ROUTER4}}}, {{to: default, via: '{ROUTER6}'}}]}}}}}}\n",
                      mode=0o600)
        before = self.tree()
        sandbox.write(f"/run/systemd/netif/leases/{number}", "ADDRESS=198.51.100.7\nCLIENTID=ff6d3bd6a10002000000ab11\n")
        self.addCleanup(shutil.rmtree, "/run/systemd/netif")
        uplink.ip("addr", "add", "198.51.100.7/32", "dev", "eth0", "valid_lft", "3000", "preferred_lft", "3000")
        self.persist("br0", "--uplink=eth0", "--format=netplan")
        folder = "/etc/systemd/network/10-netplan-br0.network.d"
        with open(folder + "/virt-tap.conf", encoding="ascii") as file:
            self.assertIn(f"[DHCPv4]\nIAID={0x6d3bd6a1}\n", file.read())
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual((self.tree(), os.path.exists(folder)), (before, False))

    def test_netplans_own_tables(self):
        """Its definition has them, and goes to the bridge as it is: nothing is lost, neither at first nor after a reboot."""
        sandbox.write("/etc/netplan/01-eth0.yaml", f"network: {{version: 2, ethernets: {{eth0: {{addresses: [{HOST4}/24, 192.0.2.11/24, '{HOST6}/64'], "
                      f"routes: [{{to: default, via: {ROUTER4}}}, {{to: default, via: '{ROUTER6}'}}, "
                      f"{{to: 10.0.0.0/8, via: {ROUTER4}, table: 77, mtu: 1300}}]}}}}}}\n", mode=0o600)
        before = self.tree()
        self.addCleanup(shutil.rmtree, "/run/systemd/netif")
        uplink.ip("route", "add", "10.0.0.0/8", "via", ROUTER4, "table", "77", "mtu", "1300", "proto", "static")  # networkd's own
        for holder in ("eth0", "br0"):
            sandbox.write(f"/run/systemd/netif/links/{sandbox.ifindex(holder)}", f"NETWORK_FILE=/run/systemd/network/10-netplan-{holder}.network\n")
            self.persist("br0", "--uplink=eth0", "--format=netplan")
            with open("/etc/netplan/99-virt-tap-br0.yaml", encoding="ascii") as file:
                text = file.read()
            self.assertRegex(text, r"table: 77\n        mtu: 1300\n        to: .10.0.0.0/8.\n")
            if holder == "eth0":
                self.as_after_a_reboot()
                uplink.ip("route", "add", "10.0.0.0/8", "via", ROUTER4, "table", "77", "mtu", "1300", "proto", "static")
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(self.tree(), before)

    @staticmethod
    def as_after_a_reboot():
        """br0, made by somebody else, with eth0 and what it had."""
        for words in (("addr", "flush", "dev", "eth0"), ("link", "add", "br0", "address", "52:54:00:aa:00:01", "type", "bridge"),
                      ("link", "set", "eth0", "master", "br0"), ("link", "set", "br0", "up"), ("addr", "add", f"{HOST4}/24", "brd", "+", "dev", "br0"),
                      ("addr", "add", "192.0.2.11/24", "dev", "br0"), ("addr", "add", f"{HOST6}/64", "dev", "br0", "nodad"),
                      ("route", "add", "default", "via", ROUTER4, "dev", "br0", "proto", "static")):
            uplink.ip(*words)

    def test_netplan_for_networkmanager(self):
        """Whoever configures the NIC configures the bridge, and others remain with theirs: said for all, or for the NIC, also if it is matched."""
        nic = (f"addresses: [{HOST4}/24, 192.0.2.11/24, '{HOST6}/64'], routes: [{{to: default, via: {ROUTER4}}}, {{to: default, via: '{ROUTER6}'}}]")
        others = "network: {version: 2, ethernets: {eth9: {dhcp4: true}}}\n"
        match = "match: {macaddress: '52:54:00:aa:00:01'}, set-name: eth0"
        self.addCleanup(shutil.rmtree, "/run/NetworkManager", ignore_errors=True)
        self.addCleanup(shutil.rmtree, "/run/systemd", ignore_errors=True)
        for name, text, theirs in (("eth0", "renderer: NetworkManager, ethernets: {eth0: {%s}}" % nic, "NetworkManager"),
                                   ("eth0", "ethernets: {eth0: {renderer: NetworkManager, %s}}" % nic, "networkd"),
                                   ("lan", "ethernets: {lan: {renderer: NetworkManager, %s, %s}}" % (match, nic), "networkd"),
                                   ("eth0", "renderer: NetworkManager, ethernets: {eth0: {%s}}, vlans: {v5: {id: 5, link: eth0}}" % nic, "NetworkManager")):
            with self.subTest(text):
                sandbox.write("/etc/netplan/01-eth0.yaml", "network: {version: 2, %s}\n" % text, mode=0o600)
                sandbox.write("/etc/netplan/02-others.yaml", others, mode=0o600)
                self.persist("br0", "--uplink=eth0", "--format=netplan")
                sandbox.run("netplan", "generate", "--root-dir", "/")
                made = {os.path.basename(path).split("netplan-")[1].split(".")[0]: path.split("/")[2].replace("systemd", "networkd")
                        for path in glob.glob("/run/NetworkManager/system-connections/*") + glob.glob("/run/systemd/network/*.network")}
                self.assertEqual(made, {name: "NetworkManager", "br0": "NetworkManager", "eth9": theirs, **({"v5": theirs} if "v5" in text else {})})
                with open("/run/NetworkManager/system-connections/netplan-br0.nmconnection", encoding="ascii") as file:
                    self.assertIn(f"={HOST4}/24", file.read())
                for folder in ("/run/NetworkManager", "/run/systemd"):
                    shutil.rmtree(folder, ignore_errors=True)
                self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)

    def test_netplan_with_one_definition(self):
        """As the installer writes it: once its lists have gone, nothing is left of the file."""
        sandbox.write("/etc/netplan/00-installer-config.yaml",
                      f"network:\n  version: 2\n  ethernets:\n    eth0:\n      addresses: [{HOST4}/24, 192.0.2.11/24, '{HOST6}/64']\n"
                      f"      routes: [{{to: default, via: {ROUTER4}}}, {{to: default, via: '{ROUTER6}'}}]\n", mode=0o600)
        before = self.tree()
        self.persist("br0", "--uplink=eth0", "--format=netplan")
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(self.tree(), before)

    def test_netplan_vlan(self):
        """A name with a dot, in another section than cards."""
        self.addCleanup(sandbox.run, "ip", "link", "delete", "eth0.5", check=False)
        uplink.ip("link", "add", "eth0.5", "type", "veth", "peer", "name", "far5")  # in the place of a VLAN, which the kernel may lack
        uplink.ip("addr", "add", "203.0.113.5/24", "dev", "eth0.5")
        sandbox.write("/etc/netplan/01.yaml", "network: {version: 2, ethernets: {eth0: {}}, "
                      "vlans: {eth0.5: {id: 5, link: eth0, addresses: [203.0.113.5/24]}}}\n", mode=0o600)
        self.persist("br0", "--uplink=eth0.5", "--format=netplan")
        sandbox.run("netplan", "generate", "--root-dir", "/")
        self.addCleanup(shutil.rmtree, "/run/systemd")
        with open("/run/systemd/network/10-netplan-eth0.5.network", encoding="ascii") as port:
            self.assertNotIn("203.0.113.5", port.read())

    def test_netplan_by_dhcp(self):
        """A scalar is overridden: cloud-init's file is not touched."""
        uplink.ip("addr", "add", "198.51.100.7/32", "dev", "eth0", "valid_lft", "3000", "preferred_lft", "3000")
        for address in (HOST4 + "/24", HOST6 + "/64"):  # and with the first its secondary
            uplink.ip("addr", "del", address, "dev", "eth0")
        uplink.ip("-6", "route", "flush", "proto", "boot", "dev", "eth0")
        sandbox.write("/etc/netplan/50-cloud-init.yaml", "network: {version: 2, ethernets: {eth0: {dhcp4: true, dhcp6: true}}}\n", mode=0o600)
        said = self.persist("br0", "--uplink=eth0", "--format=netplan")
        self.assertEqual(said.count("wrote "), 1)
        with open("/etc/netplan/99-virt-tap-br0.yaml", encoding="ascii") as file:
            text = file.read()
        self.assertIn("dhcp4: true", text.split("bridges:")[1])
        self.assertIn("dhcp4: false", text.split("bridges:")[0])


class Choice(PersistCase):
    def test_who_manages_the_host(self):
        def chosen():
            return self.persist("br0", "--uplink=eth0", "--print")
        self.assertIn("# /etc/network/virt-tap-br0\n", chosen())
        sandbox.write("/run/systemd/netif/links/7", "ADMIN_STATE=configured\n")  # of another NIC
        sandbox.write("/run/NetworkManager/devices/7", "[device]\nmanaged=true\n")
        self.assertIn("# /etc/network/virt-tap-br0\n", chosen())
        number = sandbox.ifindex("eth0")
        sandbox.write(f"/run/systemd/netif/links/{number}", "ADMIN_STATE=configured\n")
        self.assertIn("# /etc/systemd/network/0-virt-tap-br0.netdev\n", chosen())
        sandbox.write(f"/run/NetworkManager/devices/{number}", "[device]\nmanaged=true\n")
        self.assertIn("written by nmcli, which is not installed", self.persist("br0", "--uplink=eth0", "--print", status=1))
        sandbox.write("/etc/netplan/01-all.yaml", "network: {version: 2}\n", mode=0o600)
        self.assertIn("# /etc/netplan/99-virt-tap-br0.yaml\n", chosen())
        shutil.rmtree("/run/NetworkManager")
        shutil.rmtree("/run/systemd/netif")

    def test_print_changes_nothing(self):
        before = self.tree()
        text = self.persist("br0", "--uplink", "eth0", "--format=networkd", "--print")
        self.assertIn(f"Address={HOST4}/24\n", text)
        self.assertNotIn("198.51.100.7", text)  # it has a lifetime: somebody gives it again
        self.assertIn("DHCP=yes\n", text)
        self.assertEqual(self.tree(), before)

    def test_refusals(self):
        before = self.tree()
        for words, says in ((("br0",), "no bridge 'br0' to describe"), (("eth0",), "'eth0' is not a bridge"),
                            (("br0", "--uplink=nosuch"), "no interface 'nosuch'"), (("br0", "--uplink=lo"), "'lo' is the loopback"),
                            (("b$x", "--uplink=eth0"), "cannot be written to a configuration"),
                            (("br0", "--uplink=e;x"), "cannot be written to a configuration")):
            self.assertIn(says, self.persist(*words, status=1))
        self.assertEqual(self.tree(), before)
        os.unlink("/etc/network/interfaces")
        self.assertIn("name it with --format=networkd, networkmanager, netplan or ifupdown", self.persist("br0", "--uplink=eth0", status=1))
        sandbox.write("/etc/network/interfaces", INTERFACES)
        before = self.tree()
        for words in ((), ("a", "b"), ("a", "--nosuch"), ("br0", "--uplink=eth0", "--format=x")):
            self.persist(*words, status=2)
        cli = sandbox.install(uplink.CLI, caps=None)
        for words in (("persist", "br0", "--uplink=eth0", "--format=networkd"), ("unpersist", "br0")):
            done = sandbox.run(cli, "bridge", *words, check=False, uid=USER)
            self.assertEqual((done.returncode, "requires root" in done.stdout), (1, True), done.stdout)
        self.assertEqual(self.tree(), before)

    def test_a_port_of_another(self):
        uplink.ip("link", "add", "br9", "type", "bridge")
        uplink.ip("link", "set", "eth0", "master", "br9")
        self.assertIn("already part of the bridge 'br9'", self.persist("br0", "--uplink=eth0", status=1))

    def test_what_was_changed_since(self):
        """It is the administrator's, and stays."""
        self.persist("br0", "--uplink", "eth0", "--format=ifupdown")
        with open("/etc/network/interfaces", "a", encoding="ascii") as file:
            file.write("# more\n")
        before = self.tree()
        for words in (("persist", "br0", "--uplink=eth0", "--format=ifupdown"), ("unpersist", "br0")):
            done = virt_tap("bridge", *words)
            self.assertEqual((done.returncode, "was changed since virt-tap wrote it" in done.stdout), (1, True), done.stdout)
        self.assertEqual(self.tree(), before)
        os.unlink("/etc/network/.interfaces.virt-tap-old.br0")
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(self.tree(), {path: found for path, found in before.items() if "virt-tap" not in path})

    def test_formats_of_the_record(self):
        """What it is; one as before it had a format; and a later virt-tap's, which nothing is done about."""
        words = ("br0", "--uplink", "eth0", "--format=ifupdown")
        before = self.tree()
        self.persist(*words)
        record = "/etc/virt-tap/persist.br0"
        with open(record, encoding="ascii") as file:
            text = file.read()
        with open(f"{formats.FOLDER}/{formats.versions()[-1]}/persist.br0", encoding="ascii") as file:
            self.assertEqual(re.sub(r"(?m)^\d+ ", "TIME ", text), file.read(), "a new form needs a new format: see formats.py")
        sandbox.write(record, text.replace("format 1", "format 2"), mode=0o600)
        written = self.tree()
        for verb in (("persist", *words), ("unpersist", "br0")):
            done = virt_tap("bridge", *verb)
            self.assertEqual((done.returncode, f"nothing was changed: {record} was written by a later virt-tap; use that one" in done.stdout),
                             (1, True), done.stdout)
        self.assertEqual(self.tree(), written)
        sandbox.write(record, text.replace("format 1\n", ""), mode=0o600)
        self.assertEqual(virt_tap("bridge", "unpersist", "br0").returncode, 0)
        self.assertEqual(self.tree(), before)

    def test_two_bridges(self):
        """The last one of a file that both changed goes first; what both had to do with is then as it was."""
        uplink.ip("link", "add", "eth1", "address", "52:54:00:aa:00:11", "type", "veth", "peer", "name", "eth1peer")
        self.addCleanup(uplink.ip, "link", "del", "eth1")
        for nic in ("eth1", "eth1peer"):
            uplink.ip("link", "set", nic, "up")
        self.only_static()
        for words in (("-4", "route", "flush", "proto", "boot"), ("-6", "route", "flush", "proto", "boot")):
            uplink.ip(*words, "dev", "eth0")
        uplink.ip("addr", "add", "203.0.113.5/24", "dev", "eth1")
        addresses = f"{HOST4}/24, 192.0.2.11/24, '{HOST6}/64'"
        more = f"    up ip addr add 192.0.2.11/24 dev eth0\niface eth0 inet6 static\n    address {HOST6}/64\n"
        sandbox.write("/etc/network/interfaces", INTERFACES.replace("    gateway 192.0.2.1\n", more) +
                      "allow-hotplug eth1\niface eth1 inet static\n    address 203.0.113.5/24\n")
        sandbox.write("/etc/netplan/50-both.yaml", "network: {version: 2, ethernets: {eth0: {addresses: [%s]}, "
                      "eth1: {addresses: [203.0.113.5/24]}}}\n" % addresses, mode=0o600)
        for form, shared in (("ifupdown", "/etc/network/interfaces"), ("netplan", "/etc/netplan/50-both.yaml"), ("networkd", None)):
            with self.subTest(form):
                before = self.tree()
                self.persist("br0", "--uplink=eth0", f"--format={form}", "--lossy")
                one = self.tree()
                self.persist("br1", "--uplink=eth1", f"--format={form}", "--lossy")
                both = self.tree()
                if shared:
                    done = virt_tap("bridge", "unpersist", "br0")
                    self.assertEqual((done.returncode, f"{shared} was changed for 'br1' since" in done.stdout), (1, True), done.stdout)
                    self.assertEqual(self.tree(), both)
                for name, after in (("br1", one), ("br0", before)):
                    done = virt_tap("bridge", "unpersist", name)
                    self.assertEqual(done.returncode, 0, done.stdout)
                    self.assertEqual(self.tree(), after)

    def test_a_second_time_that_fails(self):
        """What the first time wrote stays."""
        self.persist("br0", "--uplink", "eth0", "--format=ifupdown")
        before = self.tree()
        sandbox.write("/etc/netplan/01-broken.yaml", "network: {version: 2, ethernets: {eth7: {dhcp4: perhaps}}}\n", mode=0o600)
        self.persist("br0", "--uplink=eth0", "--format=netplan", status=1)
        os.unlink("/etc/netplan/01-broken.yaml")
        self.assertEqual(self.tree(), before)

    def test_a_place_that_cannot_be_written(self):
        sandbox.run("mount", "--bind", "-o", "ro", "/etc/network", "/etc/network")
        self.addCleanup(sandbox.run, "umount", "/etc/network")
        before = self.tree()
        self.assertIn("cannot be written", self.persist("br0", "--uplink=eth0", "--format=ifupdown", status=1))
        self.assertEqual(self.tree(), before)


if __name__ == "__main__":
    sandbox.enter()
    netplanfork.install()
    needed.main()
