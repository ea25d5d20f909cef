#!/usr/bin/env python3
"""Thousands of generated bridge.conf files, judged by the distribution's qemu-bridge-helper and by ours.

Replacing the one by the other must change no verdict, except where the original is wrong and ours refuses. So that no
difference can hide among the accepted ones, both verdicts are also predicted, each from a model of the rules written
here on its own: a verdict that is not the predicted one fails, whoever is right. A set that is judged with few
descriptors must be refused by ours, or judged as if it had enough.
"""
import argparse
import ctypes
import errno
import os
import pickle
import random
import resource
import shutil
import signal
import socket
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field

import sandbox
from sandbox import USER

THEIRS = "/usr/lib/qemu/qemu-bridge-helper"
MAIN, INC, PRIVATE = "/etc/qemu/bridge.conf", "/etc/qemu/inc", "/etc/qemu/private"
INSIDE, OUTSIDE = 64400, 64401  # groups: the caller is in the first
FIFTEEN = b"br-fifteen-char"
BRIDGES = [b"br0", b"br1", b"br", b"br00", b"br#1", b"br\xe9", FIFTEEN]
ALTERNATIVE = [b"alt0", b"alternative-name-of-br0"]  # both of br0
NOT_BRIDGES = [b"lo", b"nobr", b"all"]
FILES = 1024  # descriptors that a caller usually may have; the original goes round in loops until they are used up
SPACE = b" \t\n\f\r"  # what the original skips and trims: '\v' is a character like any other
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000


@dataclass
class Case:
    """A file set and a question. Values of files: (bytes, mode, group), a target (link), or None (folder)."""
    files: dict
    asked: bytes
    features: set = field(default_factory=set)
    nofile: int = FILES
    name: str = ""


# ---- What both should say ----------------------------------------------------------------------------------------

def lines_of(data):
    """The lines as fgets() with a buffer of 4,096 bytes gives them to a C program."""
    while data:
        end = data.find(b"\n", 0, 4095) + 1 or min(4095, len(data))
        yield data[:end].split(b"\0")[0]
        data = data[end:]


def parse(line):
    """(word, argument), None for nothing, or False for a line that ends the file. A blank anywhere in the line ends
    the word before a tab does: that is how the original looks for it."""
    line = line.lstrip(SPACE)
    if not line or line[:1] == b"#":
        return None
    word, found, argument = line.partition(b" " if b" " in line else b"\t")
    argument = argument.strip(SPACE)
    if not found or word not in (b"allow", b"deny", b"include") or (word != b"include" and len(argument) > 15):
        return False
    return word, argument


def content(case, path):
    """The bytes that the caller may read at this path, or None."""
    entry = None if path.startswith(PRIVATE + "/") else case.files.get(path)
    if isinstance(entry, str):
        return content(case, entry)
    if entry is None:
        return None
    data, mode, group = entry
    return data if mode & 0o004 or (mode & 0o040 and group == INSIDE) else None


def collect(case, path, depth, chain, rules, limit):
    """Add the rules of a file and its includes; returns whether it was read to its end. depth is also the number of
    descriptors that the original holds by then; a file that is being read already adds nothing new."""
    path = os.path.normpath(path)
    data = content(case, path)
    if data is None or depth >= limit:
        case.features.update(["few descriptors lose an include"] if data is not None else [])
        return False
    if path in chain:
        case.features.add("loop")
        return True
    case.features.update(["read 4 deep or more"] if depth >= 4 else [])
    for parsed in map(parse, lines_of(data)):
        if parsed is False:
            return False
        if parsed and parsed[0] == b"include":
            collect(case, parsed[1].decode("latin-1"), depth + 1, chain | {path}, rules, limit)
        elif parsed:
            rules.append(parsed)
    return True


def predict_theirs(case, nofile=None):
    """The original: names cut to 15 characters, both in rules and before the kernel is asked; alternative names are as
    good as names; an include that cannot be opened, for whatever reason, is passed over."""
    rules = []
    if not collect(case, MAIN, 0, frozenset(), rules, (nofile or case.nofile) - 4):
        return False
    return {word for word, name in rules if name in (b"all", case.asked)} == {b"allow"} \
        and case.asked in BRIDGES + ALTERNATIVE and len(case.asked) < 16


def predict_ours(case):
    """Ours, when it has descriptors enough."""
    rules = []
    if not collect(case, MAIN, 0, frozenset(), rules, FILES) or case.asked not in BRIDGES:
        return False
    return {word for word, name in rules if name in (b"all", case.asked)} == {b"allow"}


def exception(case):
    """Why the original is wrong to grant, where the predictions differ."""
    if len(case.asked) > 15:
        return "asked for a name of 16 or more characters"
    return "asked for an alternative name" if case.asked in ALTERNATIVE else "a rule's name of 16 or more characters"


# ---- Making file sets --------------------------------------------------------------------------------------------

class Maker:
    """Makes one case from a seed: always the same from the same."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.features = set()
        self.asked = self.r.choices([b"br0", FIFTEEN, self.r.choice(BRIDGES), ALTERNATIVE[0], FIFTEEN + b"x",
                                     self.r.choice(NOT_BRIDGES)], [50, 12, 28, 5, 3, 2])[0]
        self.note("asked: alternative name", self.asked in ALTERNATIVE)
        self.note("asked: 16 characters", len(self.asked) > 15)
        self.note("asked: 15 characters", self.asked == FIFTEEN)

    def note(self, feature, happened=True):
        if happened:
            self.features.add(feature)
        return happened

    def chance(self, share, feature=None):
        happened = self.r.random() < share
        return self.note(feature, happened) if feature else happened

    def blanks(self, least=0):
        """White space; every kind that a C library knows."""
        some = bytes(self.r.choices(b" \t\v\f\r", [60, 30, 3, 3, 4], k=max(least, self.r.choice([0, 0, 0, 1, 2, 4]))))
        for byte, feature in ((9, "tab"), (11, "\\v"), (12, "\\f"), (13, "\\r")):
            self.note(feature, byte in some)
        return some

    def bridge(self):
        """A name for a rule: often the one asked for, else one that could be mistaken for it."""
        kinds = {"rule: name asked": self.asked, "rule: all": b"all", "rule: another bridge": self.r.choice(BRIDGES),
                 "rule: prefix of it": self.asked[:-1], "rule: longer than it": self.asked + b"0",
                 "rule: 15 characters": FIFTEEN, "rule: 16 or more": FIFTEEN + self.r.choice([b"x", b"-and-more" * 3]),
                 "rule: alternative name": self.r.choice(ALTERNATIVE), "rule: two words": self.asked + b" br1",
                 "rule: high bytes": b"br\xe9", "rule: comment behind": self.asked + b" # yes", "rule: no name": b""}
        kind = self.r.choices(list(kinds), [34, 10, 20, 6, 6, 6, 6, 4, 2, 2, 3, 1])[0]
        self.note(kind)
        return kinds[kind]

    def rule(self, word, name):
        separator = self.r.choices([b" ", b"\t", b" " + self.blanks(), b"\t" + self.blanks()], [60, 20, 12, 8])[0]
        self.note("tab before a later blank", separator[:1] == b"\t" and b" " in separator + name)
        line = self.blanks() + word + separator + name + self.blanks()
        if self.chance(0.015, "NUL byte"):
            at = self.r.randrange(len(line) + 1)
            line = line[:at] + b"\0" + line[at:]
        return line

    def long_line(self):
        """More than 4,095 characters: what stands behind is a line of its own."""
        self.note("long line")
        head = self.r.choice([b"#", b"# comment ", b"allow " + self.bridge() + b" ", b"   "])
        tail = self.r.choice([b"", b"# rest", b"x", b"allow " + self.bridge(), b"deny " + self.bridge()])
        fill = b" " if head[:1] != b"#" else self.r.choice([b" ", b"x"])
        return head + fill * (4095 - len(head) + self.r.choice([-1, 0, 0, 0, 1])) + tail

    def line(self):
        kind = self.r.choices(["rule", "deny", "comment", "blank", "long"], [55, 6, 18, 18, 2])[0]
        if kind == "comment":
            self.note("comment")
            return self.blanks() + b"#" + self.r.choice([b"", b" allow all", b" deny all", b"\tinclude x", b"\xe4\0\xff"])
        if kind == "blank":
            return self.blanks()
        if kind == "long":
            return self.long_line()
        self.note("deny", kind == "deny")
        return self.rule(b"deny" if kind == "deny" else b"allow", self.bridge())

    def bad(self):
        return self.r.choice([b"allow", b"deny", b"bogus br0", b"Allow br0", b"allowbr0", b"x", b"\xff", b"deny,br0 x",
                              b"allow\vbr0", b"include", b"- deny all", b"al\0low br0", b"allow\tbr0 "])

    def make(self):
        """The main file and a tree of includes below it."""
        count = self.r.choices([0, 1, 2, 3, 5, 8], [25, 25, 20, 12, 10, 8])[0]
        paths = [MAIN] + [f"{INC}/{n}" for n in range(count)]
        bodies = {path: [self.line() for _ in range(self.r.choice([0, 0, 1, 2, 3, 5]))] for path in paths}
        entries, parent, depth = {}, {}, {MAIN: 0}
        for index, path in enumerate(paths[1:], 1):
            parent[path] = paths[index - 1] if self.chance(0.6) else self.r.choice(paths[:index])
            depth[path] = depth[parent[path]] + 1
            self.insert(bodies[parent[path]], self.include(path, entries))
        if self.chance(0.8):
            self.insert(bodies[self.r.choice(paths + [MAIN])], self.rule(b"allow", self.r.choice([self.asked, b"all"])))
        looped = count and self.chance(0.12) and self.loop(paths, parent, bodies)
        if count and not looped and self.chance(0.08, "included twice"):
            self.insert(bodies[MAIN], b"include " + self.r.choice(paths[1:]).encode())
        if self.chance(0.05, "bad line in the main file"):
            self.insert(bodies[MAIN], self.bad())
        if count and self.chance(0.25, "bad line in an include"):
            self.insert(bodies[self.r.choice(paths[1:])], self.bad())
        for path in paths:
            entries.setdefault(path, (self.join(bodies[path]), 0o644, 0))
            if isinstance(entries[path], tuple) and entries[path][0] is None:
                entries[path] = (self.join(bodies[path]), *entries[path][1:])
        nofile = FILES
        if max(depth.values()) >= 3 and not looped and self.chance(0.3, "few descriptors"):
            nofile = self.r.choice([7, 7, 8])
        return Case(entries, self.asked, self.features, nofile)

    def insert(self, lines, line):
        lines.insert(self.r.randrange(len(lines) + 1), line)

    def join(self, lines):
        data = b"\n".join(lines) + b"\n" * (not self.chance(0.15, "no final newline") and bool(lines))
        self.note("empty file", not data)
        self.note("high bytes", any(byte > 127 for byte in data))
        return data

    def include(self, path, entries):
        """A line that includes path, and what is found there; None as content: what was planned for it."""
        kinds = {"include: readable": (None, 0o644, 0), "include: mode 0600": (None, 0o600, 0),
                 "include: own group": (None, 0o640, INSIDE), "include: other group": (None, 0o640, OUTSIDE),
                 "include: folder": None, "include: missing": None, "include: symbolic link": f"{path}.target",
                 "include: in a closed folder": None, "include: comment behind": (None, 0o644, 0),
                 "include: by another way": (None, 0o644, 0)}
        kind = self.r.choices(list(kinds), [60, 5, 6, 5, 4, 5, 4, 3, 3, 5])[0]
        self.note(kind)
        where = path
        if kind == "include: missing":
            where = self.r.choice([f"{path}/none", "/etc/qemu/none", "/none/x"])
        elif kind == "include: in a closed folder":
            where = f"{PRIVATE}/{os.path.basename(path)}"
            entries[where] = (b"allow all\n", 0o644, 0)
        elif kind == "include: by another way":
            where = f"/etc//qemu/./inc/../inc/{os.path.basename(path)}"
        elif kind == "include: comment behind":
            where += " # comment"
        elif kind == "include: symbolic link":
            entries[f"{path}.target"] = (self.join([self.line(), self.line()]), 0o644, 0)
        if kind not in ("include: missing", "include: in a closed folder"):
            entries[path] = kinds[kind]
        return self.rule(b"include", where.encode())

    def loop(self, paths, parent, bodies):
        """Make one file include itself or one above it. Only one: of two the original would make 2 to the 1,000."""
        path = target = self.r.choice(paths)
        for _ in range(self.r.choice([0, 0, 1, 2, 3])):
            target = parent.get(target, target)
        self.note("file that includes itself", path == target)
        self.note("loop of several files", path != target)
        self.insert(bodies[path], b"include " + target.encode())
        return True


# ---- Judging -----------------------------------------------------------------------------------------------------

def put(files, before):
    """Replace the files that were there before by these."""
    for path in before:
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    for path, entry in files.items():
        if isinstance(entry, str):
            os.symlink(entry, path)
        elif entry is None:
            os.mkdir(path, 0o755)
        else:
            sandbox.write(path, entry[0], mode=entry[1], gid=entry[2])


def judge(helper, asked, nofile=FILES):
    """Call a helper as the unprivileged user and as QEMU does; returns (granted, words): True for a complete grant,
    False for a refusal, a text for anything else. Faster than bridgehelper.call(), and made for a name of bytes."""
    ours, theirs = socket.socketpair()
    stderr = os.memfd_create("stderr")
    argv = [helper, b"--use-vnet", b"--fd=3", b"--br=" + asked]
    if nofile != FILES:
        argv = ["/usr/bin/prlimit", f"--nofile={nofile}", "--", *argv]
    os.setresuid(USER, USER, 0)  # exec makes the third what the second is
    actions = [(os.POSIX_SPAWN_DUP2, stderr, 2), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)]
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
    words = os.pread(stderr, 4000, 0)
    os.close(stderr)
    answer = (status, data, len(fds))
    verdict = {(0, b"\0", 1): True, (1, b"", 0): False}.get(answer, f"exit {status}, {data}, {len(fds)} descriptors")
    return verdict, words


def compare(case, ours, theirs):
    """Judge one case by both; returns (what came out, or None for a failure, and the words to print then)."""
    original, their_words = judge(theirs, case.asked, case.nofile)
    replacement, our_words = judge(ours, case.asked, case.nofile)
    expected, full = predict_theirs(case), predict_ours(case)
    words = (f"{case.name}: asked {case.asked}, {case.nofile} descriptors\n"
             f"  original: {original}, predicted {expected}: {their_words}\n"
             f"  ours: {replacement}, predicted {full}: {our_words}\n"
             + "".join(f"  {path}: {entry}\n" for path, entry in case.files.items()))
    if original is not expected:
        return None, words
    if case.nofile < FILES:
        return starved(case, original, replacement, full), words
    if replacement is not full or (replacement and not original):
        return None, words
    outcomes = {(True, True): "granted by both", (False, False): "refused by both"}
    return outcomes.get((original, replacement)) or f"refused by ours only: {exception(case)}", words


def starved(case, original, replacement, full):
    """With few descriptors the original overlooks includes, and the deny rules in them. Ours must refuse then, or judge
    the whole: it may need fewer descriptors."""
    if replacement is not False and not (replacement is True and full):
        return None
    if replacement == original:
        return "granted by both" if original else "refused by both"
    if replacement:
        return "granted by ours only: the original lost an allow for want of descriptors"
    if predict_theirs(case, FILES) and not full:
        return f"refused by ours only: {exception(case)}"
    return "refused by ours only: includes lost for want of descriptors"


def furnish():
    """A network and an /etc/qemu of this process's own; become root with the groups of the user."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    sandbox.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/etc/qemu")
    os.mkdir(INC, 0o755)
    os.mkdir(PRIVATE, 0o700)
    for bridge in BRIDGES:
        sandbox.run("ip", "link", "add", "name", os.fsdecode(bridge), "type", "bridge", "forward_delay", "0")
        sandbox.run("ip", "link", "set", "dev", os.fsdecode(bridge), "up")
    for name in ALTERNATIVE:
        sandbox.run("ip", "link", "property", "add", "dev", "br0", "altname", name.decode())
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    os.setgroups([INSIDE])
    os.setresgid(USER, USER, USER)


def lane(cases, ours, theirs):
    """Judge some cases in a place of their own; returns (outcomes, {feature: outcomes}, failures)."""
    furnish()
    before, outcomes, features, failures, present = socket.if_nameindex(), Counter(), {}, [], {}
    for case in cases:
        put(case.files, present)
        present = case.files
        outcome, words = compare(case, ours, theirs)
        outcomes[outcome] += 1
        for feature in case.features:
            features.setdefault(feature, Counter())[outcome] += 1
        if outcome is None:
            failures.append(words)
    if socket.if_nameindex() != before:
        failures.append(f"interfaces left behind: {socket.if_nameindex()}")
    return outcomes, features, failures


def in_parallel(lanes, function):
    """Run function(number) in so many processes at once; returns what they returned."""
    ends = []
    for number in range(lanes):
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            with open(write_end, "wb") as result:
                try:
                    pickle.dump(function(number), result)
                except BaseException:  # whatever it was: the parent says that this one did not finish
                    traceback.print_exc()
            os._exit(0)
        os.close(write_end)
        ends.append(open(read_end, "rb"))
    return [pickle.load(end) for end in ends]


# ---- The test ----------------------------------------------------------------------------------------------------

def merge(parts):
    outcomes, features, failures = Counter(), {}, []
    for some, by_feature, failed in parts:
        outcomes += some
        failures += failed
        for feature, counts in by_feature.items():
            features[feature] = features.get(feature, Counter()) + counts
    return outcomes, features, failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    sandbox.enter(600)
    ours = sandbox.install(os.environ["VIRT_TAP_HELPER"], "ours")
    theirs = sandbox.install(THEIRS, "theirs", caps="cap_net_admin=ep")
    begin=time.monotonic()
    def part(number):
        def cases():
            for n in range(number, chosen.files, 2):
                m=Maker(f"{chosen.seed}/{n}"); c=m.make(); c.name=f"set {n}"; yield c
        return lane(cases(), ours, theirs)
    outcomes, features, failures = merge(in_parallel(2, part))
    print(time.monotonic()-begin)
    for f in failures[:8]: print(f[:1500])
    print(len(failures), outcomes)
    for f,c in sorted(features.items()): print(f, dict(c))
main()
