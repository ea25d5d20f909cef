/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * All findings, which catalogue_list.h lists. Their names are permanent: programs may depend on them. */
#pragma once

#include <stdbool.h>

enum finding_level {
    FINDING_OK,
    FINDING_SKIPPED, /* not examined, so its state is unknown */
    FINDING_WARNING,
    FINDING_FAILURE,
};

#define FINDING(id, ...) id,
enum finding_id {
#include "catalogue_list.h"
    FINDING_COUNT
};
#undef FINDING

struct catalogue_entry {
    const char *name; /* AREA.WHAT[.HOW] */
    enum finding_level level;
    const char *why; /* why it matters, for people; no full stop */
    /* Shell commands or comments (#), one a line, that fix it if finding_fixable() says so; NULL: none.
     * Placeholders are replaced only by:
     *
     *   {user}        the user whom the check is about; no value for root
     *
     *   {whom}        likewise, also for root, if it is a word in a policy
     *
     *   {sudo}        "sudo ", or nothing for root: in comments, since commands get it by themselves
     *
     *   {group}       the current group of /dev/kvm; no value if it is root's
     *
     *   {interface}, {module}, {path}
     *                 what the finding is about, if it is a valid interface name, one of the modules listed
     *                 in fix.c, or an absolute path of plain characters
     *
     *   {accept}, {bypass}
     *                 see fix_firewall.h; the finding is about the place where frames are dropped
     *
     *   {network}     libvirt's inactive network whose bridge the finding is about
     *
     *   {mac}         a MAC for the bridge that the finding is about
     *
     *   {session}     the configuration directory of the user's libvirt session
     *
     *   {install-qemu}, {install-libvirt}, {install-kernel}
     *                 this distribution's (/etc/os-release) command to install it */
    const char *fix;
    bool own; /* the user fixes it, in files of their own; otherwise root does */
};

extern const struct catalogue_entry catalogue[FINDING_COUNT];
