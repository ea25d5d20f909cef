# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Debians of their own: a folder that nothing changes, made of Debian's packages, and Roots, each of which lays what it changes over one,
and has no network. Takes root."""
import os
import shutil
import subprocess
import tempfile

SOURCE = os.environ["VIRT_TAP_SOURCE"]
ENTER = """
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do : >"dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
mkdir dev/net dev/shm dev/pts
mknod -m 666 dev/net/tun c 10 200
ln -s /proc/self/fd dev/fd
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ip link set lo up
exec chroot . env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \\
  sh -euc "$3"
"""


def run(*command, timeout=3600, check=True, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace",
                          timeout=timeout, check=False, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{command[0]}: exit {done.returncode}:\n{done.stdout[-6000:]}")
    return done


class Root:
    """A Debian to change."""

    def __init__(self, base):
        self.base, self.folder = base, tempfile.mkdtemp(dir=os.path.dirname(base))
        for name in ("upper", "work", "root"):
            os.mkdir(f"{self.folder}/{name}")

    def run(self, script, **options):
        """A shell script in there, to its end; returns the CompletedProcess."""
        return run("unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--propagation", "private", "sh", "-euc", ENTER, "enter",
                   self.base, self.folder, script, **options)

    def put(self, path, name):
        """Copy a file into /src."""
        os.makedirs(f"{self.folder}/upper/src", exist_ok=True)
        shutil.copy(path, f"{self.folder}/upper/src/{name}")

    def remove(self):
        shutil.rmtree(self.folder)


def make(base, release, packages, *options):
    """The Debian that Roots start from, with these packages, made if it is not there. Appears complete or not at all. Returns base."""
    stamp = " ".join((*sorted(packages), *options))
    if os.path.exists(base + ".made-of"):
        with open(base + ".made-of", encoding="ascii") as file:
            if file.read() == stamp:
                return base
    os.makedirs(os.path.dirname(base), exist_ok=True)
    shutil.rmtree(base, ignore_errors=True)
    # In namespaces of its own: whatever becomes of it, nothing stays mounted.
    run("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "mmdebstrap", "--mode=root", "--variant=apt",
        "--format=directory", f"--include={','.join(packages)}", '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"',
        "--dpkgopt=force-unsafe-io", *options, release, base, *filter(None, [os.environ.get("MIRROR")]))
    with open(base + ".made-of", "w", encoding="ascii") as file:
        file.write(stamp)
    return base


def tree(path):
    """The files that git knows, as a tar archive."""
    names = subprocess.run(["git", "-c", "safe.directory=*", "-C", SOURCE, "ls-files", "-z"], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    subprocess.run(["tar", "-C", SOURCE, "-c", "-f", path, "--null", "-T", "-"], input=names, check=True, timeout=60)
