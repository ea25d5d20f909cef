# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Archives that a Linux kernel unpacks as its first root: format cpio 'newc', made in memory."""
import os
import re
import stat
import subprocess


SIGNATURE = b"~Module signature appended~\n"  # include/linux/module_signature.h; before it 12 bytes, the last four the signature's length


def unsigned(module):
    """A kernel module without its signature: to verify that takes 60 ms under TCG, and Debian's kernels load what has none."""
    if not module.endswith(SIGNATURE):
        return module
    about = len(module) - len(SIGNATURE) - 12
    return module[:about - int.from_bytes(module[about + 8:about + 12], "big")]


class Initramfs:
    """An archive to be filled; a name that is in it already is not put there again."""

    def __init__(self, *folders):
        self._members = []
        self._names = {""}
        for folder in folders:
            self.folder(folder)

    def folder(self, path):
        """A folder, with those above it."""
        name = path.strip("/")
        if name not in self._names:
            self.folder(os.path.dirname(name))
            self._add(name, stat.S_IFDIR | 0o755)

    def file(self, path, data, mode=0o644, mtime=0):
        self.folder(os.path.dirname(path))
        self._add(path.strip("/"), stat.S_IFREG | mode, data, mtime)

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        self._add(path.strip("/"), stat.S_IFLNK | 0o777, target.encode())

    def copy(self, path, leave_out=()):
        """A file or folder of this machine, to where its folder really is here, without what has a name in leave_out."""
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if os.path.isdir(path):
            self.folder(path)
            for name in sorted(set(os.listdir(path)) - set(leave_out)):
                self.copy(f"{path}/{name}", leave_out)
        elif path.strip("/") not in self._names:
            with open(path, "rb") as file:
                about = os.fstat(file.fileno())
                self.file(path, file.read(), stat.S_IMODE(about.st_mode) & 0o755, int(about.st_mtime))

    def program(self, *paths):
        """Programs of this machine, with the shared libraries that they are linked to."""
        said = subprocess.run(["ldd", *paths], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60).stdout
        for path in (*paths, *re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", said, re.M)):
            self.copy(path)

    def _add(self, name, mode, data=b"", mtime=0):
        """A header of hexadecimal fields, the name, the data, each padded to four bytes."""
        if name in self._names:
            return
        self._names.add(name)
        label = name.encode() + b"\0"
        fields = (0, mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(label), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + label
        self._members.append(header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4))

    def bytes(self):
        """The whole archive; nothing can be added any more."""
        self._add("TRAILER!!!", 0)
        return b"".join(self._members)
