#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap show tells whose a tap is by its claim, whatever its holder has made of it."""
import fcntl
import itertools
import json
import os
import pty
import re
import shutil
import struct
import termios

import bridgehelper
import netcase
import portframes
import pseudoterminal
import sandbox
import uplink
from netcase import POLICY
from sandbox import OTHER, USER

SOURCE = os.environ["VIRT_TAP_SOURCE"]
UUID = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3"
GUEST = "52:54:00:00:00:01"
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


class ShowCase(netcase.NetCase):
    def on_terminal(self, *words, width=80, uid=0, status=0, **env):
        """What is printed on a terminal of that width."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        base = {"PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C"}
        cli = sandbox.install(uplink.CLI, caps=None)  # the build may be in a home of mode 0700
        with bridgehelper.start([cli, *words], stdin=slave, stdout=slave, stderr=slave, env={**base, **env}, uid=uid) as process:
            os.close(slave)
            said = pseudoterminal.said(master)
            self.assertEqual(process.wait(20), status)
        return said


class Wrapped(ShowCase):
    def test_lines_go_on_below(self):
        """At blanks, and with the same words as on a pipe; what is to be copied stays whole."""
        sandbox.write(POLICY, "allow br0 user=vmuser mac=lock ip=lock ips=10.66.1.0/24\nallow br1 user=nobodyatall\nalow br2\n")
        for words, status in (["--help"], 0), (["tap", "create", "--help"], 0), (["list", "--help"], 0), (["policy", "check"], 1), (["hooks", "status"], 1), \
                (["policy", "explain", "--bridge=br0", "--user=vmuser"], 1), (["check", "net", "helper", "--bridge=br9"], 1), (["broker", "status"], 1):
            piped = sandbox.run(uplink.CLI, *words, check=False).stdout
            for width in 40, 60, 80:
                said = self.on_terminal(*words, width=width, status=status, NO_COLOR="1")
                with self.subTest(words=words, width=width):
                    self.assertEqual(said.split(), piped.split())
                    wide = [line for line in said.splitlines() if len(line) > width and len(line.split()) > 2 and "fix:  " not in line and "`" not in line]
                    self.assertEqual(wide, [])
        self.assertIn("\n         virt-tap hooks enable\n", self.on_terminal("hooks", "status", width=60, status=1))
        sandbox.write(POLICY, "allow br0 user=vmuser mac=lock macs=52:54:00:00\n")
        for words in (["policy", "explain", "--bridge=br0"], ["policy", "explain", "--bridge=br0", "--user=vmuser"]):
            for line in self.on_terminal(*words, width=60, status=int("--user=vmuser" not in words)).splitlines():
                self.assertTrue(len(line) <= 60 or "helper=" in line, line)
        self.assertIn("\n  allow br0 user=root\n", self.on_terminal("policy", "explain", "--bridge=br0", width=60, status=1))
        self.assertRegex(self.on_terminal("check", "helper", "--bridge=br9", width=60, status=1), r"\n  \x1b\[1;31mfailure\x1b\[0m    [^\n]+\n {13}[^ ]")


class Show(ShowCase):
    def test_whose_it_is(self):
        self.create("vtap-a", f"--domain={UUID}")
        with self.grant("--name=vtap-b"):
            self.assertEqual([port("vtap-b")[key] for key in ("owner", "domain", "tun_owner", "changed")],
                             [{"uid": USER, "name": "vmuser"}, None, None, UNCHANGED])
            self.assertRegex(line("vtap-b"), r"[|`├└][-─] vtap-b +tap of vmuser, \w+")
        self.assertEqual([port("vtap-a")[key] for key in ("role", "owner", "domain", "changed")],
                         ["tap", {"uid": USER, "name": "vmuser"}, UUID, UNCHANGED])
        self.assertRegex(line("vtap-a"), rf"[|`├└][-─] vtap-a +tap of vmuser, domain {UUID}, no carrier$")
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
                self.assertRegex(line(name), r"tap of vmuser, no carrier CHANGED mac,owner,persistence$")
                self.assertNotIn("vmother", show("show") + show("show", "--json") + show("show", "--dot"))
                listed = json.loads(show("list", "--json"))[0]
                self.assertEqual((listed["owner"], listed["changed"]), (seen["owner"], seen["changed"]))
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

    def test_one_schema(self):
        """A tap is the same object in list and show; docs/interfaces.md names every key, and no other."""
        sandbox.write(POLICY, "allow br0 mac=lock isolated=yes guard=yes\n")
        with open(f"{SOURCE}/docs/interfaces.md", encoding="utf-8") as file:
            text = file.read()
        tables = [set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"(?m)^\| (`[^|]*)\|", table))))
                  for table in text.partition("## JSON")[2].split("\n\n") if table.startswith("|")]
        sandbox.run(uplink.CLI, "tap", "create", "plain0", "--bridge=br0", f"--user={OTHER}")
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "stp_state", "1")  # which guard requires
        with self.grant("--mac=52:54:00:00:00:01", "--name=vtap-b"):
            seen = json.loads(show("show", "br0", "--json"))["bridges"][0]
            ports = sorted(seen.pop("ports"), key=lambda port: port["name"])
            self.assertEqual(json.loads(show("list", "--json")), ports)
            self.assertEqual([set(port) for port in ports], [tables[0], tables[0]])
            self.assertEqual({*seen, "ports"}, tables[1])
            self.assertEqual(ports[1]["protection"], ["isolated", "mac=lock", "guard"])
            self.assertIn(" isolated,mac=lock,guard ", show("list"))
            self.assertIn("[isolated,mac=lock,guard]", line("vtap-b"))
        sandbox.run("ip", "link", "set", "br0", "type", "bridge", "stp_state", "0")
        sandbox.run("ip", "link", "delete", "plain0")

    def test_plain_devices(self):
        """Those of `tap create` are listed, other programs' are not; their owner is only the TUN owner."""
        for words in (("plain0", "--bridge=br0", f"--user={USER}"), ("tun0", "--mode=tun")):
            sandbox.run(uplink.CLI, "tap", "create", *words)
        foreign("tap9")
        self.assertEqual([(tap["name"], tap["role"], tap["owner"], tap["tun_owner"] and tap["tun_owner"]["uid"])
                          for tap in json.loads(show("list", "--json"))], [("plain0", "tap", None, USER), ("tun0", "tun", None, 0)])
        self.assertRegex(show("list"), r"(?m)^plain0 +br0 +\(vmuser\) ")
        self.assertEqual(show("gc", "--all", "--wait=0"), "")
        for name in ("plain0", "tun0", "tap9"):
            sandbox.run("ip", "link", "delete", name)

    def test_many(self):
        """The user database, which may be a server's, is asked once for each owner."""
        sandbox.write(POLICY, "allow br0 quota=20\n")
        for number in range(6):
            self.create(f"vtap-{number}", uid=(USER, OTHER)[number % 2])
        for words in (["list"], ["list", "--json"], ["show"]):
            trace = f"{sandbox.RUN}/trace"
            sandbox.run("strace", "-f", "-qq", "-o", trace, "-e", "trace=openat", uplink.CLI, *words)
            with open(trace, encoding="utf-8") as file:
                self.assertEqual(file.read().count('"/etc/passwd"'), 2)
        for number in range(6):
            self.delete(f"--name=vtap-{number}", uid=0)

    def test_names_of_domains(self):
        """As the caller's own libvirt has them; another user's domain of that UUID keeps its UUID."""
        self.create("vtap-a", f"--domain={UUID}")
        text = f"<domain type='kvm'>\n  <name>web</name>\n  <uuid>{UUID}</uuid>\n</domain>\n"
        config = sandbox.RUN + "/config"
        for folder in ("/etc/libvirt/qemu", f"{config}/libvirt/qemu"):
            os.makedirs(folder, exist_ok=True)
            sandbox.write(f"{folder}/web.xml", text)
            os.mkfifo(f"{folder}/fifo.xml")
        sandbox.write(f"{config}/libvirt/qemu/{'x' * 240}\n\033[2J.xml", text.replace(UUID, UUID.replace("8", "9")))
        env = {"XDG_CONFIG_HOME": config, "PATH": os.environ["PATH"]}
        cli = sandbox.install(uplink.CLI, caps=None)  # the build may be in a home of mode 0700
        for uid, name in ((USER, "web"), (OTHER, None), (0, None)):
            done = sandbox.run(cli, "list", "--json", env=env, uid=uid)
            self.assertEqual([(tap["domain"], tap["domain_name"]) for tap in json.loads(done.stdout)], [(UUID, name)])
            for verb in ("list", "show"):
                done = sandbox.run(cli, verb, env=env, uid=uid)
                self.assertEqual((UUID in done.stdout, " web" in done.stdout), (name is None, name is not None), done.stdout)
        shutil.rmtree("/etc/libvirt/qemu")
        shutil.rmtree(config)
        self.delete("--name=vtap-a")

    def test_fits_the_terminal(self):
        sandbox.write(POLICY, "allow br0\nallow br-abcdefghijkl mac=lock isolated=yes guard=yes\n")
        sandbox.make_bridge("br-abcdefghijkl")
        sandbox.run("ip", "link", "set", "br-abcdefghijkl", "type", "bridge", "stp_state", "1")
        self.create("vtap-a")
        other = "8d0f1b2c-4" + UUID[10:]
        for number, domain in enumerate((UUID, other)):
            self.create(f"vtap-web-abc23{number}", f"--domain={domain}", f"--mac=52:54:00:00:00:0{number}", bridge="br-abcdefghijkl")
        sandbox.run("ip", "address", "add", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1/64", "dev", "br0")
        sandbox.run("ip", "address", "add", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:2/64", "dev", "br0")
        for verb, width in (*(("list", width) for width in (200, 100, 80, 60, 40, 20)), *(("show", width) for width in (200, 80, 52, 40))):
            text = self.on_terminal(verb, width=width, NO_COLOR="1")
            with self.subTest(verb=verb, width=width, text=text):
                self.assertLessEqual(max(map(len, text.splitlines())), width)
                for name in ("vtap-a", "vtap-web-abc230", "vtap-web-abc231"):
                    self.assertRegex(text, rf"(?<!\S){name}(?!\S)")
                self.assertNotRegex(text, r"(?<!\S)br-a(?!bcdefghijkl(?!\S))")  # whole, or not at all
                if re.search("DOMAIN|domain", text):  # cut, but not so far that they are the same
                    self.assertEqual(len(set(re.findall(r"8d0f1b2c\S*", text))), 2)
        self.assertIn("PROTECTION", self.on_terminal("list"))
        self.assertGreater(max(map(len, show("list").splitlines())), 140)  # in a file, everything
        for name in ("vtap-a", "vtap-web-abc230", "vtap-web-abc231"):
            self.delete(f"--name={name}")
        sandbox.run("ip", "address", "flush", "dev", "br0")
        sandbox.run("ip", "link", "delete", "br-abcdefghijkl")

    def test_fits_by_columns_not_bytes(self):
        config, name = f"{sandbox.RUN}/config", "ü" * 24
        os.makedirs(f"{config}/libvirt/qemu")
        self.addCleanup(shutil.rmtree, config)
        sandbox.write(f"{config}/libvirt/qemu/{name}.xml", f"<domain><uuid>{UUID}</uuid></domain>")
        self.create("vtap-a", f"--domain={UUID}")
        shown = self.on_terminal("show", uid=USER, NO_COLOR="1", LC_ALL="C.UTF-8", XDG_CONFIG_HOME=config)
        line, = [line for line in shown.splitlines() if "vtap-a" in line]
        self.assertRegex(line, f"domain {name}, ")
        self.assertIn("no carrier", line)
        self.delete("--name=vtap-a")

    def test_colour_and_characters(self):
        self.create("vtap-a")
        for verb in ("list", "show"):
            self.assertIn("\033[1m", self.on_terminal(verb))
            for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
                self.assertNotIn("\033", self.on_terminal(verb, **env), (verb, env))
            self.assertNotIn("\033", show(verb))
        for env, wanted in (({"LC_ALL": "C"}, "`- vtap-a"), ({"LC_ALL": "", "LANG": "de_DE"}, "`- vtap-a"), ({"LC_ALL": "C.UTF-8"}, "└─ vtap-a"),
                            ({"LC_ALL": "", "LC_CTYPE": "en_US.utf8", "LANG": "C"}, "└─ vtap-a"), ({"LC_ALL": "C", "LANG": "C.UTF-8"}, "`- vtap-a")):
            text = self.on_terminal("show", NO_COLOR="1", **env)
            self.assertIn(wanted, text)
            self.assertEqual(text.isascii(), wanted[0] == "`")
        self.delete("--name=vtap-a")

    def test_only_the_whole_start_of_an_alias_names_an_uplink(self):
        sandbox.run("ip", "link", "add", "p0", "type", "veth", "peer", "name", "p1")
        sandbox.run("ip", "link", "set", "p0", "master", "br0")
        for alias, role in (("virt-tap was here, uplink=p0", "port"), ("virt-tap uplink=p0", "uplink")):
            sandbox.run("ip", "link", "set", "br0", "alias", alias)
            self.assertEqual(port("p0")["role"], role)
        sandbox.run("ip", "link", "delete", "p0")


class Bound(ShowCase):
    """What the guest of a locked tap is bound to, what its filter dropped, and what is told when the filter is gone."""
    LOST = "its port filter is gone or changed: sudo virt-tap repair "

    def setUp(self):
        super().setUp()
        sandbox.write(POLICY, "allow br0 mac=lock ip=lock ips=10.66.0.0/16,2001:db8::/32\n")

    def below(self, name):
        """The lines that follow a tap's own, without what they begin with."""
        lines = show("show").splitlines()
        at = next(number for number, text in enumerate(lines) if f" {name} " in text)
        return [text[5:] for text in itertools.takewhile(lambda text: re.match("[ |│]    ", text), lines[at + 1:])]

    def test_addresses_and_drops(self):
        with self.grant(f"--mac={GUEST}", "--ip=10.66.1.5", "--ip=2001:db8::5", "--name=vtap-b", vnet=False) as answer:
            sandbox.run("ip", "link", "property", "add", "dev", "vtap-b", "altname", "virt-tap-ip.br9.0a420106")  # which binds nobody here
            bound = {"mac": GUEST, "ip": ["10.66.1.5", "2001:db8::5"]}
            own = bytes.fromhex("ffffffffffff" + GUEST.replace(":", "") + "0800") + portframes.ip4(portframes.udp(1, 2), source="10.66.1.5")
            for number, frame in enumerate((own, own.replace(bytes([10, 66, 1, 5]), bytes([10, 66, 1, 6])), bytes(12) + own[12:])):
                os.write(answer.fds[0], frame)
                with self.subTest(number):
                    seen = port("vtap-b")
                    self.assertEqual((seen["bound"], seen["filter"]), (bound, {"attached": True, "dropped": number}))
                    self.assertEqual(self.below("vtap-b"), [f"bound to {GUEST}, 10.66.1.5, 2001:db8::5, frames dropped: {number}"])
                    self.assertRegex(show("list"), rf"(?m)^vtap-b .* {number} +{GUEST} +10\.66\.1\.5 \+1 ")
            cli = sandbox.install(uplink.CLI, caps=None)
            self.assertEqual(json.loads(sandbox.run(cli, "list", "--json", uid=OTHER).stdout), [port("vtap-b")])

    def test_without_a_lock(self):
        """A MAC that was only claimed binds nobody, nor does a lock that root set on his own tap."""
        sandbox.write(POLICY, "allow br0\n")
        foreign("vtap-x")
        sandbox.run("bridge", "link", "set", "dev", "vtap-x", "locked", "on")
        with self.grant(f"--mac={GUEST}", "--name=vtap-b"):
            for name in ("vtap-b", "vtap-x"):
                self.assertEqual([port(name)[key] for key in ("bound", "filter")], [None, None])
                self.assertEqual(self.below(name), [])
        sandbox.run("ip", "link", "delete", "vtap-x")

    def test_only_a_mac(self):
        sandbox.write(POLICY, "allow br0 mac=lock\n")
        with self.grant(f"--mac={GUEST}", "--name=vtap-b"):
            self.assertEqual(port("vtap-b")["bound"], {"mac": GUEST, "ip": []})
            self.assertEqual(self.below("vtap-b"), [f"bound to {GUEST}, frames dropped: 0"])
            self.assertRegex(show("list"), rf"(?m)^vtap-b .* 0 +{GUEST} +- ")

    def is_lost(self, name):
        self.assertIs(port(name)["filter"]["attached"], False)
        self.assertEqual(self.below(name), [f"bound to {GUEST}, 10.66.1.5", self.LOST + name])
        self.assertRegex(show("list"), rf"(?m)^{name} .* no filter +{GUEST} ")

    def test_filter_removed_or_changed(self):
        for change in ("qdisc del dev vtap-b clsact", "filter del dev vtap-b ingress pref 2", "filter del dev vtap-b ingress pref 1",
                       "filter add dev vtap-b ingress protocol all pref 3 bpf bytecode"):
            with self.subTest(change), self.grant(f"--mac={GUEST}", "--ip=10.66.1.5", "--name=vtap-b"):
                sandbox.run("tc", *change.split(), *(["1,6 0 0 4294967295"] if "add" in change else []))
                self.is_lost("vtap-b")

    def test_moved_to_another_namespace_and_back(self):
        sandbox.run("ip", "netns", "add", "other")
        self.addCleanup(sandbox.run, "ip", "netns", "delete", "other")
        self.create("vtap-b", f"--mac={GUEST}", "--ip=10.66.1.5")
        sandbox.run("ip", "link", "set", "vtap-b", "netns", "other")
        sandbox.run("ip", "-n", "other", "link", "set", "vtap-b", "netns", "1")
        sandbox.run("ip", "link", "set", "vtap-b", "master", "br0")
        sandbox.run("bridge", "link", "set", "dev", "vtap-b", "locked", "on")
        self.is_lost("vtap-b")
        sandbox.run(sandbox.install(uplink.CLI, caps=None), "repair", "vtap-b")
        self.assertEqual(self.below("vtap-b"), [f"bound to {GUEST}, 10.66.1.5, frames dropped: 0"])
        self.delete("--name=vtap-b")

    def test_fits_the_terminal(self):
        """However many addresses there are; none is cut."""
        addresses = [f"2001:db8:aaaa:bbbb:cccc:dddd:eeee:{number:x}" for number in range(1, 65)]
        self.create("vtap-web-abc230", f"--mac={GUEST}", *(f"--ip={address}" for address in addresses))
        for lost in (False, True):
            for verb, width in (("list", 80), ("list", 40), ("show", 200), ("show", 80), ("show", 52), ("show", 40)):
                text = self.on_terminal(verb, width=width, NO_COLOR="1")
                with self.subTest(verb=verb, width=width, text=text):
                    self.assertLessEqual(max(map(len, text.splitlines())), width)
                    if verb == "show":
                        self.assertEqual(re.findall(r"2001\S*\w", text), addresses)
                        self.assertEqual(self.LOST in " ".join(text.split()), lost)
                    elif width == 80:
                        self.assertEqual("no filter" in text, lost)
            sandbox.run("tc", "qdisc", "del", "dev", "vtap-web-abc230", "clsact", check=False)
        self.delete("--name=vtap-web-abc230")


if __name__ == "__main__":
    netcase.main()
