# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests of NAT bridges share: an outside, a guest, and what stands in for systemd. The sandbox must have been entered."""
import os
import shutil
import subprocess
import time

import needed
import sandbox
import uplink
from bridgehelper import await_

OUTSIDE4, OUTSIDE6 = "203.0.113.1", "2001:db8:ffff::1"
LEASE = f"{sandbox.RUN}/lease.sh"
# Does with the unit what systemd does, also with one that only runs a program and stays, but for its sandbox; keeps what stop needs as systemd does.
SYSTEMCTL = """#!/usr/bin/python3
import os, shlex, shutil, signal, subprocess, sys, time
UNITS = "/run/vt/units"
os.makedirs(UNITS, exist_ok=True)
def run(line):
    done = subprocess.run(shlex.split(line.lstrip("-")), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode and not line.startswith("-"):
        sys.exit(f"{line} failed: {done.returncode}")
def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
def stop(path):
    if not os.path.exists(path):
        return
    with open(path) as file:
        pid, folder, *after = file.read().splitlines()
    if alive(pid):
        os.kill(int(pid), signal.SIGTERM)
    while alive(pid):
        time.sleep(0.02)
    for line in after:
        run(line)
    shutil.rmtree(folder)
    os.unlink(path)
verb, *names = [word for word in sys.argv[1:] if not word.startswith("--")]
path = f"{UNITS}/{''.join(names)}"
if verb in ("stop", "restart"):
    stop(path)
if verb == "restart":
    unit = {}
    with open(f"/etc/systemd/system/{names[0]}.service") as file:
        for line in file:
            key, _, value = line.rstrip().partition("=")
            unit.setdefault(key, []).append(value)
    folder = "/run/" + unit["RuntimeDirectory"][0]
    os.makedirs(folder, exist_ok=True)
    oneshot = unit.get("Type") == ["oneshot"]
    for line in unit["ExecStart"] if oneshot else unit["ExecStartPre"]:
        run(line)
    pid = "stays"
    with open("/run/vt/dnsmasq.log", "ab") as log:
        if not oneshot:
            pid = str(subprocess.Popen(shlex.split(unit["ExecStart"][0]), start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log).pid)
    with open(path, "w") as file:
        file.write("\\n".join([pid, folder, *unit.get("ExecStopPost", unit.get("ExecStop"))]))
if verb in ("is-active", "is-failed"):
    with open(path) as file:
        pid = file.readline().strip()
    sys.exit(0 if (pid == "stays" or alive(pid)) == (verb == "is-active") else 3)
"""

# firewalld asks polkit about everybody, whose rules for it Debian's package only links when it is installed: this one says yes.
POLKIT = """#!/usr/bin/python3
import dbus, dbus.mainloop.glib, dbus.service
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
class Authority(dbus.service.Object):
    @dbus.service.method("org.freedesktop.PolicyKit1.Authority", in_signature="(sa{sv})sa{ss}us", out_signature="(bba{ss})")
    def CheckAuthorization(self, subject, action, details, flags, cancellation):
        return (True, False, dbus.Dictionary(signature="ss"))
name = dbus.service.BusName("org.freedesktop.PolicyKit1", dbus.SystemBus())
authority = Authority(name, "/org/freedesktop/PolicyKit1/Authority")
GLib.MainLoop().run()
"""
POLKIT_POLICY = ('<busconfig><policy user="root"><allow own="org.freedesktop.PolicyKit1"/>'
                 '<allow send_destination="org.freedesktop.PolicyKit1"/></policy></busconfig>')


def firewalld(test):
    """A real one, of the package that ./dev unpacks. Everything in the sandbox's /usr is there as well."""
    folder = needed.folder("FIREWALLD_FOLDER")
    sandbox.run("mount", "-t", "overlay", "-o", f"lowerdir={folder}/usr:/usr", "overlay", "/usr")
    test.addCleanup(sandbox.run, "umount", "-l", "/usr")
    shutil.copytree(folder + "/etc/firewalld", "/etc/firewalld", dirs_exist_ok=True)
    test.addCleanup(shutil.rmtree, "/etc/firewalld")
    sandbox.write("/etc/dbus-1/system.d/polkit.conf", POLKIT_POLICY)
    sandbox.write(f"{sandbox.RUN}/polkit", POLKIT, mode=0o755)
    daemons = Daemons(test)
    daemons.bus()
    daemons.start(f"{sandbox.RUN}/polkit")
    time.sleep(1)
    daemons.start("/usr/sbin/firewalld", "--nofork", "--nopid")
    running = await_(lambda: sandbox.run("firewall-cmd", "--state", check=False).returncode == 0, 60)
    assert running, sandbox.run("sh", "-c", f"cat {sandbox.RUN}/*.log; firewall-cmd --state", check=False).stdout


def with_systemd(test):
    """This host seems to run systemd."""
    program = f"{sandbox.RUN}/systemctl"
    sandbox.write(program, SYSTEMCTL, mode=0o755)
    sandbox.run("mount", "--bind", program, os.path.realpath("/usr/bin/systemctl"))
    test.addCleanup(sandbox.run, "umount", os.path.realpath("/usr/bin/systemctl"))
    test.addCleanup(sandbox.run, "systemctl", "stop", "virt-tap-nat-nat0")  # of a test that fails
    os.makedirs("/run/systemd/system", exist_ok=True)
    test.addCleanup(shutil.rmtree, "/run/systemd")


def make():
    """eth0 without addresses, and what it leads to: the network namespace 'router' has the outside."""
    uplink.make_wire()
    sandbox.batch(["ip", "-n", "router"], "link set wan up", "link set lo up", f"addr add {uplink.ROUTER4}/24 dev wan",
                  f"addr add {uplink.ROUTER6}/64 dev wan nodad", f"addr add {OUTSIDE4}/32 dev lo", f"addr add {OUTSIDE6}/128 dev lo nodad")
    for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        uplink.sysctl(key, "0")


def static():
    """eth0 with addresses and default routes."""
    sandbox.batch("ip", f"addr add {uplink.HOST4}/24 dev eth0", f"addr add {uplink.HOST6}/64 dev eth0 nodad", "link set eth0 up",
                  f"route add default via {uplink.ROUTER4}", f"route add default via {uplink.ROUTER6}")


def ruleset():
    return sandbox.run("nft", "list", "ruleset").stdout


def tree():
    """All files of the host's configuration, with their text, owner, mode and time."""
    found = {}
    for folder in ("virt-tap", "systemd", "NetworkManager/system-connections", "NetworkManager/dnsmasq-shared.d", "sysctl.d", "modules-load.d",
                   "firewalld", "udev"):
        for where, _, names in os.walk("/etc/" + folder):
            for path in (os.path.join(where, name) for name in names):
                if not os.path.exists(path):  # /etc/modules-load.d/modules.conf, where there is no /etc/modules
                    found[path] = os.readlink(path)
                    continue
                with open(path, "rb") as file:
                    status = os.stat(path)
                    found[path] = file.read(), status.st_uid, status.st_mode, status.st_mtime_ns
    return found


class Guest:
    """A network namespace on a port of the bridge."""

    def __init__(self, test, bridge):
        uplink.ip("netns", "add", "guest")
        test.addCleanup(sandbox.run, "ip", "netns", "delete", "guest", check=False)
        uplink.ip("link", "add", "t0", "type", "veth", "peer", "name", "v0", "netns", "guest")
        sandbox.batch("ip", f"link set t0 master {bridge} up")
        sandbox.batch(["ip", "-n", "guest"], "link set lo up", "link set v0 up")
        sandbox.write(LEASE, "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip addr add $ip/$mask dev $interface\nip route add default via $router\n"
                             "echo \"dns=$dns\"\n", mode=0o755)

    def __call__(self, *words, check=True):
        return sandbox.run("ip", "netns", "exec", "guest", *words, check=check)

    def lease(self):
        """Asks for an address by DHCP; returns what the client says."""
        return self("busybox", "udhcpc", "-i", "v0", "-n", "-q", "-f", "-T", "2", "-s", LEASE).stdout

    def addresses(self, family):
        return [word.split("/")[0] for word in self("ip", family, "-br", "addr", "show", "dev", "v0", "scope", "global").stdout.split() if "/" in word]

    def reaches(self, address, within=10):
        return await_(lambda: self("busybox", "ping", "-c1", "-W1", address, check=False).returncode == 0, within)


class Daemons:
    """Programs that run as long as the test."""

    def __init__(self, test):
        self.test = test

    def start(self, *command):
        with open(f"{sandbox.RUN}/{os.path.basename(command[0])}.log", "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={"SYSTEMD_LOG_TARGET": "console", "PATH": os.environ["PATH"]})
        self.test.addCleanup(process.wait, 20)
        self.test.addCleanup(process.kill)

    def bus(self):
        os.makedirs("/run/dbus", exist_ok=True)
        self.test.addCleanup(shutil.rmtree, "/run/dbus")
        self.start("dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog")
        assert await_(lambda: os.path.exists("/run/dbus/system_bus_socket"))
        time.sleep(0.1)
