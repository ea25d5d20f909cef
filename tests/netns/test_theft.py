#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What one user tries against another's taps, and against the policy, through the helper. Each of these worked
against qemu-bridge-helper or is what the kernel lets a holder of CAP_NET_ADMIN do (drivers/net/tun.c)."""
import errno
import fcntl
import os
import signal
import struct

import bridgehelper
import netcase
import sandbox
from bridgehelper import IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, TUNSETIFF, TUNSETOWNER, TUNSETPERSIST
from faults import stopped_child
from netcase import POLICY, QEMU_ACL
from sandbox import OTHER, USER

TRACE = sandbox.RUN + "/trace"
PLAIN = IFF_TAP | IFF_NO_PI
MULTI = PLAIN | IFF_MULTI_QUEUE


def victims_tap(name, flags, persist):
    """A tap of OTHER's, made by root; returns the descriptor that holds it."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    fcntl.ioctl(fd, TUNSETOWNER, OTHER)
    if persist:
        fcntl.ioctl(fd, TUNSETPERSIST, 1)
    return fd


class Taps(netcase.NetCase):
    def state(self, name):
        tap = netcase.link(name)
        return {key: tap.get(key) for key in ("ifindex", "address", "master", "ifalias", "altnames", "linkinfo", "mtu")}

    def cannot_be_taken(self, name, asked=None):
        before = self.state(name)
        for vnet in (False, True):
            for uid in (USER, OTHER, 0):
                self.refuse(f"--name={asked or name}", vnet=vnet, uid=uid, says="is taken")
        self.assertEqual(self.state(name), before)

    def test_persistent_tap(self):
        os.close(victims_tap("vtap-vic", PLAIN, persist=True))
        self.cannot_be_taken("vtap-vic")
        sandbox.run("ip", "link", "delete", "vtap-vic")

    def test_persistent_multiqueue_tap(self):
        os.close(victims_tap("vtap-vic", MULTI, persist=True))
        self.cannot_be_taken("vtap-vic")
        sandbox.run("ip", "link", "delete", "vtap-vic")

    def test_running_multiqueue_tap(self):
        fd = victims_tap("vtap-vic", MULTI, persist=False)
        self.cannot_be_taken("vtap-vic")
        os.close(fd)

    def test_running_tap_of_ours(self):
        with self.grant("--name=vtap-vic", uid=OTHER):
            self.cannot_be_taken("vtap-vic")

    def test_tap_by_its_alternative_name(self):
        os.close(victims_tap("vtap-vic", MULTI, persist=True))
        sandbox.run("ip", "link", "property", "add", "dev", "vtap-vic", "altname", "vtap-alt")
        self.cannot_be_taken("vtap-vic", asked="vtap-alt")
        sandbox.run("ip", "link", "delete", "vtap-vic")

    def test_claim_is_not_a_way_to_a_tap(self):
        with self.grant(uid=OTHER):
            self.refuse(f"--name={netcase.link('vtap-0')['altnames'][0]}", says="--name=")

    def test_another_queue_of_a_tap_half_made(self):
        """Stops the helper at each system call from the making of the tap to its answer, and tries to attach."""
        strace = ["strace", "-qq", "-o", TRACE, "-u", sandbox.USERS[OTHER]]
        with bridgehelper.call([*strace, self.helper]), open(TRACE, encoding="ascii") as file:
            steps = steps_between(file.read().splitlines(), "TUNSETIFF", "SCM_RIGHTS")
        self.assertGreater(len(steps), 8)
        for syscall, nth in steps:
            sandbox.write(TRACE, "")
            call = bridgehelper.Call([*strace, "-e", f"inject={syscall}:signal=SIGSTOP:when={nth}", self.helper, "--use-vnet",
                                      "--br=br0", "--fd={fd}"])
            self.assertTrue(bridgehelper.await_(lambda: stopped_child(call.process.pid, TRACE)), (syscall, nth))
            self.assertIn("vtap-0", sandbox.links())  # a refusal because there is no tap would look like safety
            for uid in (USER, OTHER):
                for flags in (PLAIN, MULTI, PLAIN | bridgehelper.IFF_VNET_HDR, MULTI | bridgehelper.IFF_VNET_HDR):
                    self.assertIn(bridgehelper.attach("vtap-0", flags, uid), (errno.EBUSY, errno.EPERM, errno.EINVAL))
            os.kill(stopped_child(call.process.pid, TRACE), signal.SIGCONT)
            with call.finish() as answer:
                self.assertTrue(answer.granted, answer)


def steps_between(trace, first, last):
    """The system calls of strace's lines from the one with `first` in it to that with `last`, as (name, which of that name)."""
    counts, steps, inside = {}, [], False
    for line in trace:
        name = line.split("(")[0]
        counts[name] = counts.get(name, 0) + 1
        inside = inside or first in line
        if inside:
            steps.append((name, counts[name]))
        if last in line:
            break
    return steps


class PolicyBypass(netcase.NetCase):
    EXTRA = [f"/etc/qemu/extra{i}.conf" for i in range(3)]  # the last one, three deep, denies

    def setUp(self):
        super().setUp()
        for path, following in zip(self.EXTRA, self.EXTRA[1:]):
            sandbox.write(path, f"include {following}\n")
        sandbox.write(self.EXTRA[-1], "deny br0\n")

    def tearDown(self):
        for path in self.EXTRA:
            os.unlink(path)
        super().tearDown()

    def test_alternative_name_of_a_denied_bridge(self):
        sandbox.run("ip", "link", "property", "add", "dev", "br0", "altname", "lan")
        sandbox.write(QEMU_ACL, "allow all\ndeny br0\n")
        self.refuse(bridge="lan", says="alternative name")

    def starve(self, path):
        """With each limit on descriptors, from none to plenty: the deny in the include must never be missed."""
        sandbox.write(path, f"allow br0\ninclude {self.EXTRA[0]}\n")
        reasons = set()
        for limit in range(3, 24):
            answer = self.call(nofile=limit)
            answer.close()
            self.assertNotEqual(answer.status, 0, (limit, answer))
            self.assertEqual(answer.fds, [])
            reasons.add(answer.stderr)
        self.assertTrue(any("denies bridge" in reason for reason in reasons), reasons)
        for error in ("EMFILE", "ENFILE", "ENOMEM", "EIO"):
            wrap = ["strace", "-qq", "-o", "/dev/null", "-u", sandbox.USERS[USER], "-P", self.EXTRA[2], "-e", "trace=openat",
                    "-e", f"inject=openat:error={error}"]
            self.refuse(uid=0, wrap=wrap, says=[f"{self.EXTRA[1]}:1 includes a file that cannot be used", self.EXTRA[2]])

    def test_starved_include(self):
        self.starve(QEMU_ACL)

    def test_starved_include_of_policy_conf(self):
        self.starve(POLICY)

    def test_the_original_can_be_starved(self):
        """Shows that the test above can fail: qemu-bridge-helper does miss the deny."""
        original = sandbox.install("/usr/lib/qemu/qemu-bridge-helper", caps="cap_net_admin=ep")
        sandbox.write(QEMU_ACL, f"allow br0\ninclude {self.EXTRA[0]}\n")
        statuses = []
        for limit in range(3, 24):
            with bridgehelper.call(original, uid=USER, nofile=limit) as answer:
                statuses.append(answer.granted)
        self.assertIn(True, statuses)
        self.assertFalse(statuses[-1])

    def test_memory_starved_include(self):
        sandbox.write(QEMU_ACL, f"allow br0\ninclude {self.EXTRA[0]}\n")
        sandbox.write(self.EXTRA[-1], "#" * 3_000_000 + "\ndeny br0\n")
        for kib in (1000, 2000, 3000, 4000, 6000, 8000):
            answer = self.call(wrap=["prlimit", f"--data={kib * 1024}"])
            answer.close()
            self.assertNotEqual(answer.status, 0, (kib, answer))
            self.assertEqual(answer.fds, [])
        self.refuse(says="denies bridge")

    def test_names_are_never_cut(self):
        """CVE-2019-13164: a longer name must neither allow nor deny what its first 15 characters name."""
        sandbox.run("ip", "link", "add", "abcdefghijklmno", "type", "bridge")
        for path in (QEMU_ACL, POLICY):
            sandbox.write(path, "allow abcdefghijklmnop\n")
            self.refuse(bridge="abcdefghijklmno", says=f"{path}:1 does not parse")
            self.refuse(bridge="abcdefghijklmnop", says="--br=")
        sandbox.run("ip", "link", "delete", "abcdefghijklmno")

    def test_debugger(self):
        """Traced by its caller, the capability is void: nobody can steer the helper while it has it."""
        self.refuse(wrap=["strace", "-qq", "-o", "/dev/null"], says="no CAP_NET_ADMIN")

    def test_not_inspectable_by_its_caller(self):
        sandbox.write(TRACE, "")
        call = bridgehelper.Call(["strace", "-qq", "-o", TRACE, "-u", sandbox.USERS[USER], "-e", "trace=sendmsg", "-e",
                                  "inject=sendmsg:signal=SIGSTOP:when=4", self.helper, "--br=br0", "--fd={fd}"])
        self.assertTrue(bridgehelper.await_(lambda: stopped_child(call.process.pid, TRACE)))
        pid = stopped_child(call.process.pid, TRACE)
        for path in ("fd/0", "mem", "environ", "maps"):
            done = sandbox.run("setpriv", f"--reuid={USER}", "--clear-groups", "head", "-c1", f"/proc/{pid}/{path}", check=False)
            self.assertIn("Permission denied", done.stdout, path)
        os.kill(pid, signal.SIGCONT)
        call.finish().close()


if __name__ == "__main__":
    netcase.main()
