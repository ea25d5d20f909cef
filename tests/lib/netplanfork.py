# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""netplan, without the fifth of a second that it takes each time to load itself: a process that has loaded it forks for each call.

What runs is netplan's own script, in the same folder, with the caller's arguments, standard input, output and error. Of the caller's
environment it sees nothing. The sandbox must have been entered; only root can call it.
"""
import array
import ctypes
import importlib
import os
import runpy
import shutil
import signal
import socket
import struct
import sys
import traceback

import sandbox

SOCKET = sandbox.RUN + "/netplan.socket"
SCRIPT = "netplan.forked"
CLONE_NEWNS = 0x20000
# -SIE, and no module but those that are built in: this is what each call takes.
CLIENT = f"""#!/usr/bin/python3 -SIE
import _socket, posix, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect({SOCKET!r})
words = [posix.getcwd(), *sys.argv[1:]]
server.sendmsg(["\\0".join(words).encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, b"".join(fd.to_bytes(4, sys.byteorder) for fd in range(3)))])
sys.exit(server.recv(1)[0])
"""


def install():
    """From here on, this is what netplan's path leads to."""
    path = os.path.realpath(shutil.which("netplan"))
    real = sandbox.RUN + "/netplan.real"
    shutil.copytree(os.path.dirname(path), real, symlinks=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(SOCKET)
    listening.listen(64)
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() == 0:
        _serve(listening, f"{real}/{os.path.basename(path)}")
    listening.close()
    sandbox.write(f"{sandbox.RUN}/{SCRIPT}", CLIENT, mode=0o755)
    _put_in_place()


def _put_in_place():
    sandbox.run("mount", "--bind", f"{sandbox.RUN}/{SCRIPT}", shutil.which("netplan"))


def leave_out(test):
    """For this test netplan's path leads to the real one."""
    sandbox.run("umount", shutil.which("netplan"))
    test.addCleanup(_put_in_place)


def _serve(listening, script):
    """Until the sandbox ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that are forked
    sys.path.insert(0, os.path.dirname(script))
    for name in ("netplan", "netplan_cli"):  # the latter since version 1.0
        try:
            importlib.import_module(name + ".cli.commands")
        except ImportError:
            pass
    while True:
        caller = listening.accept()[0]
        if os.fork() == 0:
            os._exit(_answer(caller, script))
        caller.close()


def _answer(caller, script):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, ancillary, _flags, _address = caller.recvmsg(65536, socket.CMSG_SPACE(12))
    for own, fd in enumerate(array.array("i", ancillary[0][2])):
        os.dup2(fd, own)
        os.close(fd)
    pid = struct.unpack("iII", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    with open(f"/proc/{pid}/ns/mnt", "rb") as namespace:  # it may see other files
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNS) < 0:
            raise OSError(ctypes.get_errno(), "setns")
    folder, *words = request.decode().split("\0")
    os.chdir(folder)
    sys.argv = ["netplan", *words]
    status = 1
    try:
        runpy.run_path(script, run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(bool(end.code))
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # as Python ends a script
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    caller.sendall(bytes([status & 0xFF]))
    return 0
