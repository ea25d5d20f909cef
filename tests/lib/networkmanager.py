# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A real NetworkManager in the sandbox, of the packages that ./dev unpacks: it manages eth0 and whatever else is there."""
import os
import shutil
import subprocess

import needed
import sandbox
from bridgehelper import await_

PROFILES = "/etc/NetworkManager/system-connections"
_daemons = []


def enter():
    """Puts nmcli and the daemon into the sandbox's /usr. Skips the calling class if they are not there."""
    folder = needed.folder("NMCLI_FOLDER")
    sandbox.run("mount", "-t", "overlay", "-o", f"lowerdir={folder}/usr:/usr", "overlay", "/usr")
    os.makedirs("/var/lib/NetworkManager", exist_ok=True)
    sandbox.run("mount", "-t", "tmpfs", "tmpfs", "/var/lib/NetworkManager")


def profile(name, text, folder=PROFILES):
    sandbox.write(f"{folder}/{name}.nmconnection", text, mode=0o600)


def _run(*command):
    _daemons.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def nmcli(*words, check=True):
    return sandbox.run("nmcli", *words, check=check).stdout.strip()


def start(settings=""):
    """The next start of the host: D-Bus and NetworkManager, without udev, for which a read-only /sys is the sign."""
    sandbox.run("mount", "-o", "remount,ro", "/sys")
    os.makedirs("/run/dbus", exist_ok=True)
    sandbox.write("/etc/NetworkManager/NetworkManager.conf", "[main]\nplugins=keyfile\nauth-polkit=false\ndns=none\n" + settings)
    _run("dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog")
    assert await_(lambda: os.path.exists("/run/dbus/system_bus_socket")), log()
    _run("/usr/sbin/NetworkManager", "--no-daemon")
    assert await_(lambda: nmcli("-g", "STARTUP", "general", check=False) == "started", 20), log()


def stop():
    """Ends both, and forgets what they kept, as a host that is switched off does."""
    while _daemons:
        _daemons[-1].kill()
        _daemons.pop().wait(20)
    for folder in ("/run/dbus", "/run/NetworkManager"):
        shutil.rmtree(folder, ignore_errors=True)
    sandbox.run("mount", "-o", "remount,rw", "/sys")


def log():
    return sandbox.run("sh", "-c", "nmcli device; nmcli connection; ip addr; ip route", check=False).stdout
