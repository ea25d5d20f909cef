/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * How commands report: only programs print, and in one line. */
#pragma once

/* Prints `NAME: TEXT` in one line on standard error, whatever the text holds (base/printable.h); name is a
 * verb's whole command. Returns status, for `return complain(...)`. */
int complain(int status, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Flushes standard output, whose earlier failures count too. Returns status, or 1 with the reason printed. */
int finish_output(int status, const char *name);
