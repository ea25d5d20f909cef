# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A Debian kernel as a host: boots under TCG, runs one command as root, and brings back what it printed and its exit status.

For what the kernel that the tests run on may lack. Root is an initramfs made for that one boot: busybox, Python with its
library, and the programs and files that the caller names, each where it is on this machine. Needs neither root nor
the sandbox.
"""
import glob
import importlib.util
import lzma
import marshal
import os
import re
import shlex
import shutil
import subprocess
import tempfile

import guests
import sandbox
import sanitized
from initramfs import Initramfs, unsigned

PYTHON = "/usr/bin/python3"  # Debian's, as the packages are that the libraries come from
# Parts of its library that no test imports. What is left out need not be unpacked under TCG, with the libraries that it is linked to.
UNUSED = ("test", "idlelib", "lib2to3", "ensurepip", "pydoc_data", "tkinter", "turtledemo", "dist-packages", "asyncio", "curses", "dbm", "distutils",
          "email", "html", "http", "lib-dynload", "multiprocessing", "sqlite3", "urllib", "venv", "wsgiref", "xml", "xmlrpc", "zoneinfo")
EXTENSIONS = ("_bz2", "_contextvars", "_ctypes", "_json", "_lzma", "_queue", "_typing", "mmap", "resource", "termios")
# what sandbox.enter() and the tests in it call; the rest is busybox
PROGRAMS = ("ip", "bridge", "setcap", "cp", "timeout", "mount", "umount", "unshare", "setpriv", "prlimit", "strace")
DONE = "kernelhost: exit status"
INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin 2>/dev/null  # those that are there already stay
chmod 755 /  # it comes as 0777
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir /dev/pts /dev/shm
for module in /modules/*.ko; do insmod "$module"; done
ip link set lo up
{{command}} </dev/null 2>&1
echo "{DONE} $?"
poweroff -f
"""


class KernelHostError(Exception):
    """The machine did not boot, or did not end in time; the text holds what it said."""


def run(folder, command, *, files=(), programs=(), modules=(), env=None, memory=512, arguments="", limit=120):
    """Boot the kernel in folder (filled by guest-kernel) and run a command in it; returns its exit status and its output.

    command    argv, as root, its standard input empty
    files      files and folders of this machine that it needs; of those that are folders everything in them
    programs   programs and plugins of this machine besides PROGRAMS, by name or path; they bring their libraries along
    modules    names of kernel modules to be loaded, in that order; those that they depend on come first
    env        the environment, besides PATH, HOME, LANG and NO_COLOR (Python 3.14 colours what unittest says); sandbox.enter() takes the
               machine for its own
    memory     in MiB
    arguments  more of the kernel's command line
    limit      seconds for all of it
    """
    env = {"VIRT_TAP_SANITIZED": "1" if sanitized.SANITIZED else "", "NO_COLOR": "1", sandbox.MARK: sandbox.MACHINE, **(env or {})}
    line = shlex.join(["env", *(f"{name}={value}" for name, value in env.items()), *command])
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.realpath(folder))) as work:  # /tmp may be too small
        with open(f"{work}/initramfs", "wb") as file:
            file.write(_root(folder, line, files, [*PROGRAMS, *programs], modules))
        return _boot(guests.kernel_of(folder), file.name, memory, arguments, limit * sanitized.SLOWER)


def _root(folder, line, files, programs, modules):
    root = Initramfs("proc", "sys", "dev", "tmp", "run", "root", "etc")
    for top in filter(os.path.islink, ("/bin", "/sbin", "/lib", "/lib64")):
        root.link(top, os.readlink(top))
    root.program("/usr/bin/busybox", *map(_find, programs))
    _add_python(root)
    for file in files:
        root.copy(file, leave_out=["__pycache__"])
        _add_compiled(root, file)
    for number, path in enumerate(in_order(folder, modules)):
        with open(path, "rb") as file:
            root.file(f"modules/{number:03}-{os.path.basename(path)}", unsigned(file.read()))
    root.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    root.file("etc/group", b"root:x:0:\n")
    root.file("init", INIT.format(command=line).encode(), 0o755)
    return root.bytes()


def _find(program):
    path = program if "/" in program and os.path.isfile(program) else shutil.which(program)  # plugins are not executable
    if not path:
        raise KernelHostError(f"the program '{program}' is not installed here: ./dev setup")
    return path


def _add_python(root):
    library = subprocess.run([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"], timeout=60, check=True,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.strip()
    root.copy(library, leave_out=[*UNUSED, *map(os.path.basename, glob.glob(f"{library}/config-*"))])
    root.program(PYTHON, *(path for name in EXTENSIONS for path in glob.glob(f"{library}/lib-dynload/{name}.*.so")))


def _add_compiled(root, folder):
    """Beside each Python module there what Python makes of it, which under TCG takes it seconds; it does not look whether the file has changed
    since (PEP 552)."""
    for path in glob.glob(f"{folder}/*.py"):
        with open(path, "rb") as file:
            code = marshal.dumps(compile(file.read(), path, "exec", dont_inherit=True))
        about = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
        root.file(importlib.util.cache_from_source(os.path.realpath(path)), about + code)


def in_order(folder, modules):
    """The paths of these modules, each behind those that it depends on, as it says itself: the package has no modules.dep,
    which is made when it is installed. One that is missing is built into the kernel, if modules.builtin has it."""
    paths = {_name(path): path for path in glob.glob(f"{folder}/lib/modules/*/kernel/**/*.ko*", recursive=True)}
    with open(glob.glob(f"{folder}/lib/modules/*/modules.builtin")[0], encoding="ascii") as file:
        builtin = {_name(line.strip()) for line in file}
    order = []

    def add(name):
        if name in builtin or paths.get(name) in order:
            return
        if name not in paths:
            raise KernelHostError(f"no module '{name}' in '{folder}': tests/lib/guest-kernel has the list")
        with open_module(paths[name]) as file:
            depends = re.search(rb"\0depends=([^\0]*)\0", file.read())
        for other in filter(None, depends[1].decode().split(",")):
            add(_name(other))
        order.append(paths[name])

    for module in modules:
        add(_name(module))
    return order


def open_module(path):
    """Its file, without what Debian 13 compresses it by."""
    return (lzma.open if path.endswith(".xz") else open)(path, "rb")


def _name(module):
    """As the kernel spells it: of files, some have '-' for '_'."""
    return os.path.basename(module).partition(".ko")[0].replace("-", "_")


def _boot(kernel, initramfs, memory, arguments, limit):
    # `timeout` ends it even if we are killed. The entropy that a processor gives saves the wait for another source.
    command = ["timeout", "--foreground", "-k", "5", str(limit), guests.QEMU, "-accel", "tcg", "-cpu", "Nehalem,+rdrand",
               "-m", str(memory), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
               "-kernel", kernel, "-initrd", initramfs, "-append",
               f"console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off nokaslr norandmaps no_timer_check cryptomgr.notests {arguments}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=limit + 10)
    said = done.stdout.decode(errors="replace").replace("\r", "")
    output, found, status = said.rpartition(DONE)
    if not found or done.returncode:
        raise KernelHostError(f"the machine ended ({done.returncode}; 124: not within {limit} s) before its command: {said}")
    return int(status.split()[0]), output
