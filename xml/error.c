/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "document.h"

#include <stdarg.h>
#include <stdio.h>

void xml_clean(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

void xml_place(struct xml_error *why, const char *text, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (text[i] == '\n') {
            why->line++;
            why->column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) { /* not inside a UTF-8 character */
            why->column++;
        }
    }
}

int xml_fail(struct xml_error *why, const char *text, size_t offset, const char *format, ...)
{
    va_list args;

    why->line = why->column = 1;
    xml_place(why, text, 0, offset);
    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    xml_clean(why->text);
    return -1;
}
