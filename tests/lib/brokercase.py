# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests of the broker share: one that runs, a helper without its file capability, whose every call goes through it, and peers that
speak to it themselves."""
import array
import contextlib
import os
import signal
import socket
import subprocess
import time

import bridgehelper
import netcase
import sandbox
from sandbox import OTHER

PATH = "/run/virt-tap/broker"
BUSY = 255
TAP = ("--use-vnet", "--br=br0", "--fd=3")


def children(pid):
    """Those that run."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return {child for child in map(int, file.read().split()) if runs(child)}


def listens(path):
    """Whether a broker answers; what it logs of this is logged then."""
    with contextlib.suppress(ConnectionRefusedError, FileNotFoundError), connect(OTHER, path=path) as peer:
        peer.send(b"x")
        return answer(peer)[0] == 1
    return False


def children_of(pid, uid):
    """Those that have become that user."""
    found = set()
    for child in children(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{child}/status", encoding="ascii") as file:
                found |= {child} if f"\nUid:\t{uid}\t" in file.read() else set()
    return found


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def message(*words):
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def connect(uid, gid=None, groups=(), path=PATH):
    """A connection of that user's."""
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with bridgehelper.acting_as(uid, gid, groups):
            peer.connect(path)
    except BaseException:
        peer.close()
        raise
    peer.settimeout(bridgehelper.LIMIT)  # not before: it would not wait for a place in the backlog
    return peer


def answer(peer):
    """What comes back: (exit status, text, descriptors); None for the status if nothing does."""
    try:
        data, ancillary, _flags, _address = peer.recvmsg(4096, socket.CMSG_SPACE(64))
    except ConnectionResetError:  # it was not read
        data, ancillary, _flags, _address = peer.recvmsg(4096, socket.CMSG_SPACE(64))
    fds = array.array("i", b"".join(content for _level, _kind, content in ancillary))
    return (data[0], data[1:].decode(), list(fds)) if data else (None, "", list(fds))


def ask(uid, *words, **who):
    """One request; again as long as the broker is busy."""
    while True:
        with connect(uid, **who) as peer:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # if it was refused already
                peer.send(message(*words))
            found = answer(peer)
        if found[0] != BUSY:
            return found
        time.sleep(0.002)


class BrokerCase(netcase.NetCase):
    """The helper without its capability, so that all its calls go through a broker, which must be as it was at the end of each test."""

    def setUp(self):
        super().setUp()
        self.direct, self.helper = self.helper, sandbox.install(netcase.HELPER, name="client", caps=None)
        try:
            self.start_broker()
        except BaseException:
            super().tearDown()
            raise

    def tearDown(self):
        rested = bridgehelper.await_(lambda: self.rest() == self.idle)
        rest, status = self.rest(), self.stop_broker()
        super().tearDown()
        self.assertTrue(rested, f"{rest}, not {self.idle}")
        self.assertEqual(status, -signal.SIGTERM)

    def one_more_broker(self, path):
        broker = subprocess.Popen([self.direct, "broker", "--listen", path], stdin=subprocess.DEVNULL)
        self.addCleanup(broker.wait)
        self.addCleanup(broker.kill)
        self.assertTrue(bridgehelper.await_(lambda: listens(path), step=0.002))
        return broker

    def start_broker(self):
        self.broker = self.one_more_broker(PATH)
        self.idle = (0, 4)  # no child; descriptors 0 to 2 and the socket

    def stop_broker(self):
        """Returns its exit status."""
        self.broker.terminate()
        return self.broker.wait(timeout=60)

    def rest(self):
        """How many children and descriptors it has."""
        return len(children(self.broker.pid)), len(os.listdir(f"/proc/{self.broker.pid}/fd"))

    def refuse(self, *options, **more):
        """Also once what was granted before has gone."""
        bridgehelper.await_(lambda: sandbox.links() == self.before, seconds=2)
        return super().refuse(*options, **more)

    def raw_tap(self, uid=OTHER, path=PATH):
        """One start by that user; returns the seconds that it took."""
        began = time.monotonic()
        status, text, fds = ask(uid, *TAP, path=path)
        taken = time.monotonic() - began
        self.assertEqual((status, text, len(fds)), (0, "", 1))
        os.close(fds[0])
        return taken
