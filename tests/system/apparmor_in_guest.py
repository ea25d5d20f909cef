#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Whether a libvirtd that AppArmor confines can run the hooks. Run by test_apparmor.py on a kernel with AppArmor.

The profile is Debian's of libvirtd, and libvirt's own of virtqemud where that lies beside it, as libvirt installs it; a shell that is put under it
stands in for the daemon.
"""
import os
import re
import shutil
import subprocess
import sys
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
    def test_hooks(self):
        """Of each daemon that has a profile."""
        helper = re.search(r"helper=(/\S+)", run(HELPER, "--help"))[1]
        hooks = os.path.join(os.path.dirname(helper), "virt-tap/hooks")
        shutil.copytree(HOOKS, hooks)
        shutil.copy(HELPER, helper)
        run("mount", "-t", "securityfs", "securityfs", "/sys/kernel/security")
        shutil.copytree(PACKAGES + "/etc/apparmor.d", "/etc/apparmor.d")
        shutil.copy(os.environ["APPARMOR_PARSER"], "/usr/sbin/apparmor_parser")
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


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False, verbosity=1).result.wasSuccessful())
