#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap setup: the plan, what it does, that it does so once, and that --undo leaves the host as it was."""
import fcntl
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import unittest

import documents
import pseudoterminal
import sandbox
import setupcase
import uplink
from bridgehelper import await_
from netcase import POLICY, QEMU_ACL
from sandbox import OTHER, USER
from setupcase import ALICE, BOB, HELPER, HOMES, RECORD, BridgeCase, SetupCase, UplinkCase, files, make_uplink
from uplink import CLI, ROUTER4, virt_tap


class There(UplinkCase):
    def test_there_and_back(self):
        """Two users; then nothing is left to do; then all is as before."""
        before, network = files(), uplink.settled()
        planned = self.set_up(ALICE, BOB, "--dry-run", says=(
            f"gpasswd -a {ALICE} kvm", "virt-tap bridge persist br0 --uplink=eth0 --apply", f"echo 'allow br0 user={BOB}' >>{POLICY}",
            f"as {ALICE}: mkdir -p {HOMES[USER]}/.config/libvirt"))
        self.assertEqual((files(), uplink.settled()), (before, network))
        done = self.set_up(ALICE, BOB, "--yes")
        self.assertIn(planned.rstrip(), done)
        self.assertEqual(os.stat(RECORD).st_mode & 0o7777, 0o600)
        self.assertIn("master br0", uplink.ip("link", "show", "eth0"))
        self.assertEqual(uplink.addresses("br0"), ["192.0.2.10/24"])
        self.assertTrue(self.reaches())
        for uid, user in ((USER, ALICE), (OTHER, BOB)):
            self.assertIn("kvm", sandbox.run("id", "-nG", user).stdout.split())
            self.assertEqual(virt_tap("policy", "explain", f"--user={user}", "--bridge=br0").returncode, 0)
            with open(HOMES[uid] + "/.config/libvirt/qemu.conf", encoding="utf-8") as file:
                self.assertRegex(file.read(), r'\Abridge_helper = "/\S*virt-tap-helper"')
            self.assertEqual(os.stat(file.name).st_uid, uid)
        self.again()
        self.refused(ALICE, "--yes", "--nat", "--bridge=br0", says="cannot  bridge br0 exists")  # not by NAT
        self.set_up("--undo", "--dry-run", says="from the last to the first")
        uplink.ip("tuntap", "add", "vtap-x", "mode", "tap")
        uplink.ip("link", "set", "vtap-x", "master", "br0")
        self.set_up("--undo", "--yes", status=1, says=("bridge br0 stays: 1 taps are on it", "1 steps could not be taken back"))
        self.assertIn("master br0", uplink.ip("link", "show", "eth0"))
        uplink.ip("link", "delete", "vtap-x")
        self.set_up("--undo", "--yes", says="everything that setup did is taken back")
        self.assertEqual(files(), before)
        self.assertTrue(await_(lambda: uplink.snapshot() == network), uplink.snapshot())
        self.refused("--undo", "--yes", says="nothing to take back", status=0)

    def again(self):
        """In under a second, without a question."""
        before, start, used = (files(), uplink.settled()), time.monotonic(), self.used()
        self.set_up(ALICE, BOB, says=("nothing to do: all of this is so already", "-netdev tap,id=n0,br=br0"), stdin=subprocess.DEVNULL)
        took, used = time.monotonic() - start, self.used() - used
        self.assertEqual((files(), uplink.settled()), before)
        if not os.environ.get("VIRT_TAP_SANITIZED"):
            self.assertLess(took, 1 if os.getloadavg()[0] < os.cpu_count() else 10)
            self.assertLess(used, 1)

    @staticmethod
    def used():
        """Of processors, in seconds."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def test_asked(self):
        """A person says no, then yes; and does not confirm the bridge, which goes again."""
        before, network = files(), uplink.settled()
        self.assertIn("nothing was changed", self.person(b"n\n", 1))
        self.assertEqual((files(), uplink.settled()), (before, network))
        self.assertIn("to take them back", self.person(b"y\n", 1, interrupt="Press Enter"))
        said = virt_tap("setup", ALICE)
        self.assertEqual(said.returncode, 1)
        self.assertIn("is not confirmed", said.stdout)
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.set_up(ALICE, "--yes")
        self.set_up("--undo", "--yes")
        self.assertEqual(files(), before)

    def person(self, answer, status, interrupt=None):
        """Somebody on a terminal answers; and types Ctrl-C once it says that."""
        master, slave = pty.openpty()
        start = ["setsid", "--ctty", "--wait", CLI, "setup", ALICE]
        with subprocess.Popen(start, stdin=slave, stdout=slave, stderr=slave, cwd="/") as process:
            os.close(slave)
            os.write(master, answer)
            said = b""
            while interrupt and interrupt.encode() not in said:
                said += os.read(master, 65536)
            if interrupt:
                os.write(master, b"\x03")
            text = said.decode() + pseudoterminal.said(master)
            self.assertEqual(process.wait(60), status, text)
        return text


class Steps(BridgeCase):
    def test_old_rules(self):
        """bridge.conf stays in force with the policy that setup makes, and is alone in force again afterwards."""
        sandbox.write(QEMU_ACL, "allow br9\n")
        self.set_up(ALICE, ALICE, "--yes", "--bridge=br7", says=f"echo 'include {QEMU_ACL}' >{POLICY}")
        with open(POLICY, encoding="utf-8") as file:
            self.assertEqual(file.read().partition("\n")[2], f"include {QEMU_ACL}\nallow br7 user={ALICE}\n")
        self.set_up("--undo", "--yes")
        self.assertFalse(os.path.exists(POLICY))

    def test_a_zero_byte(self):
        """Nothing behind it is lost."""
        self.set_up(ALICE, "--yes", "--bridge=br7")
        with open(POLICY, "ab") as file:
            file.write(b"deny br8\0\ndeny br9\n")
        with open(POLICY, "rb") as file:
            before = file.read()
        self.set_up("--undo", "--yes", status=1, says="contains a zero byte; nothing was changed")
        with open(POLICY, "rb") as file:
            self.assertEqual(file.read(), before)
        os.unlink(POLICY)
        self.set_up("--undo", "--yes")

    def test_others_changes_stay(self):
        """What was there before, and what an administrator adds between."""
        sandbox.write(POLICY, f"# ours\nallow br9 user={ALICE}")  # without a newline
        os.makedirs(HOMES[USER] + "/.config/libvirt")
        conf = HOMES[USER] + "/.config/libvirt/qemu.conf"
        sandbox.write(conf, 'bridge_helper = "/x"\nuser = "y"\n', uid=USER, gid=USER)
        sandbox.run("chown", "-R", f"{USER}:{USER}", HOMES[USER] + "/.config")
        self.set_up(ALICE, "--yes", "--bridge=br7")
        with open(POLICY, "a", encoding="utf-8") as file:
            file.write("deny br8\n")
        self.set_up("--undo", "--yes")
        with open(POLICY, encoding="utf-8") as file:
            self.assertEqual(file.read(), f"# ours\nallow br9 user={ALICE}\ndeny br8\n")
        with open(conf, encoding="utf-8") as file:
            self.assertEqual(file.read(), 'bridge_helper = "/x"\nuser = "y"\n')
        self.assertEqual(os.listdir(os.path.dirname(conf)), ["qemu.conf"])

    def test_gone_between(self):
        """What somebody else has taken back already does not keep --undo from its end."""
        self.set_up(ALICE, "--yes", "--bridge=br7")
        sandbox.run("gpasswd", "-d", ALICE, "kvm")
        shutil.rmtree(HOMES[USER] + "/.config")
        os.unlink(POLICY)
        self.set_up("--undo", "--yes", says="not in group kvm any more")

    def test_policy_without_rules(self):
        """A policy.conf that keeps bridge.conf out of force is not removed, by whomever it was made."""
        self.set_up(ALICE, "--yes", "--bridge=br7")
        sandbox.write(QEMU_ACL, "allow all\n")
        self.set_up("--undo", "--yes", says="stays without a rule")
        os.unlink(QEMU_ACL)
        self.set_up(ALICE, "--yes", "--bridge=br7")
        self.set_up("--undo", "--yes")
        self.assertTrue(os.path.exists(POLICY))

    def test_bridge_of_others(self):
        """The record says that it was to be made; somebody else has made it."""
        sandbox.write(RECORD, "virt-tap-setup 1\nbridge br7\n", mode=0o600)
        self.set_up("--undo", "--yes", says="virt-tap bridge delete br7")
        self.assertIn("br7", sandbox.links())

    def test_home(self):
        """Of a user who has root's command write elsewhere: it runs as the user, and all else is done."""
        os.symlink("/etc", HOMES[USER] + "/.config")
        before = files()
        self.set_up(ALICE, BOB, "--yes", "--bridge=br7", status=1, says="of the commands for single users failed")
        self.assertFalse([path for path in files() if path not in before and path.startswith(("/etc/libvirt", HOMES[USER]))])
        for user in (ALICE, BOB):
            self.assertEqual(virt_tap("policy", "explain", f"--user={user}", "--bridge=br7").returncode, 0)
        os.unlink(HOMES[USER] + "/.config")
        os.makedirs(HOMES[USER] + "/.config/libvirt")
        os.mkfifo(HOMES[USER] + "/.config/libvirt/qemu.conf")
        self.set_up(ALICE, "--dry-run", "--bridge=br7", says="qemu.conf is not a regular file")
        os.unlink(HOMES[USER] + "/.config/libvirt/qemu.conf")

    def test_hooks(self):
        """Those that somebody else has enabled stay."""
        option = "--bridge=br7"
        self.addCleanup(shutil.rmtree, "/etc/libvirt/hooks", True)
        shutil.rmtree("/etc/libvirt/hooks", ignore_errors=True)
        self.refused(ALICE, "--yes", "--hooks", option, says="install the package virt-tap-hooks")
        programs = os.path.dirname(HELPER) + "/virt-tap/hooks"
        for driver in ("qemu", "network", "daemon"):
            sandbox.write(f"{programs}/{driver}", "#!/bin/sh\n", mode=0o755)
        self.addCleanup(shutil.rmtree, programs)
        sandbox.write("/etc/libvirt/hooks/qemu.d/50-virt-tap", "#!/bin/sh\n", mode=0o755)
        self.refused(ALICE, "--yes", "--hooks", option, says="is not virt-tap's: move it away")
        os.unlink("/etc/libvirt/hooks/qemu.d/50-virt-tap")
        self.set_up(ALICE, "--yes", "--hooks", option, says="+ virt-tap hooks enable --reload")
        self.set_up("--undo", "--yes", says="+ virt-tap hooks disable")
        self.assertFalse(os.path.lexists("/etc/libvirt/hooks/qemu.d/50-virt-tap"))
        self.assertEqual(virt_tap("hooks", "enable").returncode, 0)
        os.unlink("/etc/libvirt/hooks/network.d/50-virt-tap")
        self.set_up(ALICE, "--yes", "--hooks", option)
        self.set_up("--undo", "--yes")
        self.assertTrue(os.path.lexists("/etc/libvirt/hooks/qemu.d/50-virt-tap"))


class Carried(UplinkCase):
    def test_goes_on(self):
        """A step that fails ends it; the next run does what is left, and --undo takes back both."""
        before = files()
        sandbox.write("/etc/network/if-pre-up.d/bad", '#!/bin/sh\n[ "$IFACE" != br0 ]\n', mode=0o755)
        said = self.set_up(ALICE, "--yes", status=1, says="failed at command ")
        self.assertIn("gpasswd -a", said)
        self.assertTrue(await_(lambda: "br0" not in sandbox.links() and self.reaches(), 30))
        os.unlink("/etc/network/if-pre-up.d/bad")
        self.assertNotIn("+ gpasswd -a", self.set_up(ALICE, "--yes"))
        self.set_up("--undo", "--yes")
        self.assertEqual(files(), before)

    def test_existing_bridge(self):
        """One that virt-tap made for now, and one that somebody else made."""
        self.assertEqual(virt_tap("bridge", "create", "br0", "--uplink=eth0").returncode, 0)
        self.assertEqual(virt_tap("bridge", "confirm", "br0").returncode, 0)
        self.set_up(ALICE, "--yes", says="+ virt-tap bridge persist br0")
        self.set_up("--undo", "--yes")
        self.assertIn("br0", sandbox.links())
        sandbox.run("ip", "link", "add", "br7", "type", "bridge")
        self.assertNotIn("persist", self.set_up(ALICE, "--bridge=br7", "--dry-run", says="bridge br7 exists"))

    def test_interrupted(self):
        """Ctrl-C while the bridge is made: the host has its network again, and what was not begun is not done."""
        sandbox.write("/etc/network/if-pre-up.d/slow", '#!/bin/sh\n[ "$IFACE" = br0 ] && sleep 5\nexit 0\n', mode=0o755)
        with subprocess.Popen([CLI, "setup", ALICE, "--yes"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/",
                              start_new_session=True) as process:
            said = ""
            while "bridge persist br0" not in said.partition("\n+ ")[2]:
                said += process.stdout.readline()
            time.sleep(1)
            os.killpg(process.pid, signal.SIGINT)
            said += process.stdout.read()
            self.assertEqual(process.wait(30), 1, said)
        self.assertIn("to take them back", said)
        self.assertFalse(os.path.exists(POLICY))
        self.assertTrue(await_(lambda: not uplink.files() and self.reaches(), 90), uplink.files())
        self.set_up("--undo", "--yes")


class Refused(SetupCase):
    @classmethod
    def setUpClass(cls):
        make_uplink()
        cls.addClassCleanup(uplink.remove)

    def test_words(self):
        for words, says, status in (
                ([], "name the users", 2), (["nobody-here"], "there is no user 'nobody-here': check the spelling", 1), (["root"], "root needs no policy", 1),
                (["a b"], "needs quotes", 1), (["12345"], "is a number", 1), ([ALICE, "--bridge=all"], "is not 'all'", 2),
                ([ALICE, "--uplink=eth0", "--nat"], "use one of them", 2),
                ([ALICE, "--undo"], "use it alone", 2), ([ALICE, "--bridge=a/b"], "letters, digits", 2), ([ALICE, "--uplink=a b"], "no NIC", 2)):
            with self.subTest(words=words):
                self.refused(*words, says=says, status=status)
        self.assertIn("requires root", sandbox.run(sandbox.RUN + "/virt-tap", "setup", check=False, uid=USER).stdout)

    def test_no_terminal(self):
        self.refused(ALICE, says="add --yes")
        before = files()
        said = sandbox.run("sh", "-c", f"exec {CLI} setup {ALICE} --yes >&-", check=False).stdout
        self.assertIn("nothing was changed: cannot write to standard output", said)
        self.assertEqual(files(), before)

    def test_another(self):
        """At the same time."""
        os.makedirs(uplink.STATE, exist_ok=True)
        with open(uplink.STATE + "/.setup", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused(ALICE, "--yes", says="another setup is running")
            self.refused("--undo", "--yes", says="another setup is running")

    def test_no_ip(self):
        """Without iproute2 nobody knows the default route; that is no reason for NAT."""
        program = os.path.realpath(shutil.which("ip"))
        before = files()
        sandbox.run("mount", "--bind", "/dev/null", program)
        try:
            self.set_up(ALICE, "--yes", status=1, says="install the package iproute2")
        finally:
            sandbox.run("umount", program)
        self.assertEqual(files(), before)

    def test_uplinks(self):
        """A port, a member of a bond, one that is not there, and a bridge with another uplink."""
        sandbox.batch("ip", "link add eth1 type veth peer name eth2", "link add br5 type bridge", "link set eth1 master br5")
        self.addCleanup(sandbox.batch, "ip", *(f"link delete {name}" for name in ("eth1", "br5", "bond0", "br'0")),
                        f"route replace default via {ROUTER4}", check=False)
        nics = [("eth1", "br5"), ("eth9", "eth9"), ("lo", "lo")]
        if sandbox.run("ip", "link", "add", "bond0", "type", "bond", check=False).returncode == 0:
            sandbox.run("ip", "link", "set", "eth2", "master", "bond0")
            nics.append(("eth2", "bond0"))
        for nic, says in nics:
            with self.subTest(nic=nic):
                self.refused(ALICE, "--yes", f"--uplink={nic}", says=says)
        self.refused(ALICE, "--yes", "--uplink=eth0", "--bridge=br5", says="that NIC is not one of its ports")
        self.refused(ALICE, "--yes", "--nat", "--bridge=br5", says="choose another name")
        self.refused(ALICE, "--yes", "--bridge=eth1", says=("the interface eth1 exists", "is no bridge: choose another name"))
        sandbox.batch("ip", "link add br'0 type bridge", "link set br'0 addrgenmode none", "link set br'0 up",
                      f"route replace default via {ROUTER4} dev br'0 onlink")
        self.refused(ALICE, "--yes", says="its name needs quotes")

    def test_wireless(self):
        """Refused as an uplink, with what to type; without --uplink, NAT is proposed."""
        sysfs = os.path.realpath("/sys/class/net/eth0")
        sandbox.run("mount", "-t", "tmpfs", "tmpfs", sysfs)
        self.addCleanup(sandbox.run, "umount", sysfs)
        os.mkdir(sysfs + "/phy80211")
        self.refused(ALICE, "--yes", "--uplink=eth0", says=("is Wi-Fi", "--nat"))
        self.refused(ALICE, "--yes", says=("bridge br-nat, by whose address guests reach out (NAT): this host is on Wi-Fi", "needs systemd"))

    def test_packages(self):
        """What NAT takes and is not there is installed before."""
        self.furnish("/run/systemd/system")
        for folder in ("/usr/sbin", "/usr/bin"):
            if os.path.exists(folder + "/dnsmasq"):
                upper, work = (f"{sandbox.RUN}/without{folder}/{name}" for name in ("upper", "work"))
                os.makedirs(upper)
                os.makedirs(work)
                sandbox.run("mount", "-t", "overlay", "-o", f"lowerdir={folder},upperdir={upper},workdir={work}", "overlay", folder)
                self.addCleanup(sandbox.run, "umount", "-l", folder)
                os.unlink(folder + "/dnsmasq")
        self.set_up(ALICE, "--nat", "--dry-run", says=("apt-get install -y dnsmasq-base nftables\n", "virt-tap bridge persist br-nat --nat --apply"))

    def furnish(self, folder):
        os.makedirs(folder)
        self.addCleanup(os.removedirs, folder)

    def test_policy(self):
        """One that denies, and one that is broken."""
        sandbox.write(POLICY, f"deny br0 user={ALICE}\n")
        self.refused(ALICE, "--yes", says=(f"{POLICY}:1", "policy edit"))
        sandbox.write(POLICY, "alow br0\n")
        self.refused(ALICE, "--yes", says="virt-tap policy check")

    def test_files_of_fixes(self):
        """Each file of ours that a fix of check's writes is one that --undo knows."""
        texts = []
        for name in ("host/catalogue_list.h", "cli/setup_step.c"):
            with open(f"{documents.SOURCE}/{name}", encoding="utf-8") as file:
                texts.append(set(re.findall(r"/etc/(?:udev|systemd|NetworkManager|network)/[\w./-]*virt-tap[\w.-]*", file.read())))
        self.assertEqual(*texts)

    def test_record(self):
        """A record that is not as setup writes it is never acted on."""
        good = "virt-tap-setup 1\n"
        for text in ("", "virt-tap-setup 2\nhooks\n", good + "hooks", good + "bridge a/b\n", good + "group kvm\n", good + "group -x alice\n",
                     good + "policy allow br0 user=x\ty\n", good + "session ;x\n", good + "rm -rf /\n", good + "other \x1b[2J\n", good + "hooks\0\n"):
            with self.subTest(text=text):
                sandbox.write(RECORD, text, mode=0o600)
                before = files()
                self.set_up("--undo", "--yes", status=1, says="damaged in line")
                self.assertEqual(files(), before)
        self.refused(ALICE, "--yes", says="damaged in line")
        sandbox.write(RECORD, good + "hooks\n", mode=0o666)
        os.chmod(RECORD, 0o666)
        self.refused("--undo", "--yes", says=RECORD)
        sandbox.write(RECORD, good + "hooks\n", uid=USER)
        self.refused("--undo", "--yes", says=RECORD)


if __name__ == "__main__":
    setupcase.enter()
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
