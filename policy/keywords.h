/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Parses KEY=VALUE words into a struct, driven by a table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;

/* One key and the type of its value (exactly one of those below); offsets are in the struct. */
struct keyword {
    const char *name;
    const char *expected; /* what the value must be, for messages */
    /* Parses any other kind of value; returns what it must be, or NULL if it is valid. */
    const char *(*take)(void *out, const char *value);
    bool is_text;   /* not empty; sets the const char * at `offset`, which then points into the word */
    bool is_number; /* from min to max; sets the unsigned int at `offset` */
    bool is_flag;   /* the word in `expected`; sets the bool at `offset` */
    size_t offset;
    unsigned long min, max;
    bool repeats; /* may be given more than once */
};

struct keywords {
    const struct keyword *list;
    size_t count;
    const char *unknown; /* begins the message for a key that is not in the list: "unknown term" */
};

/* Parses one word and modifies it. *seen has a bit for each key seen so far, in the order of the list.
 * Returns 0, or -1 and what is wrong with the word. */
int keywords_take(const struct keywords *keywords, void *out, char *word, unsigned int *seen,
                  struct error *why);
