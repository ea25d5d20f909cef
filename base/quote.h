/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Quotes words in commands that messages suggest to users: pasted into a shell, a word is a single argument
 * and runs nothing, whoever chose it. To many programs a word that begins with '-' is still an option: put --
 * or a keyword before it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Writes the word to out as a shell reads it: unchanged if plain; in single quotes if printable ASCII;
 * otherwise, or if some shell interprets a character even in single quotes, as $'...' with octal escapes
 * (POSIX.1-2024, 2.2.4; bash, zsh, ksh, busybox; dash reads a different word, but still a single one). The
 * result contains no backquote, so messages may put the command between backquotes. A word that does not fit
 * is never truncated, which would change its meaning: out is then "''". Returns whether it fits. */
bool quote_into(const char *word, char *out, size_t size);

enum { QUOTE_SIZE = 512 };

struct quoted {
    char text[QUOTE_SIZE];
};

/* Likewise for use as an argument, as quote(word).text, which lives until the called function returns. A word
 * that does not fit is replaced by one that says so. */
struct quoted quote(const char *word);
