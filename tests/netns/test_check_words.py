#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap check: its words, its options, what it mends, and input that is wrong."""
import json
import os
import pty
import re
import subprocess
import sys
import unittest

import bridgehelper
import checkcase
import pseudoterminal
import sandbox
from checkcase import State
from sandbox import USER

with open(os.environ["VIRT_TAP_SOURCE"] + "/meson.build", encoding="utf-8") as meson:
    VERSION = re.search(r"(?m)^  version: '(.*)',$", meson.read())[1]
OPEN = State("open", "kvm 0666 root:root", "")
ROOT = State("open, root asks", "kvm 0666 root:root", "", user=0)
GROUPS = State("groups", "sed -i '/^kvm:/d; /^libvirt:/d' /etc/group; kvm 0666 root:root", "", area="groups")
BRIDGES = State("bridges", "ip link add br0 address 52:54:00:77:00:fe type bridge", "", area="net")
# What an old host needs all of, for one user; and what cannot run in a sandbox says only that it was called.
BROKEN = State("broken", r"""
sed -i '/^kvm:/d; /^libvirt:/d' /etc/group; echo libvirt:x:64601: >>/etc/group
kvm 0600 root:root; chmod 0600 /dev/net/tun
helper; setcap -r $HELPER_PATH; chmod u+s $HELPER_PATH
ip link add br0 type bridge; echo allow br0 >/etc/virt-tap/policy.conf
own /run; mkdir -p /run/NetworkManager /run/systemd/netif/links /run/called; touch /run/systemd/netif/links/1
mount --bind /dev/null /usr/bin/qemu-system-x86_64
own /usr/local; mkdir -p /usr/local/sbin
chown vmuser /run/vt
for program in apt-get modprobe nmcli networkctl virt-tap; do
  printf '#!/bin/sh\necho "$@" >>/run/called/%s\n' $program >/usr/local/sbin/$program
  chmod 0755 /usr/local/sbin/$program
done
PATH=/usr/local/sbin:$PATH
""", "", area="kvm groups net helper qemu libvirt", user=0, options=("--user", "vmuser"))


class Words(unittest.TestCase):
    def setUp(self):
        checkcase.install()

    def refuse(self, state, *options, status=1, says=""):
        done = checkcase.run(state, *options)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("virt-tap check: "), done.stderr)
        self.assertIn(says, done.stderr)

    def test_bad_words(self):
        self.refuse(OPEN, "kvn", status=2, says="no area 'kvn'")
        self.refuse(OPEN, "--nonsense", status=2)
        self.refuse(OPEN, "--json", "--report", status=2, says="exclude")
        self.refuse(OPEN, "--apply", status=2, says="--fix")
        self.refuse(OPEN, "--bridge", "a/b", status=2, says="a/b")
        self.refuse(OPEN, "--bridge", "sixteen-letters-", status=2)
        self.refuse(OPEN, "--user", "root", says="root")
        self.refuse(OPEN, "--fix", "--apply", says="root")
        self.refuse(ROOT, "--user", "nosuchuser", says="no user 'nosuchuser'")

    def test_a_user_database_that_hangs(self):
        """A FIFO that nobody writes to: the time limit ends it, in words."""
        self.refuse(State("hang", "rm /etc/passwd; mkfifo -m 0644 /etc/passwd", "", user=0), says="user database")

    def test_what_hangs_is_ended(self):
        """The program that a probe has started, too."""
        program = "sleep 6173"  # no other process's words
        state = State("hang", f"helper; printf '#!/bin/sh\\nexec {program}\\n' >$HELPER_PATH; setcap cap_net_admin=p $HELPER_PATH",
                      "", area="helper")
        self.assertIn("(check.hang)", checkcase.run(state).stdout)
        left = ["pgrep", "-x", "-f", program]
        self.assertTrue(bridgehelper.await_(lambda: sandbox.run(*left, check=False).returncode == 1))

    def test_output_that_cannot_be_written(self):
        state = State("full", 'exec >/dev/full', "", area="groups")
        self.refuse(state, says="standard output")

    def test_a_caller_that_ignores_its_children(self):
        state = State("deaf", "helper; trap '' CHLD", "", area="helper")
        self.assertIn("(helper.policy.none)", checkcase.run(state).stdout)

    def test_exit_status(self):
        self.assertEqual(checkcase.run(GROUPS).returncode, 0)
        self.assertEqual(checkcase.run(GROUPS, "--strict").returncode, 0)  # skipped is no warning
        self.assertEqual(checkcase.run(BRIDGES).returncode, 1)
        warned = State("a bridge, and no vhost-net", "ip link add br0 address 52:54:00:77:00:fe type bridge; ip link set br0 up", "", area="net")
        self.assertEqual((checkcase.run(warned).returncode, checkcase.run(warned, "--strict").returncode), (0, 3))
        self.assertEqual(checkcase.run(BRIDGES, "--strict").returncode, 1)

    def test_for_people(self):
        done = checkcase.run(GROUPS)
        self.assertEqual(done.stdout.splitlines(), [
            "nothing to fix for vmuser in what was checked: groups (1 skipped)", "", "groups",
            "  ok         vmuser opens /dev/kvm without a group  (groups.kvm.unneeded)",
            "  skipped    there is no group libvirt  (groups.libvirt.skipped)",
            "             why:  libvirt's daemon is not installed, or it uses another rule",
            "", "failures: 0, warnings: 0, ok: 1, skipped: 1"])

    def verdict(self, setup, area="groups net", user=USER, options=()):
        done = checkcase.run(State("verdict", GROUPS.setup + "\n" + setup, "", area=area, user=user, options=options))
        return done.stdout.splitlines()[0]

    def test_verdict(self):
        """In one line, for the user and the bridge, whatever the exit status."""
        up = "ip link add br0 address 52:54:00:77:00:fe type bridge; ip link set br0 up\n"
        self.assertEqual(self.verdict("ip link add br0 type bridge; chmod 0600 /dev/net/tun"), "vmuser cannot run KVM guests on br0 yet: 2 things to fix")
        self.assertEqual(self.verdict(up, options=("--bridge", "br1")), "vmuser cannot run KVM guests on br1 yet: 1 thing to fix")
        self.assertEqual(self.verdict(""), "vmuser cannot run KVM guests on a bridge yet: 1 thing to fix")
        self.assertRegex(self.verdict(up, user=0, options=("--user", "vmother")), r"^nothing to fix for vmother in what was checked: groups, net")
        allowed = "helper\necho allow br0 >/etc/virt-tap/policy.conf\n"
        if self.verdict("", area="kvm").startswith("nothing to fix"):  # this machine has a KVM, and it emulates nothing
            self.assertRegex(self.verdict(allowed + up, area=""), r"^vmuser can run KVM guests on br0 \(\d+ warnings?, \d+ skipped\)$")
        else:
            self.assertRegex(self.verdict(allowed + up, area=""), r"^vmuser cannot run KVM guests on br0 yet: \d things? to fix$")

    def about(self, *bridges, allow="all", setup="", user=USER, area="net helper"):
        """The bridge that the verdict is about, whether it passes, and what others are named; bridges: NAME, or -NAME for one that is down."""
        lines = ["helper", f"echo allow {allow} >/etc/virt-tap/policy.conf"]
        for number, name in enumerate(bridges):
            lines.append(f"ip link add {name.strip('-')} address 52:54:00:77:00:1{number} type bridge")
            lines += [] if name[0] == "-" else [f"ip link set {name} up"]
        state = State("about", "\n".join([*lines, setup]), "", area=area, user=user, options=() if user else ("--user", "vmuser"))
        said = json.loads(checkcase.run(state, "--json").stdout)
        others = "".join(finding["seen"] for finding in said["findings"] if finding["id"] == "check.bridges")
        self.assertIn(f" on {said['bridge']} " if said["verdict"] == "cannot" else "nothing to fix", said["summary"])
        return said["bridge"], said["verdict"] != "cannot", others.partition(", not about ")[2]

    def test_which_bridge(self):
        self.assertEqual(self.about("br0", "-docker0", allow="br0"), ("br0", True, "docker0"))
        self.assertEqual(self.about("-docker0", "-lxcbr0", "-virbr0", "vmbr"), ("vmbr", True, "docker0, lxcbr0, virbr0"))
        self.assertEqual(self.about("br0", "br1", "virbr0", allow="br1"), ("br1", True, "br0, virbr0"))
        self.assertEqual(self.about("br0", "virbr0", allow="virbr0"), ("virbr0", True, "br0"))
        self.assertEqual(self.about("br0"), ("br0", True, ""))
        # None passes: that which the policy wants, and then the one with a port.
        self.assertEqual(self.about("docker0", "-br0", allow="br0"), ("br0", False, "docker0"))
        self.assertEqual(self.about("docker0", "br0", "br1", allow="br9", setup="ip link add v0 master br1 type veth"), ("br1", False, "br0, docker0"))
        self.assertEqual(self.about("docker0", "br0", allow="br9"), ("br0", False, "docker0"))
        # What only a trial shows.
        drop = "iptables-nft -A FORWARD -i br0 -j DROP"
        self.assertEqual(self.about("br0", "br1", user=0, setup=drop), ("br1", True, "br0"))
        self.assertEqual(self.about("br0", "br1", user=0, setup=drop, allow="br0"), ("br0", False, "br1"))

    def test_a_declared_bridge(self):
        declared = "echo bridge br7 >/etc/virt-tap/bridges.conf"
        self.assertEqual(self.about(allow="br7", setup=declared), ("br7", True, ""))
        self.assertEqual(self.about("-docker0", allow="br7", setup=declared), ("br7", True, "docker0"))

    def test_one_cause_is_one_finding(self):
        def found(setup, area, user=USER):
            return [finding["id"] for finding in checkcase.find(State("one", setup, "", area=area, user=user))[1] if finding["level"] == "failure"]
        kvm = "sed -i '/^kvm:/d' /etc/group; echo kvm:x:64600:{} >>/etc/group; kvm 0660 root:kvm; setfacl -b /dev/kvm\n"
        self.assertEqual(found(kvm.format(""), "kvm groups"), ["groups.kvm.missing"])
        self.assertEqual(found(kvm.format(""), "kvm"), ["kvm.device.permission"])
        self.assertEqual(found(kvm.format("vmuser"), "kvm groups"), ["groups.kvm.relogin"])
        self.assertEqual(found(kvm.format("") + "chmod 0600 /dev/kvm", "kvm groups"), ["kvm.device.mode"])
        tun = "helper\nip link add br0 address 52:54:00:77:00:fe type bridge; ip link set br0 up\necho allow br0 >/etc/virt-tap/policy.conf\n"
        self.assertEqual(found(tun + "chmod 0600 /dev/net/tun", "net helper"), ["net.tun.permission"])
        self.assertEqual(found(tun + "echo bridge >/etc/virt-tap/bridges.conf", "net helper"), ["helper.bridges.broken"])

    def on_terminal(self, **env):
        ours, theirs = pty.openpty()
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HELPER": "", "HELPER_PATH": "", "TERM": "xterm", **env}
        subprocess.run(checkcase.command(GROUPS), stdin=subprocess.DEVNULL, stdout=theirs, timeout=60, check=True, env=environment)
        os.close(theirs)
        return pseudoterminal.said(ours)

    def test_colors(self):
        self.assertIn("\x1b[32mok", self.on_terminal())
        self.assertNotIn("\x1b", self.on_terminal(NO_COLOR="1"))
        self.assertNotIn("\x1b", self.on_terminal(TERM="dumb"))
        self.assertNotIn("\x1b", checkcase.run(GROUPS).stdout)

    def test_json(self):
        done = checkcase.run(BRIDGES, "--json", "--bridge", "br0")
        said = json.loads(done.stdout)
        self.assertEqual((said["user"], said["bridge"], said["failures"], said["warnings"]), ("vmuser", "br0", 1, 1))
        self.assertEqual((said["verdict"], said["summary"]), ("cannot", "vmuser cannot run KVM guests on br0 yet: 1 thing to fix"))
        down = [finding for finding in said["findings"] if finding["id"] == "net.bridge.down"]
        self.assertEqual(down, [{"id": "net.bridge.down", "area": "net", "level": "failure", "seen": "br0 is down",
                                 "why": "a bridge that is down forwards nothing", "fix": ["sudo ip link set dev br0 up"], "fix_as": None}])

    def test_names_that_are_no_words(self):
        """Bytes that are not UTF-8 and an escape sequence: shown as '?', and in JSON too."""
        state = State("names", "ip link add \"$(printf 'b\\377\\033[1m')\" type bridge", "", area="net")
        said = json.loads(checkcase.run(state, "--json").stdout)
        self.assertIn("b??[1m is down", [finding["seen"] for finding in said["findings"]])
        self.assertNotIn("\x1b", checkcase.run(state).stdout)

    def test_report_without_the_user(self):
        state = State("report", GROUPS.setup, "", area="groups net helper qemu")
        done = checkcase.run(state, "--report")
        self.assertEqual(done.returncode, 1)
        for text in (f"virt-tap:     {VERSION}", f"kernel:       Linux {os.uname().release}", "distribution: Debian",
                     "ok       qemu.installed: /usr/bin/qemu-system-x86_64: QEMU emulator version",
                     "failure  helper.policy.none", "USER opens /dev/kvm", "HOME/.config/libvirt"):
            self.assertIn(text, done.stdout)
        self.assertNotIn("vmuser", done.stdout)
        self.assertNotIn("/run/vt", done.stdout)

    def test_fix_prints_a_script(self):
        done = checkcase.run(BROKEN, "--fix")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(subprocess.run(["sh", "-n"], input=done.stdout, text=True, check=False, timeout=60).returncode, 0)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "#!/bin/sh")
        for line in ("chown root:kvm /dev/kvm", "chmod 0660 /dev/kvm", "gpasswd -a vmuser kvm", "gpasswd -a vmuser libvirt",
                     "apt-get install -y qemu-system", f"setcap cap_net_admin=p {checkcase.helper_path()}", "virt-tap hooks enable"):
            self.assertEqual(lines.count(line), 1, line)

    def test_fix_apply(self):
        """Really run, in a host of its own; then all that was mended is well."""
        state = State("apply", BROKEN.setup + 'trap "ls -l /dev/kvm; cat /etc/group /etc/udev/rules.d/65-virt-tap-kvm.rules '
                      '/run/called/*; stat -c %a:%g /dev/kvm" EXIT\nset --  "$@" --fix --apply\n"$@" || echo "status $?"; exit 0\n',
                      "", area=BROKEN.area, user=0, options=BROKEN.options)
        done = checkcase.run(state)
        mended, after = done.stdout.split("\nkvm\n")
        for line in ("+ chown root:kvm /dev/kvm", "+ gpasswd -a vmuser kvm", "+ chmod 0666 /dev/net/tun", "+ virt-tap hooks enable"):
            self.assertIn(line, mended)
        kvm = ("kvm.device)",) if checkcase.has_kvm() else ()
        for name in (*kvm, "groups.kvm)", "groups.libvirt)", "net.tun)", "net.bridge)", "net.networkmanager)",
                     "net.networkd)", "helper.works)", "helper.policy)", "qemu.session)"):
            self.assertIn(f"({name}", after, done.stderr)
        for text in ("install -y qemu-system", "general reload conf", "hooks enable", 'KERNEL=="kvm", GROUP="kvm", MODE="0660"'):
            self.assertIn(text, after)

    def test_fix_apply_tells_what_failed(self):
        state = State("fails", "rm -f /dev/kvm\nkvm 0600 root:root\nmount --bind /dev/null /usr/bin/gpasswd", "", user=0,
                      options=("--user", "vmuser", "--fix", "--apply"))
        done = checkcase.run(state)
        self.assertEqual(done.returncode, 1)
        self.assertIn("+ gpasswd -a vmuser kvm\n  failed: exit status", done.stdout)
        self.assertIn("1 of the commands failed", done.stderr)


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(verbosity=1, exit=False).result.wasSuccessful())
