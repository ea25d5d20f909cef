/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * KEY=VALUE words of a file, taken into a struct by a table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;

/* One key, and the one thing that its value is; offsets are in the struct. */
struct keyword {
    const char *name;
    const char *takes; /* what the value must be, for messages */
    /* Takes any other value; returns what it must be, or NULL if it is that. */
    const char *(*take)(void *out, const char *value);
    bool is_text;   /* not empty, for the const char * at `offset`, which points into the word then */
    bool is_number; /* from min to max, for the unsigned int at `offset` */
    bool is_flag;   /* the word `takes`, which sets the bool at `offset` */
    size_t offset;
    unsigned long min, max;
    bool repeats; /* may be given more than once */
};

struct keywords {
    const struct keyword *list;
    size_t count;
    const char *unknown; /* what to say of a key that is not in the list: "there is no term" */
};

/* Takes one word, which is changed; *seen has a bit for each key met before, in the order of the list.
 * Returns 0, or -1 and what is wrong with it. */
int keywords_take(const struct keywords *keywords, void *out, char *word, unsigned int *seen,
                  struct error *why);
