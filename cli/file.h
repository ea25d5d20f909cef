/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whole files in and out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads all of a file, or of standard input for "-", but not more than max + 1 bytes: who gets so many knows
 * that it is too long. Returns a new buffer and its length, or NULL with errno. *mode is the file's, 0644 of
 * standard input. */
char *file_read(const char *path, size_t max, size_t *size, mode_t *mode);

/* Puts text into a file, all of it or nothing: a new file takes the place of the old one. replace: there is
 * an old one, a link to it is followed, its owner stays, and the new one is on the disk before. Returns 0 or
 * -errno. */
int file_write(const char *path, const char *text, size_t size, mode_t mode, bool replace);
