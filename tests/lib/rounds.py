# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""How often the tests that depend on chance, or on many at once, try: enough for each change, and with VIRT_TAP_THOROUGH=1 enough for
a release; inside a guest under TCG, where VIRT_TAP_FEW=1, a tenth. With VIRT_TAP_WALK=all those that fail or kill a program at its
system calls try all of them, not only a share."""
import os

THOROUGH = os.environ.get("VIRT_TAP_THOROUGH") == "1"
FEW = os.environ.get("VIRT_TAP_FEW") == "1"
WALK_ALL = os.environ.get("VIRT_TAP_WALK") == "all"


def rounds(ordinary, thorough):
    if FEW:
        return max(ordinary // 10, 1)
    return thorough if THOROUGH else ordinary
