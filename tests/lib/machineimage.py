#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Disk images of whole Debian machines, for machine.py: machineimage.py FOLDER RELEASE/MANAGER...

Each is FOLDER/RELEASE-MANAGER with disk (ext4), vmlinuz, initrd and made-by. RELEASE is bookworm or trixie; MANAGER is who configures its
network: ifupdown, networkd, netplan or networkmanager, each of them also as MANAGER+libvirt, which has QEMU, libvirt and AppArmor
besides, and as MANAGER+wifi, which has a kernel with Wi-Fi and an access point, too; or broker, which has QEMU and no network. One that
this very script has made is left as it is.
Takes root; packages come from Debian, or from $MIRROR. A folder appears complete or not at all.
"""
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

import kernelhost
from initramfs import Initramfs

COMMON = ("systemd-sysv udev dbus libpam-systemd passwd kmod procps iproute2 iputils-ping nftables busybox-static libnl-3-200 libjansson4 "
          "libxml2 strace")
PACKAGES = {
    ("bookworm", "ifupdown"): "ifupdown ifenslave isc-dhcp-client dnsmasq-base",  # as Debian's installer has it
    ("trixie", "ifupdown"): "ifupdown ifenslave dhcpcd-base dnsmasq-base",
    (None, "networkd"): "systemd-resolved",
    (None, "netplan"): "netplan.io systemd-resolved",
    (None, "networkmanager"): "network-manager dnsmasq-base",  # for `persist --nat`, which takes it
    (None, "broker"): "qemu-system-x86 seabios",
}
GUESTS = "qemu-system-x86 seabios libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-clients apparmor libcap2-bin"  # of MANAGER+libvirt
WIFI = "hostapd wpasupplicant iw dnsmasq-base"  # of MANAGER+wifi, besides these
ENABLED = {
    "ifupdown": "",
    "networkd": "systemd-networkd systemd-resolved",
    "netplan": "systemd-networkd systemd-resolved",
    "networkmanager": "NetworkManager NetworkManager-wait-online",
    "broker": "",
}
# Of the kernel the package is unpacked, not installed, which would make an initramfs of Debian's: ours does less, and so boots sooner.
KERNEL = r"""set -eu
cd "$1/tmp"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
name=$(apt-cache depends linux-image-KIND | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
apt-get -q -o APT::Sandbox::User=root download "$name"
dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x -C "$1" --keep-directory-symlink
rm linux-image-*.deb
chroot "$1" depmod "$(ls "$1/lib/modules")"
"""
MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
# The second disk is a tar archive: what the test puts into the machine before its systemd starts for the first time.
INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do /bin/busybox insmod "$module"; done
until [ -b /dev/vdb ]; do /bin/busybox sleep 0.05; done
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox poweroff -f
if [ ! -e /root/.seeded ]; then
  /bin/busybox tar -x -C /root -f /dev/vdb && : >/root/.seeded
fi
exec /bin/busybox switch_root /root /sbin/init
"""
FILES = {
    "etc/hostname": "machine\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 machine\n::1 localhost\n",
    "etc/machine-id": "77007700770077007700770077007700\n",
    "etc/systemd/journald.conf.d/machine.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=0\n",
}


def main(folder, names):
    with open(__file__, "rb") as file:
        stamp = hashlib.sha256(file.read()).hexdigest()
    for name in names:
        release, manager = name.split("/")
        place = os.path.join(folder, f"{release}-{manager}")
        if _stamp_of(place) != stamp:
            _make(place, release, manager, stamp)


def _stamp_of(place):
    try:
        with open(f"{place}/made-by", encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _make(place, release, manager, stamp):
    begun = time.monotonic()
    print(f"machineimage: making {place}", file=sys.stderr)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(place)) as work:
        tree, new = f"{work}/tree", f"{work}/new"
        os.mkdir(new)
        _install(tree, release, manager)
        _furnish(tree, manager)
        shutil.copy(glob.glob(f"{tree}/boot/vmlinuz-*")[0], f"{new}/vmlinuz")
        _initrd(tree, f"{new}/initrd")
        _run("mke2fs", "-q", "-t", "ext4", "-d", tree, "-E", "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0", f"{new}/disk", "4G")
        with open(f"{new}/made-by", "w", encoding="ascii") as file:
            file.write(stamp)
        shutil.rmtree(place, ignore_errors=True)
        os.rename(new, place)
    print(f"machineimage: made in {time.monotonic() - begun:.0f} s", file=sys.stderr)


def _install(tree, release, manager):
    manager, _, more = manager.partition("+")
    packages = COMMON.split() + (PACKAGES.get((release, manager)) or PACKAGES[None, manager]).split() + (GUESTS.split() if more else [])
    kernel = KERNEL.replace("KIND", "cloud-amd64")
    if more == "wifi":
        packages += WIFI.split()
        kernel = KERNEL.replace("KIND", "amd64")
    unused = [f"--dpkgopt=path-exclude=/usr/share/{path}/*" for path in ("doc", "man", "info", "locale", "lintian")]
    mirror = list(filter(None, [os.environ.get("MIRROR")]))
    # In namespaces of its own: whatever becomes of it, nothing stays mounted in a folder that is then removed.
    _run("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
         "mmdebstrap", "--mode=root", "--variant=apt", "--format=directory", f"--include={','.join(packages)}",
         '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"', "--dpkgopt=force-unsafe-io", *unused,
         f"--customize-hook={kernel}", release, tree, *mirror)


def _furnish(tree, manager):
    manager = manager.partition("+")[0]
    for path, text in FILES.items():
        os.makedirs(os.path.dirname(f"{tree}/{path}"), exist_ok=True)
        with open(f"{tree}/{path}", "w", encoding="ascii") as file:
            file.write(text)
    resolv = f"{tree}/etc/resolv.conf"
    if os.path.lexists(resolv):
        os.unlink(resolv)
    if "resolved" in ENABLED[manager]:
        os.symlink("../run/systemd/resolve/stub-resolv.conf", resolv)
    else:
        with open(resolv, "w", encoding="ascii"):
            pass
    for unit in ENABLED[manager].split():
        _run("systemctl", f"--root={tree}", "enable", f"{unit}.service")
    _run("chroot", tree, "passwd", "-d", "root")


def _initrd(tree, path):
    """Busybox, and the modules that the disk takes, each behind those that it depends on."""
    root = Initramfs("dev", "root", "modules")
    with open(f"{tree}/bin/busybox", "rb") as file:
        root.file("bin/busybox", file.read(), 0o755)
    for number, module in enumerate(kernelhost.in_order(tree, MODULES)):
        with kernelhost.open_module(module) as file:
            root.file(f"modules/{number:03}.ko", file.read())
    root.file("init", INIT.encode(), 0o755)
    with open(path, "wb") as file:
        file.write(root.bytes())


def _run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)
    if done.returncode != 0:
        sys.exit(f"machineimage: {command[0]} failed:\n{done.stdout[-3000:]}")


if __name__ == "__main__":
    if len(sys.argv) < 3 or not all(name.count("/") == 1 for name in sys.argv[2:]):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
