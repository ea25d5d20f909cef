# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Whole Debian machines, with systemd and their own network manager, booted by QEMU under TCG; and the network that they are on.

Both live in the sandbox of the script. A machine's disk is a snapshot: nothing of it is left. Its NICs are eth0, eth1, ...
"""
import base64
import contextlib
import fcntl
import io
import os
import select
import shlex
import signal
import socket
import struct
import subprocess
import tarfile
import tempfile
import threading
import time

import guests
import needed
import sandbox
from bridgehelper import IFF_NO_PI, IFF_TAP, TUNSETIFF

BOOT = 900  # seconds that a machine may take to boot, with other work beside it
MANAGERS = ("ifupdown", "networkd", "netplan", "networkmanager")
ROUTER, ROUTER6 = "10.77.0.1", "fd77::1"
VLAN, VLAN_ROUTER = 10, "10.78.0.1"
ONLINK = "10.88.0.0/24"  # of hosts whose gateway, ROUTER, is in none of their networks
OUTSIDE, OUTSIDE6, OUTSIDE_NAME = "198.51.100.1", "2001:db8:1::1", "outside.machines.test"
# What takes time under TCG and has nothing to do with the network.
MASKED = ("apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer "
          "systemd-tmpfiles-clean.timer getty.target systemd-update-utmp.service systemd-update-utmp-runlevel.service "
          "systemd-pstore.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount "
          "systemd-timesyncd.service systemd-hwdb-update.service ldconfig.service")

# Commands come one a line through a port of virtio-serial, so that they take no network: base64 in, status and base64 out.
AGENT = """until [ -e /dev/virtio-ports/commands ]; do sleep 0.1; done
exec 3<>/dev/virtio-ports/commands
echo ready >&3
while read -r line <&3; do
  output=$(exec 3>&-; timeout 900 bash -c "$(base64 -d <<<"$line")" </dev/null 2>&1 | base64 -w 0; exit "${PIPESTATUS[0]}")
  echo "$? $output" >&3
done
"""
AGENT_UNIT = """[Unit]
Description=Commands of the test

[Service]
ExecStart=/bin/bash /usr/lib/machine/agent
TimeoutStopSec=5
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""


class Lan:
    """A segment, bridge lan, and its router, which is this namespace: DHCP (leases from .100, of an hour), router advertisements,
    DNS, and behind it OUTSIDE. On VLAN there is a router, too. more: options of dnsmasq."""

    def __init__(self, *more):
        self.folder = tempfile.TemporaryDirectory(prefix="lan.", dir=sandbox.RUN)
        os.chmod(self.folder.name, 0o755)
        sandbox.run("sh", "-euc", f"""
            ip address add {OUTSIDE}/32 dev lo; ip address add {OUTSIDE6}/128 dev lo nodad
            ip link add lan address 52:54:00:77:ff:00 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
            ip address add {ROUTER}/24 dev lan; ip address add {ROUTER6}/64 dev lan nodad; ip link set lan up
            ip route add {ONLINK} dev lan
            for tap in trunk vlan; do ip tuntap add $tap mode tap; done
            ip link set trunk master lan; ip link set trunk up; ip address add {VLAN_ROUTER}/24 dev vlan; ip link set vlan up
            echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding""")
        command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file", "--bind-dynamic", "--no-hosts",
                   "--no-resolv", f"--log-facility={self.folder.name}/dnsmasq.log", "--log-dhcp", f"--dhcp-leasefile={self.folder.name}/leases",
                   "--dhcp-authoritative", "--no-ping", "--interface=lan", "--interface=vlan", "--dhcp-range=10.77.0.100,10.77.0.199,1h",
                   f"--host-record={OUTSIDE_NAME},{OUTSIDE},{OUTSIDE6}", "--enable-ra", "--dhcp-range=fd77::,ra-stateless,64,1h", *more]
        self.dnsmasq = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._trunk, self._vlan = _open_tap("trunk"), _open_tap("vlan")
        threading.Thread(target=self._carry, daemon=True).start()

    def _carry(self):
        """Take VLAN's tag off frames of the trunk, and put it on those of the router, for the running kernel may lack VLANs."""
        tag = struct.pack("!HH", 0x8100, VLAN)
        with contextlib.suppress(OSError):  # the links are gone
            while True:
                for fd in select.select([self._trunk, self._vlan], [], [])[0]:
                    frame = os.read(fd, 65536)
                    if fd == self._vlan:
                        os.write(self._trunk, frame[:12] + tag + frame[12:])
                    elif frame[12:16] == tag:
                        os.write(self._vlan, frame[:12] + frame[16:])

    def end(self):
        self.dnsmasq.kill()
        self.dnsmasq.wait(10)
        sandbox.run("sh", "-c", "for link in trunk vlan lan; do ip link delete $link; done; ip address flush dev lo scope global")
        self.folder.cleanup()


def _open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


class Seed:
    """Files to be put into a machine before it starts for the first time."""

    def __init__(self):
        self._data = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._data, mode="w")
        self._folders = {""}

    def link(self, path, target):
        self._folder(os.path.dirname(path))
        about = tarfile.TarInfo(path)
        about.type, about.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(about)

    def file(self, path, text, mode=0o644):
        data = text if isinstance(text, bytes) else text.encode()
        self._folder(os.path.dirname(path.strip("/")))
        about = tarfile.TarInfo(path.strip("/"))
        about.size, about.mode = len(data), mode
        self._tar.addfile(about, io.BytesIO(data))

    def _folder(self, name):
        """A folder, with those above it, or the archive would make them as it likes."""
        if name not in self._folders:
            self._folder(os.path.dirname(name))
            self._folders.add(name)
            about = tarfile.TarInfo(name)
            about.type, about.mode = tarfile.DIRTYPE, 0o755
            self._tar.addfile(about)

    def write(self, path):
        self._tar.close()
        with open(path, "wb") as file:
            file.write(self._data.getvalue())


class MachineError(Exception):
    """It did not boot or answer in time, or a command failed in it."""


def plain_tap(number):
    """A NIC's tap on the segment; returns its name."""
    tap = f"machine{number}"
    sandbox.run("sh", "-euc", f"ip tuntap add {tap} mode tap; ip link set {tap} master lan; ip link set {tap} up")
    return tap


class Machine:
    """One that boots at once, with nics NICs on the segment, each with the tap that plug() makes. end() it."""

    def __init__(self, release, manager, seed, nics=1, plug=plain_tap):
        image = os.path.join(needed.folder("MACHINES_FOLDER"), f"{release}-{manager}")
        self.folder = tempfile.TemporaryDirectory(prefix="machine.", dir=sandbox.RUN)
        self._left = b""
        self._taps = [plug(number) for number in range(nics)]
        seed.file("usr/lib/machine/agent", AGENT)
        seed.file("etc/systemd/system/machine-agent.service", AGENT_UNIT)
        seed.link("etc/systemd/system/multi-user.target.wants/machine-agent.service", "../machine-agent.service")
        seed.write(f"{self.folder.name}/seed")
        self._commands, theirs = socket.socketpair()
        with open(f"{self.folder.name}/qemu", "wb") as said:
            self.process = subprocess.Popen(self._command(image, theirs), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                            pass_fds=[theirs.fileno()])
        theirs.close()
        self._await_boot()

    def _command(self, image, commands):
        line = ("root=/dev/vda rw console=ttyS0 quiet loglevel=4 mitigations=off random.trust_cpu=on cryptomgr.notests no_timer_check "
                "tsc=reliable panic=-1 net.ifnames=0 systemd.show_status=0 " + " ".join(f"systemd.mask={unit}" for unit in MASKED.split()))
        nics = [word for number, tap in enumerate(self._taps)
                for word in ("-netdev", f"tap,id={tap},ifname={tap},script=no,downscript=no",
                             "-device", f"virtio-net-pci,netdev={tap},mac=52:54:00:77:00:{number + 1:02x},addr={hex(16 + number)},romfile=")]
        return ["timeout", "--foreground", "-k", "5", "3600", guests.QEMU, "-M", "q35", "-accel", "tcg,thread=multi,tb-size=512",
                "-cpu", "max,la57=off,svm=off", "-smp", "2", "-m", "1024", "-nodefaults", "-no-user-config", "-display", "none",
                "-serial", f"file:{self.folder.name}/console", "-monitor", f"unix:{self.folder.name}/monitor,server=on,wait=off",
                "-kernel", f"{image}/vmlinuz", "-initrd", f"{image}/initrd", "-append", line,
                "-drive", f"file={image}/disk,if=none,id=root,format=raw,snapshot=on,cache=unsafe", "-device", "virtio-blk-pci,drive=root",
                "-drive", f"file={self.folder.name}/seed,if=none,id=seed,format=raw,readonly=on", "-device", "virtio-blk-pci,drive=seed",
                "-device", "virtio-rng-pci", "-device", "virtio-serial-pci", "-chardev", f"socket,id=commands,fd={commands.fileno()}",
                "-device", "virtserialport,chardev=commands,name=commands", *nics]

    def _line(self, limit):
        """What it says next through the port."""
        end = time.monotonic() + limit
        while b"\n" not in self._left:
            self._commands.settimeout(max(end - time.monotonic(), 0.1))
            try:
                data = self._commands.recv(65536)
            except TimeoutError:
                data = b""
            if not data:
                raise MachineError(f"no answer within {limit} s: {self._console()}")
            self._left += data
        line, _, self._left = self._left.partition(b"\n")
        return line.decode()

    def _console(self):
        text = ""
        for name in ("qemu", "console"):
            with open(f"{self.folder.name}/{name}", encoding="utf-8", errors="replace") as file:
                text += file.read()[-2000:]
        return text

    def _await_boot(self):
        begun = time.monotonic()
        while not self._line(BOOT).endswith("ready"):
            pass  # what was on its way when it went down
        uptime = float(self.run("timeout 120 systemctl is-system-running --wait >/dev/null; cut -d ' ' -f 1 /proc/uptime"))
        self.boot_seconds = time.monotonic() - begun
        if uptime > 2 * self.boot_seconds + 10:
            raise MachineError(f"its clock went {uptime:.0f} s in {self.boot_seconds:.0f} s, in which programs give up too early: the kernel took the "
                               "speed of the TSC wrongly; try again with less beside it")

    def run(self, command, check=True, limit=300):
        """Run a bash command as root; returns what it printed, or with check=False (status, output). What it leaves in the background
        must not keep its output."""
        self._send(command)
        begun = time.monotonic()
        status, _, output = self._line(limit).partition(" ")
        output = base64.b64decode(output).decode(errors="replace")
        if os.environ.get("VIRT_TAP_MACHINES_LOG"):
            with open(os.environ["VIRT_TAP_MACHINES_LOG"], "a", encoding="utf-8") as log:
                print(f"{time.monotonic() - begun:.1f} s, exit {status}: {command}\n{output}", file=log)
        if not check:
            return int(status), output
        if status != "0":
            raise MachineError(f"{command}: exit {status}: {output}")
        return output

    def ok(self, *command):
        """Whether a command succeeds."""
        return self.run(shlex.join(command), check=False)[0] == 0

    def reboot(self):
        """An orderly one. The agent may go down before it can answer."""
        self._send("systemctl --no-block reboot")
        self._await_boot()

    def _send(self, command):
        self._commands.sendall(base64.b64encode(command.encode()) + b"\n")

    def cut(self):
        """The power is cut, and comes back."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as monitor:
            monitor.connect(f"{self.folder.name}/monitor")
            monitor.sendall(b"system_reset\n")
            monitor.settimeout(1)
            try:
                while monitor.recv(4096):
                    pass
            except TimeoutError:
                pass
        self._left = b""
        self._await_boot()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self._commands.close()
        for tap in self._taps:
            sandbox.run("ip", "link", "delete", tap, check=False)
        self.folder.cleanup()
