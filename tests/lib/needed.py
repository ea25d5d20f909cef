# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What ./dev sets up for the tests: `meson test` alone may lack it. A test without it is skipped, and its script ends with status 77
and the reason on standard error. Under CI, ./dev takes that for a failure."""
import os
import sys
import unittest

SET_UP = {
    "GUEST_KERNEL": "a folder made by `tests/lib/guest-kernel DIR`",
    "GUEST_KERNEL_FULL": "a folder made by `tests/lib/guest-kernel DIR full`",
    "KERNELS_FOLDER": "a folder with one made by `tests/lib/guest-kernel DIR/RELEASE cloud RELEASE` for each release",
    "NMCLI_FOLDER": "a folder made by `tests/lib/unpacked DIR network-manager libnm0`",
    "FIREWALLD_FOLDER": "a folder made by `tests/lib/unpacked DIR firewalld python3-firewall python3-nftables python3-dbus python3-gi gir1.2-glib-2.0`",
    "APPARMOR_FOLDER": "a folder made by `tests/lib/unpacked DIR apparmor libvirt-daemon libvirt-daemon-system`",
    "NWFILTER_FOLDER": "a folder made by `tests/lib/unpacked DIR libvirt-daemon-config-nwfilter`",
    "PACKAGES_FOLDER": "a folder in which tests/packages/test_debian.py makes its Debian",
    "PORTABILITY_FOLDER": "a folder in which tests/portability/test_compilers.py makes its Debian",
    "MACHINES_FOLDER": "a folder made by `tests/lib/machineimage.py DIR RELEASE/MANAGER...`",
}
_missing = []


def folder(name):
    """The folder that this variable names. Skips the test or class that asks if it is not there."""
    path = os.environ.get(name, "")
    if os.path.isdir(path):
        return os.path.realpath(path)
    reason = f"{name} must name {SET_UP[name]}; ./dev test sets it" + (f" ({path} is not there)" if path else "")
    if reason not in _missing:
        _missing.append(reason)
    raise unittest.SkipTest(reason)


def skip(reason):
    """Ends the script as skipped."""
    print(f"skipped: {reason}", file=sys.stderr)
    sys.exit(77)


def main():
    """Runs the calling script's tests and ends it."""
    passed = unittest.main(exit=False, verbosity=1).result.wasSuccessful()
    if passed and _missing:
        skip("; ".join(_missing))
    sys.exit(not passed)
