# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Hosts with a libvirtd and virt-tap's hooks, each in namespaces of its own inside the sandbox; two of them can migrate guests.

The sandbox must have been entered, and hookhost.install() called.
"""
import glob
import os
import subprocess

import hookhost
import sandbox
from bridgehelper import await_
from virshell import Virsh


def libvirt_has(path, word):
    """Whether that driver of libvirt's knows a word."""
    with open(path, "rb") as file:
        return b"\0" + word + b"\0" in file.read()


# A guest's: {name}, {uuid} (may be empty), {boot}, {devices}.
DOMAIN = """<domain type='qemu'>
<name>{name}</name>{uuid}<memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type>{boot}</os>
<features><acpi/></features>
<on_poweroff>destroy</on_poweroff>
<devices>
<controller type='usb' model='none'/><memballoon model='none'/>
{devices}
</devices>
</domain>
"""
# The first process of the host's pid namespace; it reaps what daemons leave.
INIT = r"""
hostname "$1"
# An /etc of its own, in place of the sandbox's: the policy may not lie behind a mount of some folder.
mount -t tmpfs -o mode=755 tmpfs /mnt
cp -a /etc/. /mnt
umount -l /etc
mount --move /mnt /etc
rm -rf /etc/libvirt /etc/virt-tap
mkdir -p /run/libvirt /etc/libvirt /etc/virt-tap
for folder in /run/libvirt /var/lib/libvirt /var/log/libvirt; do mount -t tmpfs -o mode=755 tmpfs $folder; done
mount -t sysfs sysfs /sys
ip link set lo up
echo ready
while :; do sleep 3600 & wait $!; done
"""
LIBVIRTD = """host_uuid = "00000000-0000-4000-8000-00000000000{number}"
auth_unix_rw = "none"
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
listen_addr = "0.0.0.0"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
"""
# Of every qemu.conf of the tests: no virtlogd, and the limit on core files as it is, for sudo leaves one that nobody may raise again.
QEMU_CONF = 'stdio_handler = "file"\nmax_core = 0\n'
# Else libvirt asks QEMU for some hundred properties of the CPU at each start, and QEMU, which reads that a byte at a time, takes a third of a second.
if any(libvirt_has(path, b"cpu-unavailable-features") for path in glob.glob("/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so")):
    QEMU_CONF += 'capability_filters = [ "cpu-unavailable-features" ]\n'
QEMU = (QEMU_CONF + 'namespaces = []\ncgroup_controllers = []\nsecurity_driver = "none"\nuser = "root"\ngroup = "root"\n'
        'vnc_listen = "127.0.0.1"\n')
LOG, PID = "/var/log/libvirt/libvirtd.log", "/run/libvirt/libvirtd.pid"


def prepare():
    """What all hosts share: folders for their own ones to be mounted on, and users that libvirtd looks up."""
    for folder in ("/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt"):
        os.makedirs(folder, exist_ok=True)
    sandbox.run("mount", "-t", "tmpfs", "tmpfs", "/var/cache/libvirt")  # QEMU is asked what it can once
    for path, line in (("/etc/passwd", "libvirt-qemu:x:64055:64055::/:/bin/false\n"), ("/etc/group", "libvirt-qemu:x:64055:\n"),
                       ("/etc/hosts", "10.99.0.1 host1\n10.99.0.2 host2\n")):
        with open(path, "a", encoding="ascii") as file:
            file.write(line)


class Host:
    def __init__(self, number, hooks):
        """hooks: the folder in which they are installed; None: they are not enabled."""
        self.number, self.name, self.daemon = number, f"host{number}", None
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
             "sh", "-ec", INIT, "init", self.name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{self.name} did not come up")
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            self.pid = int(file.read())
        self._virsh = Virsh(self.enter())
        self.write("/etc/libvirt/libvirtd.conf", LIBVIRTD.format(number=number))
        self.write("/etc/libvirt/qemu.conf", QEMU)
        for driver in ("qemu", "network", "daemon") if hooks else ():
            self.run("mkdir", "-p", f"/etc/libvirt/hooks/{driver}.d")
            self.run("ln", "-s", f"{hooks}/{driver}", f"/etc/libvirt/hooks/{driver}.d/50-virt-tap")
        self.start()

    def run(self, *command, **options):
        """Run a command in the host, as sandbox.run() does."""
        return sandbox.run(*self.enter(*command), **options)

    def enter(self, *command):
        """The same as one command, which enters the host first."""
        return "nsenter", "-t", str(self.pid), "-m", "-n", "-u", "-i", "-p", "--wd=/", *command

    def path(self, path):
        """A path of the host's, as seen from outside."""
        return f"/proc/{self.pid}/root{path}"

    def write(self, path, text, mode=0o644):
        sandbox.write(self.path(path), text, mode)

    def read(self, path):
        with open(self.path(path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def virsh(self, *words, check=True):
        return self._virsh.checked(*words, check=check)

    def start(self):
        """Start libvirtd, and wait until it answers."""
        self.daemon = subprocess.Popen(self.enter("libvirtd", "-l", "-p", PID), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=hookhost.ENVIRONMENT | {"USER": "root"})
        if not await_(lambda: os.path.exists(self.path("/run/libvirt/libvirt-sock")) and
                      self.run("virsh", "-q", "list", check=False).returncode == 0):
            raise RuntimeError(f"libvirtd of {self.name} does not answer")

    def stop(self, signal="TERM"):
        """End libvirtd, not its guests."""
        self._virsh.end()
        self.run("kill", f"-{signal}", self.read(PID).strip())
        self.daemon.wait(30)
        self.run("rm", "-f", "/run/libvirt/libvirt-sock")

    def links(self):
        return set(os.listdir(self.path("/sys/class/net")))

    def taps(self):
        return {name for name in self.links() if name.startswith(("vtap-", "vnet"))}

    def end(self):
        """Everything in it ends."""
        self._virsh.end()
        self.process.kill()
        self.process.wait(30)
        self.process.stdout.close()
        if self.daemon:
            self.daemon.wait(30)
