# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Real QEMU guests under TCG: a Debian kernel, busybox, and a shell on the serial line.

A guest boots in about three seconds and then runs the commands that it is sent, one at a time: what comes back was
printed by the guest itself. The sandbox must have been entered; kernel and initramfs are put on its private tmpfs,
where every user can read them.
"""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass

import bridgehelper
import sandbox
import sanitized
from initramfs import Initramfs, unsigned

QEMU = "qemu-system-x86_64"
LIMIT = 60  # seconds that one thing may take in a guest; TCG on a busy machine is slow
READY, DONE = "guest is ready", "guest: exit status"
# in the order of their dependencies; one that is missing is built into the kernel
MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "failover",
           "net_failover", "virtio_net", "virtio_console")
INIT = f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
stty -echo
for module in /modules/*; do insmod "$module"; done
until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done
ip link set lo up
ip addr add "$ADDRESS" dev eth0
ip link set eth0 up
echo "{READY}"
while read -r line; do
    eval "$line"
    echo "{DONE} $?"
done
"""


class GuestError(Exception):
    """A guest or its QEMU did not do what was awaited; the text holds what it said."""


@dataclass
class Images:
    """What a guest boots from: paths of the kernel and of the initramfs."""
    kernel: str
    initramfs: str


def prepare(folder):
    """Put what guests boot from on the private tmpfs; folder was filled by guest-kernel. Returns Images."""
    images = Images(f"{sandbox.RUN}/vmlinuz", f"{sandbox.RUN}/initramfs")
    shutil.copyfile(kernel_of(folder), images.kernel)
    sandbox.write(images.initramfs, _initramfs(folder))
    return images


def kernel_of(folder):
    """The path of the kernel: as it runs, where guest-kernel could unpack it, for a guest takes a fifth of its boot for that."""
    kernels = glob.glob(f"{folder}/boot/vmlinux-*") or glob.glob(f"{folder}/boot/vmlinuz-*")
    if not kernels:
        raise GuestError(f"no kernel in '{folder}': tests/lib/guest-kernel puts one there")
    return kernels[0]


def command(netdev, mac, *options, device="virtio-net-pci,romfile="):
    """The arguments for a QEMU with one network card on that -netdev (its id must be n0), serial line on stdio."""
    return [QEMU, "-accel", "tcg", "-m", "512" if sanitized.SANITIZED else "128", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-serial", "stdio", "-netdev", netdev, "-device", f"{device},netdev=n0,mac={mac}", *options]


def boot_options(images, address):
    """The arguments that boot our guest; it gives its card that address (with prefix length)."""
    return ["-kernel", images.kernel, "-initrd", images.initramfs, "-append", kernel_arguments(address)]


def kernel_arguments(address):
    """The kernel's command line: nothing but emergencies on the serial line, which we read; no reboot after a panic; no check whether
    the timer ticks, which a busy machine fails; none of its own tests of ciphers, which take a sixth of the boot."""
    return f"console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off nokaslr norandmaps no_timer_check cryptomgr.notests ADDRESS={address}"


class Console:
    """The serial line of a guest: a stream socket."""

    def __init__(self, stream):
        self.stream, self.unread = stream, ""

    def wait_for(self, text, seconds=LIMIT):
        """Read until a line begins with text; returns everything before it and the rest of that line."""
        pattern = re.compile(rf"^{re.escape(text)}(.*)\n", re.M)
        end = time.monotonic() + seconds
        while not (found := pattern.search(self.unread)):
            self.unread += self._receive(text, end)
        before, self.unread = self.unread[:found.start()], self.unread[found.end():]
        return before, found[1].strip()

    def _receive(self, text, end):
        try:
            self.stream.settimeout(max(end - time.monotonic(), 0.001))
            part = self.stream.recv(4096)
        except TimeoutError:
            raise GuestError(f"no '{text}' from the guest in time; it said: {self.unread!r}") from None
        if not part:
            raise GuestError(f"the guest ended before it said '{text}'; it said: {self.unread!r}")
        return part.decode(errors="replace").replace("\r", "")

    def send(self, line):
        """Have the guest run a shell command; finish() waits for it."""
        self.stream.sendall(line.encode() + b"\n")

    def finish(self, seconds=LIMIT):
        """Wait for the command that was sent; returns its exit status and its output."""
        output, status = self.wait_for(DONE, seconds)
        return int(status), output

    def run(self, line, seconds=LIMIT):
        self.send(line)
        return self.finish(seconds)


class Qemu:
    """A QEMU process of a user, by default unprivileged, with its serial line and what it says on stderr."""

    def __init__(self, argv, uid=sandbox.USER):
        ours, theirs = socket.socketpair()
        self.console = Console(ours)
        self._errors = tempfile.TemporaryFile(dir=sandbox.RUN)
        self.process = bridgehelper.start(argv, stdin=theirs, stdout=theirs, stderr=self._errors, cwd="/",
                                          env={"PATH": "/usr/bin:/bin"}, uid=uid)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def errors(self):
        """What QEMU and the helper that it called have said on stderr."""
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), size, 0).decode(errors="replace")

    def ready(self, seconds=LIMIT):
        """Wait until the guest has booted and has its address."""
        try:
            self.console.wait_for(READY, seconds)
        except GuestError as error:
            raise GuestError(f"{error}; QEMU said: {self.errors().strip()}") from None

    def wait(self, seconds=LIMIT):
        """Wait until QEMU ends by itself; returns its exit status (negative: the signal that ended it)."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise GuestError(f"QEMU (pid {self.process.pid}) did not end in {seconds} s") from None

    def end(self):
        """Kill QEMU if it still runs, and close what belongs to it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(LIMIT)
        self.console.stream.close()
        self._errors.close()


def ping(console, address, count=10):
    """Have the guest ping an address; returns the line 'N packets transmitted, ...' that it printed."""
    console.send(f"ping -c {count} -i 0.1 -W 5 {address}")
    return ping_result(console)


def ping_result(console):
    """The line with the packet loss out of a ping that was sent to the guest."""
    _status, output = console.finish()
    found = re.search(r"^.*packet loss.*$", output, re.M)
    if not found:
        raise GuestError(f"the guest's ping said only: {output!r}")
    return found[0]


def _initramfs(folder):
    """Busybox, the modules in their order, and INIT."""
    root = Initramfs("bin", "proc", "sys", "dev", "modules")
    for path, source, mode in (("bin/busybox", "/usr/bin/busybox", 0o755), *_modules(folder)):
        with open(source, "rb") as file:
            root.file(path, unsigned(file.read()), mode)
    root.file("init", INIT.encode(), 0o755)
    return root.bytes()


def _modules(folder):
    for number, module in enumerate(MODULES):
        for path in glob.glob(f"{folder}/lib/modules/*/kernel/**/{module}.ko", recursive=True):
            yield f"modules/{number}-{module}.ko", path, 0o644
