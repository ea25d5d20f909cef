/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a look at the host has found. Which findings there are, how bad each is, why it matters and what fixes
 * it is in catalogue.c; a probe adds what it saw, and whether the fix applies. */
#pragma once

#include "catalogue.h"

#include <stdbool.h>
#include <stddef.h>

enum { FINDING_ABOUT_SIZE = 64 };

struct finding {
    enum finding_id id;
    bool fixable;
    char about[FINDING_ABOUT_SIZE]; /* what the fix is about, as the probe says: not to be trusted; "" */
    char *seen;                     /* owned; one line */
    char *fix; /* owned; commands, a line each, of fix_findings(); NULL: there is nothing to type */
};

struct findings {
    struct finding *items; /* owned */
    size_t count;
    bool lost; /* memory ran out: findings are missing */
};

/* Adds one; what is not printable in it is shown as '?'. Secrets (addresses, keys) must not be put in:
 * findings go into bug reports. */
void finding_add(struct findings *list, enum finding_id id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says that the catalogue's fix applies to the finding added last. about: the interface, module or path that
 * it is about, "" for none; one that is too long is none. */
void finding_fixable(struct findings *list, const char *about);

/* Both, in one. */
void finding_add_fixable(struct findings *list, enum finding_id id, const char *about, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* Adds a command to a finding, its beginning and its end. */
void finding_command(struct findings *list, struct finding *finding, const char *start, const char *end);

/* How many there are of that level. */
unsigned int findings_count(const struct findings *list, enum finding_level level);

void findings_free(struct findings *list);
