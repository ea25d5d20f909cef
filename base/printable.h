/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Text that others wrote, made fit to be shown: what steers a terminal, turns the order of text around or
 * cannot be seen is shown as an escape. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum { PRINTABLE_PIECE = 16 /* bytes, of one character shown */ };

/* Takes the first character of a text of at least one byte and puts how it is shown into out, with its
 * length. It stays as it is if it is UTF-8 and visible; else it becomes \u and four hexadecimal digits, twice
 * above U+FFFF, as JSON has it (RFC 8259, 7), so that JSON stays the same data; a byte that is no UTF-8
 * becomes \x and two digits. Shown as escapes are: the control characters C0 (line feed and tab, too), DEL
 * and C1; line and paragraph separators; bidirectional controls; and what is never visible (Unicode's
 * DerivedCoreProperties.txt, Default_Ignorable_Code_Point). whole: no more bytes follow. Returns how many
 * bytes it took; 0: the character is not whole yet. */
size_t printable_character(const char *text, size_t size, bool whole, char out[PRINTABLE_PIECE],
                           size_t *out_size);

/* A copy of the text in which all is shown so, thus of one line, to be freed by the caller; NULL: no memory.
 */
char *printable_line(const char *text);

/* Whether all of the text is shown as it is, in one line. */
bool printable_is(const char *text);

/* Puts '?' for every byte of what is not. */
void printable_mask(char *text);

/* What printable_line() makes of what is formatted, as far as it fits into out. */
void printable_format(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
