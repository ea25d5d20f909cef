/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Small texts that the kernel and administrators write: /proc, /sys, configuration. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads the beginning of a regular file into buffer and ends it with a NUL; waits for nothing (a FIFO).
 * Returns the length, or -errno: -EINVAL when it is not a regular file. */
ssize_t text_read(const char *path, char *buffer, size_t size);

/* The same, but not through a symbolic link: -ELOOP. */
ssize_t text_read_no_link(const char *path, char *buffer, size_t size);

/* Reads the first line, without its newline and cut to size. Returns whether the file could be read;
 * otherwise buffer is "". */
bool text_line(const char *path, char *buffer, size_t size);

/* The decimal number that is the first line of a file, or the fallback. */
long text_number(const char *path, long fallback);

/* The value of the line `KEY : VALUE` or `KEY=VALUE` (blanks ignored, quotes taken off), up to the line's
 * end. Returns whether there is one that fits; otherwise out is "". */
bool text_value(const char *text, const char *key, char *out, size_t size);

/* Whether the word is in the text, between blanks. */
bool text_has_word(const char *text, const char *word);

/* Calls each(arg, line, number) for every line of a file but empty ones and comments (#, ;), without blanks
 * before it, until it returns false. Returns 0 or -errno. Of a file only the first 256 kB are read. */
int text_lines(const char *path, bool (*each)(void *arg, const char *line, unsigned int number), void *arg);
