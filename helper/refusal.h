/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Why the helper says no: one line for the person at the other end. Functions fill it in where they know the
 * cause; only main() speaks. */
#pragma once

struct refusal {
    char text[1536];
};

/* Puts what was asked, why it failed and what to do next in why->text: one line of at most its size, other
 * than printable ASCII (with which a hostile caller or a broken file could write over a terminal) shown as
 * '?'. Returns -1, for `return refuse(...)`. */
int refuse(struct refusal *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
