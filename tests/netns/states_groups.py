# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright the virt-tap authors
"""States of groups: in the database, in the process, and of the device."""
from checkcase import State
from sandbox import OTHER, USER

KVM_GROUP, LIBVIRT_GROUP = 64600, 64601
NONE = "sed -i '/^kvm:/d; /^libvirt:/d' /etc/group\n"


def groups(kvm="", libvirt=None):
    """Both groups in the database, with these members; libvirt=None: without that group."""
    lines = [f"kvm:x:{KVM_GROUP}:{kvm}"] + ([f"libvirt:x:{LIBVIRT_GROUP}:{libvirt}"] if libvirt is not None else [])
    return NONE + "".join(f"echo {line} >>/etc/group\n" for line in lines)


def state(name, setup, expect, **more):
    return State(name, setup, expect, area="groups", **more)


STATES = [
    state("in group kvm", groups("vmuser") + "kvm 0660 root:kvm", "groups.kvm groups.libvirt.skipped", groups=(KVM_GROUP,),
          never="groups.kvm.other groups.unknown"),
    state("not in group kvm", groups("vmother") + "kvm 0660 root:kvm", "groups.kvm.missing",
          says=("gpasswd -a vmuser kvm",), never="groups.kvm.relogin"),
    state("in group kvm since after the login", groups("vmother,vmuser") + "kvm 0660 root:kvm", "groups.kvm.relogin",
          says=("vmuser was added to group kvm after this login; log in again", "newgrp kvm"), never="groups.kvm groups.kvm.missing"),
    state("the device has another group", groups() + f"kvm 0660 root:{OTHER}", "groups.kvm.other groups.kvm.missing",
          says=("gpasswd -a vmuser vmother",)),
    state("the device has root's group", groups("vmuser") + "kvm 0660 root:root", "groups.kvm.other", groups=(KVM_GROUP,),
          never="groups.kvm groups.kvm.missing"),
    state("no group needed by mode", groups() + "kvm 0666 root:kvm", "groups.kvm.unneeded", never="groups.kvm.missing"),
    state("no group needed by ACL", groups() + f"kvm 0660 root:kvm; setfacl -m u:{USER}:rw /dev/kvm", "groups.kvm.unneeded"),
    state("no device", groups() + "rm -f /dev/kvm", "groups.kvm.skipped"),
    state("in group libvirt", groups(libvirt="vmuser"), "groups.libvirt", groups=(LIBVIRT_GROUP,)),
    state("not in group libvirt", groups(libvirt=""), "groups.libvirt.missing", says=("gpasswd -a vmuser libvirt",)),
    state("in group libvirt since after the login", groups(libvirt="vmuser"), "groups.libvirt.relogin"),
    state("as another user, by the database", groups("vmother", "vmother") + "kvm 0660 root:kvm", "groups.kvm groups.libvirt",
          user=0, options=("--user", "vmother")),
    state("a user whom the database does not know", groups() + "sed -i /^vmuser:/d /etc/passwd; kvm 0660 root:kvm",
          "groups.unknown groups.kvm.missing", says=(str(USER),)),
]
