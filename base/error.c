/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    why->line = why->column = 0;
    for (char *c = why->text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return -1;
}
