#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Nothing that steers a terminal, or hides, leaves virt-tap, its helper or its hooks: every verb, with names, files, aliases and words
that others chose, on a terminal and on pipes.

Needs VIRT_TAP_CLI, VIRT_TAP_HELPER and VIRT_TAP_HOOKS (the folder of the built hooks).
"""
import json
import os
import re
import select
import subprocess
import termios
import time

import hookcase
import hookhost
import netcase
import sandbox
from bridgehelper import become
from sandbox import USER

CLI, HELPER = os.path.abspath(os.environ["VIRT_TAP_CLI"]), os.path.abspath(os.environ["VIRT_TAP_HELPER"])
FOLDER = sandbox.RUN + "/files"
FORBIDDEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff\udc80-\udcff]")
# Of each kind one: C0, DEL, C1 as UTF-8, bidirectional, separators, invisible, tags, and bytes that are no UTF-8.
CHARACTERS = ("\x1b]0;x\a", "\x7f", "\x9b31m", "\u061c\u200e\u202e\u2066", "\u2028\u2029", "\u200b\xad\ufeff\u2060", "\U000e0041", "\udc9b\udcff", "\r", "\n")
HOSTILE = "".join(CHARACTERS)
XML = "\x7f\x9b31m\u061c\u200e\u202e\u2066\u2028\u2029\u200b\xad\ufeff\u2060\U000e0041&#13;&#10;"  # what XML can hold
ETHERNET = "\x1b\x7f\udc9b\u202e"  # what an interface may be called: 6 bytes, no white space
SLOW = {"check", "gc", "hooks/enable", "hooks/disable", "bridge/guard"}  # left out, or tried with fewer words below
NIC = "<interface type='{0}'><mac address='{1}'/><source {0}='{2}'/><target dev='{3}'/><model type='{4}'/></interface>"
DOMAIN = "<domain type='{0}'><name>{1}</name><uuid>" + hookcase.UUID + "</uuid>\n<devices>\n{2}</devices></domain>"


def name(text):
    return os.fsencode(text)


def terminal(command, **more):
    """What a terminal gets of it: all that it writes, as it is."""
    ours, its = os.openpty()
    settings = termios.tcgetattr(its)
    settings[1] &= ~termios.OPOST
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(its, termios.TCSANOW, settings)
    environment = {**os.environ, "TERM": "xterm", **more.pop("env", {})}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=its, stderr=its, env=environment, **more)
    os.close(its)
    text, limit = b"", time.monotonic() + 40
    while time.monotonic() < limit and select.select([ours], [], [], 40)[0]:
        try:
            text += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    process.wait(10)
    return text


def piped(command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False, **more)
    return done.stdout


def verbs(*above):
    """All that there are, as --help tells: VERB and VERB/VERB."""
    said = piped([CLI, *above, "--help"]).decode()
    if " VERB [ARGUMENT" not in said:
        return []
    found = []
    for verb in re.findall(r"^  ([a-z][a-z-]*)", said, re.M):
        found += ["/".join([*above, verb]), *verbs(*above, verb)]
    return found


def decoded(text):
    return text.decode(errors="surrogateescape")


class Terminal(netcase.NetCase):
    @classmethod
    def setUpClass(cls):
        os.environ["NO_COLOR"] = "1"  # our own sequences: test_show.py
        os.environ["VISUAL"] = "/bin/true"  # of `policy edit`, which would wait for somebody to type
        files = {"mac": DOMAIN.format("qemu", "web", NIC.format("bridge", XML, "br0", "vnet0", "virtio")),
                 "name": DOMAIN.format("qemu", XML, NIC.format("bridge", "52:54:00:00:00:01", "br0", XML, XML)),
                 "bridge": DOMAIN.format("qemu", "web", NIC.format("bridge", "52:54:00:00:00:01", XML, "vnet0", "virtio")),
                 "network": DOMAIN.format("qemu", "web", NIC.format("network", "52:54:00:00:00:01", XML, "vnet0", "virtio")),
                 "type": DOMAIN.format(XML, "web", NIC.format("bridge", "52:54:00:00:00:01", "br0", "vnet0", "virtio")),
                 "other": DOMAIN.format("qemu", "web", f"<interface type='{XML}'/>"),
                 "root": f"<do\U000e0041main{XML.replace('&', '')}/>", "element": "<d\u200cx\u2060y/>",
                 "return": DOMAIN.format("qemu", "web", "<interface type='bridge'><source bridge='evil'/><!--\r<source bridge='good'/>   --></interface>\n"),
                 "taps": hookcase.domain((f"vtap-{XML}", "br0")), "taps-bridge": hookcase.domain(("vtap-a", XML)),
                 "taken": hookcase.domain(("vtap-a", "br0")).replace("&lt;interface type='bridge'/&gt;", XML), "bytes": HOSTILE}
        os.makedirs(FOLDER, exist_ok=True)
        os.chdir(FOLDER)  # some verbs make files
        cls.files = []
        for stem, text in files.items():
            cls.files.append(f"{FOLDER}/{stem}{HOSTILE}.xml")
            with open(name(cls.files[-1]), "wb") as file:
                file.write(text.encode(errors="surrogateescape"))

    def clean(self, text, words):
        found = FORBIDDEN.search(decoded(text))
        self.assertIsNone(found, f"{words}: {text!r}")

    def each_way(self, command, **more):
        """On a terminal and on a pipe; returns what came on the pipe."""
        command = [name(word) for word in command]
        self.clean(terminal(command, **more), command)
        text = piped(command, **more)
        self.clean(text, command)
        return decoded(text)

    def cli(self, *words, **more):
        return self.each_way([CLI, *words], **more)

    def make_links(self):
        """A bridge and two taps of ours with such names, as root can make them."""
        bridge, tap = f"br{ETHERNET}", f"vtap-{ETHERNET}"
        for command in (("link", "add", bridge, "type", "bridge"), ("tuntap", "add", "mode", "tap", "name", tap),
                        ("tuntap", "add", "mode", "tap", "name", "vtap-a")):
            subprocess.run(["ip", *map(name, command)], check=True, timeout=20)
        for number, dev in enumerate((tap, "vtap-a")):
            alias = f"virt-tap v=1 uid={USER} domain={HOSTILE.replace(' ', '')[:20]}"
            subprocess.run(["ip", "link", "set", name(dev), "master", name(bridge), "alias", name(alias)], check=True, timeout=20)
            subprocess.run(["ip", "link", "property", "add", "dev", name(dev), "altname", name(f"virt-tap.{bridge}.{USER}.{number}")], check=True, timeout=20)
        return bridge, tap

    def test_words(self):
        """As verb, option, argument and option's argument."""
        known = verbs()
        self.assertLessEqual({"list", "check", "gc", "bridge", "bridge/create", "xml/rewrite", "policy/explain"}, set(known))
        for command in ("", "help", *known):
            words = command.split("/") if command else []
            if command in SLOW:
                continue
            for more in ([HOSTILE], ["--" + HOSTILE], ["--user", HOSTILE], ["--bridge", HOSTILE], ["--connect", HOSTILE, "x"], ["--network", HOSTILE],
                         ["--interface", HOSTILE, self.files[0]], ["--output-dir", HOSTILE, self.files[0]], ["--name=" + HOSTILE], ["--mac", HOSTILE, "vtap-b"],
                         ["--uplink", HOSTILE, "br1"], ["--domain", HOSTILE, "vtap-b"], ["-" + HOSTILE]):
                text = piped([name(word) for word in (CLI, *words, *more)])
                self.clean(text, [*words, *more])
        self.cli(HOSTILE)
        self.cli("tap", "create", "vtap-b", "--bridge=br0", env={**os.environ, "VIRT_TAP_HELPER": HOSTILE})

    def test_check(self):
        for words in (["--user", HOSTILE], ["--bridge", HOSTILE], [HOSTILE], ["net"], ["net", "--json"], ["net", "--fix"], ["helper", "--report"]):
            command = [name(word) for word in (CLI, "check", *words)]
            text = re.sub(rb"\x1b\[[0-9;]{1,4}m", b"", terminal(command))  # its own colours
            self.clean(text, words)
            self.clean(piped(command), words)
        self.assertIn(b"\x1b[0m", terminal([CLI, "check", "net"], env={"NO_COLOR": ""}))

    def test_documents(self):
        for path in self.files:
            for words in (["show"], ["rewrite", "--diff"], ["rewrite", "--network", "lan=br0", "--diff"], ["restore", "--diff"], ["map", "--diff"],
                          ["rewrite", "--output-dir", f"{FOLDER}/{HOSTILE}"], ["rewrite", "--validate", "--diff"]):
                text = self.cli("xml", *words, path)
                for line in text.splitlines():  # neither names nor addresses make a line of their own
                    self.assertRegex(line, r"\A(virt-tap xml |/|---|\+\+\+|@@|[-+\\]|  (\d+|-)  )")

    def test_a_document_goes_to_a_pipe_as_it_is(self):
        for path in self.files:
            with open(name(path), "rb") as file:
                text = file.read()
            done = subprocess.run([CLI, "xml", "restore", name(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, check=False)
            self.clean(done.stderr, path)
            if done.returncode == 0:
                self.assertEqual(done.stdout, text)
            shown = terminal([CLI, "xml", "restore", name(path)])
            self.clean(shown, path)
            if done.returncode == 0:
                self.assertRegex(shown, rb"virt-tap xml restore: \d+ characters that could control")
        text = ("<domain type='qemu'><name>x</name><!--" + "\u20ac\x9b" * 50000 + "--></domain>").encode()
        done = subprocess.run([CLI, "xml", "restore"], input=text, stdout=subprocess.PIPE, timeout=20, check=True)
        self.assertEqual(done.stdout, text)

    def test_interfaces(self):
        bridge, tap = self.make_links()
        for words in (["list"], ["show"], ["show", bridge], ["show", "--dot"], ["bridge", "show"], ["bridge", "add", bridge, tap],
                      ["bridge", "remove", bridge, "vtap-c"], ["bridge", "remove", "br0", tap], ["bridge", "persist", bridge, "--print"],
                      ["bridge", "confirm", bridge],
                      ["tap", "create", tap, "--bridge", bridge], ["tap", "delete", tap], ["tap", "create", f"x{ETHERNET}", "--bridge", tap],
                      ["policy", "explain", "--bridge", bridge], ["gc", "--all", "--wait=0", "--dry-run"]):
            self.cli(*words)
        for words in (["list", "--json"], ["show", "--json"], ["bridge", "show", "--json"]):
            text = self.cli(*words, env={**os.environ, "LC_ALL": "C"})
            if "not UTF-8" not in text:
                json.loads(text)
        for words in (["delete", f"--name={tap}"], ["delete", f"--name={HOSTILE}"], ["create", f"--bridge={bridge}", "--name=vtap-b"],
                      ["create", f"--bridge={HOSTILE}"],
                      [HOSTILE], ["bridge", f"--bridge={bridge}"], [f"--br={bridge}", f"--fd={HOSTILE}"], ["delete", f"--domain={HOSTILE}"]):
            self.each_way([self.helper, *words])
        for words in (["bridge", "delete", bridge], ["bridge", "create", bridge], ["bridge", "delete", bridge], ["tap", "delete", tap]):
            self.cli(*words)
        for dev in (tap, "vtap-a", bridge):
            subprocess.run(["ip", "link", "delete", name(dev)], check=False, stderr=subprocess.DEVNULL, timeout=20)

    def test_json_is_the_same_data(self):
        """Where a name holds what is no control character of ASCII, which JSON has escapes for in any case."""
        dev, taken = "vtap-\x7f\x9b\u202e", "br\u200b\ufeff"
        for command in (("link", "add", taken, "type", "bridge"), ("tuntap", "add", "mode", "tap", "name", dev),
                        ("link", "set", dev, "master", taken), ("link", "property", "add", "dev", dev, "altname", "virt-tap.1.0.x1")):
            subprocess.run(["ip", *map(name, command)], check=True, timeout=20)
        text = self.cli("list", "--json")
        self.assertEqual([(tap["name"], tap["bridge"]) for tap in json.loads(text)], [(dev, taken)])
        json.loads(self.cli("show", "--json"))
        for link in (dev, taken):
            subprocess.run(["ip", "link", "delete", name(link)], check=True, timeout=20)

    def test_files_of_the_host(self):
        rules = f"allow br0 user={HOSTILE}\nallow {HOSTILE}\n{HOSTILE}\ninclude /etc/virt-tap/{HOSTILE}\n"
        sandbox.write(netcase.POLICY, rules.encode(errors="surrogateescape"))
        sandbox.write(hookcase.BRIDGES, f"bridge {HOSTILE} x=y\n{HOSTILE}\n".encode(errors="surrogateescape"))
        self.addCleanup(os.unlink, hookcase.BRIDGES)
        for words in (["policy", "check"], ["policy", "check", f"/etc/virt-tap/{HOSTILE}"], ["policy", "explain", "--bridge", "br0"],
                      ["policy", "explain", "--bridge", "br0", "--user", HOSTILE], ["xml", "map", "--diff", self.files[0]],
                      ["tap", "create", "vtap-b", "--bridge=br0"]):
            self.cli(*words)
        for folder in ("qemu.d", "network.d", "daemon.d"):
            path = f"/etc/libvirt/hooks/{folder}/{HOSTILE}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(name(path), "w", encoding="ascii"):
                os.chmod(name(path), 0o755)
        self.cli("hooks", "status")

    def test_domains_of_libvirt(self):
        path = f"{FOLDER}/test.xml"
        nic = NIC.format("bridge", "52:54:00:00:00:01", "br0", "vnet0", "virtio")
        sandbox.write(path, "<node><domain type='test'><name>we\x9b31m\u202eb</name><memory>1</memory><os><type>hvm</type></os>"
                      f"<devices>{nic}</devices></domain></node>")
        for words in (["show", "--all"], ["rewrite", "--all", "--yes"], ["restore", "--all", "--yes"], ["show", HOSTILE],
                      ["rewrite", "--yes", "we\x9b31m\u202eb"]):
            text = self.cli("domain", words[0], "--connect", f"test://{path}", *words[1:])
        self.assertIn("we\\u009b31m\\u202eb", text)

    def test_hooks(self):
        installed, hooks = hookhost.install()
        self.addCleanup(lambda: (sandbox.run("umount", os.path.dirname(os.path.dirname(installed))), sandbox.run("umount", "/mnt")))
        log = netcase.system_log(self)
        for path in self.files:
            with open(name(path), "rb") as file:
                text = file.read().replace(b"</domain>", b"<!-- urn:virt-tap --></domain>")
            for driver in ("qemu", "network", "daemon"):
                for operation in ("prepare", "release", "reconnect", "migrate", "start", "port-created"):
                    _status, out, said = hookhost.call(f"{hooks}/{driver}", [name(HOSTILE), operation, "begin", name(HOSTILE)], text)
                    self.assertIsNone(FORBIDDEN.search(said), said)
                    if operation != "migrate":
                        self.assertIsNone(FORBIDDEN.search(out), out)
                    self.clean(hookcase.heard(log), operation)
        sandbox.write(hookcase.BRIDGES, "map bridge br9 br0\n")
        self.addCleanup(os.unlink, hookcase.BRIDGES)
        sandbox.write(f"{FOLDER}/moved.xml", DOMAIN.format("qemu", XML, NIC.format("bridge", "52:54:00:00:00:01", "br9", "vnet0", "virtio")))
        command = ["sh", "-c", f"exec {hooks}/qemu web migrate begin - <{FOLDER}/moved.xml"]
        self.assertIn("\u202e", decoded(piped(command)))
        self.assertIn("<source bridge='br0'/>", decoded(terminal(command)))
        self.clean(terminal(command), command)

    def test_standard_output_fails_as_ever(self):
        for words in (["version"], ["xml", "restore", f"{FOLDER}/plain.xml"], ["--help"]):
            sandbox.write(f"{FOLDER}/plain.xml", "<domain/>")
            with open("/dev/full", "wb") as full:
                done = subprocess.run([CLI, *words], stdout=full, stderr=subprocess.PIPE, timeout=20, check=False)
            self.assertEqual((done.returncode, done.stderr.count(b"No space left on device")), (1, 1), done)

    def test_unprivileged(self):
        self.each_way([sandbox.install(CLI, caps=None), "list"], preexec_fn=lambda: become(USER))  # the build may be in a home of mode 0700


if __name__ == "__main__":
    netcase.main()
