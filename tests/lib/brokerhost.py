# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A broker in the sandbox, and what stands in for systemd there."""
import os
import subprocess

import sandbox
from bridgehelper import await_

SOCKET = "/run/virt-tap/broker"
FLAG = f"{sandbox.RUN}/broker-is-enabled"
# Holds what systemd does with the unit of the socket; says nothing, as with --quiet.
SYSTEMCTL = f"""#!/bin/sh
echo "$@" >>{sandbox.RUN}/systemctl
case $* in
  '--quiet enable --now virt-tap-broker.socket')
    [ ! -e {sandbox.RUN}/systemctl-fails ] || {{ echo 'Failed to enable unit: Unit file virt-tap-broker.socket does not exist.' >&2; exit 1; }}
    touch {FLAG}
    [ -e {SOCKET} ] || {{ setsid {{helper}} broker --listen {SOCKET} </dev/null >/dev/null 2>&1 & echo $! >{FLAG}; }}
    until [ -S {SOCKET} ]; do sleep 0.02; done ;;
  '--quiet disable --now virt-tap-broker.socket') [ ! -e {FLAG} ] || kill "$(cat {FLAG})"; rm -f {FLAG} {SOCKET} 2>/dev/null; : ;;
  '--quiet is-enabled virt-tap-broker.socket') [ -e {FLAG} ] ;;
  daemon-reload | 'try-restart virt-tap-broker.service') ;;
  *) exit 1 ;;
esac
"""


def listen(helper):
    """A broker of that program, as root; returns its process, to be ended by end()."""
    process = subprocess.Popen([helper, "broker", "--listen", SOCKET], stdin=subprocess.DEVNULL)
    if not await_(lambda: os.path.exists(SOCKET)):
        process.kill()
        raise RuntimeError("the broker does not listen")
    return process


def end(process):
    process.terminate()
    process.wait(40)
    os.unlink(SOCKET)


def with_systemd(test, helper):
    """This host seems to run systemd; `virt-tap broker enable` starts that helper's broker."""
    program = f"{sandbox.RUN}/systemctl.sh"
    sandbox.write(program, SYSTEMCTL.replace("{helper}", helper), mode=0o755)
    sandbox.run("mount", "--bind", program, os.path.realpath("/usr/bin/systemctl"))
    test.addCleanup(sandbox.run, "umount", os.path.realpath("/usr/bin/systemctl"))
    os.makedirs("/run/systemd/system", exist_ok=True)
    test.addCleanup(os.rmdir, "/run/systemd/system")
    test.addCleanup(sandbox.run, "sh", "-c", f"[ ! -e {FLAG} ] || /usr/bin/systemctl --quiet disable --now virt-tap-broker.socket")


def by_hand(reader, command):
    """A reader starts the broker by that command; it ends with the test, at the latest. Returns its process."""
    process = reader.start(command.rstrip(" &"), user=0)
    reader.addCleanup(process.stdout.close)
    reader.addCleanup(process.wait, 40)
    reader.addCleanup(process.terminate)
    reader.assertTrue(await_(lambda: f"listens: process {process.pid}" in reader.type("virt-tap broker status; true")))
    return process
