/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Lines that go on below themselves, at a blank, rather than beyond a terminal. */
#pragma once

#include <stddef.h>

enum { WRAP_SIZE = 8192 };

/* A line that is being printed, as the terminal gets it. Only our own colours are control sequences in it. */
struct wrap {
    size_t size, whole_from, whole_to; /* bytes; those that are to stay on one line */
    char text[WRAP_SIZE];
};

/* Writes the line to the descriptor, and empties it. It is divided at blanks, but not within backquotes,
 * where commands are, nor in what is to stay whole. Its further lines begin below the text that follows the
 * first two blanks in it (`  failure    TEXT`); where that is beyond half the terminal, the text begins on a
 * line of its own. width: of the terminal. */
void wrap_flush(struct wrap *line, int fd, size_t width);
