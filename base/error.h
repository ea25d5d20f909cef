/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What went wrong: one line for a person. Functions fill it in where they know the cause; only programs
 * print it. */
#pragma once

struct error {
    char text[1536];
    unsigned int line, column; /* in the document that it is about, from 1; 0: nowhere in particular */
};

/* Puts what was asked, why it failed and what to do next in why->text: one line of at most its size, other
 * than printable ASCII (with which a hostile caller or a broken file could write over a terminal) shown as
 * '?'. The place becomes 0. Returns -1, for `return error_set(...)`. */
int error_set(struct error *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
