# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A reader who types the examples of the documentation, in their order: alice, who may use sudo, on a host where ./dev install was done.

The host has a network card eth0 that ifupdown configures, and a router behind it. What the reader does besides typing - writing a rule in an
editor, pressing Enter, answering y - is done by what stands in for them here."""
import contextlib
import os
import pty
import re
import shutil
import subprocess
import unittest

import documents
import sandbox
import sanitized
import uplink
from bridgehelper import await_
from libvirthost import DOMAIN

ALICE, BIN, HOMES = 1000, sandbox.RUN + "/bin", sandbox.RUN + "/home"  # not /home: the source may be there
HOME = HOMES + "/alice"
ETC = ("/etc/virt-tap", "/etc/qemu", "/etc/libvirt", "/etc/network")
PATH = f"{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USERS = {"alice": ALICE, "vmadmin": 1001}
GROUPS = {"students": 2001, "vpn": 2002, "kvm": 2003}
INTERFACES = """auto lo eth0
iface lo inet loopback
iface eth0 inet static
    address 192.0.2.10/24
    gateway 192.0.2.1
"""
MODPROBE = "/sbin/modprobe"
RULE = f"{sandbox.RUN}/rule"  # what the editor adds
SHIMS = {
    "sudo": f'exec {sandbox.RUN}/as-root --reuid=0 --regid=0 --clear-groups '
            f'env -i TERM=dumb LC_ALL=C.UTF-8 HOME={sandbox.RUN}/root PATH={PATH} EDITOR=add-rule "$@"',
    "add-rule": f'for file; do :; done; cat {RULE} >>"$file"',
}
QEMU = 'qemu-system-x86_64() { exec /usr/bin/qemu-system-x86_64 -accel tcg -display none -S -monitor stdio "$@"; }\n'


def enter():
    """In a sandbox, with all that every reader finds there: accounts, programs, virt-tap."""
    sandbox.enter()
    sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/usr/local")
    for name, text in SHIMS.items():
        sandbox.write(f"{BIN}/{name}", f"#!/bin/sh\n{text}\n", mode=0o755)
    shutil.copy("/usr/bin/setpriv", f"{sandbox.RUN}/as-root")
    os.chmod(f"{sandbox.RUN}/as-root", 0o4755)
    if os.path.exists(MODPROBE):
        sandbox.run("mount", "--bind", "/bin/true", MODPROBE)  # modules are the machine's
    _accounts()
    os.mkdir(f"{sandbox.RUN}/root")
    os.rmdir("/etc/virt-tap")
    sandbox.run("./dev", "install", cwd=documents.SOURCE, timeout=300)


def _accounts():
    with open("/etc/group", encoding="utf-8") as file:
        groups = [line for line in file.read().splitlines() if line.split(":")[0] not in GROUPS]
    groups += [f"{name}:x:{gid}:alice" for name, gid in GROUPS.items()] + [f"{name}:x:{uid}:" for name, uid in USERS.items()]
    sandbox.write("/etc/group", "".join(line + "\n" for line in groups))
    with open("/etc/passwd", "a", encoding="utf-8") as file:
        file.writelines(f"{name}:x:{uid}:{uid}::{HOMES}/{name}:/bin/bash\n" for name, uid in USERS.items())


class Guest:
    """A QEMU of the reader's that waits before its first instruction; `command` is as typed."""

    def __init__(self, reader, command):
        before = sandbox.links()
        self.process = reader.start(QEMU + command, stdin=subprocess.PIPE)
        reader.addCleanup(self.kill)
        self.came = await_(lambda: self.process.poll() is not None or any(map(_is_up, sandbox.links() - before)) or "ifname=" in command, 60)
        self.taps = sorted(sandbox.links() - before)

    def end(self):
        """Returns the exit status, what was said, and the MACs of the network cards."""
        said, _ = self.process.communicate("info network\nquit\n", timeout=60 * sanitized.SLOWER)
        return self.process.returncode, said, re.findall(r"macaddr=([0-9a-f:]+)", said)

    def kill(self):
        self.process.kill()
        self.process.wait(20)
        self.process.stdin.close()
        self.process.stdout.close()


def _is_up(name):
    try:
        with open(f"/sys/class/net/{name}/flags", encoding="ascii") as file:
            return int(file.read(), 16) & 1 == 1
    except OSError:
        return False


class Reader(unittest.TestCase):
    """Reads one document. Each test takes all its examples in their order, by their first words, and does with each what the text says."""
    examples = ()

    def setUp(self):
        for folder in ETC:
            shutil.rmtree(folder, ignore_errors=True)
        for folder in ("/etc/libvirt", "/etc/qemu", "/etc/virt-tap/policy.d"):  # what libvirt, QEMU and `./dev install` make
            os.makedirs(folder)
        shutil.rmtree("/run/network", ignore_errors=True)
        sandbox.write("/etc/network/interfaces", INTERFACES)
        sandbox.write("/run/network/ifstate", "lo=lo\neth0=eth0\n")
        for folder in ("interfaces.d", "if-pre-up.d", "if-up.d", "if-down.d", "if-post-down.d"):
            os.mkdir("/etc/network/" + folder)
        for name, uid in USERS.items():
            shutil.rmtree(f"{HOMES}/{name}", ignore_errors=True)
            os.makedirs(f"{HOMES}/{name}")
            os.chown(f"{HOMES}/{name}", uid, uid)
        sandbox.write(f"{HOME}/disk.img", bytes(1 << 20), uid=ALICE, gid=ALICE)
        self.addCleanup(uplink.remove)
        uplink.make_plain()

    @contextlib.contextmanager
    def read(self, document):
        """Read that document: in the block, each of its examples must be taken."""
        self.examples = documents.blocks(document)
        yield
        self.assertEqual([block.place for block in self.examples], [], "examples that nobody reads")

    def next(self, start):
        """The next example, which must begin with these words."""
        self.assertTrue(self.examples, f"no more examples, but one should begin with: {start}")
        block = self.examples.pop(0)
        self.assertTrue(block.text.startswith(start), f"{block.place} should begin with: {start}\n{block.text}")
        return block

    def not_tried(self, start, reason):
        """An example that nobody can type; the reason is for who reads the test."""
        self.assertTrue(reason)
        return self.next(start)

    def start(self, command, user=ALICE, stdin=None):
        """Start a command as bash runs it; its output can be read."""
        name = {uid: name for name, uid in USERS.items()}.get(user, "root")
        home = f"{HOMES}/{name}" if user else f"{sandbox.RUN}/root"
        return subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "bash", "-c", command], stdin=stdin, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=home if user else "/", errors="replace",
            env={"PATH": PATH, "HOME": home, "USER": name, "LOGNAME": name, "LC_ALL": "C.UTF-8", "TERM": "dumb", "XDG_RUNTIME_DIR": home})

    def type(self, command, user=ALICE, status=0):
        """Type a command on a terminal, and confirm what it asks; it must exit with that status. Returns what it said."""
        rule = re.search(r"# add[^:]*: (.+)", command)
        sandbox.write(RULE, rule[1] + "\n" if rule else "")
        master, slave = pty.openpty()
        try:
            os.write(master, b"y\n" if " domain " in command else b"\n")
            process = self.start(command, user, slave)
            try:
                said, _ = process.communicate(timeout=60 * sanitized.SLOWER)
            finally:
                process.kill()
        finally:
            os.close(master)
            os.close(slave)
        self.assertEqual(process.returncode, status, f"{command}\n{said}")
        return said

    def types(self, start, user=ALICE, status=0):
        """Type all commands of the next example; what it shows of their output must be what they say. Returns what they said."""
        block, all_said = self.next(start), ""
        for command, output in block.commands():
            if command.startswith("qemu-system-x86_64"):
                said = self.boots(command, status)
            else:
                said = self.type(command, user, status)
            if output:
                self.shows(block, output, said)
            all_said += said
        return all_said

    def shows(self, block, output, said):
        """Output in a document: '...' stands for what varies, and blanks for any number of them."""
        pattern = r"\s+".join(re.escape(word).replace(r"\.\.\.", r"[^\n]*") for word in output.split())
        if re.fullmatch(rf"\s*{pattern}\s*", said):
            return
        if os.environ.get("VIRT_TAP_REFRESH"):
            documents.replace(block, output, said)
        else:
            self.fail(f"{block.place}: the document shows\n{output}\nbut this is what comes (VIRT_TAP_REFRESH=1 puts it there):\n{said}")

    def boots(self, command, status=0):
        """A QEMU that is typed: gets as many taps as cards, each with a MAC that is not QEMU's own."""
        guest = Guest(self, command)
        code, said, macs = guest.end()
        said = re.sub(r"(?m)^QEMU \S+ monitor .*\n|^\(qemu\) .*\n?", "", said)
        self.assertEqual(code, status, f"{command}\n{said}")
        if status == 0:
            self.assertEqual([mac for mac in macs if mac != "52:54:00:12:34:56"], macs, f"{command}: every guest would have this MAC")
            self.assertEqual(len(set(macs)), len(macs))
            self.assertTrue(macs, said)
        return said

    def writes(self, start, path, more="", user=0):
        """A file, or the end of one, that the next example is."""
        sandbox.write(path, more + self.next(start).text, uid=user, gid=user)
        folder = os.path.dirname(path)
        while user and folder != HOME:
            os.chown(folder, user, user)
            folder = os.path.dirname(folder)

    def virsh(self, *words, uri="qemu:///session", user=ALICE):
        return self.type(f"virsh -q -c {uri} {' '.join(words)}", user=user)

    def reconnected(self, name):
        """Wait until a daemon that has just started has the guest back, as a query for which it needs QEMU does. virsh destroy earlier than that
        kills QEMU, the daemon's loss of which ends the guest, and virsh then says that it is not running (qemuProcessBeginStopJob)."""
        self.virsh("dommemstat", name)

    def define(self, name, cards, uri="qemu:///session", user=ALICE):
        """A domain with these network cards."""
        path = f"{sandbox.RUN}/{name}.xml"
        sandbox.write(path, DOMAIN.format(name=name, uuid="", boot="", devices=cards.replace("/></interface>", "/><rom enabled='no'/></interface>")))
        self.virsh("define", path, uri=uri, user=user)
        self.addCleanup(self.type, f"virsh -q -c {uri} destroy {name}; virsh -q -c {uri} undefine {name}; true", user=user)
