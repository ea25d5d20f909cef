# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Hosts of a fleet, on one segment with a controller that reaches them by ssh: a libvirtd and an sshd each, in namespaces of their own.

The controller is the sandbox, and the hosts' gateway. reader.enter() must have been called, which installs virt-tap for all."""
import os
import subprocess

import libvirthost
import sandbox
from bridgehelper import await_

SSH = f"{sandbox.RUN}/ssh"
KEY, HOME = f"{SSH}/key", f"{sandbox.RUN}/root"
GATEWAY = "192.0.2.1"
NAMES = {1: "kvm1", 2: "kvm2", 3: "kvm3"}
SSHD = f"""HostKey {KEY}
AuthorizedKeysFile {KEY}.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
Subsystem sftp internal-sftp
"""
CLIENT = f"""IdentityFile {KEY}
UserKnownHostsFile {SSH}/known_hosts
StrictHostKeyChecking yes
BatchMode yes
ConnectTimeout 10
"""
INTERFACES = """auto lo eth0
iface lo inet loopback
iface eth0 inet static
    address {address}/24
    gateway {gateway}
"""


def address(number):
    return f"192.0.2.{10 + number}"


def prepare():
    """The controller, with a key that opens all hosts, and its end of the segment."""
    libvirthost.prepare()
    os.makedirs(SSH)
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    sandbox.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY)
    with open(KEY + ".pub", encoding="ascii") as file:
        key = " ".join(file.read().split()[:2])
    sandbox.write(f"{SSH}/known_hosts", "".join(f"{name},{address(number)} {key}\n" for number, name in NAMES.items()))
    sandbox.write("/etc/ssh/ssh_config", CLIENT)
    sandbox.write("/etc/hosts", "127.0.0.1 localhost\n" + "".join(f"{address(number)} {name} host{number}\n" for number, name in NAMES.items()))
    with open("/etc/passwd", encoding="utf-8") as file:
        lines = [line.replace(":/root:", f":{HOME}:") if line.startswith("root:") else line for line in file]
    sandbox.write("/etc/passwd", "".join(lines))
    sandbox.make_bridge("lan0")
    sandbox.run("ip", "address", "add", GATEWAY + "/24", "dev", "lan0")


class FleetHost(libvirthost.Host):
    """kvm1 and so on, with eth0, which ifupdown configures, and without any of virt-tap's hooks."""

    def __init__(self, number):
        self.sshd = None
        super().__init__(number, hooks=None)
        self.run("mkdir", "-p", "/run/virt-tap")
        self.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run/virt-tap")  # moves of its own
        self.write("/etc/network/interfaces", INTERFACES.format(address=address(number), gateway=GATEWAY))
        sandbox.batch("ip", f"link add lan{number} type veth peer name eth0 address 52:54:00:aa:00:0{number} netns {self.pid}",
                      f"link set lan{number} master lan0 up")
        self.run("ip", "address", "add", address(number) + "/24", "brd", "+", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "via", GATEWAY)
        self.write("/etc/ssh/fleet", SSHD)
        self.sshd = subprocess.Popen(self.enter("/usr/sbin/sshd", "-D", "-f", "/etc/ssh/fleet"), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        if not await_(lambda: sandbox.run("ssh", f"root@{NAMES[number]}", "true", check=False, env=ENVIRONMENT).returncode == 0, 20, 0.2):
            raise RuntimeError(f"sshd of {self.name} does not answer")

    def bridges(self):
        return {name for name in self.links() if os.path.isdir(self.path(f"/sys/class/net/{name}/bridge"))}

    def files(self, *folders):
        """All files below these folders, with what would show that somebody has written them."""
        found = {}
        for folder in folders:
            for where, _, names in os.walk(self.path(folder)):
                for path in (os.path.join(where, name) for name in names):
                    info = os.lstat(path)
                    found[path] = os.readlink(path) if os.path.islink(path) else (info.st_ino, info.st_mtime_ns, info.st_size, info.st_mode)
        return found

    def end(self):
        super().end()
        if self.sshd:
            self.sshd.wait(30)


ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": HOME, "LC_ALL": "C.UTF-8", "USER": "root"}
