/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A private copy of netplan's files, in which netplan itself can be asked to change them and what they mean.
 */
#pragma once

#include "base/error.h"
#include "persist.h"

#include <stdbool.h>

enum { ID_SIZE = 64 };

struct copy {
    char folder[32];            /* of this process's */
    int lock;                   /* on that folder, for as long as it is needed */
    char root[40];              /* in it, for netplan: was, and then next */
    const char *section;        /* where the NIC, or else the bridge, is defined or would be */
    char id[ID_SIZE];           /* its name there */
    char *definition;           /* the NIC's, as YAML, owned; NULL: there is none */
    const struct generated *by; /* what configures the NIC before anything is changed; NULL: nothing */
    struct error *why;
};

#define _cleanup_copy_ __attribute__((cleanup(copy_free)))

/* Copies the host's files. Returns 0, or -1 and why not; copy_free() must be called in either case. */
int copy_make(struct copy *copy);
void copy_free(struct copy *copy);

/* Runs netplan on the copy. Returns its output, to be freed, or NULL and why it failed. */
char *copy_netplan(struct copy *copy, const char *verb, const char *argument);

/* Finds out what configures the NIC, and the name of its definition, which may match it by its MAC. Returns
 * 0, or -1 and why not. */
int copy_find(struct copy *copy, const struct persist_plan *plan);

/* Checks what the host's files mean together with these: the bridge has all that the plan has, the NIC is
 * its port without addresses, and both are configured by what configured the NIC. Returns 0, or -1 and why
 * not. */
int copy_check(struct copy *copy, const struct persist_plan *plan, const struct persist_files *files);
