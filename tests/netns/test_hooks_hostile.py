#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""libvirt's qemu hook with whatever stands in arguments, input and environment.

Needs VIRT_TAP_HELPER and VIRT_TAP_HOOKS (the folder of the built hooks).
"""
import os
import re
import signal
import subprocess
import time

import bridgehelper
import hookhost
import netcase
import sandbox
from hookcase import domain, FOREIGN, heard, HookCase, SECRET, UUID
from netcase import POLICY
from sandbox import USER


class Hostile(HookCase):
    """Whatever stands in arguments and input."""

    def test_input(self):
        good = domain(("vtap-web-a", "br0"))
        cut = good[:good.index("<devices>")]
        wide = good.replace("<name>", "<!--" + "x" * 50_000_000 + "--><name>")
        for text, says in ((cut, "line"), (good + good, "line"), (good.replace("<domain", "<pool").replace("</domain", "</pool"), "not a libvirt domain"),
                           ("<?xml version='1.0'?><!DOCTYPE x>" + good, ""), (wide, ""), ("x" * 50_000_000, ""),
                           (good.replace("version=\"1\"", "version=\"2\""), "a later virt-tap wrote the metadata: it has version"), (good.encode() + b"\0", ""),
                           (good.replace(f"<uuid>{UUID}", "<uuid>8d0f1b2c"), "clone"), (good.replace(f"<uuid>{UUID}</uuid>", ""), "UUID"),
                           (good.replace("52:54:00:00:00:01", "52:54:00:00:00:01:02:03:04"), "MAC"),
                           (good.replace("52:54:00:00:00:01", "x y"), "--mac")):
            self.fails("prepare", text, says)
            if says not in ("clone", "UUID", "MAC", "--mac"):
                self.fails("migrate", text, says)
            for event in ("release", "reconnect"):
                status, _out, _said = self.hook(event, text)
                self.assertEqual((status, self.taps()), (0, set()))
        for text in ("", "\n", "nothing", "<", "<domain/>", "\0\xff"):
            for event in ("prepare", "release", "stopped", "reconnect", "migrate", "restore"):
                self.assertEqual(self.done(event, text), "")

    def test_arguments(self):
        text = domain(("vtap-web-a", "br0"))
        for words in ([], [""], ["web"], ["web", ""], ["web", "prepare "], ["", "", "", ""], ["web", "Prepare", "begin", "-"],
                      ["web", "start", "prepare", "prepare"]):
            self.assertEqual(hookhost.call(f"{self.hooks}/qemu", words, text), (0, "", ""))
        self.assertEqual(self.taps(), set())
        empty = bridgehelper.LIBC and subprocess.run(["python3", "-c", "import os; os.execve(os.sys.argv[1], [], {})", f"{self.hooks}/qemu"],
                                                     input=text.encode(), capture_output=True, timeout=20, check=False)
        self.assertEqual((empty.stdout, self.taps()), (b"", set()))
        for name in ("a b", "$(touch /run/vt/x)", "`id`\n;id", "--force", "../../etc", "x" * 100_000, ""):
            escaped = name.replace("&", "&amp;")
            self.done("prepare", domain(("vtap-web-a", "br0"), name=escaped), name=name)
            self.done("release", domain(("vtap-web-a", "br0"), name=escaped), name=name)
            self.fails("prepare", domain(("vtap-web-a", "br9"), name=escaped), name=name)
        self.assertFalse(os.path.exists("/run/vt/x"))

    def test_release_and_reconnect_never_fail(self):
        text = domain(("vtap-web-a", "br0"))
        self.done("prepare", text)
        aside = self.installed + ".aside"
        for uid in (0, USER):
            os.rename(self.installed, aside)
            self.addCleanup(lambda: os.path.exists(aside) and os.rename(aside, self.installed))
            for event in ("release", "reconnect"):
                self.assertEqual(self.hook(event, text, uid=uid)[0], 0)
            self.assertIn("vtap-web-a", self.taps())
            os.rename(aside, self.installed)
        sandbox.write(POLICY, "nonsense\n", mode=0o600)
        sandbox.run("ip", "link", "delete", "br0")
        for uid in (USER, 0):
            for event in ("reconnect", "release"):
                self.assertEqual(self.hook(event, text, uid=uid)[0], 0)
        self.assertEqual(self.taps(), set())
        sandbox.make_bridge("br0")

    def test_no_helper(self):
        os.rename(self.installed, self.installed + ".aside")
        self.addCleanup(os.rename, self.installed + ".aside", self.installed)
        self.fails("prepare", domain(("vtap-web-a", "br0")), f"cannot start {self.installed}", "install the package virt-tap, or run `./dev install` in")

    def test_nothing_from_the_environment(self):
        env = hookhost.ENVIRONMENT | {"VIRT_TAP_HELPER": "/bin/false", "LD_PRELOAD": "", "NLCB": "debug"}
        self.done("prepare", domain(("vtap-web-a", "br0")), env=env)
        self.done("release", domain(("vtap-web-a", "br0")), env=env)

    def test_time_limit(self):
        """Input that does not end, and a helper that hangs, whose child would keep libvirt's pipes open. The alarm comes early."""
        text = domain(("vtap-web-a", "br0")).encode()
        sandbox.run("cp", "-a", self.installed, self.installed + ".aside")
        self.addCleanup(os.rename, self.installed + ".aside", self.installed)
        sandbox.write(self.installed, "#!/bin/sh\nexec sleep 600\n", mode=0o755)
        for event, status in (("prepare", 1), ("release", 0), ("reconnect", 0)):
            for whole in (False, True):
                process = subprocess.Popen([f"{self.hooks}/qemu", "web", event, "begin", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                           stderr=subprocess.PIPE)
                process.stdin.write(text if whole else text[:-9])
                process.stdin.flush()
                if whole:
                    process.stdin.close()
                    process.stdin = None
                if whole and event == "reconnect":  # it has nothing to ask the helper
                    process.communicate(timeout=10)
                    self.assertEqual(process.returncode, 0)
                    continue
                self.assertTrue(bridgehelper.await_(lambda: catches_alarm(process.pid) and (not whole or children(process.pid))))
                for _turn in range(100):  # once more for what is cleaned up
                    time.sleep(0.1)
                    if process.poll() is not None:
                        break
                    process.send_signal(signal.SIGALRM)
                _out, said = process.communicate(timeout=10)  # which ends: no child holds the pipes
                self.assertEqual(process.returncode, status)
                self.assertIn(b"did not end in time", said)
        trace = sandbox.RUN + "/trace"
        sandbox.run("strace", "-o", trace, "-e", "trace=setitimer", f"{self.hooks}/qemu", "web", "prepare", "begin", "-")
        with open(trace, encoding="ascii") as file:
            self.assertIn("it_value={tv_sec=40,", file.read())

    def test_secrets(self):
        """In no message and no log, whatever goes wrong."""
        log, logged = netcase.system_log(self), b""
        good = domain(("vtap-web-a", "br0"))
        for text in (good, domain(("vtap-web-a", "br7")), domain(("eth0", "br0")), good.replace("</devices>", ""), good.replace("'yes'", "'yes"),
                     good.replace("version=\"1\"", ""), good[:good.index(SECRET) + 9], domain(("vtap-web-a", "br0"), owner=FOREIGN)):
            for event in ("prepare", "reconnect", "release", "migrate", "restore"):
                _status, _out, said = self.hook(event, text)
                self.assertNotIn(SECRET[:9], said)
                logged += heard(log)  # it keeps ten lines only
        self.assertNotIn(SECRET[:9].encode(), logged)
        self.assertIn(b"virt-tap[", logged)  # the log was there to be read, and reconnect's failures are in it
        self.assertIn(b"virt-tap-helper[", logged)


def catches_alarm(pid):
    """Whether it has its handler by now: before, the alarm would end it."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        caught = int(re.search(r"(?m)^SigCgt:\s*(\w+)$", file.read())[1], 16)
    return bool(caught >> (signal.SIGALRM - 1) & 1)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read()


if __name__ == "__main__":
    netcase.main()
