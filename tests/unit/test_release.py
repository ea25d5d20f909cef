#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""packaging/release.py: it passes a tree that can be released, and each fault that is planted fails the step that is for it, with a
remedy. The tree is a small one with the files that it looks at, so that its tarball is built in a moment; of this tree itself, what takes
no build is looked at.

Needs VIRT_TAP_SOURCE, git, meson and mandoc."""
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ["VIRT_TAP_SOURCE"]
PACKAGES = ("debian/changelog", "rpm/virt-tap.spec", "aur/PKGBUILD", "nix/default.nix", "ansible/galaxy.yml")
TREE = {
    "meson.build": """project('virt-tap', 'c',
  version: '1.2.3',
  meson_version: '>= 1.0')
configure_file(output: 'config.h', configuration: {'VERSION': '"' + meson.project_version() + '"'})
subdir('cli')
subdir('helper')
configure_file(input: 'docs/virt-tap.1.in', output: 'virt-tap.1', configuration: {'VERSION': meson.project_version()})
""",
    "cli/meson.build": """cli = executable('virt-tap', 'main.c', include_directories: '..')
test('version', cli, args: 'version', suite: 'unit')
""",
    "cli/main.c": """#include "config.h"
#include <stdio.h>
int main(int argc, char **argv)
{
    (void)argv;
    return printf(argc > 2 ? "{\\"version\\": \\"%s\\"}\\n" : "virt-tap %s\\n", VERSION) < 0;
}
""",
    "helper/meson.build": "executable('virt-tap-helper', 'main.c', include_directories: '..')\n",
    "helper/main.c": '#include "config.h"\n#include <stdio.h>\nint main(void)\n{\n    return puts("virt-tap-helper " VERSION) < 0;\n}\n',
    "docs/virt-tap.1.in": """.\\" SPDX
.TH VIRT\\-TAP 1 2026-11-24 "virt-tap @VERSION@"
.SH NAME
virt\\-tap \\- a page
.SH DESCRIPTION
""" + "It has some words.\n" * 20,
    "dev": "#!/bin/sh\necho 'dev: called to lint'\n[ ! -e lint-fails ]\n",
    "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-05\n\n### Added\n\n- All.\n\n## [1.2.2] - 2026-01-01\n\n- More.\n",
    ".gitignore": "build*/\n__pycache__/\n",
}


def run(*command, cwd, check=True):
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@x",
           "GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@x", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
                          check=check)


@unittest.skipUnless(all(map(shutil.which, ("git", "mandoc"))), "requires git and mandoc")
class Release(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A tree of version 1.2.3, of 5 November 2026, with commits and what a build has."""
        cls.good = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.good)
        for path, text in TREE.items():
            cls.write(cls.good, path, text)
        os.chmod(cls.good + "/dev", 0o755)
        for path in ("release.py", *PACKAGES):
            os.makedirs(os.path.dirname(f"{cls.good}/packaging/{path}"), exist_ok=True)
            shutil.copy(f"{SOURCE}/packaging/{path}", f"{cls.good}/packaging/{path}")
        run("git", "init", "-q", cwd=cls.good)
        cls.set_version(cls.good, "1.2.3", "2026-11-05")
        run("git", "tag", "v1.2.2", cwd=cls.good)
        for name in ("cli/virt-tap", "helper/virt-tap-helper"):  # stand-ins: only dist builds
            cls.write(cls.good, "build/" + name, f"""#!/bin/sh\n[ $# = 1 ] && echo '{os.path.basename(name)} 1.2.3' || echo '{{"version": "1.2.3"}}'\n""")
            os.chmod(f"{cls.good}/build/{name}", 0o755)
        cls.write(cls.good, "build/docs/virt-tap.1", TREE["docs/virt-tap.1.in"].replace("@VERSION@", "1.2.3"))

    @classmethod
    def set_version(cls, tree, version, day):
        """By hand, in all files but CHANGELOG.md, and committed."""
        day = datetime.date.fromisoformat(day)
        for path, pattern, text in (("debian/changelog", r"\Avirt-tap \((.*)-[^-]+\) ", version), ("rpm/virt-tap.spec", r"(?m)^Version: (.*)$", version),
                                    ("debian/changelog", r" -- .*>  (\w{3}, \d+ \w{3} \d{4}) ", f"{day:%a, %d %b %Y}"),
                                    ("rpm/virt-tap.spec", r"(?s)\n%changelog\n\* (\w{3} \w{3} \d+ \d{4}) ", f"{day:%a %b %d %Y}"),
                                    ("rpm/virt-tap.spec", r"(?s)\n%changelog\n[^\n]* - (\S+)-\d+\n", version),
                                    ("aur/PKGBUILD", r"(?m)^pkgver=(.*)$", version), ("nix/default.nix", r'version = "(.*)";', version),
                                    ("ansible/galaxy.yml", r"(?m)^version: (.*)$", version)):
            cls.edit(tree, "packaging/" + path, pattern, text)
        cls.commit(tree)

    @staticmethod
    def commit(tree):
        run("git", "add", "-A", cwd=tree)
        run("git", "commit", "-q", "--allow-empty", "-m", "x", cwd=tree)

    @staticmethod
    def write(tree, path, text):
        os.makedirs(os.path.dirname(f"{tree}/{path}"), exist_ok=True)
        with open(f"{tree}/{path}", "w", encoding="utf-8") as file:
            file.write(text)

    @staticmethod
    def read(tree, path):
        with open(f"{tree}/{path}", encoding="utf-8") as file:
            return file.read()

    @classmethod
    def edit(cls, tree, path, pattern, text):
        """What the pattern's group has becomes the text."""
        before = cls.read(tree, path)
        found = re.search(pattern, before)
        cls.write(tree, path, before[:found.start(1)] + text + before[found.end(1):])

    def setUp(self):
        self.tree = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.tree)
        shutil.copytree(self.good, self.tree, symlinks=True, dirs_exist_ok=True)

    def release(self, *words):
        done = run(sys.executable, f"{self.tree}/packaging/release.py", *words, cwd="/", check=False)
        return done.returncode, done.stdout

    def fails(self, step, *says):
        """That step does, for that reason."""
        status, said = self.release("--check", step)
        failed = [line for line in said.splitlines() if line.startswith("failed")]
        self.assertEqual((status, len(failed) > 0), (1, True), said)
        for line in failed:
            self.assertRegex(line, rf"\Afailed  {step}: .+; .+")  # the remedy
        for words in says:
            self.assertIn(words, said)
        self.assertIn("is not ready: 1 of 1 steps failed", said)

    def test_a_tree_that_can_be_released(self):
        status, said = self.release("--check")
        self.assertEqual(status, 0, said)
        self.assertEqual(re.findall(r"(?m)^(\w+) +(\w+): ", said),
                         [("ok", name) for name in ("tree", "version", "changelog", "tag", "packages", "pages", "lint", "dist")], said)
        self.assertRegex(said, r"build/virt-tap-1\.2\.3\.tar\.xz: sha256 [0-9a-f]{64}\n")
        self.assertIn("release: 1.2.3 is ready: git tag -s v1.2.3 ", said)
        # A test that fails there; a file that does not compile, with one that no commit has, and one that is lost.
        change = "meson.add_dist_script('sh', '-c', 'touch \"$MESON_DIST_ROOT/new\"; rm \"$MESON_DIST_ROOT/dev\"')\n"
        for path, text, says in (("cli/meson.build", "test('no', find_program('false'), suite: 'unit')\n", "meson test failed"),
                                 ("meson.build", change, "the tarball and git differ in: dev, new;"), ("cli/main.c", "int\n", "ninja -C failed")):
            with self.subTest(path=path, says=says):
                good = self.read(self.tree, path)
                self.write(self.tree, path, good + text)
                self.commit(self.tree)
                self.fails("dist", says)
                self.write(self.tree, path, good)

    def test_tree(self):
        self.write(self.tree, "new file", "x")
        self.fails("tree", "new file", "commit it")
        os.unlink(self.tree + "/new file")
        self.write(self.tree, "dev", "changed")
        self.fails("tree", "git has not all that is here: dev")
        shutil.rmtree(self.tree + "/.git")
        self.fails("tree", "run this in a clone")
        self.fails("tag", "run this in a clone")

    def test_versions(self):
        for path, pattern in (("packaging/debian/changelog", r"\Avirt-tap \((.*)-[^-]+\) "), ("packaging/rpm/virt-tap.spec", r"(?m)^Version: (.*)$"),
                              ("packaging/rpm/virt-tap.spec", r"(?s)\n%changelog\n[^\n]* - (\S+)-\d+\n"),
                              ("packaging/aur/PKGBUILD", r"(?m)^pkgver=(.*)$"), ("packaging/nix/default.nix", r'version = "(.*)";'),
                              ("packaging/ansible/galaxy.yml", r"(?m)^version: (.*)$")):
            with self.subTest(path):
                good = self.read(self.tree, path)
                self.edit(self.tree, path, pattern, "1.2.4")
                self.fails("version", f"{path} has the version 1.2.4, meson.build 1.2.3; run: ./dev release 1.2.3")
                self.write(self.tree, path, good)
        self.edit(self.tree, "meson.build", r"version: '(.*)'", "1.2.4")  # and nothing is built of it
        self.fails("version", "cli/virt-tap version says 1.2.3", "cli/virt-tap check --json kvm says 1.2.3", "virt-tap-helper --version says 1.2.3",
                   "PKGBUILD has the version 1.2.3, meson.build 1.2.4")
        self.fails("pages", "virt-tap.1 is not of 1.2.4")
        self.edit(self.tree, "meson.build", r"version: '(.*)'", "1.2")
        self.fails("version", "MAJOR.MINOR.PATCH is wanted")
        os.unlink(self.tree + "/build/cli/virt-tap")
        self.fails("version", "is not installed", "run: ./dev build")

    def test_changelog(self):
        for pattern, text, says in ((r"\[Unreleased\]\n()", "\n- New.\n", "entries under [Unreleased]"), (r"(1\.2\.3)", "1.2.4", "no section of 1.2.3"),
                                    (r"(2026-11-05)", "9999-01-01", "no day up to today"), (r"(2026-11-05)", "2026-02-30", "no day up to today"),
                                    (r"( - 2026-11-05)", "", "other sections"), (r"(## \[Unreleased\])", "", "does not begin with"),
                                    (r"(- All\.)", "", "says nothing of 1.2.3"), (r"(1\.2\.2)", "1.2.4", "not the newest version first"),
                                    (r"(1\.2\.2)", "1.2.3", "not the newest version first")):
            with self.subTest(says):
                self.edit(self.tree, "CHANGELOG.md", pattern, text)
                self.fails("changelog", says)
                self.write(self.tree, "CHANGELOG.md", TREE["CHANGELOG.md"])

    def test_tag(self):
        run("git", "tag", "v1.2.10", cwd=self.tree)
        self.fails("tag", "older than a version that has a tag")
        run("git", "tag", "v1.2.3", cwd=self.tree)
        self.fails("tag", "the tag v1.2.3 is taken")

    def test_packages(self):
        self.edit(self.tree, "packaging/debian/changelog", r" -- .*>  \w{3}, (\d+) ", "06")
        self.fails("packages", "packaging/debian/changelog is of 2026-11-06, in CHANGELOG.md 1.2.3 is of 2026-11-05")
        self.edit(self.tree, "packaging/rpm/virt-tap.spec", r"(?s)\n%changelog\n\* \w{3} \w{3} (\d+) ", "07")
        self.fails("packages", "changelog is of 2026-11-06", "virt-tap.spec is of 2026-11-07")

    def test_pages_and_lint(self):
        with open(self.tree + "/build/docs/virt-tap.1", "a", encoding="ascii") as page:
            page.write(".nosuch macro\n")
        self.fails("pages", "mandoc warns")
        os.unlink(self.tree + "/build/docs/virt-tap.1")
        self.fails("pages", "run: ./dev build")
        self.write(self.tree, "lint-fails", "")
        self.fails("lint", "./dev lint failed: dev: called to lint")

    def test_a_new_version(self):
        """By the program: every file has it, the check wants only a build, and again it changes nothing but the date."""
        status, said = self.release("--set", "1.3.0")
        self.assertEqual(status, 0, said)
        self.edit(self.tree, "CHANGELOG.md", r"## \[1\.3\.0\] - \d{4}-\d\d-\d\d\n()", "\n- News.\n")
        self.commit(self.tree)
        status, said = self.release("--check", "tree", "changelog", "tag", "packages")
        self.assertEqual((status, said.count("ok ")), (0, 4), said)
        said = self.release("--check", "version")[1]
        self.assertEqual((said.count("run: ./dev build\n"), said.count("failed  ")), (4, 4), said)
        for path, count in (("packaging/debian/changelog", 2), ("packaging/rpm/virt-tap.spec", 2)):
            self.assertEqual(len(re.findall(r"(?m)^(?: --|\* \w{3} \w{3} \d).*virt-tap authors", self.read(self.tree, path))), count)
        if shutil.which("dpkg-parsechangelog"):
            said = run("dpkg-parsechangelog", "-l", "packaging/debian/changelog", "-S", "Version", cwd=self.tree).stdout
            self.assertEqual(said, "1.3.0-1~0\n")
        self.release("--set", "1.3.0")
        self.assertEqual(run("git", "status", "--porcelain", cwd=self.tree).stdout, "")

    def test_words(self):
        for words, status, says in ((["--set", "1.2"], 2, "is no version"), (["--set", "1.02.3"], 2, "is no version"),
                                    (["--set", "0.9.9"], 1, "older than 1.2.3"), ([], 2, "Usage"), (["--set"], 2, "Usage"),
                                    (["--check", "nosuch"], 2, "of: tree version changelog tag")):
            done, said = self.release(*words)
            self.assertEqual(done, status, said)
            self.assertIn(says, said)
        self.assertEqual(run("git", "status", "--porcelain", cwd=self.tree).stdout, "")


if __name__ == "__main__":
    unittest.main()
