# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Calls a bridge helper as QEMU does (net/tap.c: net_bridge_run_helper): one end of a stream socketpair, everything
else from 3 up closed, an answer of one byte with one descriptor."""
import array
import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass, field

import sanitized

TUNGETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETIFF = 0x800454D2, 0x400454CB, 0x400454CC, 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE, IFF_TUN_EXCL = 1, 2, 0x1000, 0x4000, 0x100, 0x8000
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
SYS_SETGROUPS, SYS_SETRESUID, SYS_SETRESGID = 116, 117, 119  # of x86-64
LIBC = ctypes.CDLL(None, use_errno=True)  # loaded before any child may have lost the right to read it
LIMIT = 20 * sanitized.SLOWER  # seconds that any call may take


@dataclass
class Answer:
    """What came back: exit status (negative: ended by that signal), stderr, bytes and descriptors received."""
    status: int
    stderr: str
    data: bytes = b""
    fds: list = field(default_factory=list)

    @property
    def granted(self):
        """A complete grant to the letter of the contract."""
        return self.status == 0 and self.data == b"\0" and len(self.fds) == 1

    def tap(self):
        """Name and flags of the tap received."""
        name, flags = struct.unpack("16sH22x", fcntl.ioctl(self.fds[0], TUNGETIFF, bytes(40)))
        return name.split(b"\0")[0].decode(), flags

    def close(self):
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def become(uid, gid=None, groups=(), nofile=None, no_new_privs=False):
    """Become that user for good, in a child before exec."""
    if nofile is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
    if uid:
        os.setgroups(list(groups))
        os.setresgid(*(gid or uid,) * 3)
        os.setresuid(*(uid,) * 3)
    if no_new_privs:
        assert LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0


@contextlib.contextmanager
def acting_as(uid, gid=None, groups=()):
    """This thread as that user, for the programs that it starts meanwhile. preexec_fn would copy this whole process for each of them,
    which takes longer than most of them do. The saved ids stay root's here, and become the user's at exec."""
    if not uid:
        yield
        return
    own = os.getgroups()
    _set_ids(groups, gid or uid, uid)
    LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # a change of ids cleared it, and subprocess reads /proc/self/fd as that user
    try:
        yield
    finally:
        _set_ids(own, 0, 0)


def _set_ids(groups, gid, uid):
    """By the system calls: libc's functions would change the ids of all threads. Root's uid comes first, a user's last."""
    calls = [(SYS_SETGROUPS, len(groups), (ctypes.c_uint32 * len(groups))(*groups)), (SYS_SETRESGID, gid, gid, 0), (SYS_SETRESUID, uid, uid, 0)]
    for call in calls if uid else reversed(calls):
        if LIBC.syscall(*call) != 0:
            raise OSError(ctypes.get_errno(), f"cannot act as uid {uid}, gid {gid}")


def start(argv, uid=0, gid=None, groups=(), nofile=None, no_new_privs=False, **options):
    """A subprocess.Popen() of that user, with these limits."""
    if nofile is None and not no_new_privs:
        with acting_as(uid, gid, groups):
            return subprocess.Popen(argv, **options)

    def limit():  # before exec for good: no_new_privs keeps a program from no capability that its starter has
        become(uid, gid, groups, nofile, no_new_privs)
    return subprocess.Popen(argv, preexec_fn=limit, **options)


def run(argv, uid=0, input=None, timeout=LIMIT, **options):
    """As subprocess.run(), by start(): standard input is the input, or else empty by default."""
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with start(argv, uid, **{"stdin": subprocess.DEVNULL, **options}) as process:
        try:
            out, error = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(argv, process.returncode, out, error)


class Call:
    """A helper that runs; finish() waits for it and returns its Answer."""

    def __init__(self, command, uid=0, env=None, pass_socket=True, **limits):
        """command is argv, in which '{fd}' stands for the number of the socket."""
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        argv = [word.replace("{fd}", str(theirs.fileno())) for word in command]
        self.process = start(argv, uid, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env or {"PATH": "/usr/bin"},
                             pass_fds=[theirs.fileno()] if pass_socket else [], cwd="/", **limits)
        theirs.close()

    def finish(self):
        data, fds = b"", []
        self.ours.settimeout(LIMIT)
        try:
            while True:
                part, ancillary, _flags, _addr = self.ours.recvmsg(64, socket.CMSG_SPACE(64))
                for level, kind, content in ancillary:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        numbers = array.array("i")
                        numbers.frombytes(content[:len(content) - len(content) % numbers.itemsize])
                        fds.extend(numbers)
                if not part:
                    break
                data += part
        except ConnectionResetError:
            pass
        self.ours.close()
        try:
            out, _ = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            out, _ = self.process.communicate()
            out += b"\n(killed: did not end in time)"
        return Answer(self.process.returncode, out.decode(errors="replace"), data, fds)


def call(helper, *options, bridge="br0", uid=0, vnet=True, **more):
    """Call helper (a path, or argv's beginning) as QEMU does, for that user; returns the Answer."""
    start = [helper] if isinstance(helper, str) else list(helper)
    argv = start + (["--use-vnet"] if vnet else []) + ["--fd={fd}", f"--br={bridge}", *options]
    return Call(argv, uid, **more).finish()


def attach(name, flags=IFF_TAP | IFF_NO_PI, uid=0):
    """Try as that user to open the tap of that name with TUNSETIFF; returns errno, 0 for success."""
    with acting_as(uid), open("/dev/net/tun", "r+b", buffering=0) as tun:
        try:
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        except OSError as error:
            return error.errno
    return 0


def await_(condition, seconds=10, step=0.02):
    """Wait until condition() is true; returns whether it became so in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True
