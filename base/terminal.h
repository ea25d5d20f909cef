/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The only way for a command to print. Its output contains names and texts that others chose (domains, files,
 * interfaces, accounts, library errors), and a terminal would act on control characters in them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Filters stdout and stderr: from now on, everything printed to them is shown as printable_character() does,
 * except line feeds and tabs. Standard output to a terminal is line buffered; standard error is never
 * buffered. Errors on standard output are found by fflush(3) and ferror(3) as usual. Writes to the
 * descriptors themselves, such as those of child processes, bypass the filter. Returns 0 or -errno: -ENOTSUP
 * without glibc, where stdout and stderr are variables. */
int terminal_filter(void);

/* Prints a document to standard output: unchanged if that is not a terminal, otherwise filtered. Returns the
 * number of characters escaped. */
size_t terminal_document(const char *text, size_t size);

/* Whether from now on lines that are wider than the terminal are divided at blanks (base/wrap.h); elsewhere
 * than on a terminal they never are. A line is printed when it ends. Not for what is to be copied, or read by
 * programs. */
void terminal_wrap(bool wanted);

/* Prints a text that is not divided, such as a command, once in a line. */
void terminal_whole(const char *text);

/* Prints a control sequence of our own to standard output, bypassing the filter. "": none. */
void terminal_color(const char *sequence);

/* Whether standard output is a terminal that takes colours, and the user wants them (NO_COLOR, no-color.org).
 */
bool terminal_has_color(void);

/* Returns the number of columns of the terminal that is standard output; 0: it is not a terminal. */
unsigned int terminal_width(void);

/* Whether the locale of the environment has UTF-8. */
bool terminal_has_utf8(void);
