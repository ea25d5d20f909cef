#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Thousands of bridge.conf files, judged by the distribution's qemu-bridge-helper and by ours.

Replacing the one by the other must change no verdict, except where the original is wrong and ours refuses: an
alternative name of the bridge, a relative include (the caller chooses where it leads), includes that could not be
opened for want of descriptors. So that no other difference can hide among these, both verdicts are also predicted,
each on its own (bridgeconf.py), and one that is not the predicted one fails, whoever is right. Before the generated
sets come picked ones, whose verdicts are written down.
"""
import argparse
import ctypes
import os
import pickle
import re
import resource
import shutil
import signal
import socket
import sys
import time
import traceback
from collections import Counter

import sandbox
from bridgeconf import (ALTERNATIVE, BRIDGES, FEATURES, FIFTEEN, FILES, INC, INSIDE, MAIN, NEVER_GRANTED, PRIVATE,
                        Case, Maker, place, predict_ours, predict_theirs)
from rounds import rounds
from sandbox import USER

THEIRS = "/usr/lib/qemu/qemu-bridge-helper"
LANES = 8  # processes that judge at the same time: they mostly wait for the kernel to remove a tap
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
LEAST_GRANTED = 0.25
ONLY_OURS = "refused by ours only: "
EXCEPTIONS = ("alternative name", "relative include", "includes lost for want of descriptors")


def put(files, before):
    """Replace the files that were there before by these."""
    for path in before:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    for path, entry in files.items():
        place(path, entry)


def judge(helper, asked, nofile=FILES):
    """Call a helper until it is not the kernel's limit on descriptors under way that stops it: that limit is all lanes'
    together, for it is one of the user, and with few descriptors a small one (ETOOMANYREFS)."""
    while True:
        verdict, words = call(helper, asked, nofile)
        if b"Too many references" not in words:
            return verdict, words
        time.sleep(0.01)


def call(helper, asked, nofile):
    """Call a helper as the unprivileged user and as QEMU does; returns (verdict, words): True for a complete grant,
    False for a refusal, a text for anything else. Faster than bridgehelper.call(), and for a name of bytes."""
    ours, theirs = socket.socketpair()
    stderr = os.memfd_create("stderr")
    argv = [helper, b"--use-vnet", b"--fd=3", b"--br=" + asked]
    if nofile != FILES:
        argv = ["/usr/bin/prlimit", f"--nofile={nofile}", "--", *argv]
    actions = [(os.POSIX_SPAWN_DUP2, stderr, 2), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)]
    os.setresuid(USER, USER, 0)  # exec makes the third what the second is
    pid = os.posix_spawn(argv[0], argv, {"PATH": "/usr/bin"}, file_actions=actions)
    os.setresuid(0, 0, 0)
    theirs.close()
    ours.settimeout(20)
    try:
        data, fds, _flags, _address = socket.recv_fds(ours, 64, 4)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        data, fds = b"no answer in 20 s", []
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for fd in fds:
        os.close(fd)
    ours.close()
    words = os.pread(stderr, 300, 0)
    os.close(stderr)
    refused = status > 0 and (data, fds) == (b"", [])
    granted = (status, data, len(fds)) == (0, b"\0", 1)
    return granted if granted or refused else f"exit {status}, {data}, {len(fds)} descriptors", words


def shown(entry):
    """A file for the reader of a failure; a character repeated for long is shortened."""
    if not isinstance(entry, tuple):
        return f"link to {entry}" if entry else "folder"
    text = re.sub(r"(.)\1{40,}", lambda run: f"{run[1]}{{{len(run[0])}}}", repr(entry[0]))
    return f"{text} mode {entry[1]:04o} group {entry[2]}"


def compare(case, ours, theirs):
    """Judge one case by both; returns (what came out, or None for a failure, and the words to print then)."""
    original, their_words = judge(theirs, case.asked, case.nofile)
    replacement, our_words = judge(ours, case.asked, case.nofile)
    expected, full = predict_theirs(case), predict_ours(case)
    files = "".join(f"  {path}: {shown(entry)}\n" for path, entry in case.files.items())
    words = (f"{case.name}: asked {case.asked}, {case.nofile} descriptors\n{files}"
             f"  original: {original}, predicted {expected}: {their_words}\n"
             f"  ours: {replacement}, predicted {full}: {our_words}\n")
    if original is not expected:
        return None, words
    return (starved if case.nofile < FILES else sated)(case, original, replacement, full), words


def sated(case, original, replacement, full):
    """What came out where descriptors were enough: exactly what was predicted."""
    if replacement is not full:
        return None
    if replacement == original:
        return "granted by both" if original else "refused by both"
    return exception(case) if original else None


def exception(case):
    """Why ours refuses what the original grants, where that was predicted."""
    return ONLY_OURS + ("alternative name" if case.asked in ALTERNATIVE else "relative include")


def starved(case, original, replacement, full):
    """With few descriptors the original overlooks includes, and the deny rules in them. Ours must refuse then, or judge
    the whole: it may need fewer descriptors."""
    if replacement is True and full:
        return "granted by both" if original else "granted by ours only: the original lost an allow in an include"
    if replacement is not False:
        return None
    if not original:
        return "refused by both"
    if predict_theirs(case, FILES) and not full:
        return exception(case)
    return ONLY_OURS + "includes lost for want of descriptors"


def furnish():
    """A network and an /etc/qemu of this process's own; it stays root, but with the groups of the user."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/etc/qemu")
    os.mkdir(INC, 0o755)
    os.mkdir(PRIVATE, 0o700)
    for bridge in map(os.fsdecode, BRIDGES):
        sandbox.run("ip", "link", "add", "name", bridge, "type", "bridge", "forward_delay", "0")
        sandbox.run("ip", "link", "set", "dev", bridge, "up")
    for name in ALTERNATIVE:
        sandbox.run("ip", "link", "property", "add", "dev", "br0", "altname", name.decode())
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    os.setgroups([INSIDE])
    os.setresgid(USER, USER, USER)
    os.chdir("/")


def lane(cases, ours, theirs):
    """Judge some cases in a place of their own; returns (outcomes, {feature: outcomes}, failures)."""
    furnish()
    interfaces, outcomes, features, failures, present = socket.if_nameindex(), Counter(), {}, [], {}
    for case in cases:
        put(case.files, present)
        present = case.files
        outcome, words = compare(case, ours, theirs) if case.verdict is None else picked(case, ours, theirs)
        outcomes[outcome] += 1
        for feature in case.features:
            features.setdefault(feature, Counter())[outcome] += 1
        if outcome is None:
            failures.append(words)
    if socket.if_nameindex() != interfaces:
        failures.append(f"interfaces left behind: {socket.if_nameindex()}")
    return outcomes, features, failures


def picked(case, ours, theirs):
    """Judge a picked case, whose verdicts are written down; returns as compare() does."""
    original, their_words = judge(theirs, case.asked, case.nofile)
    replacement, our_words = judge(ours, case.asked, case.nofile)
    words = (f"picked: {case.name}: must be {case.verdict} of the original and ours\n"
             f"  original: {original}: {their_words}\n  ours: {replacement}: {our_words}\n")
    return "picked" if (original, replacement) == case.verdict else None, words


BOTH, NEITHER, NOT_OURS = (True, True), (False, False), (True, False)
LOOP = b"include /etc/qemu/inc/0\n"

# verdict, what it shows, the main file (bytes or entry), those of inc/0, inc/1 and so on, the name asked if not br0
PICKED = [
    (BOTH, "no final newline", b"allow br0", []),
    (BOTH, "end of line as on DOS", b"allow br0\r\n", []),
    (BOTH, "white space all round", b" \t\f\r\n \t\fallow  \t\r\f br0 \t\r\f\n", []),
    (NEITHER, "vertical tab before", b"\vallow br0\n", []),
    (NEITHER, "vertical tab between", b"allow\vbr0\n", []),
    (NEITHER, "vertical tab behind", b"allow br0\v\n", []),
    (NEITHER, "a blank behind a tab", b"allow\tbr0 \n", []),
    (NEITHER, "byte order mark", b"\xef\xbb\xbfallow br0\n", []),
    (NEITHER, "capitals", b"Allow br0\n", []),
    (NEITHER, "no argument", b"allow\nallow br0\n", []),
    (NEITHER, "empty argument", b"allow \n", [], b""),
    (NEITHER, "empty name, all allowed", b"allow all\n", [], b""),
    (NEITHER, "empty file", b"", []),
    (NEITHER, "no file", None, []),
    (NEITHER, "main file is a folder", "folder", []),
    (NEITHER, "main file may not be read", (b"allow br0\n", 0o600, 0), []),
    (BOTH, "main file is of the own group", (b"allow br0\n", 0o640, INSIDE), []),
    (NEITHER, "comment behind a rule", b"allow br0 # comment\n", []),
    (BOTH, "comment behind a deny", b"deny br0 # no\ndeny all # no\nallow br0\n", []),
    (NEITHER, "two names", b"allow br0 br1\nallow all br0\n", []),
    (BOTH, "NUL behind a rule", b"allow br0\0 # x\n", []),
    (NEITHER, "NUL before a rule", b"\0allow br0\n", []),
    (NEITHER, "NUL in a rule", b"al\0low br0\n", []),
    (NEITHER, "deny behind allow", b"allow br0\ndeny br0\n", []),
    (NEITHER, "deny all before allow", b"deny all\nallow br0\n", []),
    (NEITHER, "bad line behind allow", b"allow br0\nbogus br0\n", []),
    (BOTH, "bad line in an include", LOOP + b"allow br0\n", [b"bogus br0\ndeny br0\n"]),
    (BOTH, "bad line in an include behind allow", LOOP, [b"allow br0\nbogus br0\n"]),
    (NEITHER, "deny in an include", b"allow br0\n" + LOOP, [b"deny br0"]),
    (BOTH, "deny in an include for others", b"allow br0\n" + LOOP, [(b"deny br0", 0o640, 0)]),
    (BOTH, "allow in an include for us", LOOP, [(b"allow br0", 0o640, INSIDE)]),
    (NEITHER, "comment behind an include", b"include /etc/qemu/inc/0 # x\n", [b"allow br0\n"]),
    (BOTH, "include behind a tab", b"include\t/etc/qemu/inc/0\n", [b"allow br0\n"]),
    (BOTH, "includes of nothing", b"include /none\ninclude /etc/passwd/x\ninclude \ninclude /\nallow br0\n", []),
    (BOTH, "include with names too long", b"include /%s\ninclude /%s\nallow br0\n" % (b"x" * 300, b"x/" * 2030), []),
    (BOTH, "link to itself", LOOP + b"allow br0\n", [f"{INC}/0"]),
    (BOTH, "link to a file", LOOP, [f"{INC}/1", b"allow br0\n"]),
    (BOTH, "file that includes itself", LOOP, [LOOP + b"allow br0\n"]),
    (NEITHER, "deny behind including itself", b"allow all\n" + LOOP, [LOOP + b"deny br0\n"]),
    (BOTH, "loop of three, allow in the last", LOOP, [b"include /etc/qemu/inc/1\n", LOOP + b"allow br0\n"]),
    (BOTH, "main file that includes itself", b"include /etc/qemu/bridge.conf\nallow br0\n", []),
    (BOTH, "one file 500 times", LOOP * 500, [b"allow br0\n"]),
    (BOTH, "4,095 characters, then a rule", b"#" * 4095 + b"allow br0\n", []),
    (NEITHER, "4,094 characters, then a rule", b"#" * 4094 + b"allow br0\n", []),
    (NEITHER, "4,095 characters, then a deny", b"allow br0\n" + b"#" * 4095 + b"deny br0\n", []),
    (BOTH, "rule, then 5,000 blanks", b"allow br0" + b" " * 5000 + b"\n", []),
    (NEITHER, "rule, blanks to the 4,095th character, junk", b"allow br0".ljust(4095) + b"x\n", []),
    (BOTH, "name of 15 characters", b"allow " + FIFTEEN, [], FIFTEEN),
    (NEITHER, "rule of 16 characters", b"allow " + FIFTEEN + b"x\n", [], FIFTEEN),
    (NEITHER, "rule of 16 characters, another allows", b"allow " + FIFTEEN + b"x\nallow br0\n", []),
    (NEITHER, "asked for 16 characters", b"allow all\n", [], FIFTEEN + b"x"),
    (NEITHER, "asked for a prefix", b"allow br00\n", []),
    (NEITHER, "asked for more", b"allow br0\n", [], b"br00"),
    (BOTH, "hash in a name", b"allow br#1\n", [], b"br#1"),
    (BOTH, "byte above 127 in a name", b"allow br\xe9\n", [], b"br\xe9"),
    (NEITHER, "not a bridge", b"allow lo\n", [], b"lo"),
    (NEITHER, "bridge called all", b"allow all\n", [], b"all"),
    (NOT_OURS, "alternative name", b"allow alt0\n", [], b"alt0"),
    (NOT_OURS, "alternative name of a denied bridge", b"deny br0\nallow all\n", [], b"alt0"),
    (NEITHER, "rule for the alternative name", b"allow alt0\n", []),
    (NOT_OURS, "relative include", b"include etc/qemu/inc/0\n", [b"allow br0\n"]),
    (NOT_OURS, "include writable by others", b"allow br0\n" + LOOP, [(b"allow br0\n", 0o666, 0)]),
    (NOT_OURS, "include of the caller's", b"allow br0\n" + LOOP, [(b"allow br0\n", 0o644, 0, USER)]),
    (NOT_OURS, "main file of the caller's", (b"allow br0\n", 0o644, 0, USER), []),
]


def picked_cases():
    def entry(what):
        if what == "folder":
            return None
        return (what, 0o644, 0) if isinstance(what, bytes) else what

    for verdict, name, main, includes, *asked in PICKED:
        files = {} if main is None else {MAIN: entry(main)}
        files.update((f"{INC}/{n}", entry(what)) for n, what in enumerate(includes))
        yield Case(files, *asked or [b"br0"], name=name, verdict=verdict)
    for verdict, nofile in ((NOT_OURS, 7), (NEITHER, FILES)):  # a deny four files deep; the original opens three
        files = {MAIN: (b"allow br0\n" + LOOP, 0o644, 0), f"{INC}/2": (b"deny br0\n", 0o644, 0)}
        files.update((f"{INC}/{n}", (f"include {INC}/{n + 1}\n".encode(), 0o644, 0)) for n in (0, 1))
        yield Case(files, b"br0", nofile=nofile, name=f"includes with {nofile} descriptors", verdict=verdict)


def cases_of(number, chosen):
    """What one lane judges."""
    if number == 0:
        yield from picked_cases()
    for n in range(number, chosen.files, LANES):
        if chosen.only in (None, n):
            case = Maker(f"{chosen.seed}/{n}").make()
            case.name = f"set {n}"
            yield case


def in_parallel(function):
    """Run function(number) in LANES processes at once; returns what they returned."""
    ends = []
    for number in range(LANES):
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            with open(write_end, "wb") as result:
                try:
                    pickle.dump(function(number), result)
                except Exception:  # whatever it was: the parent sees that there is no result
                    traceback.print_exc()
            os._exit(0)
        os.close(write_end)
        ends.append(open(read_end, "rb"))
    return [pickle.load(end) for end in ends]


def uncovered(outcomes, features):
    """What the run did not meet, so that it proves less than it says."""
    def met(feature, *wanted):
        return any(features.get(feature, Counter())[outcome] for outcome in wanted)

    sets = sum(outcomes.values()) - outcomes["picked"]
    missing = [f"{feature}: in no set that both granted" for feature in FEATURES if not met(feature, "granted by both")]
    missing += [f"{feature}: in no set that both refused" for feature in FEATURES | NEVER_GRANTED
                if not met(feature, "refused by both")]
    missing += [f"no set was {ONLY_OURS}{kind}" for kind in EXCEPTIONS if not outcomes[ONLY_OURS + kind]]
    if outcomes["granted by both"] < LEAST_GRANTED * sets:
        missing.append(f"only {outcomes['granted by both']} of {sets} sets were granted")
    return missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=rounds(1000, 20000), help="generated sets (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="judge this set alone, of those that this seed makes")
    chosen = parser.parse_args()
    if not os.access(THEIRS, os.X_OK):
        sys.exit(f"{THEIRS} is not there: install Debian's qemu-system-common")
    helper = os.path.abspath(os.environ["VIRT_TAP_HELPER"])
    sandbox.enter()
    ours, theirs = sandbox.install(helper), sandbox.install(THEIRS, caps="cap_net_admin=ep")
    print(f"differential: {chosen.files} sets from seed {chosen.seed}", flush=True)
    begun = time.monotonic()
    parts = in_parallel(lambda number: lane(cases_of(number, chosen), ours, theirs))
    outcomes, features, failures = Counter(), {}, []
    for some, by_feature, failed in parts:
        outcomes += some
        failures += failed
        for feature, counts in by_feature.items():
            features[feature] = features.get(feature, Counter()) + counts
    for words in failures[:10]:
        print(f"DIFFERS {words}")
    for outcome, count in sorted(outcomes.items(), key=str):
        print(f"{count:7} {outcome or 'NOT AS THEY SHOULD BE'}")
    print(f"{time.monotonic() - begun:7.1f} seconds")
    if chosen.files >= 1000 and chosen.only is None:  # fewer cannot meet everything
        missing = uncovered(outcomes, features)
        failures += missing
        print("".join(f"PROVES TOO LITTLE: {what}\n" for what in missing), end="")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
