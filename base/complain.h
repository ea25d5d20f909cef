/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * How commands report errors: only programs print, and one line each. */
#pragma once

/* Prints `NAME: TEXT` to standard error as one line, whatever the text contains (base/printable.h); name is
 * the verb's full command. Returns status, for `return complain(...)`. */
int complain(int status, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Returns 0 for root; or 1 after reporting that the verb changes that, and so requires root. */
int complain_unless_root(const char *name, const char *what);

/* Flushes standard output, and checks for earlier write errors as well. Returns status; or, having printed
 * the reason, 1. */
int finish_output(int status, const char *name);
