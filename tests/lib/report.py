# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What a run of the tests ends with: report.py LOG..., each log a JSON file that `meson test` has written.

Says which tests failed, the first cause of each, and where its whole output is, and counts the tests in all scripts and
programs. Exits with 1 if one failed, or a log is not there.
"""
import json
import os
import re
import sys

GOOD = ("OK", "EXPECTEDFAIL")
WIDTH = 300  # characters of a cause
RULE = "=" * 70 + "\n"  # unittest's, before each failure


def printable(text):
    """One line of it, without what a terminal would act on."""
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text.strip())
    return text if len(text) <= WIDTH else text[:WIDTH] + " ..."


class Script:
    """One entry of meson's log: a script or program with many tests."""

    def __init__(self, folder, suite, entry):
        of, _, self.name = entry["name"].rpartition(" / ")
        self.suite, self.result = of.rpartition(":")[2] or suite, entry["result"]
        self.output = entry.get("stdout", "") + entry.get("stderr", "")
        self.log = os.path.join(folder, f"{self.suite}-{self.name}.log")
        self.failed = {}  # name of the test to its first cause
        self.passed = self.skipped = 0
        self._count()

    def _count(self):
        """Of unittest, of cmocka, or of a program that is one test."""
        self._unittest() if re.search(r"^Ran \d+ tests? in ", self.output, re.M) else self._cmocka()
        if self.result == "SKIP" and not self.passed:
            self.skipped = 1
        elif self.result not in (*GOOD, "SKIP") and not self.failed:
            lines = self.output.strip().splitlines()
            end = {"TIMEOUT": "did not end in time"}.get(self.result, "ended badly")
            self.failed[self.name] = self._sanitizer() or f"it {end}; its last line: {lines[-1] if lines else 'none'}"
        elif self.result in GOOD and not self.passed + self.skipped:
            self.passed = 1

    def _sanitizer(self):
        found = re.search(r"^.*(?:ERROR: \w+Sanitizer|runtime error:).*$", self.output, re.M)
        return found and found[0]

    def _unittest(self):
        ran = sum(map(int, re.findall(r"^Ran (\d+) tests? in ", self.output, re.M)))
        self.skipped = sum(map(int, re.findall(r"^(?:OK|FAILED) \(.*?skipped=(\d+)", self.output, re.M)))
        for block in self.output.split(RULE)[1:]:
            header = re.match(r"(?:FAIL|ERROR): (\w+) \((?:__main__[.])?(\w+)", block)
            cause = re.search(r"^Traceback .*\n(?:[ \t].*\n|\n)*(\S.*)", block, re.M)
            if header:
                name = header[1] if header[1] in ("setUpClass", "setUpModule") else f"{header[2]}.{header[1]}"
                self.failed.setdefault(name, cause[1] if cause else "no traceback")
        self.passed = max(ran - self.skipped - len(self.failed), 0)

    def _cmocka(self):
        self.passed = sum(map(int, re.findall(r"^\[  PASSED  \] (\d+) test", self.output, re.M)))
        cause = re.findall(r"^\[  ERROR   \] --- (.*)\n(?:\[   LINE   \] --- (\S+): )?", self.output, re.M)
        first = ": ".join(filter(None, reversed(cause[0]))) if cause else self._sanitizer() or "no cause was printed"
        for name in re.findall(r"^\[  FAILED  \] (\w+)$", self.output, re.M):
            self.failed.setdefault(name, first)

    def tell(self):
        with open(self.log, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(self.output)
        for name, cause in self.failed.items():
            print(f"failed: {self.suite}/{self.name}: {name}\n  {printable(cause)}")
        print(f"  log: {self.log}")


def scripts(path):
    """Of one log."""
    folder, suite = os.path.dirname(path), os.path.basename(path).removesuffix(".json")
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return [Script(folder, suite, json.loads(line)) for line in file]


def main(paths):
    found, missing = [], []
    for path in paths:
        try:
            found += scripts(path)
        except (OSError, ValueError) as error:
            missing.append(f"failed: no test ran: {path}: {error}")
    print()
    for script in found:
        if script.failed:
            script.tell()
    for line in missing:
        print(line)
    passed, failed, skipped = (sum(counts) for counts in zip((0, 0, 0), *((s.passed, len(s.failed), s.skipped) for s in found)))
    print(f"{passed} tests passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return bool(failed or missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
