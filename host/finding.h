/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a look at the host has found. Which findings there are, how bad each is and why it matters stands in
 * catalogue.c; a probe adds what it saw and what mends it. */
#pragma once

#include "catalogue.h"

#include <stdbool.h>
#include <stddef.h>

struct finding {
    enum finding_id id;
    char *seen; /* owned; one line */
    char *mend; /* owned; shell commands for root, a line each; NULL: there is nothing to type */
};

struct findings {
    struct finding *items; /* owned */
    size_t count;
    bool lost; /* memory ran out: findings are missing */
};

/* Adds one; control characters in what was seen are shown as '?'. Strings that hold secrets (addresses, keys)
 * must not be put in: findings go into bug reports. */
void finding_add(struct findings *list, enum finding_id id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds one more command to the finding added last. What is not ours in it must be quoted: mend_quote(). */
void finding_mend(struct findings *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

void findings_free(struct findings *list);
