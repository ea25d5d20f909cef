#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap on a host of its own: two virtual machines of an ordinary user meet on the administrator's bridge: ./dev demo.

Everything happens in namespaces that end with this program. Every command that is shown is the one that is run.
"""
import argparse
import contextlib
import os
import re
import shlex
import stat
import subprocess
import sys
import threading
import time

import guests
import sandbox
from bridgehelper import await_

WIDTH = 100  # of a printed line
LIMIT = 180  # seconds, for everything
PINGS = 5
ADDRESSES = ("192.168.77.1", "192.168.77.2")
USER = "vmuser"
COLOURS = {"title": "1;34", "command": "36", "good": "1;32", "bad": "1;31"}


class Failed(Exception):
    """Something did not happen as it should."""


def tinted(kind, text):
    """The text in that colour, if somebody watches on a terminal."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{COLOURS[kind]}m{text}\033[0m"


def step(title):
    print("\n" + tinted("title", title), flush=True)


def say(text):
    print("   " + text, flush=True)


def quote(text):
    """Show what a program printed."""
    for line in text.strip().splitlines():
        print("      | " + line, flush=True)


def show(prompt, command):
    """Show a command as somebody would type it: a line, or arguments, continued on the next line before an option."""
    if isinstance(command, str):
        return say(tinted("command", f"{prompt} {command}"))
    lines = [prompt]
    for option in re.split(r" (?=-)", shlex.join(command)):
        if len(lines[-1]) + len(option) > WIDTH:
            lines[-1] += " \\"
            lines.append("     ")
        lines[-1] += " " + option
    for line in lines:
        say(tinted("command", line))


def administrator(command):
    """Show and run a shell command as root; returns its output."""
    show("root #", command)
    return sandbox.run("sh", "-c", command).stdout


def user(command, statuses=(0,)):
    """Show and run a command as the unprivileged user, and show what it printed."""
    show("vmuser $", command)
    done = sandbox.run("setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "sh", "-c", command, check=False)
    quote(done.stdout)
    require(done.returncode in statuses, f"{command}: exit status {done.returncode}")
    return done.stdout


def user_starts(number, netdev, *options):
    """The Qemu that the unprivileged user starts, and its arguments."""
    argv = guests.command(netdev, f"52:54:00:77:00:0{number}", *options)
    return guests.Qemu(argv), argv


def require(condition, otherwise):
    if not condition:
        raise Failed(otherwise)


def own_folder(folder):
    """What is installed there from here on is this demo's alone."""
    place = sandbox.RUN + "/installed"
    for part in ("upper", "work"):
        os.makedirs(f"{place}/{part}")
    sandbox.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={folder},upperdir={place}/upper,workdir={place}/work", folder)


def prepare_host(build):
    """Returns where the helper is installed."""
    step("1. Once, the administrator installs virt-tap ...")
    helper = re.search(r"helper=(/\S+)", sandbox.run(f"{build}/helper/virt-tap-helper", "--help").stdout)[1]
    prefix = os.path.dirname(os.path.dirname(helper))
    own_folder(prefix)
    administrator(f"install -D -t {prefix}/bin {shlex.quote(build)}/cli/virt-tap")
    administrator(f"install -D -t {os.path.dirname(helper)} {shlex.quote(build)}/helper/virt-tap-helper")
    administrator(f"install -D -t {os.path.dirname(helper)}/virt-tap {shlex.quote(build)}/cli/virt-tap-bridge")
    administrator(f"setcap cap_net_admin=p {helper}")
    say("This file may set up network devices, and nothing else. It is not setuid root.")
    step("2. ... creates a bridge (a network switch in software), and says who may use it.")
    administrator("virt-tap bridge create br0")
    administrator(f"echo 'allow br0 user={USER} quota=2' >/etc/virt-tap/policy.conf")
    say(f"This one line is the whole policy: {USER} may have two taps on br0, and nobody may use another bridge.")
    return helper


def offer_kvm():
    """This machine's own KVM, if it has any, for everybody to open, as systemd makes it."""
    os.mknod("/dev/kvm", stat.S_IFCHR | 0o666, os.makedev(10, 232))
    os.chmod("/dev/kvm", 0o666)
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError:
        os.unlink("/dev/kvm")


def user_looks():
    step("3. An ordinary user asks whether this host runs guests on that bridge, and what the policy allows.")
    offer_kvm()
    user("virt-tap check kvm net helper --bridge=br0", statuses=(0, 1))
    say("Each line was found by trying. This demo's guests do without KVM, so that they run everywhere.")
    said = user("virt-tap policy explain --bridge=br0")
    require("policy.conf:1" in said, "policy explain did not name the rule")


def start_guests(images, helper):
    step("4. The user starts two virtual machines. No root, no sudo.")
    netdev = f"tap,id=n0,helper={helper}"
    running = []
    for number, address in enumerate(ADDRESSES, 1):
        qemu, argv = user_starts(number, netdev, *guests.boot_options(images, address + "/24"))
        running.append(qemu)
        if number == 1:
            show("vmuser $", argv)
    say("The same again for guest 2, with another MAC and the address " + ADDRESSES[1] + ". They boot, without KVM:")
    started = time.monotonic()
    with progress(started):
        for qemu in running:
            qemu.ready(LIMIT)
    say(f"Both run after {time.monotonic() - started:.0f} s. QEMU called the helper by itself, because of  -netdev {netdev}")
    for line in administrator(f"grep -E '^(Uid|CapEff)' /proc/{running[0].process.pid}/status").splitlines():
        quote(line.expandtabs())
    say(f"Uid {sandbox.USER} is {USER}, and CapEff 0 means: QEMU itself has no privilege at all.")
    return running


@contextlib.contextmanager
def progress(started):
    """A line every few seconds while something takes long."""
    done = threading.Event()

    def tick():
        while not done.wait(4):
            say(f"... {time.monotonic() - started:.0f} s")

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()


def show_taps():
    step("5. Each machine now has a tap: a cable from the virtual machine to the bridge.")
    said = user("virt-tap show br0")
    require(said.count(USER) >= len(ADDRESSES), f"not {len(ADDRESSES)} taps of {USER} on br0")
    say("The helper made them. Whose they are stands in a name of theirs that only the administrator could change.")


def guests_meet(running):
    step("6. The two machines reach each other. These lines come from their own screens.")
    for number, (qemu, peer) in enumerate(zip(running, reversed(ADDRESSES)), 1):
        command = f"ping -c {PINGS} -i 0.1 {peer}"
        show(f"guest {number} #", command)
        _status, output = qemu.console.run(command)
        result = output[max(output.find("---"), 0):]
        quote(result)
        require(f"{PINGS} packets received, 0% packet loss" in result, f"guest {number} did not reach {peer}")


def refusal(helper):
    step("7. No rule allows br1: that bridge stays closed, and the user reads why.")
    administrator("virt-tap bridge create br1")
    qemu, argv = user_starts(3, f"tap,id=n0,br=br1,helper={helper}")
    show("vmuser $", argv)
    with qemu:
        status = qemu.wait()
        quote(qemu.errors())
        reason = qemu.errors().split(guests.QEMU + ":")[0]
        require(status != 0 and "br1" in reason, "br1 was not refused as it should be")


def power_off(running, before):
    step("8. The machines power off. Nobody removes a tap: it lives as long as its QEMU.")
    for number, qemu in enumerate(running, 1):
        show(f"guest {number} #", "poweroff -f")
        qemu.console.send("poweroff -f")
    for number, qemu in enumerate(running, 1):
        require(qemu.wait() == 0, f"guest {number} did not end well: {qemu.errors()}")
        qemu.end()
    require(await_(lambda: sandbox.links() == before | {"br0", "br1"}), f"left over: {sandbox.links() - before}")
    user("virt-tap list")


def nothing_left(before):
    step("9. What is left?")
    for bridge in ("br0", "br1"):
        administrator(f"virt-tap bridge delete {bridge}")
    processes = {int(name) for name in os.listdir("/proc") if name.isdigit()} - {1, os.getpid()}
    require(sandbox.links() == before, f"interfaces left over: {sandbox.links() - before}")
    require(not processes, f"processes left over: {processes}")
    say("No tap, no process, no file: /etc, /run and the network were private and end with this program.")


def story(options):
    before = sandbox.links()
    images = guests.prepare(options.kernel)
    helper = prepare_host(options.build)
    user_looks()
    running = start_guests(images, helper)
    show_taps()
    guests_meet(running)
    refusal(helper)
    power_off(running, before)
    nothing_left(before)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="the folder in which virt-tap was built")
    parser.add_argument("--kernel", required=True, help="a folder filled by tests/lib/guest-kernel")
    options = parser.parse_args()
    sandbox.enter(LIMIT)
    started = time.monotonic()
    print(tinted("title", "virt-tap: an ordinary user's virtual machines on a bridge, without root"))
    print("Nothing of this machine is changed: network, /etc and /run are private copies, which end with this program.")
    try:
        story(options)
    except KeyboardInterrupt:
        print("\ninterrupted; what still runs ends now")
        return 130
    except (Failed, guests.GuestError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        print("\n" + tinted("bad", "FAILED: ") + str(error))
        return 1
    print("\n" + tinted("good", f"Shown in {time.monotonic() - started:.0f} s: ") +
          "an ordinary user started two virtual machines on the administrator's bridge, with\n"
          "no setuid program and no root at run time; they reached each other, a bridge that nobody allowed was\n"
          "refused, and nothing was left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
