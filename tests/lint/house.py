#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The structure of the tree that this file is in: which folder may include which; that no files call each other in a circle (by the
symbols of a build's objects); that the files and functions that the documents name exist, in the files that they name; that every source file begins with its
licence; that every file has a plain name; that every script of the suites is in tests/meson.build; that the
tests exist that sanitized builds leave out. Prints every fault, and exits 1 if
there is one.

house.py BUILD
"""
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BELOW = {  # folder: those that it may include; tests/ may include all
    "base": set(), "net": {"base"}, "xml": {"base"}, "policy": {"base", "net"}, "host": {"base", "net"}, "helper": {"base", "net", "policy"},
    "hooks": {"base", "net", "policy", "xml", "host"}, "bridge": {"base", "net", "policy"}, "cli": {"base", "net", "policy", "xml", "host", "hooks", "bridge"}}
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/interfaces.md", "docs/port-filter.md",
             "docs/threat-model.md")
HEAD = ["SPDX-License-Identifier: GPL-2.0-or-later", "Copyright the virt-tap authors"]
COMMENT = r'(?:/\* | \* |# |\.\\" )'
OTHERS = ("tests/data/", "tests/fuzz/corpus/")  # what others wrote, or a fuzzer made


def tracked():
    """All files that belong to the tree, by git if it is a checkout."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=60)
    if listed.returncode == 0 and listed.stdout:
        return sorted(path for path in os.fsdecode(listed.stdout).split("\0") if path and os.path.lexists(f"{ROOT}/{path}"))
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__") and not os.path.exists(f"{folder}/{name}/build.ninja")
                      and not (folder == ROOT and "build" in name)]
        found += [os.path.relpath(f"{folder}/{name}", ROOT) for name in names]
    return sorted(found)


def plain_names():
    for path in tracked():
        if not re.fullmatch(r"[!-~]+", path):
            yield f"{ascii(path)}: the name is not plain ASCII without blanks"


def is_source(path, start):
    return (path.endswith((".c", ".h", ".py", ".sh", "/meson.build")) or path in ("meson.build", "meson_options.txt")
            or bool(re.search(r"\.[1-8]\.in$", path)) or path.startswith("data/completion/") or start.startswith("#!"))


def licences():
    for path in tracked():
        if path.startswith(OTHERS) or not os.path.isfile(f"{ROOT}/{path}"):
            continue
        with open(f"{ROOT}/{path}", encoding="utf-8", errors="replace") as file:
            lines = [file.readline() for _ in range(3)]
        if not is_source(path, lines[0]):
            continue
        begin = lines[1:] if lines[0].startswith(("#!", "#compdef")) else lines
        if not all(re.fullmatch(COMMENT + re.escape(words) + r"(?: \*/)?\n", line) for words, line in zip(HEAD, begin)):
            yield f"{path}: does not begin with '{HEAD[0]}' and '{HEAD[1]}'"


def sources():
    for folder in BELOW:
        for name in sorted(os.listdir(f"{ROOT}/{folder}")):
            if name.endswith((".c", ".h")):
                yield folder, f"{folder}/{name}"


def includes():
    for folder, path in sources():
        with open(f"{ROOT}/{path}", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                other = re.match(r'#include "(\w+)/', line)
                if other and other[1] not in BELOW[folder] | {folder}:
                    yield f"{path}:{number}: {folder}/ may not include {other[1]}/"


def symbols(paths):
    """{object file: what it defines for others, what it wants of them}, by one call of nm for all."""
    found = {path: (set(), set()) for path in paths}
    listed = subprocess.run(["nm", "-P", "-g", "-A", *paths], stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout
    for line in listed.splitlines():
        path, name, kind = line.split()[:3]
        found[path.removesuffix(":")][kind == "U"].add(name)
    return found


def calls(build):
    """{file: those that it calls}. No main() is called."""
    paths = [f"{path}/{name}" for folder in BELOW for path, _, names in os.walk(f"{build}/{folder}") for name in names if name.endswith(".c.o")]
    assert len(paths) > 50, f"{build} is no build of virt-tap's"
    files = {}
    for path, (defined, wanted) in symbols(paths).items():
        folder, *_, name = os.path.relpath(path, build).split("/")
        files[f"{folder}/{name.removesuffix('.o')}"] = defined, wanted
    home = {name: source for source, (defined, _) in files.items() for name in defined - {"main"}}
    return {source: {home[name] for name in wanted if name in home} - {source} for source, (_, wanted) in files.items()}


def reached(graph, start):
    found, ahead = set(), [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def circles(build):
    graph = calls(build)
    around = {source: reached(graph, source) for source in graph}
    for part in sorted({tuple(sorted(other for other in around[source] if source in around[other])) for source in graph if source in around[source]}):
        yield "these call each other in a circle: " + " ".join(part)


def functions():
    """The names of all functions that the C files define."""
    found = set()
    for _, path in sources():
        with open(f"{ROOT}/{path}", encoding="utf-8") as file:
            found |= set(re.findall(r"^[a-z_][\w \*]*?\b(\w+)\(", file.read(), re.MULTILINE))
    return found


def documents():
    known = functions()
    for document in DOCUMENTS:
        with open(f"{ROOT}/{document}", encoding="utf-8") as file:
            text = file.read()
        for path in sorted(set(re.findall(rf"`((?:{'|'.join(BELOW)}|tests|docs|data|demo)/[\w./-]+\.\w+)", text))):
            if "NAME" not in path and not os.path.exists(f"{ROOT}/{path}"):
                yield f"{document}: there is no {path}"
        for path, names in sorted(set(re.findall(rf"`((?:{'|'.join(BELOW)})/\w+\.[ch]): ([\w, ]+)`", text))):
            for name in names.split(", ") if os.path.exists(f"{ROOT}/{path}") else ():
                with open(f"{ROOT}/{path}", encoding="utf-8") as file:
                    if not re.search(rf"\b{name}\b", file.read()):
                        yield f"{document}: {path} has no {name}"
        for name in sorted(set(re.findall(r"`(\w+)\(\)`", text)) - known):
            yield f"{document}: no C file defines {name}()"


def unregistered():
    """Every script of the suites is in tests/meson.build: another one would never run."""
    with open(f"{ROOT}/tests/meson.build", encoding="utf-8") as file:
        listed = set(re.findall(r"'(\w+)'", file.read()))
    for path in sorted(glob.glob(f"{ROOT}/tests/*/test_*.py")):
        folder, name = path.split("/")[-2:]
        if folder in ("netns", "system", "unit", "fleet") and name[len("test_"):-len(".py")] not in listed:
            yield f"tests/{folder}/{name}: not in tests/meson.build"


def left_out():
    """What tests/lib/sanitized.py leaves out, FILE or FILE.CLASS.TEST, must be there: a renamed test is not left out any more."""
    with open(f"{ROOT}/tests/lib/sanitized.py", encoding="utf-8") as file:
        names = re.findall(r'^    "(test_\w+(?:\.\w+\.\w+)?)":', file.read(), re.MULTILINE)
    for name in names:
        script, _, test = name.partition(".")
        texts = []
        for path in glob.glob(f"{ROOT}/tests/*/{script}.py"):
            with open(path, encoding="utf-8") as file:
                texts.append(file.read())
        case, _, function = test.partition(".")
        if not any(not test or re.search(rf"^class {case}\b(?:(?!^class ).)*?^    def {function}\(", text, re.MULTILINE | re.DOTALL) for text in texts):
            yield f"tests/lib/sanitized.py: there is no {name}"


def main():
    faults = [*includes(), *circles(sys.argv[1]), *documents(), *licences(), *plain_names(), *unregistered(), *left_out()]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
