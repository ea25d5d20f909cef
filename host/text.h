/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Small texts that the kernel and administrators write: /proc, /sys, configuration. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads the beginning of a regular file into buffer and ends it with a NUL; waits for nothing (a FIFO).
 * Returns the length, or -errno: -EINVAL when it is no regular file. */
ssize_t text_read(const char *path, char *buffer, size_t size);

/* A number, alone in a file of decimal digits; `otherwise` if it is not one or cannot be read. */
long text_number(const char *path, long otherwise);

/* The value of the line `KEY : VALUE` or `KEY=VALUE` (blanks ignored, quotes taken off), up to the line's
 * end. Returns whether there is one; else out is "". A value too long for out is none. */
bool text_value(const char *text, const char *key, char *out, size_t size);

/* Whether a terminal shows all of the text as it is, in one line: UTF-8 without control characters (C0, C1),
 * line and paragraph separators, and those that hide or turn round what follows (bidirectional and other
 * format characters). */
bool text_is_printable(const char *text);

/* Puts '?' for every byte of what is not printable. */
void text_make_printable(char *text);

/* Whether the word, between blanks, stands in the text. */
bool text_has_word(const char *text, const char *word);

/* Calls each(arg, line, number) for every line of a file, comments (#, ;) and blanks before it left out,
 * until it returns false. Returns 0 or -errno. Files of more than 256 kB are read so far. */
int text_lines(const char *path, bool (*each)(void *arg, const char *line, unsigned int number), void *arg);
