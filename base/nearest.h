/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What somebody meant who mistyped a word. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Returns whether a word is so near the first `length` bytes of what was typed that it may be meant: one or
 * two letters were left out, added, replaced, or exchanged with the next one, and most of the word is right;
 * or one of them begins with the other. */
bool nearest_is(const char *word, const char *typed, size_t length);
