/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The one way by which a command's words leave it. What it shows holds names and texts that others chose
 * (domains, files, interfaces, accounts, errors of libraries); a terminal would obey the control characters
 * in them. */
#pragma once

#include <stddef.h>

/* Puts a filter behind stdout and stderr: from here on all that is printed to them is shown as
 * printable_character() has it, but for line feeds and tabs. To a terminal, standard output goes line by
 * line; standard error always at once. Standard output's errors are found by fflush(3) and ferror(3) as ever.
 * What writes to the descriptors themselves, as programs do that are started, goes past it. Needs glibc,
 * where stdout and stderr are variables. Returns 0 or -errno. */
int terminal_filter(void);

/* Prints a document to standard output: to the byte if that is no terminal, else filtered. Returns how many
 * characters were shown as escapes. */
size_t terminal_document(const char *text, size_t size);

/* Prints a control sequence of our own to standard output, past the filter. "": none. */
void terminal_color(const char *sequence);
