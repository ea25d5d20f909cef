/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A private copy of netplan's files, in which netplan itself can be asked to change them and what they mean.
 */
#pragma once

#include "base/error.h"
#include "base/statefolder.h"
#include "config.h"
#include "persist.h"

#include <stdbool.h>

#define COPY_FOLDER                                                                                          \
    STATE_FOLDER /* in a mount namespace of this process's, where it is on a file system of its own */
#define COPY_WAS "was"
#define COPY_NEXT "next"

enum { ID_SIZE = 64 };

struct copy {
    const struct persist_plan *plan;
    struct persist_files *files;
    char root[40];              /* for netplan: in COPY_FOLDER, COPY_WAS and then COPY_NEXT */
    const char *section;        /* where the NIC, or else the bridge, is defined or would be */
    char id[ID_SIZE];           /* its name there */
    char *definition;           /* the NIC's, as YAML, owned; NULL: there is none */
    const struct generated *by; /* what configures the NIC before anything is changed; NULL: nothing */
    struct error *why;
};

/* Goes on with a fresh copy of the host's files. Returns 0, or -1 and why not. */
int copy_begin(struct copy *copy, const char *name);

/* Runs netplan on the copy. Returns its output, to be freed, or NULL and why it failed. */
char *copy_netplan(struct copy *copy, const char *verb, const char *argument);

/* Finds out what configures the NIC, and the name of its definition, which may match it by its MAC. Returns
 * 0, or -1 and why not. */
int copy_find(struct copy *copy, const struct persist_plan *plan);

/* Checks what the host's files mean together with these: the bridge has all that the plan has, the NIC is
 * its port without addresses, and both are configured by what configured the NIC. Returns 0, or -1 and why
 * not. */
int copy_check(struct copy *copy, const struct persist_plan *plan, const struct persist_files *files);
