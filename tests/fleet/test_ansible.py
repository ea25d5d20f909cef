#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""packaging/ansible on three hosts, by ansible-core over ssh: docs/fleet.md typed in its order, with the files that it shows.

Not part of a plain ./dev test: ./dev test fleet.
"""
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import unittest
from unittest import mock

import documents
import fleethost
import libvirthost
import needed
import reader
import sandbox
from bridgehelper import await_
from fleethost import ENVIRONMENT, FleetHost, NAMES

WORK = f"{sandbox.RUN}/work"
LIMIT = 300  # seconds that a playbook may take
PLAY = 'ansible-playbook -e \'{"virt_tap_check_areas": ["net", "helper", "libvirt"]}\''  # there is no /dev/kvm
FOLDERS = ("/etc/virt-tap", "/etc/libvirt/hooks", "/etc/network", "/run/virt-tap")
POLICY = "/etc/virt-tap/policy.conf"
ANSIBLE = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": f"{fleethost.HOME}/.ansible/collections", "ANSIBLE_REMOTE_TMP": f"{sandbox.RUN}/remote-tmp",
           "ANSIBLE_LOCAL_TEMP": f"{sandbox.RUN}/local-tmp", "ANSIBLE_TIMEOUT": "20", "ANSIBLE_PIPELINING": "1", "ANSIBLE_INVENTORY": f"{WORK}/inventory.ini"}
NIC = "<interface type='bridge'><mac address='52:54:00:12:34:5{number}'/><source bridge='{bridge}'/><model type='virtio'/><rom enabled='no'/></interface>"
BRIDGES = {"kvm1": "br0", "kvm2": "br0", "kvm3": "br1"}


def setUpModule():
    fleethost.prepare()
    shutil.copytree(f"{documents.SOURCE}/packaging/ansible", f"{WORK}/packaging/ansible")


def shell(command, check=True, limit=LIMIT):
    """Type a command on the controller."""
    done = sandbox.run("bash", "-c", command, check=False, timeout=limit, cwd=WORK, env=ENVIRONMENT | ANSIBLE)
    if check and done.returncode:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def recap(said):
    """{host: {"ok": 3, "changed": 0, ...}}"""
    return {line[1]: {word: int(number) for word, number in re.findall(r"(\w+)=(\d+)", line[2])} for line in re.finditer(r"(?m)^(\w+) +: (ok=.*)$", said)}


def changes(said):
    """What has changed, or would: {(task, host)}."""
    found, task = set(), ""
    for line in said.splitlines():
        if begun := re.match(r"TASK \[(?:.* : )?(.*)\]", line):
            task = begun[1]
        elif changed := re.match(r"changed: \[(\w+)\]", line):
            found.add((task, changed[1]))
    return found


class Fleet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hosts = {}
        for number, name in NAMES.items():
            cls.hosts[name] = FleetHost(number)
            cls.addClassCleanup(cls.hosts[name].end)

    def state(self):
        """All that virt-tap would change on the hosts."""
        return {name: (host.files(*FOLDERS), host.run("ip", "-o", "-4", "address").stdout, host.run("ip", "-d", "-o", "link").stdout.count("bridge"))
                for name, host in self.hosts.items()}

    def play(self, words, check=True):
        return shell(f"{PLAY} {words}", check)

    def typed(self, start):
        """The commands of the next example; self.shown is what it shows of their output, in lines."""
        block = self.examples.pop(0)
        self.assertTrue(block.text.startswith(start), f"{block.place} should begin with: {start}")
        self.shown = [line for _command, output in block.commands() for line in output.splitlines() if line.strip("...")]
        return [command.split("    #")[0].replace("ansible-playbook", PLAY) for command, _output in block.commands()]

    def refuses(self, module, words, why, host="kvm2"):
        said = shell(f"ansible {host} -m virt_tap.fleet.{module} -a {shlex.quote(words)}", check=False)
        self.assertIn(f"{host} | FAILED!", said)
        self.assertIn(why, said)

    def does(self, module, words, changed=True, host="kvm2"):
        said = shell(f"ansible {host} -m virt_tap.fleet.{module} -a {shlex.quote(words)}")
        self.assertEqual('"changed": true' in said, changed, said)
        return said

    def writes(self, path, start):
        """A file that the next example is. Returns its text."""
        block = self.examples.pop(0)
        self.assertTrue(block.text.startswith(start), f"{block.place} should begin with: {start}")
        sandbox.write(f"{WORK}/{path}", block.text)
        return block.text

    def test_fleet(self):
        self.examples = documents.blocks("fleet.md")
        shell(*self.typed("ansible-galaxy"))
        self.writes("inventory.ini", "[office]")
        self.writes("group_vars/kvm.yml", "ansible_user")
        policy = self.writes("templates/policy.conf.j2", "allow")
        self.writes("templates/bridges.conf.j2", "{%")
        self.writes("site.yml", "- hosts")
        look, run = self.typed("ansible-playbook")
        self.refused(policy, run)
        self.first_run(look, run)
        self.drift(run)
        self.mistakes()
        self.taken_back()
        self.guests()
        self.undone()
        self.assertTrue(self.examples.pop(0).text.startswith("provider"))  # Terraform, which is not tried
        self.assertEqual(self.examples, [])

    def refused(self, policy, run):
        before = self.state()
        sandbox.write(f"{WORK}/templates/policy.conf.j2", policy.replace("quota=4", "qutoa=4"))
        said = shell(run, check=False)
        self.assertIn("/etc/virt-tap/policy.conf:2: error: does not parse: unknown term 'qutoa='", said)
        self.assertEqual([recap(said)[name]["changed"] for name in NAMES.values()], [0, 0, 0], said)
        self.assertEqual([recap(said)[name]["failed"] for name in NAMES.values()], [0, 0, 1], said)
        self.assertEqual(self.state(), before)
        sandbox.write(f"{WORK}/templates/policy.conf.j2", policy)

    def first_run(self, look, run):
        before = self.state()
        would = shell(look)
        self.assertEqual(self.state(), before, "--check changed something")
        self.assertIn("+allow br1 user=alice quota=4 macs=52:54:00:0a mac=lock isolated=yes\n", would)
        did = shell("ANSIBLE_PIPELINING=0 " + run)  # as by default: modules are files there, and have a terminal
        self.assertEqual(changes(would), changes(did))
        self.assertEqual({task for task, _host in changes(did)},
                         {"Create the bridge", "Keep the bridge", "Install the policy", "Enable the hooks", "Bridges of the other hosts"})
        for name, host in self.hosts.items():
            bridge = BRIDGES[name]
            self.assertEqual(host.bridges(), {bridge})
            self.assertIn(f"iface {bridge} inet", host.read(f"/etc/network/virt-tap-{bridge}"))
            self.assertTrue(host.read(POLICY).startswith(f"allow {bridge} user=root quota=200\n"))
            self.assertEqual(host.run("stat", "-c", "%u %g %a", POLICY).stdout, "0 0 644\n")
            host.run("/usr/local/bin/virt-tap", "hooks", "status")
        settled = self.state()
        for again in (run, look):
            said = shell(again)
            self.assertEqual([numbers["changed"] for numbers in recap(said).values()], [0, 0, 0], said)
        self.assertEqual(self.state(), settled)

    def drift(self, run):
        host = self.hosts["kvm2"]
        host.write(POLICY, "allow br0\n", mode=0o640)
        command, = self.typed("$ ansible-playbook")
        said = shell(command)
        self.assertIn("-allow br0\n+allow br0 user=root quota=200\n", said)
        self.assertIn("-mode 0640, owner 0, group 0\n+mode 0644, owner 0, group 0\n", said)
        self.assertEqual(host.read(POLICY), "allow br0\n")
        self.assertEqual(changes(said), {("Install the policy", "kvm2")})
        self.assertGreater(len(self.shown), 5)
        for line in self.shown:
            self.assertRegex(said, "(?m)^" + re.escape(line).replace(r"\.\.\.", ".*") + "$")
        self.assertEqual(changes(shell(run)), changes(said))
        self.assertEqual(host.read(POLICY), "allow br0 user=root quota=200\n")
        old, = (name for name in os.listdir(host.path("/etc/virt-tap")) if re.fullmatch(r"policy\.conf\.\d+\.\d{4}-\d\d-\d\d@[\d:]+~", name))
        self.assertEqual(host.read(f"/etc/virt-tap/{old}"), "allow br0\n")

    def mistakes(self):
        """What the modules refuse; nothing has changed then."""
        host = self.hosts["kvm2"]
        host.run("ln", "-sf", "policy.conf", "/etc/virt-tap/link.conf")
        before = self.state()
        for module, words, why in (
                ("virt_tap_bridge", "name=br0 mtu=1400", "exists with another mtu"),
                ("virt_tap_bridge", "name=br0 uplink=eth9 mac=52:54:00:00:00:99 address=10.0.0.1/24 stp=true", "another stp, mac, uplink, address"),
                ("virt_tap_bridge", "name=br9 uplink=eth9", "there is no interface eth9"),
                ("virt_tap_bridge", "name=br9 state=confirmed", "does not exist: it was not created, or taken back"),
                ("virt_tap_bridge", "name=br9 uplink=eth0 persist=boot confirm=false", "persist=boot is for a bridge that stays"),
                ("virt_tap_bridge", "name=br9 persist=manager", "persist=manager requires uplink"),
                ("virt_tap_bridge", "name=a/b", "is not a name that a bridge can have"),
                ("virt_tap_policy", "path=/etc/virt-tap/none/policy.conf content=", "there is no folder"),
                ("virt_tap_policy", "path=/etc/virt-tap/link.conf content='allow br0'", "is not a regular file"),
                ("virt_tap_policy", "content='allow br0 user=nobdy'", "there is no user 'nobdy'"),
                ("virt_tap_check", "areas=helper bridge=br9 user=root", "br9"),
                ("virt_tap_domain", "name=web all=true", "which domains"),
                ("virt_tap_domain", "name=web state=restored bridge=br0", "not for state restored: bridge"),
                ("virt_tap_domain", "name=nobody", "no domain 'nobody'")):
            self.refuses(module, words, why)
        self.assertEqual(self.state(), before)
        host.run("mount", "--bind", "/dev/null", "/usr/local/bin/virt-tap")
        self.refuses("virt_tap_policy", "content='allow br0'", "virt-tap is not installed on this host")
        self.assertIn("not installed yet", shell("ansible kvm2 --check -m virt_tap.fleet.virt_tap_policy -a content=x"))
        host.run("umount", "/usr/local/bin/virt-tap")

    def taken_back(self):
        """Nobody confirms: the guard restores everything."""
        host = self.hosts["kvm1"]
        for changed in (True, False):
            self.does("virt_tap_bridge", "name=br0 state=absent", changed, "kvm1")
        self.assertEqual(host.bridges(), set())
        self.assertNotIn("virt-tap", host.read("/etc/network/interfaces"))
        self.does("virt_tap_bridge", "name=br0 uplink=eth0 confirm=false confirm_within=2s", host="kvm1")
        self.assertTrue(await_(lambda: not host.bridges(), 30))
        self.refuses("virt_tap_bridge", "name=br0 state=confirmed", "does not exist: it was not created, or taken back", "kvm1")
        for changed in (True, False):
            self.does("virt_tap_bridge", "name=br0 uplink=eth0 persist=boot", changed, "kvm1")
        self.assertEqual(host.bridges(), {"br0"})

    def guests(self):
        for number, (name, host) in enumerate(self.hosts.items()):
            sandbox.write(f"{WORK}/{'web' if name == 'kvm1' else name}.xml", libvirthost.DOMAIN.format(
                name="web" if name == "kvm1" else name, uuid="", boot="", devices=NIC.format(number=number, bridge=BRIDGES[name])))
            if name != "kvm1":
                shell(f"virsh -c qemu+ssh://root@{name}/system define {name}.xml")
        for command in self.typed("virsh"):
            shell(command)
        self.assertEqual(len(self.hosts["kvm1"].taps()), 1)
        self.writes("guests.yml", "- hosts")
        command, = self.typed("ansible-playbook")
        would = shell(command + " --check --diff")
        self.assertEqual(changes(would), {("All domains open taps of virt-tap", "kvm2"), ("All domains open taps of virt-tap", "kvm3")})
        self.assertRegex(would, r"(?m)^\+.*<target dev='vtap-kvm2-")
        self.assertEqual(changes(shell(command)), changes(would))
        self.assertEqual(changes(shell(command)), set())
        for name in ("kvm2", "kvm3"):
            self.hosts[name].virsh("start", name)
            self.assertEqual(len(self.hosts[name].taps()), 1)
        migrate, = self.typed("virsh")
        shell(migrate)
        self.assertEqual([len(self.hosts[name].taps()) for name in NAMES.values()], [0, 1, 2])
        for tap in self.hosts["kvm3"].taps():
            self.assertIn("master br1", self.hosts["kvm3"].run("ip", "link", "show", tap).stdout)
        said = self.does("virt_tap_policy", "content='allow br1 user=root quota=200 isolated=yes' apply=true", host="kvm3")
        self.assertEqual(said.count('"text": "changed by /etc/virt-tap/policy.conf:1: isolated'), 2, said)
        self.assertIn("isolated on", self.hosts["kvm3"].run("bridge", "-d", "link", "show").stdout)
        said = self.does("virt_tap_policy", "content='deny br1' apply=true", host="kvm3")
        self.assertIn("not every tap is as the policy has it", said)
        self.assertEqual(len(self.hosts["kvm3"].taps()), 2)

    def undone(self):
        for name, host in self.hosts.items():
            for line in host.virsh("list", "--name").split():
                host.virsh("destroy", line)
        for module, words in (("virt_tap_domain", "all=true state=restored"), ("virt_tap_hooks", "state=disabled"), ("virt_tap_hooks", "reload=false"),
                              ("virt_tap_hooks", "reload=true"), ("virt_tap_hooks", "state=disabled")):
            for changed in (True, False):
                self.does(module, words, changed)
        host = self.hosts["kvm2"]
        self.assertIn("type='bridge'", host.virsh("dumpxml", "kvm2"))
        host.write("/etc/libvirt/hooks/qemu.d/50-virt-tap", "#!/bin/sh\n", mode=0o755)
        self.refuses("virt_tap_hooks", "state=enabled", "not virt-tap's, move it away: /etc/libvirt/hooks/qemu.d/50-virt-tap")


class Shared(unittest.TestCase):
    """plugins/module_utils, without Ansible."""

    def run_as(self, command, limit=30):
        path = f"{documents.SOURCE}/packaging/ansible/plugins/module_utils/virt_tap.py"
        spec = importlib.util.spec_from_file_location("virt_tap", path)
        shared = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(shared)
        module = mock.Mock(check_mode=False)
        module.get_bin_path.return_value = command
        module.fail_json.side_effect = lambda msg, **_more: self.fail(msg)

        def run_command(words):
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
            return done.returncode, done.stdout, done.stderr
        module.run_command.side_effect = run_command
        return shared.VirtTap(module, limit)

    def test_no_answer(self):
        with self.assertRaisesRegex(AssertionError, "^virt-tap 30: no answer within 1 s$"):
            self.run_as("/bin/sleep", 1).run(30)

    def test_no_json(self):
        with self.assertRaisesRegex(AssertionError, "^virt-tap show --json did not print JSON$"):
            self.run_as("/bin/echo").json("show")

    def test_no_words(self):
        with self.assertRaisesRegex(AssertionError, "^virt-tap show: exit status 1$"):
            self.run_as("/bin/false").run("show")


class Documentation(unittest.TestCase):
    def test_ansible_doc(self):
        shell("ansible-galaxy collection install packaging/ansible")
        names = sorted(name.removesuffix(".py") for name in os.listdir(f"{documents.SOURCE}/packaging/ansible/plugins/modules"))
        self.assertEqual(len(names), 5)
        for name in names:
            shown = shell(f"ansible-doc virt_tap.fleet.{name}")
            for part in ("OPTIONS", "EXAMPLES", "RETURN VALUES"):
                self.assertIn(part, shown)
        self.assertIn("virt_tap_policy_apply", shell("ansible-doc --type role virt_tap.fleet.host"))


if __name__ == "__main__":
    reader.enter()
    needed.main()
