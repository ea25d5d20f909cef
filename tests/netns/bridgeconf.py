# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Sets of bridge.conf files: what both helpers should say to one, and a maker of many.

The prediction is written from what qemu-bridge-helper 7.2 was seen to do, not from anybody's code, and is checked
against it with every set that test_differential.py judges.
"""
import os
import random
from dataclasses import dataclass, field

import sandbox

MAIN, INC, PRIVATE = "/etc/qemu/bridge.conf", "/etc/qemu/inc", "/etc/qemu/private"
INSIDE, OUTSIDE = 64400, 64401  # groups: the caller is in the first
FIFTEEN = b"br-fifteen-char"
BRIDGES = [b"br0", b"br1", b"br", b"br00", b"br#1", b"br\xe9", FIFTEEN]
ALTERNATIVE = [b"alt0", b"alternative-name-of-br0"]  # both of br0
NOT_BRIDGES = [b"lo", b"nobr", b"all"]
FILES = 1024  # descriptors that a caller usually may have; the original goes round in loops until they are used up
RELATIVE = b"include by a relative path"  # stands in the list of rules where such a line was met
SPACE = b" \t\n\f\r"  # what the original skips and trims: '\\v' is a character like any other


@dataclass
class Case:
    """A file set and a question. Values of files: (bytes, mode, group), the target of a link, or None for a folder."""
    files: dict
    asked: bytes
    features: set = field(default_factory=set)
    nofile: int = FILES
    name: str = ""
    verdict: tuple = None  # of the original and of ours, where it is known without prediction


def place(path, entry):
    """Make that file, as Case.files has it; a fourth value is the owner."""
    if isinstance(entry, str):
        os.symlink(entry, path)
    elif entry is None:
        os.mkdir(path, 0o755)
    else:
        sandbox.write(path, entry[0], mode=entry[1], uid=entry[3] if len(entry) > 3 else 0, gid=entry[2])


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
    data, mode, group = entry[:3]
    return data if mode & 0o004 or (mode & 0o040 and group == INSIDE) else None


def collect(case, path, depth, chain, rules, limit):
    """Add the rules of a file and its includes; returns whether it was read to its end. depth is also the number of
    descriptors that the original holds by then; a file that is being read already adds nothing new."""
    if path and not path.startswith("/"):
        rules.append((RELATIVE, b""))
    path = os.path.normpath(os.path.join("/", path))
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


def judged(rules, asked):
    return {word for word, name in rules if word != RELATIVE and name in (b"all", asked)} == {b"allow"}


def predict_theirs(case, nofile=None):
    """The original: an include that cannot be opened, for whatever reason, is passed over, and the kernel takes an
    alternative name for the bridge's. Four descriptors are taken before it opens a file."""
    rules = []
    read = collect(case, MAIN, 0, frozenset(), rules, (nofile or case.nofile) - 4)
    return read and judged(rules, case.asked) and case.asked in BRIDGES + ALTERNATIVE and len(case.asked) < 16


def predict_ours(case):
    """Ours, when it has descriptors enough: no relative includes, no alternative names."""
    rules = []
    read = collect(case, MAIN, 0, frozenset(), rules, FILES)
    return read and judged(rules, case.asked) and case.asked in BRIDGES and (RELATIVE, b"") not in rules


# What a run must have met, or it says too little: each in a set that both granted and in one that both refused, but
# what can never be granted.
FEATURES = {
    "tab", "\\v", "\\f", "\\r", "NUL byte", "high bytes", "comment", "long line", "no final newline", "empty file",
    "deny", "tab before a later blank", "rule: name asked", "rule: all", "rule: another bridge", "rule: prefix of it",
    "rule: longer than it", "rule: 15 characters", "rule: 16 or more", "rule: alternative name", "rule: two words",
    "rule: high bytes", "rule: comment behind", "rule: no name", "include: readable", "include: mode 0600",
    "include: own group", "include: other group", "include: folder", "include: missing", "include: symbolic link",
    "include: in a closed folder", "include: comment behind", "include: by another way", "included twice", "loop",
    "loop of several files", "file that includes itself", "read 4 deep or more", "bad line in an include",
    "asked: 15 characters", "few descriptors lose an include"}
NEVER_GRANTED = {"include: relative path", "asked: alternative name", "asked: 16 characters", "asked: no bridge",
                 "bad line in the main file"}


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
        self.note("asked: no bridge", self.asked in NOT_BRIDGES)

    def note(self, feature, happened=True):
        if happened:
            self.features.add(feature)
        return happened

    def chance(self, share, feature=None):
        happened = self.r.random() < share
        return self.note(feature, happened) if feature else happened

    def blanks(self):
        """White space; every kind that a C library knows."""
        some = bytes(self.r.choices(b" \t\v\f\r", [60, 30, 0.7, 3, 4], k=self.r.choice([0, 0, 0, 1, 2, 4])))
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
        kind = self.r.choices(list(kinds), [34, 10, 20, 6, 6, 6, 3, 4, 2, 2, 3, 1])[0]
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
        kind = self.r.choices(["rule", "deny", "comment", "blank", "long"], [55, 6, 18, 18, 3])[0]
        if kind == "comment":
            self.note("comment")
            text = self.r.choice([b"", b" allow all", b" deny all", b"\tinclude x", b"\xe4\0\xff"])
            return self.blanks() + b"#" + text
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
        nofile = FILES
        if max(depth.values()) >= 3 and not looped and self.chance(0.6):
            nofile = self.r.choice([7, 7, 8])
            deepest = max(depth, key=depth.get)
            bodies[deepest].insert(0, self.r.choice([b"allow ", b"deny "]) + self.asked)
        for path in paths:
            entries.setdefault(path, (self.join(bodies[path]), 0o644, 0))
            if isinstance(entries[path], tuple) and entries[path][0] is None:
                entries[path] = (self.join(bodies[path]), *entries[path][1:])
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
                 "include: by another way": (None, 0o644, 0), "include: relative path": (None, 0o644, 0)}
        kind = self.r.choices(list(kinds), [60, 5, 6, 5, 4, 5, 4, 3, 3, 5, 1.5])[0]
        self.note(kind)
        where = path
        if kind == "include: missing":
            where = self.r.choice([f"{path}/none", "/etc/qemu/none", "/none/x"])
        elif kind == "include: in a closed folder":
            where = f"{PRIVATE}/{os.path.basename(path)}"
            entries[where] = (b"allow all\n", 0o644, 0)
        elif kind == "include: by another way":
            where = f"/etc//qemu/./inc/../inc/{os.path.basename(path)}"
        elif kind == "include: relative path":
            where = path[1:]  # the caller stands in /
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
