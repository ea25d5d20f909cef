/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "groups.h"
#include "base/kvm.h"
#include "membership.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which group opens the device is the device's to say. */
static void report_kvm(const struct subject *subject, struct findings *out)
{
    struct stat st;
    char group[64];

    if (stat(KVM_PATH, &st) < 0) {
        finding_add(out, GROUPS_KVM_SKIPPED, "/dev/kvm does not exist");
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
        finding_add(out, GROUPS_KVM_RELOGIN, "%s was added to group %s after this login; log in again",
                    subject->name, group);
        finding_fixable(out, "");
        break;
    case MEMBERSHIP_NO:
        finding_add(out, GROUPS_KVM_MISSING, "%s is not in group %s, which /dev/kvm is for", subject->name,
                    group);
        finding_fixable(out, "");
        break;
    }
}

static void report_libvirt(const struct subject *subject, struct findings *out)
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
        finding_add(out, GROUPS_LIBVIRT_RELOGIN,
                    "%s was added to group libvirt after this login; log in again", subject->name);
        finding_fixable(out, "");
        break;
    case MEMBERSHIP_NO:
        finding_add(out, GROUPS_LIBVIRT_MISSING, "%s is not in group libvirt", subject->name);
        finding_fixable(out, "");
        break;
    }
}

void groups_probe(const struct probe_context *context, struct findings *out)
{
    if (!context->subject->in_passwd)
        finding_add(out, GROUPS_UNKNOWN, "there is no user %s in the user database", context->subject->name);
    report_kvm(context->subject, out);
    report_libvirt(context->subject, out);
}
