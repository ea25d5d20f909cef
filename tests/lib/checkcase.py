# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""States of a host, each made in a mount and network namespace of its own, and what `virt-tap check` says there."""
import functools
import json
import os
import re
import subprocess
from dataclasses import dataclass

import netcase
import sandbox
from sandbox import USER

LIMIT = 60
COMMAND = os.path.abspath(os.environ["VIRT_TAP_CLI"])
HELPER = os.path.abspath(os.environ["VIRT_TAP_HELPER"])

# What every state may use. The sandbox's own /dev and /etc lie below, and stay as they are. Of all that a state does this takes longest: busybox
# is linked statically, and starts in a third of the time.
PRELUDE = r"""
set -e
T=/mnt # not below what may be an overlay itself
busybox mount -t tmpfs -o mode=755 tmpfs $T
own() { # FOLDER...: what is written there from here on is this state's alone
  for folder; do
    part=$T/own$folder
    busybox mkdir -p "$part/upper" "$part/work" "$part/merged"
    busybox chmod "$(busybox stat -c %a "$folder")" "$part/upper"
    busybox mount -t overlay overlay -o "lowerdir=$folder,upperdir=$part/upper,workdir=$part/work" "$part/merged"
    # In place of the sandbox's, not over it: of a policy behind two such mounts the helper says that it may be hidden.
    [ "$folder" != /etc ] || busybox umount -l /etc
    busybox mount --move "$part/merged" "$folder"
  done
}
over() { # FILE <TEXT: a file of /proc or /sys says something else
  mkdir -p "$T/over$(dirname "$1")"
  cat >"$T/over$1"
  mount --bind "$T/over$1" "$1"
}
tree() { # FOLDER [SUBFOLDER...]: a folder of /proc or /sys holds something else
  mount -t tmpfs -o mode=755 tmpfs "$1"
  base=$1
  shift
  for sub; do mkdir -p "$base/$sub"; done
}
kvm() { # MODE OWNER:GROUP
  rm -f /dev/kvm
  mknod -m "$1" /dev/kvm c 10 232
  chown "$2" /dev/kvm
}
helper() { # installed where the command looks for it
  folder=${HELPER_PATH%/*}
  own "${folder%/*}"
  busybox mkdir -p "${HELPER_PATH%/*}"
  cp "$HELPER" "$HELPER_PATH"
  setcap cap_net_admin=p "$HELPER_PATH"
}
own /dev /etc
busybox umount -l /sys 2>/dev/null || :
busybox mount -t sysfs sysfs /sys # of this state's network
"""


@dataclass
class State:
    """One state: how it is made, who asks for what, and what must, and must not, be found."""
    name: str
    setup: str
    expect: str          # identifiers, all of which must be found
    area: str = "kvm"
    options: tuple = ()
    never: str = ""      # identifiers none of which may be found
    user: int = USER     # who runs the command
    groups: tuple = ()   # with these besides
    wrap: tuple = ()     # by this command
    says: tuple = ()     # what must stand in what was seen, or in what mends it
    omits: tuple = ()    # what must not
    tree: bool = False   # made of files that stand for other hardware, not for real


@functools.cache
def has_kvm():
    """Whether this machine's kernel has KVM."""
    try:
        return netcase.real_kvm()
    finally:
        os.unlink("/dev/kvm")


def needs_kvm(state):
    """Whether it cannot be made without a KVM that answers."""
    return any(re.match(r"kvm[.](device$|device[.]missing|api|vm|vcpu)", name) for name in state.expect.split())


@functools.cache
def helper_path():
    """Where this build expects the helper to be installed."""
    return re.search(r"helper=(/\S+)", sandbox.run(HELPER, "--help").stdout)[1]


def command(state, *options):
    """The words that run virt-tap check in that state."""
    become = []
    if state.user:
        groups = [f"--groups={','.join(map(str, state.groups))}"] if state.groups else ["--clear-groups"]
        become = ["setpriv", f"--reuid={state.user}", f"--regid={state.user}", *groups]
    return ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", PRELUDE + state.setup + '\nexec "$@"', "sh",
            *become, *state.wrap, f"{sandbox.RUN}/virt-tap", "check", *state.area.split(), *state.options, *options]


def run(state, *options, env=None):
    """Run it; returns the CompletedProcess, with stdout and stderr apart."""
    return subprocess.run(command(state, *options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", timeout=LIMIT,
                          check=False, cwd="/",
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HELPER": HELPER, "HELPER_PATH": helper_path(),
                               **(env or {})})


def find(state, *options):
    """Run it with --json; returns exit status and findings, or raises with what it said instead."""
    done = run(state, "--json", *options)
    try:
        return done.returncode, json.loads(done.stdout)["findings"]
    except ValueError:
        raise AssertionError(f"{state.name}: exit {done.returncode}, no JSON: {done.stdout!r} {done.stderr!r}") from None


def install():
    """Put the command where every user can run it."""
    sandbox.install(COMMAND, "virt-tap", caps=None)
