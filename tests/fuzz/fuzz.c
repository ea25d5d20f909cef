/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "fuzz.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hold_failed(const char *text, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    abort();
}

void refusal_poison(struct error *why)
{
    memset(why->text, '\n', sizeof(why->text));
}

void hold_one_line(const struct error *why)
{
    const size_t length = strnlen(why->text, sizeof(why->text));

    hold(length > 0 && length < sizeof(why->text));
    for (size_t i = 0; i < length; i++)
        hold((unsigned char)why->text[i] >= ' ' && why->text[i] != 0x7f);
}
