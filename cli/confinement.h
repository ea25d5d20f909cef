/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Confinement of libvirt's daemons, which must allow them to run the hooks. AppArmor needs two more lines in
 * the profile. SELinux allows them to run files with the label of programs (bin_t), which install(1) gives
 * files in a directory of programs. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* For each AppArmor profile of a libvirt daemon, adds the lines for virt-tap to the file that the profile
 * includes for local changes, or removes them, and reloads the profile. Returns 0, or 1 after reporting why,
 * with that file as it was. */
int confinement_set(const char *verb, bool allow);

/* Prints the current state, or adds it to an array of objects. Returns 1 if hooks are kept from running. */
int confinement_show(json_t *list);
