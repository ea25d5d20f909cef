#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The host's DHCP client moves along with its address: a process of root's, started again by its fixed path, with known words."""
import json
import os
import shutil
import sys
import unittest

import bridgehelper
import dhcpcase
import sandbox
import uplink
from dhcpcase import HOME, PLACE, DhcpCase
from sandbox import RUN, USER

ENVIRONMENT = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"]
DHCLIENT = ("dhclient", "-4", "-v", "-i", "-pf", "/run/dhclient.eth0.pid", "-lf", f"{RUN}/leases/dhclient.eth0.leases", "-I", "eth0", "-e", "IF_METRIC=7")


class Moves(DhcpCase):
    def setUp(self):
        super().setUp()
        os.makedirs(RUN + "/leases", exist_ok=True)

    def moved(self, process):
        """To br0: the old one is ended, the new one is this. Confirmed."""
        said = self.virt_tap("create", "br0", "--uplink", "eth0")
        self.assertNotIn("will expire", said)
        found = self.next()
        self.assertIsNotNone(process.wait(10))
        self.virt_tap("confirm", "br0")
        return found, said

    def moved_back(self, pid):
        self.virt_tap("delete", "br0")
        found = self.next()
        self.assertTrue(bridgehelper.await_(lambda: not dhcpcase.alive(pid)))
        return found

    def test_dhclient_there_and_back(self):
        process = self.client(*DHCLIENT, env={"PATH_DHCLIENT_SCRIPT": HOME + "/evil", "PATH": HOME})
        found, said = self.moved(process)
        self.assertNotIn("is started for", said)
        self.assertEqual(found["argv"], [word.replace("eth0", "br0") for word in DHCLIENT])
        self.assertEqual((found["exe"], found["environment"]), (f"{PLACE}/dhclient", ENVIRONMENT))
        self.assertEqual(self.moved_back(found["pid"])["argv"], list(DHCLIENT))

    def test_the_lease_goes_along(self):
        """By it dhclient asks for the same address, and by the DUID in its file the server knows it."""
        text = 'default-duid "\\000\\001";\nlease {\n  interface "%s";\n  fixed-address 192.0.2.10;\n  option host-name "eth0";\n}\n'
        leases = f"{RUN}/leases/dhclient.%s.leases"
        self.addCleanup(shutil.rmtree, RUN + "/leases")
        sandbox.write(leases % "eth0", text % "eth0")
        found, said = self.moved(self.client(*DHCLIENT))
        self.assertNotIn("could not be copied", said)
        with open(leases % "br0", encoding="ascii") as file:
            self.assertEqual(file.read(), text % "br0")
        renewed = (text % "br0") * 2
        sandbox.write(leases % "br0", renewed)
        self.moved_back(found["pid"])
        with open(leases % "eth0", encoding="ascii") as file:
            self.assertEqual(file.read(), renewed.replace('interface "br0"', 'interface "eth0"'))

    def test_a_lease_that_cannot_go_along(self):
        os.makedirs(f"{RUN}/leases/dhclient.br0.leases", exist_ok=True)
        self.addCleanup(shutil.rmtree, RUN + "/leases")
        sandbox.write(f"{RUN}/leases/dhclient.eth0.leases", "")
        self.assertIn("is started for 'br0' without", self.moved(self.client(*DHCLIENT))[1])

    def test_put_back(self):
        self.client(*DHCLIENT)
        self.virt_tap("create", "br0", "--uplink", "eth0", "--confirm-within", "2s")
        pid = self.next()["pid"]
        self.assertTrue(bridgehelper.await_(lambda: not uplink.files(), 20))
        found = self.next()
        self.assertEqual((found["argv"], found["exe"], found["environment"]), (list(DHCLIENT), f"{PLACE}/dhclient", ENVIRONMENT))
        self.assertFalse(dhcpcase.alive(pid))

    def test_by_sudo(self):
        """Who started it does not matter, once it is root's throughout."""
        process = self.client("/sbin/dhclient", "eth0", executable=f"{PLACE}/dhclient",
                              preexec_fn=lambda: (os.setresuid(USER, 0, 0), os.setresuid(0, 0, 0)), env={"SUDO_UID": str(USER)})
        self.assertEqual(self.moved(process)[0]["argv"], ["dhclient", "br0"])

    def test_two_interfaces(self):
        uplink.ip("link", "add", "veth9", "type", "veth", "peer", "name", "veth8")
        process = self.client("dhclient", "eth0", "veth9", "nosuch")
        self.assertEqual(self.moved(process)[0]["argv"], ["dhclient", "br0", "veth9"])

    def test_dhcpcd(self):
        """By its title, its own or that of the process that stays root's; it has overwritten its words."""
        for title in ("dhcpcd: eth0 [ip4] [ip6]", "dhcpcd: [privileged proxy] eth0 [ip4]"):
            process = self.client(title, executable=f"{PLACE}/dhcpcd")
            found, _ = self.moved(process)
            self.assertEqual((found["argv"], found["exe"]), (["dhcpcd", "br0"], f"{PLACE}/dhcpcd"))
            dhcpcase.end(found["pid"])
            self.virt_tap("delete", "br0")

    def test_udhcpc(self):
        """Its options may be joined, and written out."""
        process = self.client("udhcpc", "-nRieth0", "--retries=5", "-T", "3", "-p/run/udhcpc.eth0.pid", "-x", "hostname:guest", "--background", "--script",
                              "/etc/hostname")
        found, said = self.moved(process)
        self.assertNotIn("goes on for", said)
        self.assertEqual(found["argv"], ["udhcpc", "-n", "-R", "-i", "br0", "-t", "5", "-T", "3", "-p", "/run/udhcpc.br0.pid", "-x", "hostname:guest", "-b",
                                         "-s", "/etc/hostname"])

    def test_busybox(self):
        """One that is busybox's is moved with busybox, where there is nothing else of its name."""
        os.unlink(PLACE + "/udhcpc")
        dhcpcase.install("busybox")
        self.addCleanup(os.unlink, PLACE + "/busybox")
        process = self.client("busybox", "udhcpc", "-i", "eth0")
        found, _ = self.moved(process)
        self.assertEqual((found["argv"], found["exe"]), (["udhcpc", "-i", "br0"], f"{PLACE}/busybox"))

    def test_upgraded_since(self):
        process = self.client("dhclient", "eth0")
        dhcpcase.install("new")
        os.rename(PLACE + "/new", PLACE + "/dhclient")
        found, _ = self.moved(process)
        self.assertEqual((found["argv"], found["exe"]), (["dhclient", "br0"], f"{PLACE}/dhclient"))

    def test_a_file_of_the_other_name(self):
        """One that is read is named for the bridge only if there is one."""
        for name in ("dhclient-eth0.conf", "enter.eth0.sh", "enter.br0.sh"):
            sandbox.write("/etc/dhcp/" + name, "")
        self.addCleanup(shutil.rmtree, "/etc/dhcp")
        process = self.client("dhclient", "-cf", "/etc/dhcp/dhclient-eth0.conf", "-sf", "/etc/dhcp/enter.eth0.sh", "eth0")
        self.assertEqual(self.moved(process)[0]["argv"], ["dhclient", "-cf", "/etc/dhcp/dhclient-eth0.conf", "-sf", "/etc/dhcp/enter.br0.sh", "br0"])

    def test_without_a_client(self):
        """What DHCP gave will end; that is said, and an address without a lifetime is none of DHCP's."""
        said = self.virt_tap("create", "br0", "--uplink", "eth0")
        self.assertIn("198.51.100.7/32 will expire", said)
        self.virt_tap("confirm", "br0")
        self.virt_tap("delete", "br0")
        uplink.ip("addr", "del", "198.51.100.7/32", "dev", "eth0")
        self.assertNotIn("will expire", self.virt_tap("create", "br0", "--uplink", "eth0"))

    def test_a_new_one(self):
        self.virt_tap("create", "br1", "--dhcp")
        found = self.next()
        self.assertEqual((found["argv"], found["environment"]), (["dhcpcd", "br1"], ENVIRONMENT))
        for name, made in (("dhcpcd", ["dhclient", "br2"]), ("dhclient", ["udhcpc", "-i", "br3"])):
            os.chmod(f"{PLACE}/{name}", 0o777)  # no longer root's alone
            self.virt_tap("create", made[-1], "--dhcp")
            self.assertEqual(self.next()["argv"], made)
        os.unlink(PLACE + "/udhcpc")
        self.assertIn("no DHCP client is installed", self.virt_tap("create", "br4", "--dhcp", status=1))


class Words(DhcpCase):
    """A client of root's goes on without what others could make root read, write or execute."""

    def test_files_of_others(self):
        os.makedirs("/etc/dhcp", exist_ok=True)
        sandbox.write(HOME + "/script", "#!/bin/sh\n", mode=0o755, uid=USER)
        sandbox.write("/etc/dhcp/others", "", mode=0o666)
        sandbox.write("/etc/dhcp/users", "", uid=USER)
        sandbox.write("/etc/dhcp/victim", "")
        os.mkfifo("/etc/dhcp/fifo")
        os.symlink(HOME + "/script", "/etc/dhcp/out")
        os.symlink("/etc/dhcp/victim", HOME + "/in")
        os.mkdir(RUN + "/shared")
        os.chmod(RUN + "/shared", 0o1777)
        sandbox.write(RUN + "/shared/root", "")
        self.addCleanup(shutil.rmtree, "/etc/dhcp")
        for option in ("-sf", "-cf", "-lf", "-pf", "-df"):
            for path in (HOME + "/script", HOME + "/new", HOME + "/in", "/etc/dhcp/out", "/etc/dhcp/others", "/etc/dhcp/users", "/etc/dhcp/fifo", "/etc/dhcp",
                         RUN + "/shared/root", RUN + "/shared/new", "/nosuch/folder/new", "script", f"/etc/dhcp/../../{HOME}/script"):
                if option not in ("-sf", "-pf") and path != HOME + "/script":
                    continue
                with self.subTest(option=option, path=path):
                    self.assertEqual(self.goes_on("dhclient", option, path, "eth0"), (["dhclient", "br0"], f"{option} {path}"))
        self.assertEqual(self.goes_on("udhcpc", "-s" + HOME + "/script", "-i", "eth0"), (["udhcpc", "-i", "br0"], f"-s {HOME}/script"))

    def test_other_words(self):
        for words, kept, dropped in ((("-e", "LD_PRELOAD=/tmp/x"), [], "-e LD_PRELOAD=/tmp/x"), (("-e", "IF_METRIC=1 x"), [], "-e IF_METRIC=1 x"),
                                     (("-p", "67x"), [], "-p 67x"), (("-H", "-sf"), [], "-H -sf"), (("-H", "caf\u00e9"), [], "-H caf"),
                                     (("-unknown", "/tmp/x"), [], "-unknown, /tmp/x"),
                                     (("-H", "a b;`c`"), ["-H", "a b;`c`"], ""), (("", "-q"), ["-q"], "")):
            with self.subTest(words=words):
                argv, said = self.goes_on("dhclient", *words, "eth0")
                self.assertEqual(argv, ["dhclient", *kept, "br0"])
                self.assertIn(dropped, said)

    def goes_on(self, *argv):
        """Moved to br0 and away again; what it was started with, and what was said of what it lost."""
        self.client(*argv)
        said = self.virt_tap("create", "br0", "--uplink", "eth0")
        found = self.next()
        dhcpcase.end(found["pid"])
        self.virt_tap("confirm", "br0")
        self.virt_tap("delete", "br0")
        self.assertEqual(dhcpcase.started(), [])
        lost = [line.rpartition("could change: ")[2] for line in said.splitlines() if "is started for 'br0' without" in line]
        return found["argv"], lost[0] if lost else ""


class State(DhcpCase):
    """What is saved is root's, and is judged again when it is used."""
    PATH = uplink.STATE + "/bridge.br0.confirmed"

    def confirmed(self):
        self.virt_tap("create", "br0", "--uplink", "eth0")
        self.virt_tap("confirm", "br0")

    def test_a_folder_of_others(self):
        before = uplink.settled()
        shutil.rmtree(uplink.STATE, ignore_errors=True)
        self.addCleanup(shutil.rmtree, uplink.STATE, True)
        for spoil in (lambda: (os.mkdir(uplink.STATE), os.chown(uplink.STATE, USER, USER)), lambda: (os.mkdir(uplink.STATE), os.chmod(uplink.STATE, 0o777)),
                      lambda: os.symlink(HOME, uplink.STATE), lambda: os.symlink("/etc", uplink.STATE), lambda: sandbox.write(uplink.STATE, "")):
            spoil()
            self.assertIn("nothing was changed", self.virt_tap("create", "br0", "--uplink", "eth0", status=1))
            self.assertEqual(uplink.settled(), before)
            if os.path.isdir(uplink.STATE) and not os.path.islink(uplink.STATE):
                os.rmdir(uplink.STATE)
            else:
                os.unlink(uplink.STATE)
        self.assertEqual(os.listdir(HOME), [])

    def test_a_file_of_others(self):
        self.confirmed()
        with open(self.PATH, "rb") as file:
            text = file.read()
        for spoil in (lambda: os.mkfifo(self.PATH), lambda: os.symlink(HOME + "/state", self.PATH), lambda: sandbox.write(self.PATH, text, uid=USER),
                      lambda: sandbox.write(self.PATH, text, mode=0o666), lambda: os.mkdir(self.PATH)):
            os.unlink(self.PATH)
            spoil()
            said = self.virt_tap("delete", "br0", status=1)
            self.assertRegex(said, "nothing was changed: .* (is not a file that only root can have written|cannot be opened)")
            self.assertIn("br0", sandbox.links())
            if os.path.isdir(self.PATH):
                os.rmdir(self.PATH)
        sandbox.write(self.PATH, text, mode=0o600)
        self.virt_tap("delete", "br0")

    def test_words_in_it(self):
        """Never a program's path, whatever it says: the guard is given one that is whole but for the clients."""
        self.confirmed()
        with open(self.PATH, encoding="ascii") as file:
            state = json.load(file)
        sandbox.write(HOME + "/script", "", mode=0o755, uid=USER)
        evil = dhcpcase.install("evil", HOME, uid=USER)
        for client, argv in (({"exe": evil, "argv": ["dhclient", "-q", "eth0"]}, ["dhclient", "-q", "eth0"]),
                             ({"argv": ["dhclient", "-sf", HOME + "/script", "br0"]}, ["dhclient", "eth0"]),
                             ({"argv": [HOME + "/dhclient", "br0"]}, ["dhclient", "eth0"]), ({"argv": [evil, "eth0"]}, None), ({"argv": []}, None),
                             ({"argv": [1]}, None), ({}, None)):
            with self.subTest(client=client):
                state["clients"] = [client]
                sandbox.write(uplink.STATE + "/bridge.br0.arming", json.dumps(state), mode=0o600)
                if argv:
                    self.virt_tap("guard", "br0")
                    found = self.next()
                    self.assertEqual((found["exe"], found["argv"]), (PLACE + "/dhclient", argv))
                    dhcpcase.end(found["pid"])
                else:
                    self.assertIn("no move of 'br0'", self.virt_tap("guard", "br0", status=1))
                    self.assertEqual(dhcpcase.started(), [])

    def test_names_are_no_paths(self):
        for name in ("../x", "a/b", "", "x" * 16):
            self.assertNotEqual(uplink.virt_tap("bridge", "confirm", name).returncode, 0)
            self.assertNotEqual(uplink.virt_tap("bridge", "guard", name).returncode, 0)


if __name__ == "__main__":
    sandbox.enter()
    dhcpcase.private_place()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
