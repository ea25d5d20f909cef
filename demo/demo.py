#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Two virtual machines of an ordinary user meet on one bridge, through virt-tap's helper: ./dev demo.

Everything happens in namespaces that end with this program. Every command that is shown is the one that is run.
"""
import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time

import guests
import sandbox
from bridgehelper import await_

WIDTH = 100  # of a printed line
LIMIT = 180  # seconds, for everything
PINGS = 5
ADDRESSES = ("192.168.77.1", "192.168.77.2")
HELPER = sandbox.RUN + "/virt-tap-helper"
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


def user_starts(number, netdev, *options):
    """The Qemu that the unprivileged user starts, and its arguments."""
    argv = guests.command(netdev, f"52:54:00:77:00:0{number}", *options)
    return guests.Qemu(argv), argv


def require(condition, otherwise):
    if not condition:
        raise Failed(otherwise)


def prepare_host(program):
    step("1. Once, the administrator installs the helper ...")
    administrator(f"cp {shlex.quote(program)} {HELPER}")
    administrator(f"setcap cap_net_admin=p {HELPER}")
    say("This file may set up network devices, and nothing else. It is not setuid root.")
    step("2. ... makes a bridge (a network switch in software), and says who may use it.")
    administrator("ip link add br0 address 52:54:00:77:00:fe type bridge")
    administrator("ip link set br0 up")
    administrator("echo 'allow br0' >/etc/qemu/bridge.conf")
    say("This one line is the whole policy: every user may use br0, nobody may use another bridge.")


def start_guests(images):
    step("3. An ordinary user, vmuser, starts two virtual machines. No root, no sudo.")
    netdev = f"tap,id=n0,helper={HELPER}"
    running = []
    for number, address in enumerate(ADDRESSES, 1):
        qemu, argv = user_starts(number, netdev, *guests.boot_options(images, address + "/24"))
        running.append(qemu)
        if number == 1:
            show("vmuser $", argv)
    say("The same again for guest 2, with another MAC and the address " + ADDRESSES[1] + ". They boot ...")
    for qemu in running:
        qemu.ready()
    say(f"Both run. QEMU called the helper by itself, because of  -netdev {netdev}")
    for line in administrator(f"grep -E '^(Uid|CapEff)' /proc/{running[0].process.pid}/status").splitlines():
        quote(line.expandtabs())
    say(f"Uid {sandbox.USER} is vmuser, and CapEff 0 means: QEMU itself has no privilege at all.")
    return running


def show_taps():
    step("4. Each machine now hangs on a tap: a cable from the virtual machine to the bridge.")
    shown = json.loads(administrator("ip -json -details link show master br0"))
    say("What matters of its answer:")
    lines = ["tap     bridge  user    alias"]
    for tap in shown:
        owner = tap["linkinfo"]["info_data"].get("user", "-")
        lines.append(f"{tap['ifname']:<7} {tap['master']:<7} {owner:<7} {tap.get('ifalias', '-')}")
    quote("\n".join(lines))
    say("The helper made them, for vmuser. The alias tells the administrator whose they are.")
    require(len(shown) == len(ADDRESSES), f"{len(shown)} taps on br0, not {len(ADDRESSES)}")


def guests_meet(running):
    step("5. The two machines reach each other. These lines come from their own screens.")
    for number, (qemu, peer) in enumerate(zip(running, reversed(ADDRESSES)), 1):
        command = f"ping -c {PINGS} -i 0.1 {peer}"
        show(f"guest {number} #", command)
        _status, output = qemu.console.run(command)
        result = output[max(output.find("---"), 0):]
        quote(result)
        require(f"{PINGS} packets received, 0% packet loss" in result, f"guest {number} did not reach {peer}")


def refusal():
    step("6. No rule allows br1: that bridge stays closed, and the user reads why.")
    administrator("ip link add br1 type bridge")
    qemu, argv = user_starts(3, f"tap,id=n0,br=br1,helper={HELPER}")
    show("vmuser $", argv)
    with qemu:
        status = qemu.wait()
        quote(qemu.errors())
        reason = qemu.errors().split(guests.QEMU + ":")[0]
        require(status != 0 and "br1" in reason, "br1 was not refused as it should be")


def power_off(running, before):
    step("7. The machines power off. Nobody removes a tap: it lives as long as its QEMU.")
    for number, qemu in enumerate(running, 1):
        show(f"guest {number} #", "poweroff -f")
        qemu.console.send("poweroff -f")
    for number, qemu in enumerate(running, 1):
        require(qemu.wait() == 0, f"guest {number} did not end well: {qemu.errors()}")
        qemu.end()
    require(await_(lambda: sandbox.links() == before | {"br0", "br1"}), f"left over: {sandbox.links() - before}")
    left = administrator("ip link show master br0")
    require(not left, f"still on br0: {left}")
    quote("(nothing)")


def nothing_left(before):
    step("8. What is left?")
    for bridge in ("br0", "br1"):
        administrator(f"ip link delete {bridge}")
    processes = {int(name) for name in os.listdir("/proc") if name.isdigit()} - {1, os.getpid()}
    require(sandbox.links() == before, f"interfaces left over: {sandbox.links() - before}")
    require(not processes, f"processes left over: {processes}")
    say("No tap, no process, no file: /etc, /run and the network were private and end with this program.")


def story(options):
    before = sandbox.links()
    images = guests.prepare(options.kernel)
    prepare_host(options.helper)
    running = start_guests(images)
    show_taps()
    guests_meet(running)
    refusal()
    power_off(running, before)
    nothing_left(before)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--helper", required=True, help="the built helper")
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
