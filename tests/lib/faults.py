# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""Commands one of whose system calls fails, or is interrupted by a signal; tests/lib/inject.c has it done, or strace, for a SIGSTOP."""
import errno
import functools
import os
import re
import signal

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(os.environ["VIRT_TAP_HELPER"])), "../tests/inject")
NUMBERS = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"


@functools.cache
def _numbers():
    with open(NUMBERS, encoding="ascii") as file:
        return dict(re.findall(r"^#define __NR_(\w+) (\d+)$", file.read(), re.M))


def inject(report, name, nth, fault, uid=0):
    """What to put before the command: as that user, its nth call of that name has the fault, error=ENOMEM or signal=SIGKILL. The file report
    then says INJECTED."""
    kind, _, what = fault.partition("=")
    number = int(getattr(errno if kind == "error" else signal, what))
    return [PROGRAM, report, *map(str, (uid, uid, _numbers()[name], nth, kind, number))]


def stopped_child(strace, trace):
    """The pid of the command of that strace (its pid), once a SIGSTOP holds it; None until then. The trace, a file that was empty when
    strace began, says so: strace stops it at each system call, too, on a busy machine most of the time."""
    with open(trace, encoding="utf-8", errors="replace") as file:
        if not file.read().endswith("--- stopped by SIGSTOP ---\n"):
            return None
    with open(f"/proc/{strace}/task/{strace}/children", encoding="ascii") as file:
        return int(file.read().split()[0])
