/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The results of checking the host. catalogue.c lists all findings with their severity, why they matter and
 * how to fix them; a probe adds what it observed and whether the fix applies. */
#pragma once

#include "catalogue.h"

#include <stdbool.h>
#include <stddef.h>

enum { FINDING_ABOUT_SIZE = 64 };

struct finding {
    enum finding_id id;
    bool fixable;
    char about[FINDING_ABOUT_SIZE]; /* what the fix is about, according to the probe; untrusted; may be "" */
    char *seen;                     /* owned; one line */
    char *fix;                      /* owned; commands, one a line, from fix_findings(); NULL: none */
};

struct findings {
    struct finding *items; /* owned */
    size_t count;
    bool lost; /* out of memory: findings are missing */
};

/* Adds a finding; unprintable characters become '?'. It must not contain secrets (addresses, keys): findings
 * end up in bug reports. about: as below; NULL: the catalogue's fix does not apply. */
void finding_add_fixable(struct findings *list, enum finding_id id, const char *about, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));
#define finding_add(list, id, ...) finding_add_fixable((list), (id), NULL, __VA_ARGS__)

/* Marks the catalogue's fix as applicable to the last finding added. about: the interface, module or path
 * concerned, or ""; one that is too long is dropped. */
void finding_fixable(struct findings *list, const char *about);

/* Adds a command, given in two parts, to a finding. */
void finding_command(struct findings *list, struct finding *finding, const char *start, const char *end);

/* Moves all findings of `from` to the end of `to`, and releases `from`. */
void findings_move(struct findings *to, struct findings *from);

bool findings_has(const struct findings *list, enum finding_id id);

/* Sorts the findings as the catalogue does, and removes those whose cause is another finding of the list: one
 * cause is one finding. */
void findings_merge(struct findings *list);

/* Returns the number of findings of that level. */
unsigned int findings_count(const struct findings *list, enum finding_level level);

void findings_free(struct findings *list);
