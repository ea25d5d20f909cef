/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "words.h"

#include <stdarg.h>
#include <stdio.h>

void words_add(struct words *words, const char *format, ...)
{
    va_list args;

    if (words->count == WORDS_MAX) {
        words->full = true;
        return;
    }
    char *word = words->text[words->count];
    va_start(args, format);
    words->full |= vsnprintf(word, WORD_SIZE, format, args) >= WORD_SIZE;
    va_end(args);
    words->argv[words->count++] = word;
}

void words_option(struct words *words, const char *name, const char *value)
{
    if (value)
        words_add(words, "--%s=%s", name, value);
}
