# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A reader of the guides to libvirt: domains, the system's libvirtd, and a second host that ssh reaches."""
import contextlib
import os
import socket
import subprocess
import threading

import libvirthost
import sandbox
from bridgehelper import await_
from reader import ALICE, BIN, HOME, PATH, Reader

SYSTEM, SESSION = "qemu:///system", "qemu:///session"
SESSION_CONF = libvirthost.QEMU_CONF
# ssh, which passes its descriptors and its command to whoever serves the socket, and exits as that says.
SSH_SOCKET = f"{sandbox.RUN}/ssh.socket"
SSH = f"""#!/usr/bin/python3
import socket, sys
words = sys.argv[1:]
while words[0].startswith("-"):
    words = words[2 if words[0] in ("-e", "-p", "-l") else 1:]
server = socket.socket(socket.AF_UNIX)
server.connect("{SSH_SOCKET}")
socket.send_fds(server, [" ".join(words[1:]).encode()], [0, 1, 2])
sys.exit(server.recv(1)[0])
"""


class Guide(Reader):
    def system(self):
        """The system's libvirtd, on the sandbox's own files."""
        for folder in ("/var/lib/libvirt", "/var/log/libvirt"):
            sandbox.run("mount", "-t", "tmpfs", "tmpfs", folder)
            self.addCleanup(sandbox.run, "umount", "-l", folder)
        sandbox.write("/etc/libvirt/qemu.conf", libvirthost.QEMU)
        daemon = subprocess.Popen(["libvirtd", "-p", "/run/libvirtd.pid"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env={"PATH": PATH, "HOME": "/", "USER": "root"})
        self.addCleanup(daemon.wait, 30)
        self.addCleanup(daemon.terminate)
        self.assertTrue(await_(lambda: sandbox.run("virsh", "-q", "-c", SYSTEM, "list", check=False).returncode == 0))

    def session(self):
        """alice's own libvirtd will find its configuration; it ends with the test."""
        path = f"{HOME}/.config/libvirt/qemu.conf"
        sandbox.write(path, SESSION_CONF, uid=ALICE, gid=ALICE)
        for folder in ("", "/libvirt"):
            os.chown(f"{HOME}/.config{folder}", ALICE, ALICE)
        self.addCleanup(self.end_session)

    def end_session(self):
        self.type("kill $(cat ~/libvirt/libvirtd.pid) 2>/dev/null; while [ -e ~/libvirt/libvirtd.pid ]; do sleep 0.1; done")

    @staticmethod
    def taps():
        return sorted(name for name in sandbox.links() if name.startswith("vtap-"))

    def has_taps(self, count):
        self.assertTrue(await_(lambda: len(self.taps()) == count), f"{self.taps()}, not {count}")


class Pair:
    """Two hosts, here with brA and there with br0, on one segment; the first reaches the second by ssh, as root."""
    ADDRESSES = "10.99.0.1", "10.99.0.2"

    def __init__(self):
        sandbox.write(f"{BIN}/ssh", SSH, mode=0o755)
        self.here, self.there = (libvirthost.Host(number, "/usr/local/libexec/virt-tap/hooks") for number in (1, 2))
        sandbox.run("ip", "link", "add", "mig0", "netns", str(self.here.pid), "type", "veth", "peer", "name", "mig0", "netns", str(self.there.pid))
        for host, bridge, address in zip((self.here, self.there), ("brA", "br0"), self.ADDRESSES):
            host.run("ip", "link", "add", bridge, "up", "address", f"52:54:00:77:00:f{host.number}", "type", "bridge")
            host.run("ip", "address", "add", address + "/24", "dev", "mig0")
            host.run("ip", "link", "set", "mig0", "up")
            host.write("/etc/virt-tap/policy.conf", f"allow {bridge}\n")
        self.server = socket.create_server(SSH_SOCKET, family=socket.AF_UNIX)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        """sshd of the second host."""
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        command, fds, _flags, _address = socket.recv_fds(client, 65536, 3)
        done = subprocess.run(self.there.enter("env", f"PATH={PATH}", "sh", "-c", command), stdin=fds[0], stdout=fds[1], stderr=fds[2], check=False)
        for fd in fds:
            os.close(fd)
        with client, contextlib.suppress(BrokenPipeError):  # libvirt does not wait for its ssh
            client.sendall(bytes([done.returncode]))

    def type(self, command, check=True):
        """Type a command on the first host, as root; returns what it said."""
        return self.here.run("env", f"PATH={PATH}", "bash", "-c", command, check=check).stdout

    def end(self):
        self.here.end()
        self.there.end()
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
