#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What comes after virt-tap bridge persist: another persist, edits, delete, failures in the middle; and who can keep root waiting."""
import fcntl
import os
import re
import shutil
import subprocess
import unittest

import needed
import netplanfork
import sandbox
import uplink
from sandbox import USER
from uplink import HOST4, ROUTER4, virt_tap

FOLDERS = ("/etc/network", "/etc/netplan", "/etc/systemd/network", "/etc/udev/rules.d", "/etc/virt-tap")
LAN, NETWORK = "/etc/systemd/network/10-lan.network", f"[Match]\nName=eth0\n[Network]\nAddress={HOST4}/24\nGateway={ROUTER4}\nDNS=192.0.2.53\n"
OWN = "/etc/systemd/network/0-virt-tap-br0.network"
INTERFACES = f"auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet static\n  address {HOST4}/24\n  gateway {ROUTER4}\n"
LOCK = "/run/virt-tap/.persist"
ACL = b"\2\0\0\0" + b"".join(tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + who.to_bytes(4, "little") for tag, bits, who in (
    (1, 6, 0xffffffff), (2, 4, USER), (4, 0, 0xffffffff), (16, 4, 0xffffffff), (32, 0, 0xffffffff)))  # as getfacl: user USER may read it


class Case(unittest.TestCase):
    def setUp(self):
        uplink.make_plain()
        self.addCleanup(uplink.remove)
        for folder in FOLDERS:
            shutil.rmtree(folder, ignore_errors=True)
        sandbox.write(LAN, NETWORK)
        sandbox.write("/etc/network/interfaces", INTERFACES, 0o640)

    def call(self, *words, status=0, **more):
        done = virt_tap("bridge", *words, **more)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def persist(self, *words, form="networkd", status=0, **more):
        return self.call("persist", "br0", "--uplink=eth0", "--format=" + form, *words, status=status, **more)

    @staticmethod
    def tree():
        found = {}
        for folder in FOLDERS:
            for where, _, names in os.walk(folder):
                for path in (os.path.join(where, name) for name in names):
                    with open(path, encoding="utf-8") as file:
                        found[path] = file.read(), os.lstat(path).st_mode, os.listxattr(path)
        return found

    def as_after_a_boot(self, *ports):
        """The bridge, made by somebody else: no state of ours, no alias."""
        uplink.ip("link", "add", "br0", "type", "bridge")
        for port in ports:
            uplink.ip("link", "set", port, "master", "br0", "up")
        uplink.ip("link", "set", "br0", "up")


class Again(Case):
    def test_print(self):
        """What a second persist would write: as the first did, since the host was the same."""
        for form in ("networkd", "ifupdown"):
            first = self.persist("--print", form=form)
            self.persist(form=form)
            before = self.tree()
            self.assertEqual(self.persist("--print", form=form), first)
            self.assertEqual(self.tree(), before)
            cli = sandbox.install(uplink.CLI, caps=None)
            done = sandbox.run(cli, "bridge", "persist", "br0", "--uplink=eth0", "--format=" + form, "--print", check=False, uid=USER)
            self.assertEqual((done.returncode, "only root can read the files" in done.stdout), (1, True), done.stdout)
            self.call("unpersist", "br0")

    def test_networkds_file_after_a_boot(self):
        """The NIC's file, which only networkd can match, and which by then is not in force: its name servers and tables are not lost."""
        os.unlink(LAN)
        self.addCleanup(shutil.rmtree, "/run/systemd/netif")
        mac = "/etc/systemd/network/10-mac.network"
        sandbox.write(mac, f"[Match]\nPath=pci-*\n[Network]\nAddress={HOST4}/24\nGateway={ROUTER4}\nDNS=192.0.2.53\n"
                      f"[Route]\nDestination=10.0.0.0/8\nGateway={ROUTER4}\nTable=77\n#Destination=10.1.0.0/16\n")
        sandbox.write("/etc/systemd/network/80-all.network", "[Match]\nName=eth*\n[Network]\nDHCP=yes\n")
        uplink.ip("route", "add", "10.1.0.0/16", "via", ROUTER4)  # the administrator's own
        self.networkd_says("eth0", mac)
        first = self.persist("--print")
        for line in ("DNS=192.0.2.53\n", "Table=77\n", f"Destination=10.1.0.0/16\nGateway={ROUTER4}\n"):
            self.assertIn(line, first)
        self.persist()
        for _ in range(2):
            self.as_after_a_boot("eth0")
            uplink.ip("addr", "flush", "dev", "eth0")
            sandbox.batch("ip", f"addr add {HOST4}/24 brd + dev br0", f"route add default via {ROUTER4} proto static",
                          f"route add 10.0.0.0/8 via {ROUTER4} table 77 proto static", f"route add 10.1.0.0/16 via {ROUTER4} proto static")
            self.networkd_says("eth0", OWN.replace("br0", "br0-uplink"))
            self.networkd_says("br0", OWN)
            self.assertEqual(self.persist("--print"), first)
            self.persist()
            uplink.ip("link", "delete", "br0")
        self.call("unpersist", "br0")

    @staticmethod
    def networkd_says(name, path):
        sandbox.write(f"/run/systemd/netif/links/{sandbox.ifindex(name)}", f"ADMIN_STATE=configured\nNETWORK_FILE={path}\n")

    def test_own_file_that_was_edited(self):
        """The edit is not lost: neither by taking the file back, nor by writing it again."""
        self.persist()
        with open(OWN, "a", encoding="ascii") as file:
            file.write("# mine\n")
        before = self.tree()
        for said in (self.persist(status=1), self.call("unpersist", "br0", status=1)):
            self.assertIn(f"nothing was changed: {OWN} was changed since virt-tap wrote it: move it elsewhere", said)
        self.as_after_a_boot("eth0")
        for said in (self.call("delete", "br0", status=1), self.persist("--print", status=1)):
            self.assertIn(f"{OWN} was changed since", said)
        self.assertIn("master br0", uplink.ip("link", "show", "eth0"))
        self.assertEqual(self.tree(), before)
        os.rename(OWN, "/etc/mine")
        self.call("unpersist", "br0")
        self.assertEqual(set(self.tree()), {LAN, "/etc/network/interfaces"})

    def test_attributes(self):
        """Of the files that are replaced: an ACL, which the mode alone does not tell, and others."""
        os.setxattr("/etc/network/interfaces", "system.posix_acl_access", ACL)
        os.setxattr("/etc/network/interfaces", "trusted.mine", b"x")
        before = self.tree()
        self.persist(form="ifupdown")
        self.assertNotEqual(self.tree()["/etc/network/interfaces"][0], before["/etc/network/interfaces"][0])
        self.assertEqual(self.tree()["/etc/network/interfaces"][1:], before["/etc/network/interfaces"][1:])
        self.assertEqual(os.getxattr("/etc/network/interfaces", "system.posix_acl_access"), ACL)
        self.call("unpersist", "br0")
        self.assertEqual(self.tree(), before)

    def test_firewall(self):
        """A rule that names the NIC would not match the bridge's traffic: that is told before the boot from which it matters."""
        sandbox.run("nft", "add table inet mine { chain input { type filter hook input priority 0; iifname eth0 tcp dport 22 accept; }; }")
        self.addCleanup(sandbox.run, "nft", "delete table inet mine", check=False)
        before = self.tree()
        for more in ((), ("--apply",)):
            said = self.persist(*more, status=1)
            self.assertIn("these name 'eth0' and would stop matching: nft: iifname \"eth0\" tcp dport 22 accept; make them name 'br0', or give "
                          "--ignore-dependents", said)
        self.assertIn("these name 'eth0'", self.persist("--apply", "--print", status=1))
        sandbox.run("nft", "add rule inet mine input iifname br0 tcp dport 23 accept")  # another
        self.persist("--apply", "--print", status=1)
        sandbox.run("nft", "insert rule inet mine input iifname br0 tcp dport 22 accept")  # the same of the bridge
        self.persist("--apply", "--print")
        sandbox.run("nft", "add rule inet mine input iifname eth0 tcp dport 24 accept")
        said = self.persist("--apply", "--print", status=1)
        self.assertEqual(("dport 22" in said, "dport 24" in said), (False, True), said)
        sandbox.run("sh", "-c", "nft flush chain inet mine input; nft add rule inet mine input iifname eth0 tcp dport 22 accept")
        self.assertEqual(self.persist("--apply", "--print", "--ignore-dependents"), self.persist("--print"))
        self.assertEqual(self.tree(), before)
        self.persist("--ignore-dependents")
        self.call("unpersist", "br0")
        self.as_after_a_boot("eth0")
        self.persist()

    def test_macvlan(self):
        """With one on top, the NIC could not become a port at the next boot."""
        uplink.ip("link", "add", "link", "eth0", "name", "mac0", "type", "macvlan", "mode", "bridge")
        self.assertIn("these name 'eth0' and would stop matching: macvlan 'mac0'; make them name 'br0', or give --ignore-dependents", self.persist(status=1))
        self.persist("--ignore-dependents")
        self.call("unpersist", "br0")

    def test_what_says_no(self):
        for value in ("on", " Yes ", "= true".strip("= "), "1"):
            sandbox.write(LAN, f"[Match]\nName=eth0\n[Link]\nUnmanaged = {value}\n")
            self.assertIn("told to leave 'eth0' alone", self.persist(status=1))
        for value in ("off", "no", "", "onward"):
            sandbox.write(LAN, NETWORK + f"[Link]\nUnmanaged={value}\n")
            self.persist("--print")
        sandbox.write("/etc/netplan/50-cloud-init.yaml", "network: {version: 2, ethernets: {eth0: {addresses: [%s/24], routes: [{to: default, via: %s}]}}}\n"
                      % (HOST4, ROUTER4), mode=0o600)
        sandbox.write("/etc/cloud/cloud.cfg.d/99.cfg", "# network: {config: disabled}\n")
        self.assertIn("was written by cloud-init", self.persist(form="netplan", status=1))


class Delete(Case):
    def test_without_an_uplink(self):
        self.as_after_a_boot()
        before = self.tree()
        sandbox.write("/etc/network/interfaces", INTERFACES + "iface other inet manual\n  up ip route add 10.0.0.0/8 via 192.0.2.1\n")
        self.call("persist", "br0", "--format=ifupdown", "--print")
        sandbox.write("/etc/network/interfaces", INTERFACES, 0o640)
        self.call("persist", "br0", "--format=networkd")
        self.assertNotEqual(self.tree(), before)
        self.call("delete", "br0")
        self.assertEqual(self.tree(), before)
        self.assertNotIn("br0", sandbox.links())

    def test_before_the_next_boot(self):
        """It says that the bridge comes back."""
        self.call("create", "br0", "--uplink", "eth0")
        self.call("confirm", "br0")
        self.call("persist", "br0", "--format=networkd")
        self.assertIn("will come back at the next boot", self.call("delete", "br0"))
        self.call("unpersist", "br0")


class Waiting(Case):
    def hold(self, path):
        """A process that holds a lock on the file."""
        file = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, file)
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def test_no_user_can_keep_root_waiting(self):
        """Whatever a user can open, a user can lock."""
        self.persist()
        readable = [path for folder in ("/etc/virt-tap", "/run/virt-tap") for where, folders, names in os.walk(folder)
                    for path in (where, *(os.path.join(where, name) for name in names)) if os.stat(path).st_mode & 0o044]
        self.assertIn("/etc/virt-tap", readable)
        for path in readable:
            self.hold(path)
        self.persist()
        self.call("unpersist", "br0")
        self.assertEqual(os.stat(LOCK).st_mode & 0o7777, 0o600)

    def test_one_after_the_other(self):
        self.persist()
        held = self.hold(LOCK)
        process = subprocess.Popen([uplink.CLI, "bridge", "unpersist", "br0"])
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(1)
        fcntl.flock(held, fcntl.LOCK_UN)
        self.assertEqual(process.wait(10), 0)

    def test_a_lock_that_cannot_be(self):
        os.chown("/run/virt-tap", USER, 0)
        self.addCleanup(os.chown, "/run/virt-tap", 0, 0)
        before = self.tree()
        self.assertIn("nothing was changed: cannot lock /run/virt-tap", self.persist(status=1))
        self.assertEqual(self.tree(), before)


class Halfway(Case):
    def test_it_can_neither_go_on_nor_back(self):
        """All fails from some step on: what is said of the files is true, and the next call completes it."""
        trace = sandbox.RUN + "/trace"
        before = self.tree()
        words = ("bridge", "persist", "br0", "--uplink=eth0", "--format=networkd")
        sandbox.run("strace", "-qq", "-o", trace, "-e", "trace=rename", uplink.CLI + "-bridge", *words)
        with open(trace, encoding="ascii") as file:
            renames = re.findall(r'rename\("([^"]*)", "([^"]*)"', file.read())
        self.call("unpersist", "br0")
        said = set()
        for nth in range(1, len(renames) + 1):
            done = sandbox.run("strace", "-qq", "-o", trace, "-e", f"inject=rename:error=EIO:when={nth}+", uplink.CLI + "-bridge", *words, check=False)
            self.assertEqual(done.returncode, 1, done.stdout)
            seen = {path: text for path, (text, _, _) in self.tree().items() if "/." not in path and "/persist." not in path and text}
            old = {path: text for path, (text, _, _) in before.items()}
            changed = "the new configuration is in place" in done.stdout
            self.assertNotEqual(changed, "nothing was changed" in done.stdout, done.stdout)
            self.assertEqual(changed, seen != old, done.stdout)
            said.add(changed)
            self.persist()
            self.call("unpersist", "br0")
            self.assertEqual(self.tree(), before)
        self.assertEqual(said, {True, False})


if __name__ == "__main__":
    sandbox.enter()
    netplanfork.install()
    needed.main()
