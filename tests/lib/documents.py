# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The examples of the documentation: fenced blocks of Markdown, and displays (.nf) of manual pages, as a reader sees them."""
import glob
import os
import re
from dataclasses import dataclass

SOURCE = os.environ["VIRT_TAP_SOURCE"]
PAGES = os.path.join(os.path.dirname(os.path.dirname(os.environ["VIRT_TAP_CLI"])), "docs")  # as built: with the helper's path


@dataclass
class Block:
    """An example: where it is, and its text without the indentation that all its lines share."""
    place: str
    text: str

    def commands(self):
        """What is typed, with the output that the document shows for it ('' if none): [(command, output)].

        A line that begins with '$ ' is typed, and what follows is output; in a block without such lines, all are typed. A backslash
        at the end continues the command, and lines with only a comment are left out."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if not any(line.startswith("$ ") for line in lines):
            return [(line.strip(), "") for line in lines if line.strip() and not line.startswith("#")]
        parts = re.split(r"^\$ ", "\n".join(lines), flags=re.M)[1:]
        return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def documents():
    """README.md, docs/*.md, and the manual pages as built: paths by name."""
    paths = [f"{SOURCE}/README.md", *glob.glob(f"{SOURCE}/docs/*.md"), *glob.glob(f"{PAGES}/*.[1-8]")]
    return {os.path.basename(path): path for path in paths}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def replace(block, old, new):
    """Put new output into a page of the source, in place of the old; long lines remain to be broken."""
    path = documents()[block.place.split(":")[0]]
    text = read(path)
    assert text.count(old.strip("\n")) == 1, f"{block.place}: not as it stands in the file"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old.strip("\n"), new.strip("\n")))


def blocks(name):
    """The examples of that document, in their order."""
    lines = read(documents()[name]).splitlines()
    found = _between(lines, r" *```", r" *```$") if name.endswith(".md") else _between(lines, r"\.nf$", r"\.fi$")
    plain = _dedented if name.endswith(".md") else _formatted
    return [Block(f"{name}:{number}", plain(block)) for number, block in found]


def _between(lines, first, last):
    start = None
    for number, line in enumerate(lines, 1):
        if start is None and re.match(first, line):
            start = number
        elif start is not None and re.match(last, line):
            yield start, lines[start:number - 1]
            start = None
    assert start is None, f"line {start} begins an example that does not end"


def _dedented(lines):
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "".join(line[indent:] + "\n" for line in lines)


def _formatted(lines):
    """Of roff, what our pages use: fonts, and the names of characters."""
    text = "".join(line + "\n" for line in lines if not line.startswith("."))
    for roff, plain in ((r"\\f[BIRP]", ""), (r"\\-", "-"), (r"\\\(aq", "'"), (r"\\e", r"\\"), (r"\\&", "")):
        text = re.sub(roff, plain, text)
    return text


def json_keys(words):
    """The keys that docs/interfaces.md has in the first table after these words."""
    table = read(f"{SOURCE}/docs/interfaces.md").partition(words)[2].split("\n\n")[1]
    return set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"(?m)^\| (`[^|]*)\|", table))))
