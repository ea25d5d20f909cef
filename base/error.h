/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * An error: one line for the user. Functions fill it in where the cause is known; only programs print it. */
#pragma once

struct error {
    char text[1536];
    unsigned int line, column; /* in the document, from 1; 0: no particular place */
};

/* Writes what was asked, why it failed and what to do next to why->text: one line, truncated to its size,
 * with everything but printable ASCII replaced by '?' (a hostile caller or a broken file could otherwise send
 * control sequences to a terminal). Clears the position. Returns -1, for `return error_set(...)`. */
int error_set(struct error *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
