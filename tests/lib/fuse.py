# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A file system of a user's that does not answer, as FUSE lets anybody mount one.

The sandbox must have been entered.
"""
import contextlib
import os
import select
import stat
import struct
import threading

import sandbox

NODE = sandbox.RUN + "/fuse"
FUSE_INIT = 26
ROOM = 1 << 17  # for the longest request


@contextlib.contextmanager
def hanging(path, uid, takes=True, options=""):
    """Over that folder, for as long as the block; raises OSError without FUSE. takes: its server takes each request, and then whoever waits
    for the answer cannot even be killed; otherwise there is none that does."""
    if not os.path.exists(NODE):
        os.mknod(NODE, stat.S_IFCHR | 0o600, os.makedev(10, 229))
    device = os.open(NODE, os.O_RDWR)
    ended = threading.Event()
    server = threading.Thread(target=_take, args=(device, ended))
    try:
        sandbox.run("mount", "-i", "-t", "fuse", "-o", f"fd={device},rootmode=40000,user_id={uid},group_id={uid}{options}", "hanging", path, pass_fds=[device])
        if takes:
            server.start()
        yield
    finally:
        ended.set()
        if server.ident:
            server.join()
        os.close(device)  # ends all that wait
        sandbox.run("umount", "-l", path, check=False)


def _take(device, ended):
    """Answers the first request, without which the kernel sends no others."""
    while not ended.is_set():
        if not select.select([device], [], [], 0.1)[0]:
            continue
        request = os.read(device, ROOM)
        _, operation, unique = struct.unpack_from("IIQ", request)
        if operation == FUSE_INIT:
            answer = struct.pack("IIIIHHIIHHI28x", 7, 31, 65536, 0, 12, 10, 65536, 1, 0, 0, 0)
            os.write(device, struct.pack("IiQ", 16 + len(answer), 0, unique) + answer)
