/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include <stdbool.h>

/* Reads text that is wholly a decimal number from least to most: digits only, no sign, no blank. Returns
 * whether it is; `out` is else left alone. */
bool number_parse(const char *text, unsigned long least, unsigned long most, unsigned long *out);
