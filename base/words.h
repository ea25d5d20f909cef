/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A command line that grows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { WORDS_MAX = 128, WORD_SIZE = 1024 };

/* All zeros: empty. argv points into text, so the struct cannot be copied. */
struct words {
    char text[WORDS_MAX][WORD_SIZE];
    const char *argv[WORDS_MAX + 1]; /* ends with NULL */
    size_t count;
    bool full; /* something did not fit */
};

/* Adds a word. */
void words_add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds --NAME=VALUE; value NULL: nothing. */
void words_option(struct words *words, const char *name, const char *value);
