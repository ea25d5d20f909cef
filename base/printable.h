/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Makes text from others safe to show: whatever controls a terminal, changes the direction of text or is
 * invisible is shown as an escape. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum { PRINTABLE_PIECE = 16 /* maximum bytes for one character as shown */ };

/* Writes the first character of a text of at least one byte to out as it is to be shown, with the length of
 * that. Visible UTF-8 stays as it is. Other characters become \u and four hexadecimal digits, two of these
 * above U+FFFF, as in JSON (RFC 8259, section 7), so that JSON data stays the same; a byte that is not valid
 * UTF-8 becomes \x and two digits. Escaped are: the control characters C0 (including line feed and tab), DEL
 * and C1; line and paragraph separators; bidirectional controls; and characters that are never visible
 * (Unicode's DerivedCoreProperties.txt, Default_Ignorable_Code_Point). whole: no more bytes follow. Returns
 * the number of bytes consumed; 0: the character is incomplete so far. */
size_t printable_character(const char *text, size_t size, bool whole, char out[PRINTABLE_PIECE],
                           size_t *out_size);

/* Returns a copy of the text with every character shown as above, and therefore on one line; the caller frees
 * it. NULL: no memory. */
char *printable_line(const char *text);

/* Returns whether the whole text is shown unchanged, on one line. */
bool printable_is(const char *text);

/* Replaces every byte that would not be shown unchanged by '?'. */
void printable_mask(char *text);

/* Writes what printable_line() makes of the formatted text, as far as it fits into out. */
void printable_format(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
