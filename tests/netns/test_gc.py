#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What gc and delete act on: the very tap that was looked at, by its number and claim, looked at again; never one that somebody
makes or holds."""
import fcntl
import os
import signal
import struct
import subprocess
import threading

import bridgehelper
import netcase
import sandbox
from faults import stopped_child
from sandbox import OTHER, RUN, USER, USERS

UUID = "8d0f1b2c-3e4f-4a5b-9c6d-7e8f90a1b2c3"
TUNSETCARRIER = 0x400454E2
PLAIN, QUEUES = 0x1002, 0x1102  # IFF_TAP | IFF_NO_PI, and IFF_MULTI_QUEUE


def hold(name, flags=PLAIN):
    """Attach to a tap by its name, as its guest."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, bridgehelper.TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return fd


def claim(name):
    return netcase.link(name)["altnames"][0]


class GcCase(netcase.NetCase):
    def setUp(self):
        super().setUp()
        self.cli = sandbox.install(os.environ["VIRT_TAP_CLI"], caps=None)
        self.slow = f"{RUN}/slow"

    def start_gc(self, *options, uid=0, helper=None):
        return bridgehelper.start([self.cli, "gc", *options], env={"VIRT_TAP_HELPER": helper or self.helper, "PATH": "/usr/bin:/bin"},
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, uid=uid)

    def gc(self, *options, uid=0, status=0):
        process = self.start_gc("--wait=0", *options, uid=uid)
        said = process.communicate(timeout=20)[0]
        self.assertEqual(process.returncode, status, said)
        return sorted(said.splitlines())

    def gate(self):
        """A helper for gc that waits for go() before each call; `reached` tells that it does."""
        for name in ("reached", "go"):
            if os.path.exists(f"{RUN}/{name}"):
                os.unlink(f"{RUN}/{name}")
        sandbox.write(self.slow, f'#!/bin/sh\ntouch {RUN}/reached\nwhile [ ! -e {RUN}/go ]; do sleep 0.01; done\nexec {self.helper} "$@"\n',
                      mode=0o755)
        return self.slow

    def stopped(self, name, claimed=True):
        """A helper of USER's that is stopped while it makes that tap, after or before it has its claim; returns the Call and its pid."""
        strace = ["strace", "-f", "-qq", "-u", USERS[USER], "-o"]
        bridgehelper.call([*strace, f"{RUN}/trace", "-e", "trace=ioctl", self.helper]).close()
        with open(f"{RUN}/trace", encoding="ascii") as file:
            owner = next(i for i, line in enumerate(file, 1) if "TUNSETOWNER" in line)
        where = "sendmsg:signal=SIGSTOP:when=2" if claimed else f"ioctl:signal=SIGSTOP:when={owner}"
        trace = f"{RUN}/{name}.trace"
        sandbox.write(trace, "")
        call = bridgehelper.Call([*strace, trace, "-e", f"inject={where}", self.helper, "--use-vnet", "--br=br0", "--fd={fd}", f"--name={name}"])
        self.assertTrue(bridgehelper.await_(lambda: stopped_child(call.process.pid, trace)), "the helper was not stopped")
        return call, stopped_child(call.process.pid, trace)


class HalfMade(GcCase):
    """What a helper is making, or was stopped at, gc names and leaves alone."""

    def test_left_alone_and_named(self):
        call, pid = self.stopped("vtap-a")
        by = f"vtap-a: left alone: half made by a helper of uid {USER} that is still running, or was stopped; it disappears when that process " \
             "ends, or with: `virt-tap tap delete vtap-a --force`"
        for uid, said in ((0, [by]), (USER, [by]), (OTHER, [])):
            for options in ((), ("--all",), ("--dry-run",)):
                self.assertEqual(self.gc(*options, uid=uid), said)
        os.kill(pid, signal.SIGCONT)
        with call.finish() as answer:  # it goes on as if nothing had been
            self.assertTrue(answer.granted, answer)
            self.assertEqual(netcase.link("vtap-a")["master"], "br0")

    def test_goes_with_its_maker_or_when_named(self):
        call, pid = self.stopped("vtap-a")
        self.denied("delete", "--name=vtap-a", says="in use")
        self.denied("delete", "--name=vtap-a", "--force", uid=OTHER, says="belongs to uid")
        self.delete("--name=vtap-a", "--force")
        self.assertNotIn("vtap-a", sandbox.links())
        os.kill(pid, signal.SIGCONT)
        call.finish().close()
        call, pid = self.stopped("vtap-b")
        os.kill(pid, signal.SIGKILL)
        self.assertTrue(bridgehelper.await_(lambda: "vtap-b" not in sandbox.links()))
        call.finish().close()

    def test_before_its_claim(self):
        call, pid = self.stopped("vtap-a", claimed=False)
        self.assertFalse(netcase.link("vtap-a").get("altnames"))
        self.assertEqual(self.gc("--all", uid=USER), [])
        self.assertEqual(self.gc("--all"), ["vtap-a: left alone: half made by a helper that is still running, or was stopped; it disappears when that "
                                            "process ends, or with: `ip link delete vtap-a`"])
        os.kill(pid, signal.SIGKILL)
        call.finish().close()

    def test_what_others_made_to_stay(self):
        sandbox.run("ip", "tuntap", "add", "vtap-x", "mode", "tap", "user", str(USER))
        self.assertEqual(self.gc("--all"), [])
        sandbox.run("ip", "link", "delete", "vtap-x")


class Signals(GcCase):
    def test_a_caller_that_ignores_its_children(self):
        """As some daemons do: what the helper answered is known all the same."""
        self.create("vtap-a")
        done = sandbox.run("bash", "-c", f"trap '' CHLD; exec {self.cli} gc --wait=0 --all", env={"VIRT_TAP_HELPER": self.helper, "PATH": "/usr/bin:/bin"})
        self.assertEqual(done.stdout, "vtap-a: removed: nobody holds it\n")
        self.assertNotIn("vtap-a", sandbox.links())


class Meanwhile(GcCase):
    """Between gc's look and the helper's act the name passes to another tap, or a guest begins to hold it."""

    def start(self):
        """gc has looked, and its helper is about to act."""
        process = self.start_gc("--wait=0", "--all", helper=self.gate())
        self.assertTrue(bridgehelper.await_(lambda: os.path.exists(f"{RUN}/reached")))
        return process

    def end(self, process):
        sandbox.write(f"{RUN}/go", "")
        said = process.communicate(timeout=20)[0]
        return process.returncode, said

    def test_another_tap_of_that_name(self):
        for uid in (USER, OTHER):
            with self.subTest(uid):
                self.create("vtap-a", f"--domain={UUID}")
                process = self.start()
                self.delete("--name=vtap-a")
                self.create("vtap-a", f"--domain={UUID}", uid=uid)
                status, said = self.end(process)
                self.assertEqual(status, 1)
                self.assertRegex(said, r"\Avirt-tap-helper: tap 'vtap-a' is now interface \d+ with claim ")
                self.assertIn("vtap-a", sandbox.links())
                self.delete("--name=vtap-a", uid=0)

    def test_another_tap_of_that_number(self):
        """As root can make one (or the kernel, after two thousand million)."""
        sandbox.write(netcase.POLICY, "allow br0 quota=5\n")
        self.create("vtap-a", uid=OTHER)
        self.create("vtap-b", uid=OTHER)
        number, first = sandbox.ifindex("vtap-a"), claim("vtap-a")
        process = self.start()
        self.delete("--name=vtap-a", uid=0)
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, 0x400454DA, struct.pack("I", number))  # TUNSETIFINDEX
        fcntl.ioctl(fd, bridgehelper.TUNSETIFF, struct.pack("16sH22x", b"vtap-a", PLAIN))
        fcntl.ioctl(fd, bridgehelper.TUNSETPERSIST, 1)
        os.close(fd)
        second = first.rpartition(".")[0] + ".4"
        sandbox.run("ip", "link", "property", "add", "dev", "vtap-a", "altname", second)
        self.assertEqual(sandbox.ifindex("vtap-a"), number)
        self.assertEqual(self.end(process)[0], 1)
        self.assertEqual(sandbox.links() - self.before, {"vtap-a"})
        self.delete("--name=vtap-a", uid=0)

    def test_a_guest_has_it_by_then(self):
        for options, flags in (((), PLAIN), (("--multi-queue",), QUEUES)):
            with self.subTest(options):
                self.create("vtap-a", *options)
                process = self.start()
                fd = hold("vtap-a", flags)
                fcntl.ioctl(fd, TUNSETCARRIER, struct.pack("i", 0))
                before = netcase.state()
                status, said = self.end(process)
                self.assertEqual((status, "'vtap-a' is in use" in said), (1, True), said)
                self.assertEqual(netcase.state(), before)
                os.close(fd)
                self.delete("--name=vtap-a")

    def test_one_that_stays_does_not_keep_the_others(self):
        for name in ("vtap-a", "vtap-b"):
            self.create(name)
        fd = hold("vtap-a")
        fcntl.ioctl(fd, TUNSETCARRIER, struct.pack("i", 0))
        said = self.gc("--all", status=1)
        self.assertEqual([line for line in said if line.startswith("vtap-")], ["vtap-b: removed: nobody holds it"])
        os.close(fd)
        self.delete("--name=vtap-a")


class Identity(GcCase):
    """delete --ifindex --claim."""

    def test_the_one_that_is_meant(self):
        self.create("vtap-a")
        self.create("vtap-b")
        right = (f"--ifindex={sandbox.ifindex('vtap-a')}", f"--claim={claim('vtap-a')}")
        for options in ((f"--ifindex={sandbox.ifindex('vtap-b')}",), (f"--claim={claim('vtap-b')}",), (right[0], f"--claim={claim('vtap-b')}"),
                        (f"--ifindex={sandbox.ifindex('vtap-b')}", right[1])):
            for force in ((), ("--force",)):
                for uid in (USER, 0):
                    self.denied("delete", "--name=vtap-a", *options, *force, uid=uid, says="not the one requested")
        self.delete("--name=vtap-a", *right)
        self.delete("--name=vtap-b", f"--claim={claim('vtap-b')}", "--force")

    def test_usage(self):
        self.create("vtap-a")
        for words, says in ((["--ifindex=0"], "not '0'"), (["--ifindex=x"], "not 'x'"), (["--ifindex=-1"], "not '-1'"),
                            (["--ifindex=4294967296"], "number of an interface"), (["--claim=vtap-a"], "not 'vtap-a'"), (["--claim="], "not ''"),
                            (["--claim=virt-tap.br0.02.3"], "not 'virt-tap.br0.02.3'"), (["--ifindex=1", "--ifindex=2"], "given twice")):
            self.denied("delete", "--name=vtap-a", *words, says=says, status=2)
        for word in ("--ifindex=1", f"--claim={claim('vtap-a')}"):
            self.denied("delete", f"--domain={UUID}", word, says="--name=NAME", status=2)
            self.denied("create", "--bridge=br0", "--name=vtap-b", word, says="does not take the option", status=2)
        self.delete("--name=vtap-a")


class Queues(GcCase):
    """A tap of several queues is deleted only if nobody has any, and is as it was if somebody has."""

    def race(self, delete):
        """Delete vtap-m again and again while its owner attaches to it. Returns how often it went, and what the owner saw:
        + attached, . it still is, ! it was deleted."""
        attach = f"""
import fcntl, os, struct, time
end = time.monotonic() + 3
while time.monotonic() < end:
    fd = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(fd, {bridgehelper.TUNSETIFF}, struct.pack("16sH22x", b"vtap-m", {QUEUES}))
        os.write(1, b"+")
        time.sleep(0.002)
        # Ours, and still there: the name leads to it, and our queue is one of its.
        name = fcntl.ioctl(fd, {bridgehelper.TUNGETIFF}, bytes(40)).split(bytes(1))[0]
        os.write(1, b"." if name == b"vtap-m" else b"!")
    except OSError as error:
        os.write(1, b"!" if error.errno == 77 else b"")  # EBADFD: it was taken away from under us
    os.close(fd)
    time.sleep(0.001)
"""
        guest = bridgehelper.start(["python3", "-c", attach], stdout=subprocess.PIPE, uid=USER)
        stat = f"/proc/{guest.pid}/stat"
        gone = 0
        while guest.poll() is None:
            if "vtap-m" not in sandbox.links():  # whoever attaches while it is made is another matter
                guest.send_signal(signal.SIGSTOP)
                bridgehelper.await_(lambda: sandbox.run("cat", stat, check=False).stdout.rpartition(")")[2].split()[:1] in (["T"], ["Z"]))
                self.create("vtap-m", "--multi-queue")
                guest.send_signal(signal.SIGCONT)
            gone += delete() == 0
        return gone, guest.communicate()[0]

    def test_while_its_owner_attaches(self):
        gone, said = self.race(lambda: self.ask("delete", "--name=vtap-m", uid=0).status)
        self.assertNotIn(b"!", said, "a tap that its guest had was deleted")
        self.assertGreater(gone, 0)
        self.assertGreater(said.count(b"+"), 0)
        if "vtap-m" in sandbox.links():
            self.assertEqual(netcase.link("vtap-m")["linkinfo"]["info_data"]["user"], USERS[USER])
            self.delete("--name=vtap-m")

    def test_nobody_attaches_between_the_last_look_and_the_deletion(self):
        strace = ["strace", "-f", "-qq", "-o", f"{RUN}/trace"]
        self.create("vtap-m", "--multi-queue")
        self.delete("--name=vtap-m", uid=0, wrap=[*strace, "-e", "trace=sendmsg"])
        with open(f"{RUN}/trace", encoding="ascii") as file:
            messages = len(file.readlines())
        self.create("vtap-m", "--multi-queue")
        sandbox.write(f"{RUN}/trace", "")
        call = bridgehelper.Call([*strace, "-e", f"inject=sendmsg:signal=SIGSTOP:when={messages - 1}", self.helper, "delete",
                                  "--name=vtap-m"], pass_socket=False)
        self.assertTrue(bridgehelper.await_(lambda: stopped_child(call.process.pid, f"{RUN}/trace")))
        attach = f"import fcntl; fcntl.ioctl(open('/dev/net/tun', 'r+b', 0), {bridgehelper.TUNSETIFF}, b'vtap-m'.ljust(16, bytes(1)) + " \
                 f"({QUEUES}).to_bytes(2, 'little') + bytes(22))"
        guest = sandbox.run("python3", "-c", attach, check=False, uid=USER)
        self.assertIn("PermissionError", guest.stdout)
        os.kill(stopped_child(call.process.pid, f"{RUN}/trace"), signal.SIGCONT)
        self.assertEqual(call.finish().status, 0)
        self.assertNotIn("vtap-m", sandbox.links())

    def test_waits_for_a_guest_that_has_just_ended(self):
        """QEMU 11's taps are held for some time after it has ended: half a second is waited, for all taps together."""
        for name, options, flags in (("vtap-m", (), PLAIN), ("vtap-m", ("--multi-queue",), QUEUES)):
            self.create(name, *options)
            threading.Timer(0.2, os.close, [hold(name, flags)]).start()
            self.delete(f"--name={name}")
            self.assertNotIn(name, sandbox.links())
        sandbox.run("ip", "tuntap", "add", "dev", "plain", "mode", "tap")
        threading.Timer(0.2, os.close, [hold("plain")]).start()
        self.assertEqual(sandbox.run(self.cli, "tap", "delete", "plain").stdout, "")
        held = []
        for name in ("vtap-a", "vtap-b", "vtap-c"):
            self.create(name, f"--domain={UUID}", uid=0)
            held.append(hold(name))
        self.denied("delete", f"--domain={UUID}", uid=0, says="is in use",
                    wrap=["strace", "-f", "-qq", "-o", f"{RUN}/trace", "-e", "trace=clock_nanosleep,nanosleep"])
        with open(f"{RUN}/trace", encoding="ascii") as file:
            self.assertEqual(file.read().count("nanosleep("), 25 + 1)  # one before its refusal
        for fd in held:
            os.close(fd)
        self.delete(f"--domain={UUID}", uid=0)

    def test_a_plain_device_of_roots(self):
        for options in (("multi_queue", "user", str(USER)), ("multi_queue",), ("user", str(USER)), ()):
            with self.subTest(options):
                sandbox.run("ip", "tuntap", "add", "dev", "plain", "mode", "tap", *options)
                fd = hold("plain", QUEUES if "multi_queue" in options else PLAIN)
                before = netcase.state()
                done = sandbox.run(self.cli, "tap", "delete", "plain", check=False)
                self.assertEqual((done.returncode, "in use" in done.stdout), (1, True), done.stdout)
                self.assertEqual(netcase.state(), before)
                os.close(fd)
                self.assertEqual(sandbox.run(self.cli, "tap", "delete", "plain").stdout, "")


if __name__ == "__main__":
    netcase.main()
