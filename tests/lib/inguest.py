#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""inguest.py MODULE[.CLASS[.TEST]]...: runs tests in one process, in a guest of kernelhost.py, where to start a Python takes seconds."""
import sys
import unittest

import sandbox

if __name__ == "__main__":
    sandbox.enter()
    sys.exit(not unittest.main(module=None, exit=False, verbosity=1).result.wasSuccessful())
