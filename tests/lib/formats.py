# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What each released version has written: tests/data/formats, a folder for each version that changed something."""
import os

FOLDER = os.environ["VIRT_TAP_SOURCE"] + "/tests/data/formats"


def versions():
    """The oldest first."""
    return sorted(os.listdir(FOLDER), key=lambda version: [int(number) for number in version.split(".")])
