/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/printable.h"
#include "change.h"

void xml_place(struct error *why, const char *text, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (text[i] == '\n') {
            why->line++;
            why->column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) { /* do not cut inside a UTF-8 character */
            why->column++;
        }
    }
}

int xml_fail(struct error *why, const char *text, size_t offset, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printable_format(why->text, sizeof(why->text), format, args);
    va_end(args);
    why->line = why->column = 1;
    xml_place(why, text, 0, offset);
    return -1;
}

int reason_set(char reason[REASON_SIZE], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printable_format(reason, REASON_SIZE, format, args);
    va_end(args);
    return -1;
}
