/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include <stdbool.h>

/* Parses text that is a decimal number from min to max and nothing else: digits only, no sign, no blanks.
 * Returns whether it is; otherwise `out` is unchanged. */
bool number_parse(const char *text, unsigned long min, unsigned long max, unsigned long *out);
