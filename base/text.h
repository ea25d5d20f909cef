/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Short texts, and small text files written by the kernel and administrators: /proc, /sys, configuration. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

/* Returns the text, or the fallback if it is NULL. */
static inline const char *text_or(const char *text, const char *fallback)
{
    if (text)
        return text;
    return fallback;
}

/* Reads the beginning of a regular file into buffer and terminates it with a NUL; never blocks (on a FIFO).
 * Returns the length, or -errno: -EINVAL if it is not a regular file. */
ssize_t text_read(const char *path, char *buffer, size_t size);

/* Likewise, but does not follow a symbolic link: -ELOOP. */
ssize_t text_read_no_link(const char *path, char *buffer, size_t size);

/* Reads the first line, without its newline and truncated to size. Returns whether the file could be read;
 * otherwise buffer is "". */
bool text_line(const char *path, char *buffer, size_t size);

/* Returns the decimal number on the first line of a file, or the fallback. */
long text_number(const char *path, long fallback);

/* Gets the value of the line `KEY : VALUE` or `KEY=VALUE`, up to the end of the line, without blanks around
 * it or quotes. Returns whether there is one that fits; otherwise out is "". */
bool text_value(const char *text, const char *key, char *out, size_t size);

/* Returns whether the text contains the word, delimited by blanks; not if the word is "". */
bool text_has_word(const char *text, const char *word);

/* Returns whether it is a word for true, as systemd's parse_boolean() has it. */
bool text_is_yes(const char *word);

/* Reads where a symbolic link leads. Returns whether it is one, and that fits; otherwise out is "". */
bool text_link(const char *path, char *out, size_t size);

/* Returns the text if so; otherwise "". */
static inline const char *text_if(bool so, const char *text)
{
    if (so)
        return text;
    return "";
}

/* Calls each(arg, line, number) for every line of a file except empty ones and comments (#, ;), without
 * leading blanks, until it returns false. Returns 0 or -errno. Only the first 256 kB of a file are read. */
int text_lines(const char *path, bool (*each)(void *arg, const char *line, unsigned int number), void *arg);
