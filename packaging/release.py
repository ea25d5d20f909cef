#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Releases: of `./dev release`, which builds first. docs/releasing.md says when to use what.

release.py --set VERSION      write that version, and today's date, into every file that has them
release.py --check [STEP...]  whether the tree could be released as it is: every step, or those, a line for each; exits 1 if one failed

It works on the tree that it is in, and the build in build/.
"""
import datetime
import glob
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
AUTHORS = "virt-tap authors <virt-tap@example.org>"
# Where the version is, besides meson.build: what packages are made by has no way to ask it.
PLACES = (("packaging/debian/changelog", r"\Avirt-tap \((.*)-[^-]+\) "), ("packaging/rpm/virt-tap.spec", r"(?m)^Version: (.*)$"),
          ("packaging/rpm/virt-tap.spec", r"(?s)\n%changelog\n[^\n]* - (\S+)-\d+\n"), ("packaging/aur/PKGBUILD", r"(?m)^pkgver=(.*)$"),
          ("packaging/nix/default.nix", r'version = "(.*)";'), ("packaging/ansible/galaxy.yml", r"(?m)^version: (.*)$"))
MESON = r"(?m)^  version: '(.*)',$"
SECTION = r"(?m)^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$"


def read(path):
    with open(f"{ROOT}/{path}", encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(f"{ROOT}/{path}", "w", encoding="utf-8") as file:
        file.write(text)


def run(*command, cwd=ROOT, limit=3600):
    """Exit status and what it said, standard error included."""
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit, check=False)
    except FileNotFoundError:
        return 127, f"{command[0]} is not installed"
    return done.returncode, done.stdout.decode(errors="replace").strip()


def last_line(said):
    return (said.splitlines() or ["without a word"])[-1].strip()


def version_of(path, pattern):
    found = re.search(pattern, read(path))
    return found[1] if found else None


def numbers(version):
    return tuple(map(int, version.split(".")))


def is_version(word):
    return bool(re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", word or ""))


# The steps: each yields what is wrong, as (what, remedy).

def tree(_):
    status, said = run("git", "status", "--porcelain")
    if status:
        yield f"git does not tell what was changed: {last_line(said)}", "run this in a clone, not in what a tarball had"
    elif said:
        names = [line.split(maxsplit=1)[-1] for line in said.splitlines()]
        yield f"git has not all that is here: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}", "commit it, or remove it"


def versions(version):
    if not is_version(version):
        yield f"meson.build has the version {version!r}, and MAJOR.MINOR.PATCH is wanted", "run: ./dev release VERSION"
    for path, pattern in PLACES:
        found = version_of(path, pattern)
        if found != version:
            yield f"{path} has the version {found}, meson.build {version}", f"run: ./dev release {version}"
    for words, pattern in ((("cli/virt-tap", "version"), r"\Avirt-tap (.*)\Z"), (("cli/virt-tap", "--version"), r"\Avirt-tap (.*)\Z"),
                           (("helper/virt-tap-helper", "--version"), r"\Avirt-tap-helper (.*)\Z"),
                           (("cli/virt-tap", "check", "--json", "kvm"), r'"version": ?"([^"]*)"')):
        status, said = run(f"{ROOT}/build/{words[0]}", *words[1:], limit=120)
        found = re.search(pattern, said)
        if not found or found[1] != version:
            yield f"{' '.join(words)} says {found[1] if found else last_line(said)}, exit status {status}, meson.build {version}", "run: ./dev build"


def changelog(version):
    text = read("CHANGELOG.md")
    sections = re.findall(SECTION, text)
    heads = re.findall(r"(?m)^## (.*)$", text)
    remedy = f"run: ./dev release {version}"
    if heads[:1] != ["[Unreleased]"] or len(heads) != len(sections) + 1:
        yield "CHANGELOG.md does not begin with '## [Unreleased]', or has other sections than '## [VERSION] - YYYY-MM-DD'", "see keepachangelog.com"
        return
    if not sections or sections[0][0] != version:
        yield f"CHANGELOG.md has no section of {version} with a date, or not first", remedy
        return
    unreleased, first = re.split(r"(?m)^## .*$", text)[1:3]
    if unreleased.strip():
        yield "CHANGELOG.md has entries under [Unreleased]", f"move them to [{version}]"
    if not re.search(r"(?m)^- ", first):
        yield f"CHANGELOG.md says nothing of {version}", "say what changed"
    if [numbers(name) for name, _ in sections] != sorted({numbers(name) for name, _ in sections}, reverse=True):
        yield "CHANGELOG.md has not the newest version first, or one twice", "sort its sections"
    if not is_day(sections[0][1]):
        yield f"CHANGELOG.md says that {version} is of {sections[0][1]}, which is no day up to today", remedy


def is_day(text):
    try:
        return datetime.date.fromisoformat(text) <= datetime.date.today() + datetime.timedelta(days=1)  # elsewhere it is tomorrow
    except ValueError:
        return False


def tag(version):
    status, said = run("git", "tag", "--list", "v*")
    if status:
        yield f"git does not tell the tags: {last_line(said)}", "run this in a clone"
        return
    taken = [name[1:] for name in said.split() if is_version(name[1:])]
    if version in taken:
        yield f"the tag v{version} is taken", "run: ./dev release VERSION, with a newer one"
    elif is_version(version) and taken and numbers(version) < max(map(numbers, taken)):
        yield f"{version} is older than a version that has a tag", "run: ./dev release VERSION, with a newer one"


def packages(version):
    day = dict(re.findall(SECTION, read("CHANGELOG.md"))).get(version)
    if not day:
        yield f"CHANGELOG.md has no date of {version} to compare with", f"run: ./dev release {version}"
        return
    for path, pattern, form in (("packaging/debian/changelog", r"(?m)^ -- .*>  \w{3}, (\d+ \w{3} \d{4}) ", "%d %b %Y"),
                                ("packaging/rpm/virt-tap.spec", r"(?s)\n%changelog\n\* \w{3} (\w{3} \d+ \d{4}) ", "%b %d %Y")):
        found = re.search(pattern, read(path))
        theirs = datetime.datetime.strptime(found[1], form).date().isoformat() if found else None
        if theirs != day:
            yield f"the first entry of {path} is of {theirs}, in CHANGELOG.md {version} is of {day}", f"run: ./dev release {version}"


def pages(version):
    names = sorted(glob.glob(f"{ROOT}/build/docs/*.[1-8]"))
    if len(names) != len(glob.glob(f"{ROOT}/docs/*.[1-8].in")):
        yield "build/docs has not the man pages of docs", "run: ./dev build"
    for path in names:
        with open(path, encoding="utf-8") as file:
            if f'"virt-tap {version}"' not in file.read():
                yield f"{os.path.basename(path)} is not of {version}", "run: ./dev build"
    status, said = run("mandoc", "-T", "lint", "-W", "warning", *names)
    if status or said:
        yield f"mandoc warns of the man pages: {last_line(said)}", "mend them; or, where it is missing: ./dev setup lint"
    for path in names:
        status, said = run("mandoc", "-T", "utf8", path)
        if status or len(said) < 200:
            yield f"{os.path.basename(path)} is not rendered", "run: mandoc " + os.path.relpath(path, ROOT)


def lint(_):
    status, said = run("./dev", "lint")
    if status:
        yield f"./dev lint failed: {last_line(said)}", "run: ./dev lint"


def contents(data):
    """{path: (kind, whether it may be executed, what is in it)} of a tar archive, without its folders and the first folder's name."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name.partition("/")[2]: (member.type, bool(member.mode & 0o100),
                                                member.linkname if not member.isfile() else archive.extractfile(member).read())
                for member in archive if not member.isdir()}


def dist(version):
    """The tarball has what git has and nothing else, and is built and tested as who gets it would."""
    name = f"virt-tap-{version}.tar.xz"
    with tempfile.TemporaryDirectory() as folder:  # not build/, which may have been configured otherwise, or before
        status, said = run("meson", "setup", folder)
        if not status:
            status, said = run("meson", "dist", "-C", folder, "--no-tests", "--formats", "xztar", "--allow-dirty")
        if status or not os.path.exists(f"{folder}/meson-dist/{name}"):
            yield f"meson dist made no {name}: {last_line(said)}", "run: meson dist -C build --no-tests"
            return
        with open(f"{folder}/meson-dist/{name}", "rb") as file:
            data = file.read()
    ours = subprocess.run(["git", "archive", "--prefix=x/", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=300).stdout
    theirs, ours = contents(data), contents(ours)
    different = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    if different:
        yield f"the tarball and git differ in: {', '.join(different[:5])}", "no dist script of meson may change it"
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(folder)
        inside = f"{folder}/virt-tap-{version}"
        for command in (("meson", "setup", "build", "-Dwerror=true"), ("ninja", "-C", "build"),
                        ("meson", "test", "-C", "build", "--no-rebuild", "--suite", "unit", "--print-errorlogs")):
            status, said = run(*command, cwd=inside)
            if status:
                print(said[-4000:], file=sys.stderr)
                yield f"in what the tarball has, {' '.join(command[:2])} failed, see above", "unpack it and try it there: meson dist -C build --no-tests"
                return
    if not different:
        os.makedirs(f"{ROOT}/build", exist_ok=True)
        with open(f"{ROOT}/build/{name}", "wb") as file:
            file.write(data)
        print(f"        build/{name}: sha256 {hashlib.sha256(data).hexdigest()}")


STEPS = {"tree": (tree, "git has all that is here"), "version": (versions, "one version everywhere"),
         "changelog": (changelog, "CHANGELOG.md has this version, with its date"), "tag": (tag, "its tag is free"),
         "packages": (packages, "the packages' changelogs have the same date"), "pages": (pages, "the man pages are rendered without warnings"),
         "lint": (lint, "./dev lint is clean"), "dist": (dist, "the tarball is git's files, is built, and its unit tests pass")}


def check(names):
    version, failed = version_of("meson.build", MESON), 0
    for name in names or STEPS:
        step, good = STEPS[name]
        wrong = list(step(version))
        failed += bool(wrong)
        if not wrong:
            print(f"ok      {name}: {good}", flush=True)
        for what, remedy in wrong:
            print(f"failed  {name}: {what}; {remedy}", flush=True)
    if failed:
        print(f"release: {version} is not ready: {failed} of {len(names or STEPS)} steps failed")
        return 1
    if not names:
        print(f"release: {version} is ready: git tag -s v{version} -m 'virt-tap {version}'")
    return 0


def replaced(path, pattern, text):
    """Replace what the pattern's group has."""
    before = read(path)
    found = re.search(pattern, before)
    if not found:
        sys.exit(f"release: {path} has no version where one was expected; nothing was written to it")
    write(path, before[:found.start(1)] + text + before[found.end(1):])


def set_changelogs(version, today):
    text = read("CHANGELOG.md")
    if not re.search(rf"(?m)^## \[{re.escape(version)}\]", text):
        text = text.replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [{version}] - 0000-00-00\n", 1)
    write("CHANGELOG.md", re.sub(rf"(?m)^(## \[{re.escape(version)}\] - ).*$", rf"\g<1>{today.isoformat()}", text, count=1))
    debian, spec = "packaging/debian/changelog", "packaging/rpm/virt-tap.spec"
    if version_of(*PLACES[0]) != version:
        write(debian, f"virt-tap ({version}-1~0) UNRELEASED; urgency=medium\n\n  * New version.\n\n"
                      f" -- The {AUTHORS}  Thu, 01 Jan 1970 12:00:00 +0000\n\n{read(debian)}")
    replaced(debian, r"(?m)^ -- .*>  (\w{3}, \d+ \w{3} \d{4}) ", today.strftime("%a, %d %b %Y"))
    if version_of(*PLACES[2]) != version:
        write(spec, read(spec).replace("\n%changelog\n", f"\n%changelog\n* Thu Jan 01 1970 {AUTHORS} - {version}-1\n- New version.\n\n", 1))
    replaced(spec, r"(?s)\n%changelog\n\* (\w{3} \w{3} \d+ \d{4}) ", today.strftime("%a %b %d %Y"))


def set_version(version):
    if not is_version(version):
        print(f"release: '{version}' is no version: MAJOR.MINOR.PATCH, such as 1.2.3", file=sys.stderr)
        return 2
    now = version_of("meson.build", MESON)
    if is_version(now) and numbers(version) < numbers(now):
        print(f"release: {version} is older than {now}, which meson.build has", file=sys.stderr)
        return 1
    set_changelogs(version, datetime.datetime.now(datetime.timezone.utc).date())
    for path, pattern in (("meson.build", MESON), PLACES[1], *PLACES[3:]):
        replaced(path, pattern, version)
    print(f"release: {version} is everywhere; look at it with git diff, commit it, and run: ./dev release --check")
    return 0


def main(words):
    if words[:1] == ["--set"] and len(words) == 2:
        return set_version(words[1])
    if words[:1] == ["--check"] and all(name in STEPS for name in words[1:]):
        return check(words[1:])
    print(f"Usage: ./dev release VERSION, or ./dev release --check [STEP...], of: {' '.join(STEPS)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
