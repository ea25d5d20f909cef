#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap show tells whose a tap is by its claim, whatever its holder has made of it."""
import fcntl
import json
import struct

import bridgehelper
import netcase
import sandbox
import uplink
from netcase import POLICY
from sandbox import OTHER, USER

UUID = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3"
SIOCSIFHWADDR, TUNSETCARRIER = 0x8924, 0x400454E2
UNCHANGED = {"mac": False, "owner": False, "persistence": False}


def show(*words):
    done = uplink.virt_tap(*words)
    assert done.returncode == 0, done.stdout
    return done.stdout


def port(name):
    ports = {port["name"]: port for port in json.loads(show("show", "br0", "--json"))["bridges"][0]["ports"]}
    return ports[name]


def line(name):
    return next(line for line in show("show").splitlines() if f" {name} " in line)


def foreign(name, *words, owner=OTHER):
    """A tap on br0 that the helper did not make."""
    sandbox.run("ip", "tuntap", "add", "dev", name, "mode", "tap", "user", str(owner))
    sandbox.run("ip", "link", "set", name, "master", "br0", *words)


class Show(netcase.NetCase):
    def test_whose_it_is(self):
        self.create("vtap-a", f"--domain={UUID}")
        with self.grant("--name=vtap-b"):
            self.assertEqual([port("vtap-b")[key] for key in ("owner", "domain", "tun_owner", "changed")],
                             [{"uid": USER, "name": "vmuser"}, None, None, UNCHANGED])
            self.assertRegex(line("vtap-b"), r"─ vtap-b +tap of vmuser, \w+")
        self.assertEqual([port("vtap-a")[key] for key in ("role", "owner", "domain", "changed")],
                         ["tap", {"uid": USER, "name": "vmuser"}, UUID, UNCHANGED])
        self.assertRegex(line("vtap-a"), rf"─ vtap-a +tap of vmuser, domain {UUID}, no carrier$")
        self.assertIn(f'"vtap-a" -- "{UUID}" [style=dashed];', show("show", "--dot"))
        self.assertEqual(show("show"), show("bridge", "show", "br0"))
        self.delete("--name=vtap-a")

    def test_what_the_holder_says_is_believed_by_no_form(self):
        sandbox.write(POLICY, "allow br0 quota=4\n")
        for owner in (OTHER, 0):
            with self.grant("--mac=52:54:00:00:00:01") as answer:
                fd, name = answer.fds[0], answer.tap()[0]
                fcntl.ioctl(fd, bridgehelper.TUNSETPERSIST, 1)
                fcntl.ioctl(fd, bridgehelper.TUNSETOWNER, owner)
                fcntl.ioctl(fd, SIOCSIFHWADDR, struct.pack("16sH6s16x", name.encode(), 1, bytes.fromhex("fe5400000002")))
                fcntl.ioctl(fd, TUNSETCARRIER, struct.pack("i", 0))
                seen = port(name)
                self.assertEqual((seen["owner"], seen["tun_owner"]), ({"uid": USER, "name": "vmuser"}, None))
                self.assertEqual(seen["changed"], {"mac": True, "owner": True, "persistence": True})
                self.assertRegex(line(name), r"tap of vmuser, no carrier CHANGED mac,owner,stays$")
                self.assertNotIn("vmother", show("show") + show("show", "--json") + show("show", "--dot"))
                listed = json.loads(show("list", "--json"))[0]
                self.assertEqual((listed["uid"], listed["changed"]), (USER, seen["changed"]))
            self.delete(f"--name={name}")

    def test_a_tap_without_a_claim(self):
        foreign("vtap-x")
        self.assertEqual([port("vtap-x")[key] for key in ("role", "owner", "tun_owner", "domain", "changed")],
                         ["tap", None, {"uid": OTHER, "name": "vmother"}, None, None])
        self.assertRegex(line("vtap-x"), r"tap without a claim, TUN owner vmother, no carrier$")
        sandbox.run("ip", "link", "delete", "vtap-x")

    def test_only_the_helpers_own_words_count(self):
        """An alias or alternative name that resembles a claim is none; one that is one counts without the other."""
        mac = "fe:54:00:00:00:09"
        whole = f"virt-tap v=1 uid={USER} domain={UUID} stays mac={mac}"
        for alias, altname, owner in (
                (f"virt-tap of domain={UUID} uid={USER}", None, None), (f"{whole} domain={UUID}", None, None), (f"my {whole}", None, None),
                ("", f"virt-tap.1.{USER}", None), ("", f"virt-tap.1.{USER}.00", None), ("", f"virt-tap.1.-{USER}.0", None),
                (whole, None, USER), ("", f"virt-tap.1.{USER}.0", USER), (whole, "virt-tap.1.64999.x7", 64999)):
            foreign("vtap-x", "address", mac)
            if alias:
                sandbox.run("ip", "link", "set", "vtap-x", "alias", alias)
            if altname:
                sandbox.run("ip", "link", "property", "add", "dev", "vtap-x", "altname", altname)
            with self.subTest(alias=alias, altname=altname):
                seen = port("vtap-x")
                self.assertEqual(seen["owner"] and seen["owner"]["uid"], owner)
                self.assertEqual(seen["domain"], UUID if alias == whole else None)
                self.assertIs(seen["tun_owner"] is None, owner is not None)
                if owner == 64999:
                    self.assertIsNone(seen["owner"]["name"])
                    self.assertIn("tap of uid 64999, domain", line("vtap-x"))
            sandbox.run("ip", "link", "delete", "vtap-x")

    def test_only_the_whole_start_of_an_alias_names_an_uplink(self):
        sandbox.run("ip", "link", "add", "p0", "type", "veth", "peer", "name", "p1")
        sandbox.run("ip", "link", "set", "p0", "master", "br0")
        for alias, role in (("virt-tap was here, uplink=p0", "port"), ("virt-tap uplink=p0", "uplink")):
            sandbox.run("ip", "link", "set", "br0", "alias", alias)
            self.assertEqual(port("p0")["role"], role)
        sandbox.run("ip", "link", "delete", "p0")


if __name__ == "__main__":
    netcase.main()
