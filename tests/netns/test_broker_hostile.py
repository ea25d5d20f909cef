#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Peers that the broker must not mind: slow, silent, half, too long, many, with descriptors that take long to close, stopped. None puts the
socket out of order, makes another user wait, or leaves a process, a descriptor or a tap: the last is what BrokerCase looks for after each."""
import contextlib
import os
import random
import resource
import signal
import socket
import statistics
import struct
import time

import bridgehelper
import brokercase
import netcase
import sandbox
from brokercase import BUSY, TAP, answer, connect, message
from netcase import POLICY
from rounds import rounds
from sandbox import USER

BAD = "a request is one message of up to 4 kB"
UNDISTURBED = "/run/virt-tap/undisturbed"
LINGER = struct.pack("ii", 1, 60)


def said(peer):
    """The status that comes back, None if nothing does."""
    with peer:
        return answer(peer)[0]


class Messages(brokercase.BrokerCase):
    """What is no request."""

    def refuses(self, data, says=BAD, status=1, ancillary=()):
        before = sandbox.links()
        found = (BUSY,)
        while found[0] == BUSY:  # after four of these at once
            with connect(USER) as peer, contextlib.suppress(BrokenPipeError):
                peer.sendmsg([data], ancillary)
                found = answer(peer)
        self.assertEqual((found[0], found[2]), (status, []), found)
        self.assertIn(says, found[1])
        self.assertTrue(all(" " <= char <= "~" for char in found[1]), found)
        self.assertEqual(sandbox.links(), before)

    def test_shapes(self):
        good = message(*TAP)
        self.refuses(good[:-1])
        self.refuses(good[:-1] + b"x" * (4097 - len(good)) + b"\0")
        self.refuses(b"x" * 100000)
        self.refuses(b"\0" * 4097)
        self.refuses(b"")
        self.refuses(b"\0" * 4096, says="no such option: ''", status=2)
        self.refuses(b"\0" + good, says="no such option: ''", status=2)
        self.refuses(b"\xff\n\x1b[31m\0", says="no such option", status=2)
        self.refuses(message("--help"), says="broker: needs root")
        self.refuses(message("broker"), says="broker: needs root")
        self.refuses(message("broker", "--listen", "/run/vt/mine"), says="broker: needs root")
        self.refuses(message("create", "--version"), says="broker: needs root")
        self.refuses(message("--br=br0"), says="--fd=FD", status=2)

    def test_descriptors(self):
        """None is taken; nor is a process, a namespace or a path of the peer's."""
        with open("/dev/null", "rb") as file:
            one = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file.fileno()))]
            many = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file.fileno()) * 253)]
            for ancillary in (one, many):
                self.refuses(message(*TAP), ancillary=ancillary)

    def test_by_chance(self):
        chance = random.Random("messages")
        words = [b"create", b"delete", b"bridge", b"broker", b"--br=br0", b"--bridge=br0", b"--fd=3", b"--name=vtap-a", b"--mac=52:54:00:12:34:56",
                 b"--use-vnet", b"--listen", b"--owner=0", b"--domain=x", b"--force", b"", b"--ip=10.0.0.1", b"\xff" * 9, b"%s%n"]
        for number in range(rounds(100, 5000)):
            data = bytearray(b"".join(chance.choice(words) + b"\0" for _ in range(chance.randrange(8))))
            for _ in range(chance.randrange(3)):
                data[chance.randrange(len(data) + 1):] = chance.randbytes(chance.choice([0, 1, 9, 5000]))
            with connect(USER) as peer:
                peer.send(data)
                found = answer(peer)
            for fd in found[2]:
                os.close(fd)
            self.assertIn(found[0], (0, 1, 2, BUSY), (number, bytes(data)))
        for name in sandbox.links() - self.before:
            if name == "vtap-a":
                self.delete("--name=vtap-a")


class Others(brokercase.BrokerCase):
    """What one user does while another starts guests, who takes at most twice as long as through a second broker that only he uses: what
    either takes of a busy machine, the other does."""

    def setUp(self):
        super().setUp()
        sandbox.write(POLICY, "allow br0\n")
        soft, self.hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(12000, self.hard), self.hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, self.hard))
        self.one_more_broker(UNDISTURBED)
        self.peers = contextlib.ExitStack()
        self.addCleanup(self.peers.close)

    def tearDown(self):
        self.peers.close()
        super().tearDown()

    def keep(self, uid=USER):
        return self.peers.enter_context(connect(uid))

    def median(self, path=brokercase.PATH):
        """Of the seconds that 25 starts by another user take."""
        return statistics.median(self.raw_tap(path=path) for _ in range(25))

    def others_wait_no_longer(self):
        """More than once, for the machine may get busy in between."""
        found = []
        for _ in range(5):
            found.append((self.median(UNDISTURBED), self.median()))
            if found[-1][1] <= 2 * found[-1][0]:
                return
        self.fail(f"the medians, undisturbed and otherwise, in ms: {[(round(a * 1000, 2), round(b * 1000, 2)) for a, b in found]}")

    @contextlib.contextmanager
    def at_work(self, act):
        """act() again and again by another process meanwhile; gives a pipe with a byte for each."""
        done, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                while os.write(theirs, b"x"):
                    act()
            os._exit(1)
        os.close(theirs)
        os.set_blocking(done, False)
        try:
            yield done
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(done)

    def hammer(self, act, least=1):
        """act() at least so often, while others start."""
        with self.at_work(act) as done:
            self.others_wait_no_longer()
            count, end = 0, time.monotonic() + bridgehelper.LIMIT
            while count < least and time.monotonic() < end:
                with contextlib.suppress(BlockingIOError):
                    count += len(os.read(done, 65536))
                time.sleep(0.01)
        self.assertGreaterEqual(count, least)

    def test_silent_ones(self):
        """Four wait for their message; the fifth of that user is told to come again; and all are given up after 5 s."""
        began = time.monotonic()
        silent = [self.keep() for _ in range(4)]
        self.assertTrue(bridgehelper.await_(lambda: len(brokercase.children(self.broker.pid)) == 4, step=0.002))
        self.assertEqual(said(connect(USER)), BUSY)
        self.others_wait_no_longer()
        self.assertEqual([said(peer) for peer in silent], [1] * 4)
        self.assertTrue(4.9 < time.monotonic() - began < 20)
        self.raw_tap(USER)

    def test_slow_ones(self):
        """One that sends after a while is served as any other."""
        with connect(USER) as peer:
            time.sleep(0.3)
            peer.send(message(*TAP))
            status, _text, fds = answer(peer)
        self.assertEqual((status, len(fds)), (0, 1))
        os.close(fds[0])

    def test_that_close_early(self):
        def act():
            with connect(USER) as peer:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    peer.send(message("--br=br9", "--fd=3"))
        self.hammer(act, 300)

    def test_that_only_connect(self):
        self.hammer(lambda: connect(USER).close(), 1000)

    def test_thousands_held_open(self):
        """10,000 connections, each left open by its peer."""
        wanted = min(10000, self.hard - 500)
        kept = []

        def act():
            if len(kept) < wanted:
                kept.append(connect(USER))
        self.hammer(act, wanted)

    def test_descriptors_that_take_long_to_close(self):
        """A TCP socket that lingers for a minute when its last descriptor is closed, and that is in a message nobody reads."""
        listener = self.peers.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)

        def lingering():
            """A socket with more to send than the other end takes."""
            one = socket.create_connection(listener.getsockname())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            self.peers.enter_context(listener.accept()[0])
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    one.send(b"x" * 65536)
            return one

        def send(peer):
            """Its last descriptor is then in the message, if that was not refused."""
            with lingering() as one:
                try:
                    socket.send_fds(peer, [b"x"], [one.fileno()])
                    socket.send_fds(peer, [b"x"], [one.fileno()])
                except (BrokenPipeError, ConnectionResetError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        silent = [self.keep() for _ in range(4)]
        for _ in range(rounds(300, 3000)):
            with connect(USER) as peer:
                send(peer)
        self.others_wait_no_longer()
        for peer in silent:
            send(peer)
        self.others_wait_no_longer()

    def test_of_many_uids(self):
        """One person's, by subordinate uids: silent, and stopped by that person."""
        sandbox.write(POLICY, "allow br0\n")
        for number in range(80):
            self.keep(100000 + number // 4)
        self.others_wait_no_longer()

        def stop():
            uid = 200000 + random.randrange(30)
            self.keep(uid)
            for child in brokercase.children(self.broker.pid):
                with contextlib.suppress(ProcessLookupError, PermissionError), bridgehelper.acting_as(uid):
                    os.kill(child, signal.SIGSTOP)
            time.sleep(0.005)
        self.hammer(stop, 80)
        for child in brokercase.children(self.broker.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def test_a_user_with_children_that_are_stopped(self):
        """They are ended in the end, and nobody else notices."""
        for _ in range(4):
            self.keep()
        self.assertTrue(bridgehelper.await_(lambda: len(brokercase.children_of(self.broker.pid, USER)) == 4, step=0.002))
        for child in brokercase.children_of(self.broker.pid, USER):
            with bridgehelper.acting_as(USER):
                os.kill(child, signal.SIGSTOP)
        self.others_wait_no_longer()
        if rounds(0, 1):
            self.assertTrue(bridgehelper.await_(lambda: not brokercase.children(self.broker.pid), seconds=40))
            self.raw_tap(USER)
        for child in brokercase.children(self.broker.pid):
            with contextlib.suppress(PermissionError), bridgehelper.acting_as(USER):
                os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    netcase.main()
