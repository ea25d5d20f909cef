#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the system's log is told, and that it never holds anybody up."""
import os
import re
import socket

import netcase
import sandbox
from netcase import LOG, POLICY
from sandbox import USER

NOTICE = 10 * 8 + 5  # authpriv.notice


class Audit(netcase.NetCase):
    def setUp(self):
        super().setUp()
        sandbox.write(POLICY, "# the lab\nallow br0 quota=1\n")
        self.log = netcase.system_log(self)

    def lines(self):
        """All that was logged since, without the pid."""
        found = []
        while True:
            try:
                found.append(re.sub(r"\[\d+\]", "[PID]", self.log.recv(4096).decode()))
            except BlockingIOError:
                return found

    def said(self, text):
        self.assertEqual(self.lines(), [f"<{NOTICE}>virt-tap-helper[PID]: {text}"])

    def test_grant(self):
        with self.grant():
            self.said(f"granted to uid {USER}: tap vtap-0 on bridge br0 by {POLICY}:2")

    def test_before_the_answer(self):
        ours, theirs = socket.socketpair()
        ours.close()
        done = sandbox.run(self.helper, "--br=br0", f"--fd={theirs.fileno()}", pass_fds=[theirs.fileno()], check=False)
        theirs.close()
        self.assertEqual(done.returncode, 1)
        granted, refused = self.lines()
        self.assertIn("granted to uid 0: tap vtap-0", granted)
        self.assertIn("refused to uid 0: bridge br0: the tap was made, but could not be handed over", refused)

    def test_refusal(self):
        with self.grant():
            self.lines()
            answer = self.refuse(says="quota=1")
            self.said(f"refused to uid {USER}: bridge br0: " + answer.stderr.removeprefix("virt-tap-helper: ").rstrip())
        self.refuse(bridge="br1", says="no rule")
        self.assertIn(f"refused to uid {USER}: bridge br1: there is no bridge 'br1' on this host, and no rule", self.lines()[0])
        self.refuse(bridge="a/b", says="--br=")
        self.assertIn(f"refused to uid {USER}: --br='a/b'", self.lines()[0])

    def test_nothing_but_plain_text(self):
        self.refuse(bridge="b\x1b[31m\u0085\u200e", says="?[31m?")
        self.assertRegex(self.lines()[0], r"\A[ -~]+\Z")

    def test_taps_that_stay(self):
        self.create("vtap-a")
        self.said(f"granted to uid {USER}: tap vtap-a on bridge br0 by {POLICY}:2, to stay")
        self.denied("delete", "--name=vtap-a", uid=sandbox.OTHER, says="belongs to")
        self.assertIn(f"refused to uid {sandbox.OTHER}: tap 'vtap-a' belongs to", self.lines()[0])
        self.delete("--name=vtap-a", uid=0)
        self.said("deleted for uid 0: tap vtap-a")

    def test_a_stuck_log_delays_nobody(self):
        """A log that nobody reads fills up; syslog(3) would then wait for ever."""
        self.log.setblocking(True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as filler:
            with self.assertRaises(BlockingIOError):
                while True:
                    filler.sendto(b"x", LOG)
            for _ in range(3):
                self.grant().close()
            self.refuse(bridge="br1", says="no rule")

    def test_no_log(self):
        self.log.close()
        self.grant().close()  # a socket that nobody has
        os.unlink(LOG)
        self.grant().close()
        os.mkfifo(LOG)
        self.grant().close()


if __name__ == "__main__":
    netcase.main()
