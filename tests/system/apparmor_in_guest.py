#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Whether a libvirtd that AppArmor confines can run the hooks, and the helper under its own profile does all that it should.
Run by test_apparmor.py on a kernel with AppArmor.

The profile is Debian's of libvirtd, and libvirt's own of virtqemud where that lies beside it, as libvirt installs it; a shell that is put under it
stands in for the daemon.
"""
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

CLI, HELPER, HOOKS, PACKAGES = (os.environ[name] for name in ("VIRT_TAP_CLI", "VIRT_TAP_HELPER", "VIRT_TAP_HOOKS", "APPARMOR_FOLDER"))
PROFILES = "/etc/apparmor.d"


def run(*command, status=0, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100, check=False, **more)
    if done.returncode != status:
        raise RuntimeError(f"{command}: exit {done.returncode}: {done.stdout}")
    return done.stdout


def as_daemon(daemon, script):
    """Exit status and output of what a shell under that daemon's profile does."""
    def confine():
        """From the next exec on."""
        with open("/proc/self/attr/exec", "w", encoding="ascii") as file:
            file.write(f"exec {daemon}")
    done = subprocess.run(["/usr/bin/busybox", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=100, check=False, preexec_fn=confine)
    return done.returncode, done.stdout


class Confined(unittest.TestCase):
    def test_hooks_and_helper(self):
        """Of each daemon that has a profile."""
        helper = re.search(r"helper=(/\S+)", run(HELPER, "--help"))[1]
        hooks = os.path.join(os.path.dirname(helper), "virt-tap/hooks")
        shutil.copytree(HOOKS, hooks)
        shutil.copy(HELPER, helper)
        run("mount", "-t", "securityfs", "securityfs", "/sys/kernel/security")
        shutil.copytree(PACKAGES + "/etc/apparmor.d", "/etc/apparmor.d")
        shutil.copy(os.environ["APPARMOR_PARSER"], "/usr/sbin/apparmor_parser")
        shutil.copy(os.environ["HELPER_PROFILE"], PROFILES)
        run("apparmor_parser", "-a", f"{PROFILES}/virt-tap-helper")
        self.helper_works(helper)
        os.makedirs("/etc/libvirt")
        daemons = [daemon for daemon in ("libvirtd", "virtqemud") if os.path.exists(f"{PROFILES}/usr.sbin.{daemon}")]
        for daemon in daemons:
            open(f"{PROFILES}/local/usr.sbin.{daemon}", "a", encoding="ascii").close()  # as the package's installation makes it
            run("apparmor_parser", "-a", f"{PROFILES}/usr.sbin.{daemon}")
            self.assertEqual(as_daemon(daemon, "read me </proc/self/attr/current; echo $me; exit 7"), (7, f"{daemon} (enforce)\n"))
        print("profiles:", *daemons, flush=True)

        hook = "/etc/libvirt/hooks/qemu.d/50-virt-tap web start begin -"
        self.assertIn("enabled", run(CLI, "hooks", "enable"))
        for daemon in daemons:
            self.assertEqual(as_daemon(daemon, hook), (0, ""))
            self.assertEqual(as_daemon(daemon, f"{helper} --version")[0], 0)
        self.assertIn("lets libvirt run the hooks", run(CLI, "hooks", "status"))

        run(CLI, "hooks", "disable")
        for daemon in daemons:
            with open(f"{PROFILES}/local/usr.sbin.{daemon}", encoding="ascii") as file:
                self.assertEqual(file.read(), "")
        os.makedirs("/etc/libvirt/hooks/qemu.d", exist_ok=True)
        os.symlink(hooks + "/qemu", "/etc/libvirt/hooks/qemu.d/50-virt-tap")  # without the lines: so they are what does it
        for daemon in daemons:
            status, said = as_daemon(daemon, hook)
            self.assertEqual((status, "Permission denied" in said), (126, True), said)
        self.assertIn("does not let libvirt run the hooks: virt-tap hooks enable", run(CLI, "hooks", "status", status=1))

    def helper_works(self, helper):
        """A tap on a bridge that bridges.conf declares, and through the broker; and it may not do what it has no reason for."""
        run("setcap", "cap_net_admin=p", helper)
        os.makedirs("/etc/virt-tap/policy.d")
        for name, text in (("policy.conf", "include /etc/virt-tap/policy.d/a.conf\n"), ("policy.d/a.conf", "allow br0 user=alice mac=lock\n"),
                           ("bridges.conf", "bridge br0 address=10.66.0.1/24\n")):
            with open(f"/etc/virt-tap/{name}", "w", encoding="ascii") as file:
                file.write(text)
        for name, text in (("passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n"), ("group", "root:x:0:\nalice:x:1000:\n"),
                           ("nsswitch.conf", "passwd: files\ngroup: files\n")):
            with open(f"/etc/{name}", "w", encoding="ascii") as file:
                file.write(text)
        os.chmod("/dev/net/tun", 0o666)
        run("dmesg", "-c")
        alice = ("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--")
        run(*alice, helper, "create", "--bridge=br0", "--name=vtap-a", "--mac=52:54:00:00:00:01")
        with subprocess.Popen([helper, "broker", "--listen", "/run/virt-tap/broker"], stdin=subprocess.DEVNULL) as broker:
            while broker.poll() is None and not os.path.exists("/run/virt-tap/broker"):
                time.sleep(0.1)
            with open(f"/proc/{broker.pid}/attr/current", encoding="ascii") as file:
                self.assertEqual(file.read(), "virt-tap-helper (enforce)\n")
            run(*alice[:1], "--no-new-privs", *alice[1:], helper, "create", "--bridge=br0", "--name=vtap-b", "--mac=52:54:00:00:00:02")
            broker.kill()
        run(helper, "create", "--bridge=br0", "--name=vtap-c", "--owner=1000", "--mac=52:54:00:00:00:03")
        self.assertEqual(run("ip", "-o", "link", "show", "master", "br0").count(" vtap-"), 3)
        for name in "abc":
            run(*alice, helper, "delete", f"--name=vtap-{name}")
        self.assertNotIn('apparmor="DENIED"', run("dmesg"))
        os.makedirs("/srv/rules")
        with open("/etc/virt-tap/policy.conf", "w", encoding="ascii") as file:
            file.write("include /srv/rules/a.conf\n")
        shutil.copy("/etc/virt-tap/policy.d/a.conf", "/srv/rules")
        self.assertIn("/srv/rules/a.conf", run(*alice, helper, "create", "--bridge=br0", "--name=vtap-a", "--mac=52:54:00:00:00:01", status=1))
        self.assertIn('apparmor="DENIED"', run("dmesg"))
        shutil.rmtree("/etc/virt-tap")


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
