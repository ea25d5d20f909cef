/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Words for the commands that messages tell people to type: pasted into a shell, a word is one argument and
 * runs nothing, whoever chose it. A word that begins with '-' is still an option to many a program: put -- or
 * a keyword before it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Puts the word into out as a shell takes it: as it is where it is plain; in single quotes where it is
 * printable ASCII; else, and where it holds what some shell heeds even between single quotes, as $'...' with
 * octal escapes (POSIX.1-2024, 2.2.4; bash, zsh, ksh, busybox; to dash it is another word, but one word as
 * well). There is no backquote in the result, so that a sentence may put the command between backquotes. A
 * word that does not fit is never cut, for it would mean something else: then out is "''". Returns whether it
 * fitted. */
bool quote_into(const char *word, char *out, size_t size);

enum { QUOTE_SIZE = 512 };

struct quoted {
    char text[QUOTE_SIZE];
};

/* The same for an argument of a function, as quote(word).text, which lives until that has returned. Instead
 * of a word that does not fit comes one that says so. */
struct quoted quote(const char *word);
