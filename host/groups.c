/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/kvm.h"
#include "kvm.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The device node determines which group grants access. */
static void report_kvm(const struct user *user, struct findings *out)
{
    struct stat st;
    char group[64];

    if (stat(KVM_PATH, &st) < 0) {
        finding_add(out, GROUPS_KVM_SKIPPED, "/dev/kvm does not exist");
        return;
    }
    if (user->uid == 0 || (st.st_mode & 06) == 06 ||
        (access(KVM_PATH, R_OK | W_OK) == 0 && !user_has_group(user, st.st_gid))) {
        finding_add(out, GROUPS_KVM_UNNEEDED, "%s opens /dev/kvm without a group", user->name);
        return;
    }
    user_group_name(st.st_gid, group, sizeof(group));
    if (strcmp(group, "kvm") != 0)
        finding_add(out, GROUPS_KVM_OTHER, "the group of /dev/kvm is %s, not kvm", group);
    if (st.st_gid == 0)
        return; /* nobody should join this group */
    switch (user_membership(user, st.st_gid)) {
    case MEMBERSHIP_YES:
        finding_add(out, GROUPS_KVM, "%s is in group %s, the group of /dev/kvm", user->name, group);
        break;
    case MEMBERSHIP_RELOGIN:
        finding_add_fixable(out, GROUPS_KVM_RELOGIN, "",
                            "%s was added to group %s after this login; log in again", user->name, group);
        break;
    case MEMBERSHIP_NO:
        finding_add_fixable(out, GROUPS_KVM_MISSING, "", "%s is not in group %s, the group of /dev/kvm",
                            user->name, group);
        break;
    }
}

static void report_libvirt(const struct user *user, struct findings *out)
{
    const struct group *entry = getgrnam("libvirt");

    if (!entry) {
        finding_add(out, GROUPS_LIBVIRT_SKIPPED, "there is no group libvirt");
        return;
    }
    switch (user->uid == 0 ? MEMBERSHIP_YES : user_membership(user, entry->gr_gid)) {
    case MEMBERSHIP_YES:
        finding_add(out, GROUPS_LIBVIRT, "%s %s", user->name,
                    user->uid == 0 ? "needs no group for qemu:///system" : "is in group libvirt");
        break;
    case MEMBERSHIP_RELOGIN:
        finding_add_fixable(out, GROUPS_LIBVIRT_RELOGIN, "",
                            "%s was added to group libvirt after this login; log in again", user->name);
        break;
    case MEMBERSHIP_NO:
        finding_add_fixable(out, GROUPS_LIBVIRT_MISSING, "", "%s is not in group libvirt", user->name);
        break;
    }
}

void groups_probe(const struct probe_context *context, struct findings *out)
{
    if (!context->user->in_passwd)
        finding_add(out, GROUPS_UNKNOWN, "there is no user %s in the user database", context->user->name);
    report_kvm(context->user, out);
    report_libvirt(context->user, out);
}
