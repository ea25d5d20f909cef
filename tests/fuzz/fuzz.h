/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What the fuzz targets share. Each has one entry, called by libFuzzer, or by replay.c with the files of its
 * corpus; it aborts when something does not hold. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct error;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, naming the line, unless the condition is true. No assert(), so that no build leaves it out. */
#define hold(condition) ((condition) ? (void)0 : hold_failed(#condition, __FILE__, __LINE__))
_Noreturn void hold_failed(const char *text, const char *file, int line);

/* Fills the refusal with bytes that are no text, so that a text which nobody wrote is noticed. */
void refusal_poison(struct error *why);

/* Holds that the refusal is one line, not empty, that ends within its array, without control characters. */
void hold_one_line(const struct error *why);
