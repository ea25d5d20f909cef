/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What confines libvirt's daemons, and must let them run the hooks. AppArmor takes two lines more in the
 * profile. SELinux lets them run what is labelled as programs are (bin_t), which is what install(1) in a
 * folder of programs leads to. */
#pragma once

/* Where a profile of AppArmor's for a daemon of libvirt's is in force, adds the lines for virt-tap to the
 * file that the profile includes for the administrator, and loads it again. Returns 0, or 1 with the reason
 * said, nothing being changed then. */
int confinement_allow(const char *verb);

/* Takes those lines away again. Returns as above. */
int confinement_forget(const char *verb);

/* Prints what of that is so. Returns 1 where hooks are kept from running. */
int confinement_show(void);
