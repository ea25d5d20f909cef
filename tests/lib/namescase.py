# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""What the tests about accounts share: the files of names, and a second name service (nss_second.c)."""
import glob
import os

import netcase
import sandbox
from netcase import POLICY
from sandbox import USER, USERS

NSSWITCH, PASSWD, GROUP, SECOND = "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/second"
ME = USERS[USER]


class NamesCase(netcase.NetCase):
    """Files of names as a test likes: they are put back afterwards."""

    def setUp(self):
        super().setUp()
        for path in (NSSWITCH, PASSWD, GROUP):
            with open(path, encoding="utf-8") as file:
                self.addCleanup(sandbox.write, path, file.read())
        self.services("files")

    def services(self, services):
        sandbox.write(NSSWITCH, f"passwd: {services}\ngroup: {services}\n")

    def users(self, *users):
        """The only users there are: (name, uid) or (name, uid, gid, home)."""
        lines = [(*user, user[1], "/run/vt")[:4] if len(user) == 2 else user for user in (("root", 0), *users)]
        sandbox.write(PASSWD, "".join(f"{name}:x:{uid}:{gid}::{home}:/bin/sh\n" for name, uid, gid, home in lines))

    def groups(self, *groups):
        """The only groups there are: (name, gid)."""
        sandbox.write(GROUP, "".join(f"{name}:x:{gid}:\n" for name, gid in (("root", 0), *groups)))

    def second(self, passwd="", group=""):
        """A second service that knows these."""
        install_second()
        sandbox.write(f"{SECOND}/passwd", passwd)
        sandbox.write(f"{SECOND}/group", group)
        self.addCleanup(sandbox.run, "rm", "-rf", SECOND)
        self.services("files second")

    def granted(self, rules, **more):
        sandbox.write(POLICY, rules)
        with self.call(**more) as answer:
            return answer.granted

    def refused(self, rules, says, **more):
        sandbox.write(POLICY, rules)
        self.refuse(says=says, **more)


def install_second():
    """Put the module where glibc looks for it, by an overlay over that folder."""
    folder = os.path.dirname(os.path.realpath((glob.glob("/lib/*/libc.so.6") + glob.glob("/lib64/libc.so.6"))[0]))
    module = f"{folder}/libnss_second.so.2"
    if os.path.exists(module):
        return
    place = sandbox.RUN + "/nss"
    for part in ("upper", "work"):
        os.makedirs(f"{place}/{part}")
    sandbox.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={folder},upperdir={place}/upper,workdir={place}/work", folder)
    sandbox.run("cp", os.environ["NSS_SECOND"], module)
