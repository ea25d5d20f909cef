/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "groups.h"

#include "kvm_device.h"
#include "membership.h"
#include "mend.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void mend_membership(const struct subject *subject, const char *group, struct findings *out)
{
    char user[128];

    mend_quote(subject->name, user, sizeof(user));
    finding_mend(out, "usermod -a -G %s %s", group, user);
}

/* Which group opens the device is the device's to say. */
static void tell_kvm(const struct subject *subject, struct findings *out)
{
    struct stat st;
    char group[64];

    if (stat(KVM_PATH, &st) < 0) {
        finding_add(out, GROUPS_KVM_SKIPPED, "/dev/kvm is not there");
        return;
    }
    if (subject->uid == 0 || (st.st_mode & 06) == 06 ||
        (access(KVM_PATH, R_OK | W_OK) == 0 && !subject_has_group(subject, st.st_gid))) {
        finding_add(out, GROUPS_KVM_UNNEEDED, "%s opens /dev/kvm without a group", subject->name);
        return;
    }
    membership_group_name(st.st_gid, group, sizeof(group));
    if (strcmp(group, "kvm") != 0)
        finding_add(out, GROUPS_KVM_OTHER, "the group of /dev/kvm is %s, not kvm", group);
    if (st.st_gid == 0)
        return; /* nobody should join that one */
    switch (membership(subject, st.st_gid)) {
    case MEMBERSHIP_YES:
        finding_add(out, GROUPS_KVM, "%s is in group %s, which /dev/kvm is for", subject->name, group);
        break;
    case MEMBERSHIP_RELOGIN:
        finding_add(out, GROUPS_KVM_RELOGIN, "%s is in group %s, but this login began before that",
                    subject->name, group);
        finding_mend(out, "# log out and in again; for one shell: newgrp %s", group);
        break;
    case MEMBERSHIP_NO:
        finding_add(out, GROUPS_KVM_MISSING, "%s is not in group %s, which /dev/kvm is for", subject->name,
                    group);
        mend_membership(subject, group, out);
        break;
    }
}

static void tell_libvirt(const struct subject *subject, struct findings *out)
{
    const struct group *entry = getgrnam("libvirt");

    if (!entry) {
        finding_add(out, GROUPS_LIBVIRT_SKIPPED, "there is no group libvirt");
        return;
    }
    switch (subject->uid == 0 ? MEMBERSHIP_YES : membership(subject, entry->gr_gid)) {
    case MEMBERSHIP_YES:
        finding_add(out, GROUPS_LIBVIRT, "%s %s", subject->name,
                    subject->uid == 0 ? "needs no group for qemu:///system" : "is in group libvirt");
        break;
    case MEMBERSHIP_RELOGIN:
        finding_add(out, GROUPS_LIBVIRT_RELOGIN, "%s is in group libvirt, but this login began before that",
                    subject->name);
        finding_mend(out, "# log out and in again; for one shell: newgrp libvirt");
        break;
    case MEMBERSHIP_NO:
        finding_add(out, GROUPS_LIBVIRT_MISSING, "%s is not in group libvirt", subject->name);
        mend_membership(subject, "libvirt", out);
        break;
    }
}

void groups_probe(const struct probe_context *context, struct findings *out)
{
    if (!context->subject->in_passwd)
        finding_add(out, GROUPS_UNKNOWN, "the user database knows no user %s", context->subject->name);
    tell_kvm(context->subject, out);
    tell_libvirt(context->subject, out);
}
