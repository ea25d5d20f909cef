#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""`./dev lint` finds the faults that it is there to find: planted in a copy of the tree, in the header of each folder, also of one
that it has never seen. The last thing that `./dev lint` does."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAME_BRANCHES = """
static inline int planted_{}(int number)
{{
    if (number)
        return 1;
    else
        return 1;
}}
"""
HEAD = "/* SPDX-License-Identifier: GPL-2.0-or-later\n * Copyright the virt-tap authors */\n"
NO_HEAD = "does not begin with 'SPDX-License-Identifier: GPL-2.0-or-later' and 'Copyright the virt-tap authors'"
PYTHON = "# SPDX-License-Identifier: GPL-2.0-or-later\n# Copyright the virt-tap authors\n"
LONG_LINE = "int planted_number;" + " " * 4 + "int   other_number;\n"


def function(lines):
    return HEAD + "int planted(int number);\nint planted(int number)\n{\n" + "    number++;\n" * (lines - 4) + "    return number;\n}\n"


class Lint(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.tree)
        shutil.copytree(ROOT, cls.tree, dirs_exist_ok=True, symlinks=True,
                        ignore=lambda folder, names: [name for name in names if name == ".git" or name.startswith("build") and folder == ROOT])
        subprocess.run(["meson", "setup", "build"], cwd=cls.tree, check=True, stdout=subprocess.DEVNULL, timeout=120)

    def write(self, path, text):
        os.makedirs(os.path.dirname(f"{self.tree}/{path}"), exist_ok=True)
        with open(f"{self.tree}/{path}", "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def lint(self, *paths):
        done = subprocess.run(["./dev", "lint", *paths], cwd=self.tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        return done.returncode, done.stdout

    def sources(self):
        return subprocess.run(["./dev", "sources"], cwd=self.tree, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.split()

    def test_the_headers_of_every_folder(self):
        self.write("newfolder/new.h", HEAD + "#pragma once\n")
        headers = {}
        for path in self.sources():
            if path.endswith(".h"):
                headers.setdefault(os.path.dirname(path), path)
        self.assertLess({"bridge", "cli", "helper", "hooks", "host", "net", "policy", "tests/unit", "newfolder"}, set(headers))
        planted = []
        for folder, path in headers.items():
            with open(f"{self.tree}/{path}", "a", encoding="utf-8") as file:
                file.write(SAME_BRANCHES.format(len(planted)))
            name = os.path.basename(path) if folder == "tests/bench" else path  # which is compiled without the root's folder
            planted.append(self.write(f"{folder}/planted.c", HEAD + f'#include "{name}"\n'))
        status, said = self.lint(*planted)
        self.assertEqual(status, 1, said)
        for path in headers.values():
            self.assertRegex(said, rf"(?m)^\S*/{re.escape(path)}:\d+:.* error: .*bugprone-branch-clone")
        self.assertIn("newfolder/planted.c", self.sources())

    def test_other_faults(self):
        for name, text, says in (
                ("long_function", function(61), "readability-function-size"), ("long_file", HEAD + "\n" * 399, "401 lines"),
                ("format", HEAD + LONG_LINE, "clang-format-violations"),
                ("null", HEAD + "int planted(void);\nint planted(void)\n{\n    int *nothing = 0;\n    return *nothing;\n}\n", "nullPointer")):
            with self.subTest(name):
                status, said = self.lint(self.write(f"net/{name}.c", text))
                self.assertEqual(status, 1, said)
                self.assertIn(says, said)

    def test_the_house(self):
        """A look up, a circle, documents that name what is gone, a file without a licence, and names with a blank or an umlaut."""
        for folder in os.listdir(ROOT):  # not what else the build folder has: kernels, images of machines
            if os.path.isdir(f"{ROOT}/build/{folder}"):
                shutil.copytree(f"{ROOT}/build/{folder}", f"{self.tree}/planted-build/{folder}")
        self.write("net/up.c", HEAD + '#include "helper/request.h"\n')
        self.write("policy/up.c", HEAD + '#include "cli/verbs.h"\n')
        self.write("docs/threat-model.md", "`net/nosuch.c: f`, `net/link.c: link_find, nosuch`\n")
        self.write("docs/architecture.md", "`serve()` in `tests/lib/nosuch.py` calls `nosuch()`\n")
        self.write("net/bare.c", "#pragma once\n")
        self.write("data/bare.sh", "#!/bin/sh\ntrue\n")
        self.write("tests/lib/half.py", PYTHON.splitlines()[0] + "\n")
        self.write("tests/lib/sanitized.py", PYTHON + 'LEFT_OUT = {\n    "test_death": "",\n    "test_help.Help.test_nosuch": "",\n}\n')
        self.write("tests/netns/test_forgotten.py", PYTHON)
        self.write("data/a name", "")
        self.write("data/\u00e4", "")
        subprocess.run(["cc", "-c", "-o", f"{self.tree}/planted-build/net/a.c.o", "-xc", "-"], input=b"void b(void); void a(void) { b(); }", check=True,
                       timeout=60)
        subprocess.run(["cc", "-c", "-o", f"{self.tree}/planted-build/net/b.c.o", "-xc", "-"], input=b"void a(void); void b(void) { a(); }", check=True,
                       timeout=60)
        done = subprocess.run(["python3", "tests/lint/house.py", "planted-build"], cwd=self.tree, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
        self.assertEqual((done.returncode, sorted(done.stderr.splitlines())), (1, [
            r"'data/\xe4': the name is not plain ASCII without blanks", "'data/a name': the name is not plain ASCII without blanks",
            f"data/bare.sh: {NO_HEAD}", "docs/architecture.md: no C file defines nosuch()",
            "docs/architecture.md: there is no tests/lib/nosuch.py", "docs/threat-model.md: net/link.c has no nosuch",
            "docs/threat-model.md: there is no net/nosuch.c",
            f"net/bare.c: {NO_HEAD}", "net/up.c:3: net/ may not include helper/", "policy/up.c:3: policy/ may not include cli/",
            f"tests/lib/half.py: {NO_HEAD}", "tests/lib/sanitized.py: there is no test_help.Help.test_nosuch",
            "tests/netns/test_forgotten.py: not in tests/meson.build", "these call each other in a circle: net/a.c net/b.c"]))

    def test_python(self):
        for name, text, says in (("unused", "import os\n", "F401"), ("long", "#" * 161 + "\n", "E501"), ("undefined", "nosuch()\n", "F821"),
                                 ("tabs", "if True:\n\tpass\n", "W191")):
            with self.subTest(name):
                status, said = self.lint(self.write(f"tests/lib/{name}.py", PYTHON + text))
                self.assertEqual(status, 1, said)
                self.assertIn(f"tests/lib/{name}.py:", said)
                self.assertIn(says, said)
                os.unlink(f"{self.tree}/tests/lib/{name}.py")

    def test_musl(self):
        """What only glibc has, in what the privileged program links."""
        for folder, text, says in (("net", "#include <sys/pidfd.h>\n", "sys/pidfd.h: No such file"),
                                   ("policy", "int a(void);\nint a(void)\n{\n    return getcontext_nosuch();\n}\n", "implicit declaration")):
            path = self.write(f"{folder}/glibc.c", HEAD + text)
            done = subprocess.run(["tests/lint/musl.sh", "build"], cwd=self.tree, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
            os.unlink(f"{self.tree}/{path}")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"(?m)^{path}:\d+:\d+: .*{says}")

    def test_no_fault(self):
        path = self.write("net/good.c", function(60))
        status, said = self.lint("net/tap.c", "net/tap.h", path, "tests/lib/sandbox.py")
        self.assertEqual(status, 0, said)
        self.assertTrue(said.endswith("lint: clean\n"), said)


if __name__ == "__main__":
    unittest.main()
