#!/usr/bin/env python3
"""The structure of the house, in the tree that this file is in: which folder may include which, that no files call each other in a
circle (by the symbols of a build's objects), and that what the documents name is there. Says every fault, and exits 1 if there is one.

house.py BUILD
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BELOW = {  # folder: those that it may include; tests/ may include all
    "base": set(), "net": {"base"}, "xml": {"base"}, "policy": {"base", "net"}, "host": {"base", "net"}, "helper": {"base", "net", "policy"},
    "hooks": {"base", "net", "policy", "xml", "host"}, "bridge": {"base", "net", "policy"}, "cli": {"base", "net", "policy", "xml", "host", "hooks", "bridge"}}
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/threat-model.md")


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
                if other and other[1] not in BELOW[folder]:
                    yield f"{path}:{number}: {folder}/ may not include {other[1]}/"


def symbols(path):
    """What the object file defines for others, and what it wants of them."""
    defined, wanted = set(), set()
    for line in subprocess.run(["nm", "-P", "-g", path], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.splitlines():
        name, kind = line.split()[:2]
        (wanted if kind == "U" else defined).add(name)
    return defined, wanted


def calls(build):
    """{file: those that it calls}. No main() is called."""
    files = {}
    for folder in BELOW:
        for path, _, names in os.walk(f"{build}/{folder}"):
            files |= {f"{folder}/{name.removesuffix('.o')}": symbols(f"{path}/{name}") for name in names if name.endswith(".c.o")}
    assert len(files) > 50, f"{build} is no build of virt-tap's"
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


def documents():
    for document in DOCUMENTS:
        with open(f"{ROOT}/{document}", encoding="utf-8") as file:
            for path in sorted(set(re.findall(rf"`((?:{'|'.join(BELOW)})/\w+\.[ch])\b", file.read()))):
                if not os.path.exists(f"{ROOT}/{path}"):
                    yield f"{document}: there is no {path}"


def main():
    faults = [*includes(), *circles(sys.argv[1]), *documents()]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
