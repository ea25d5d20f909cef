/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A verb of the virt-tap command: one file each, one line each in the table of main.c. */
#pragma once

struct verb {
    const char *name;
    const char *arguments; /* as usage shows them */
    const char *summary;
    /* Does it; argv[0] is the verb. Returns the exit status: 0 done, 1 refused or failed, 2 usage. */
    int (*run)(int argc, char *argv[]);
};
