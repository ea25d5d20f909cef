#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""The forge's workflow: it is YAML, of the form that forges take, its jobs are on the distributions that we promise, and what they call of
this tree is there. Needs VIRT_TAP_SOURCE and PyYAML."""
import os
import re
import shlex
import subprocess
import unittest

import needed

try:
    import yaml
except ImportError:
    needed.skip("no PyYAML: install python3-yaml")

SOURCE = os.environ["VIRT_TAP_SOURCE"]
# What is not of this tree: the shell's, or of a package that the job installs.
OTHERS = {"apt-get", "dnf", "git", "meson", "ninja", "rpm"}


class Workflow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(SOURCE + "/.github/workflows/ci.yml", encoding="utf-8") as file:
            cls.text = file.read()
        cls.flow = yaml.safe_load(cls.text)

    def commands(self, job):
        """The words of each command of its steps."""
        for step in self.flow["jobs"][job]["steps"]:
            for command in re.split(r"&&|\n", step.get("run", "")):
                if command.strip():
                    yield shlex.split(command)

    def test_its_form(self):
        self.assertEqual(set(self.flow), {"name", True, "permissions", "jobs"})  # YAML 1.1 reads `on` as true
        self.assertEqual(set(self.flow[True]), {"push", "pull_request"})
        self.assertEqual(self.flow["permissions"], {"contents": "read"})
        for name, job in self.flow["jobs"].items():
            self.assertLessEqual({"runs-on", "container", "steps", "timeout-minutes"}, set(job), name)
            for step in job["steps"]:
                self.assertEqual(len({"run", "uses"} & set(step)), 1, step)
            self.assertEqual([step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step], ["actions/checkout"])

    def test_where_it_runs(self):
        debian, fedora = self.flow["jobs"]["debian"], self.flow["jobs"]["fedora"]
        self.assertEqual((debian["strategy"]["matrix"]["release"], debian["container"]["image"]), (["bookworm", "trixie"], "debian:${{ matrix.release }}"))
        self.assertTrue(fedora["container"]["image"].startswith("fedora:"))
        self.assertIn([".ci/run"], list(self.commands("debian")))

    def test_what_it_calls_is_there(self):
        with open(SOURCE + "/dev", encoding="utf-8") as file:
            verbs = set(" ".join(re.findall(r"(?m)^  ([a-z]+(?: \| [a-z]+)*)\)", file.read())).replace("|", "").split())
        for job in self.flow["jobs"]:
            for words in self.commands(job):
                if "/" in words[0]:
                    self.assertTrue(os.access(f"{SOURCE}/{words[0]}", os.X_OK), words)
                else:
                    self.assertIn(words[0], OTHERS)
                if words[0] == "./dev":
                    self.assertIn(words[1], verbs)
                if words[:2] == ["meson", "test"]:
                    self.assertIn("unit", words)
                if words[0] in ("meson", "ninja") and "-C" in words:
                    self.assertEqual(words[words.index("-C") + 1], "build")

    def test_the_options_are_there(self):
        """meson takes each -D of a job."""
        with open(SOURCE + "/meson_options.txt", encoding="utf-8") as file:
            known = set(re.findall(r"option\('(\w+)'", file.read())) | {"werror", "buildtype", "b_sanitize"}
        for job in self.flow["jobs"]:
            for words in self.commands(job):
                for word in words:
                    if word.startswith("-D"):
                        self.assertIn(word[2:].partition("=")[0], known)

    def test_the_spec_gets_what_it_builds_with(self):
        """Fedora's names of what packaging/rpm/virt-tap.spec requires."""
        names = {"jansson": "jansson-devel", "libnl-3.0": "libnl3-devel", "libvirt": "libvirt-devel", "libxml-2.0": "libxml2-devel"}
        with open(SOURCE + "/packaging/rpm/virt-tap.spec", encoding="utf-8") as file:
            wanted = re.findall(r"(?m)^BuildRequires: (?:pkgconfig\(([^)]*)\)|(\S+))", file.read())
        installed = next(words for words in self.commands("fedora") if words[0] == "dnf")
        for library, program in wanted:
            self.assertIn(names[library] if library else program, installed)

    def test_the_shell_takes_it(self):
        for job in self.flow["jobs"].values():
            for step in job["steps"]:
                if "run" in step:
                    subprocess.run(["sh", "-n"], input=step["run"].replace("${{", "$").replace("}}", ""), text=True, check=True, timeout=60)


if __name__ == "__main__":
    unittest.main()
