# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""A virsh that stays and takes one command after the other: to start one takes longer than nearly all of its commands do."""
import os
import re
import select
import shlex
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

import bridgehelper
import sanitized

LIMIT = 60 * sanitized.SLOWER  # seconds that a command may take
AGAIN = re.compile("(?m)^error: (Disconnected from|Reconnected to) .*\n")  # before a command, if libvirtd was started again


class Lost(Exception):
    """It has ended."""


@dataclass
class Done:
    returncode: int
    stdout: str  # and what it says on standard error behind it


class Shell:
    def __init__(self, command, **options):
        """command: argv of a virsh without a command, to be run with those options of bridgehelper.start()."""
        self._errors = tempfile.TemporaryFile()
        self.process = bridgehelper.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, **options)
        self._number = 0

    @staticmethod
    def takes(words):
        """Whether what it reads the command by (readline) leaves these words alone."""
        return all(re.fullmatch("[ -~]+", word) for word in words)

    def run(self, *words):
        """One command, to its end. Whether it failed is whether it says so."""
        self._number += 1
        # It repeats what it reads, and may break long lines of that; the quotes tell such a line from what echo prints.
        behind = f"echo END'-'{self._number}-"
        try:
            os.write(self.process.stdin.fileno(), f"echo BEGIN'-'{self._number}-; {shlex.join(words)}\n{behind}\n".encode())
        except BrokenPipeError:
            raise Lost from None
        said = self._until(f"END-{self._number}-")
        out = said.partition(f"BEGIN-{self._number}-")[2].rpartition(behind)[0].rpartition("virsh # ")[0]
        self._errors.seek(0)
        errors = AGAIN.sub("", self._errors.read().decode(errors="replace"))
        self._errors.seek(0)
        self._errors.truncate()
        return Done(int("error: " in errors), out + errors)

    def _until(self, text):
        said, end = b"", time.monotonic() + LIMIT
        while text.encode() not in said:
            if not select.select([self.process.stdout], [], [], max(end - time.monotonic(), 0))[0]:
                self.end()
                raise RuntimeError(f"virsh does not end its command; it said {said!r}")
            part = os.read(self.process.stdout.fileno(), 65536)
            if not part:
                raise Lost
            said += part
        return said.decode(errors="replace")

    def end(self):
        self.process.kill()
        self.process.wait(LIMIT)
        for stream in (self.process.stdin, self.process.stdout, self._errors):
            stream.close()


class Virsh:
    """virsh -q of one user on one host: by a Shell that is started when it is needed first, or by one of its own where that cannot tell."""

    def __init__(self, enter=(), words=(), **options):
        """enter: what comes before virsh; words: its options; options: of bridgehelper.start()."""
        self.command, self.options, self._shell = [*enter, "virsh", "-q", *words], options, None
        self._free = threading.Lock()  # whoever finds it taken does not wait: commands at once are to be at once

    def run(self, *words):
        """Returns the exit status, and output and errors as one text."""
        if Shell.takes(words) and self._free.acquire(blocking=False):
            try:
                self._shell = self._shell or Shell(self.command, **self.options)
                return self._shell.run(*words)
            except Lost:
                self.end()
            finally:
                self._free.release()
        done = bridgehelper.run([*self.command, *words], timeout=LIMIT, text=True, errors="replace", stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, **self.options)
        return Done(done.returncode, done.stdout)

    def checked(self, *words, check=True):
        """The text of a command that must succeed, unless check is False."""
        done = self.run(*words)
        if check and done.returncode != 0:
            raise RuntimeError(f"{shlex.join([*self.command, *words])}: exit {done.returncode}: {done.stdout}")
        return done.stdout

    def end(self):
        """libvirtd ends."""
        if self._shell:
            self._shell.end()
            self._shell = None
