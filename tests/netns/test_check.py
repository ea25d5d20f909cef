#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""virt-tap check: states of a host, and the findings that tell them apart."""
import concurrent.futures
import os
import re
import sys
import unittest

import checkcase
import sandbox
import sanitized
import states_groups
import states_helper
import states_kvm
import states_net
import states_software

TABLES = [states_kvm, states_groups, states_net, states_helper, states_software]
STATES = [state for table in TABLES for state in table.STATES]


class States(unittest.TestCase):
    def test_each(self):
        checkcase.install()
        states = [state for state in STATES if checkcase.has_kvm() or not checkcase.needs_kvm(state)]
        if len(states) < len(STATES):
            print(f"this machine has no KVM: {len(STATES) - len(states)} states are left out; tests/system/test_check.py looks in guests that have it")
        states = [state for state in states if not (sanitized.SANITIZED and state.name in sanitized.STATES_LEFT_OUT)]
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:  # each state is in namespaces of its own
            answers = [(state, pool.submit(checkcase.find, state)) for state in states]
            for state, answer in answers:
                with self.subTest(state=state.name):
                    self.judge(state, *answer.result())

    def judge(self, state, status, findings):
        found = {finding["id"] for finding in findings}
        words = "\n".join(line for finding in findings for line in [finding["seen"], *finding["fix"]])
        self.assertLessEqual(set(state.expect.split()), found, findings)
        self.assertFalse(set(state.never.split()) & found, findings)
        for text in state.says:
            self.assertIn(text, words)
        for text in state.omits:
            self.assertNotIn(text, words)
        self.assertEqual(status, int(any(finding["level"] == "failure" for finding in findings)))

    def test_all_findings_are_met(self):
        """Each that there is; but two for which it takes another machine than that of any one test run, and two of older
        kernels, which tests/system/limits_in_guest.py meets."""
        source = os.environ["VIRT_TAP_SOURCE"]
        with open(f"{source}/host/catalogue_list.h", encoding="ascii") as file:
            text = file.read()
        names = set(re.findall(r'FINDING\(\s*\w+,\s*"([a-z]+[.][a-z.]+)"', text))
        with open(f"{source}/docs/virt-tap-check.1.in", encoding="ascii") as file:
            page = file.read()
        self.assertGreater(len(names), 100)
        for name, level, why in re.findall(r'FINDING\(\s*\w+,\s*"([a-z]+[.][a-z.]+)",\s*FINDING_(\w+),\s*"([^"]*)"', text):
            said = f"\n.B {name}\n{level.lower()}: {why}.\n"
            self.assertIn(said, page.replace(r"\(aq", "'").replace(r"\-", "-"))
        met = {name for state in STATES for name in state.expect.split()}
        self.assertEqual(names - met, {"kvm.vcpu.skipped", states_kvm.OTHER_VCPU, "net.limit.addresses", "net.limit.groups"})
        self.assertEqual([name for name in names if f"\n.B {name}\n" not in page], [])

    def test_there_are_enough(self):
        with open(f"{os.environ['VIRT_TAP_SOURCE']}/host/catalogue_list.h", encoding="ascii") as file:
            failures = set(re.findall(r'FINDING\(\s*\w+,\s*"([a-z]+[.][a-z.]+)",\s*FINDING_FAILURE', file.read()))
        real = [state for state in STATES if not state.tree and failures & set(state.expect.split())]
        self.assertGreaterEqual(len(real), 60)
        self.assertEqual(len({state.name for state in STATES}), len(STATES))
        self.assertLess(set(sanitized.STATES_LEFT_OUT), {state.name for state in STATES})


if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(verbosity=1, exit=False).result.wasSuccessful())
