# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests of `virt-tap policy apply` and `virt-tap repair` share: taps, what the kernel has of them, and frames.

The sandbox must have been entered.
"""
import collections
import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import bridgehelper
import netcase
import portframes
import sandbox
from bridgehelper import IFF_MULTI_QUEUE
from netcase import POLICY
from policycase import VerbCase
from portframes import KINDS
from portjudge import Judge
from rounds import FEW
from test_port_filter import queue
from test_protect import forwarding, frames_on

FRAMES = {kind.name: kind.frame for kind in KINDS}
FORGED, GOOD = FRAMES["RA"], FRAMES["ARP request"]  # of a guest under mac=lock; good ones are also its own addresses'
ADDRESS = portframes.OWN4
SO_RCVBUFFORCE = 33
FLOODING = set()  # the processes of flood(), by pid


def kernel():
    """All that the kernel has of interfaces, ports, FDB, VLANs and filters, without what changes by itself."""
    links = sandbox.run("bridge", "-d", "link", "show").stdout
    filters = "".join(f"filter show dev {name} {way}\n" for name in sorted(sandbox.links()) for way in ("ingress", "egress"))
    return [netcase.state(), sandbox.run("bridge", "-d", "vlan", "show", check=False).stdout,
            [line for line in links.splitlines() if line[:1].isspace()],  # the others have what changes by itself
            sorted(line for line in sandbox.run("bridge", "fdb", "show").stdout.splitlines() if "static" in line),
            sandbox.run("tc", "-force", "-batch", "-", input="qdisc show\n" + filters, check=False).stdout]


class ApplyCase(VerbCase):
    """USER's taps on br0, and what the policy has of them."""

    def setUp(self):
        super().setUp()
        self.fds = []

    def tearDown(self):
        self.end_guests()
        for name in sandbox.links() - self.before:
            sandbox.run("ip", "link", "delete", name, check=False)
        super().tearDown()

    def end_guests(self):
        while self.fds:
            os.close(self.fds.pop())

    def rule(self, text):
        sandbox.write(POLICY, text + "\n")

    def verb(self, *words, status=0, **more):
        """Run a verb of virt-tap as root; returns what it prints about taps, by name, without the summary."""
        done = bridgehelper.run([self.program, *words], timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", **more)
        self.assertEqual(done.returncode, status, done.stdout)
        self.said = done.stdout
        lines = [line.partition(": ") for line in done.stdout.splitlines() if not line.startswith(("taps ", "Taps "))]
        return {name: text for name, _, text in lines}

    def apply(self, *options, status=0, dry=True):
        """policy apply; with --dry-run before that says the same and changes nothing."""
        if dry:
            before = kernel()
            planned = self.verb("policy", "apply", "--dry-run", *options, status=status)
            self.as_json(planned, "policy", "apply", "--dry-run", *options)
            self.assertEqual(kernel(), before)
        done = self.verb("policy", "apply", *options, status=status)
        if dry:
            self.assertEqual({name: text.replace("would be ", "") for name, text in planned.items()}, done)
        return done

    def as_json(self, said, *words):
        """With --json that verb says the same; docs/interfaces.md has the keys."""
        done = bridgehelper.run([self.program, *words, "--json"], timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")
        if not done.stdout:
            self.assertIn(": nothing was changed: ", done.stderr)
            return None
        what = json.loads(done.stdout)
        self.assertEqual(list(what), ["dry_run", "taps", "changed", "refused", "deleted", "left", "failed", "results"])
        counted = collections.Counter(one["result"] for one in what["results"])
        for result in ("changed", "refused", "deleted", "left", "failed"):
            self.assertEqual(counted.pop(result, 0), what[result])
        self.assertLessEqual(set(counted), {"gone"})
        for one in what["results"]:
            self.assertEqual(list(one), ["name", "bridge", "uid", "result", "rule", "changes", "text"])
            if one["result"] == "failed":
                self.assertIn(one["text"], done.stderr)
            else:
                self.assertEqual(one["text"], said[one["name"]])
            self.assertEqual(one["rule"] is None, one["result"] in ("refused", "deleted") or not one["rule"])
            self.assertLessEqual(set(one["changes"]), {"bridge", "mac=lock", "isolated", "guard", "filter", "vlan", "port", "fdb", "claims"})
            self.assertTrue(one["changes"] or one["result"] != "changed")
        self.assertEqual(done.returncode, int(bool(what["refused"] or what["left"] or what["failed"])))
        return what

    def repair(self, *words, status=0):
        return self.verb("repair", *words, status=status)

    def settled(self):
        """Nothing is left to be done."""
        before = kernel()
        self.assertEqual(self.verb("policy", "apply"), {})
        self.assertEqual(self.verb("repair"), {})
        self.assertEqual(kernel(), before)

    def like_new(self, name, *options):
        """The tap is as the helper makes one by the policy in force."""
        def facts(tap):
            info = netcase.link(tap)
            data = {key: value for key, value in info["linkinfo"]["info_slave_data"].items()
                    if key in ("isolated", "locked", "learning", "flood", "guard", "multicast_router", "mcast_max_groups")}
            claims = sorted(claim.rpartition(".")[0] if "range" in claim or claim.startswith("virt-tap.") else claim for claim in info["altnames"])
            filters = [line.replace("chain 0", "") for line in sandbox.run("tc", "filter", "show", "dev", tap, "ingress").stdout.splitlines()]
            return data, claims, filters, info["master"], info["mtu"], "UP" in info["flags"]
        found = facts(name)
        self.end_guests()
        self.delete(f"--name={name}", uid=0)
        self.create(name, *options)
        self.assertEqual(found, facts(name))

    def bound(self, name, binding):
        """Whether its filter is that of the binding, as anybody reads it."""
        with Judge() as judge:
            judge.bind(binding)
            return judge.read(sandbox.ifindex(name))[:2]

    def holds(self, name, flags=0):
        """A guest's queues of the tap; returns a function that sends a frame by them in turn."""
        queues = [queue(name, flags) for _ in range(2 if flags & IFF_MULTI_QUEUE else 1)]
        self.fds += queues

        def send(number, frame):
            os.write(queues[number % len(queues)], frame)
        return send

    def forwards(self, name):
        self.assertTrue(bridgehelper.await_(lambda: forwarding(name)))

    @contextlib.contextmanager
    def far_end(self):
        """A socket at the far end of an uplink of br0."""
        sandbox.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0")
        sandbox.run("ip", "link", "set", "up0", "master", "br0", "up")
        sandbox.run("ip", "link", "set", "far0", "up")
        self.forwards("up0")
        with frames_on("far0") as far:
            far.setblocking(False)
            far.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)  # what crosses while a verb runs
            yield far

    @contextlib.contextmanager
    def flood(self, name, *frames, flags=0):
        """A guest that sends these frames as fast as it can, by all queues (under TCG every other millisecond, for whoever counts them takes
        longest there); yields a function that says that it did."""
        self.holds(name, flags)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            count = 0
            while True:
                for fd in self.fds:
                    for frame in frames:
                        with contextlib.suppress(OSError):  # the tap is down
                            os.write(fd, frame)
                count += 1
                if count % (20 if FEW else 1000) == 0:
                    os.write(writer, b".")
                if FEW:
                    time.sleep(0.002)
        os.close(writer)
        FLOODING.add(pid)
        try:
            yield lambda: os.read(reader, 4096)
        finally:
            FLOODING.remove(pid)
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            os.close(reader)


class Seen:
    """How often each of these frames has come in at a socket since the last call of forget()."""

    def __init__(self, sock, *frames):
        self.sock, self.frames = sock, frames
        self.counts = dict.fromkeys(frames, 0)

    def __call__(self, *frames):
        for pid in FLOODING:  # it may send faster than these are read
            os.kill(pid, signal.SIGSTOP)
        with contextlib.suppress(BlockingIOError):
            while True:
                frame = self.sock.recv(65536)
                if frame in self.counts:
                    self.counts[frame] += 1
        for pid in FLOODING:
            os.kill(pid, signal.SIGCONT)
        return [self.counts[frame] for frame in frames]

    def forget(self):
        self()
        self.counts = dict.fromkeys(self.frames, 0)

    def all_of(self, *frames):
        """Whether each of these comes in, within some seconds."""
        return bridgehelper.await_(lambda: all(self(*frames)))
