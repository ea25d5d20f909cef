/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Looks up users and groups through the name services of nsswitch.conf(5), each name or number once. */
#pragma once

#include "identity.h"

enum { NAMES_SERVICES_SIZE = 512 };

/* The lookups made so far. */
struct names {
    struct name_source source;   /* for a struct caller; its context is this struct */
    struct names_entry *entries; /* owned */
    size_t count;
    char services[2][NAMES_SERVICES_SIZE]; /* of users and of groups; "": not read yet */
};

/* Begins with nothing looked up. The struct must not be moved; names_end() releases it. */
void names_begin(struct names *names);
void names_end(struct names *names);
#define _cleanup_names_ __attribute__((cleanup(names_end)))
