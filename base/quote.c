/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "quote.h"

#include <stdio.h>
#include <string.h>

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/=@%+-";

/* fish interprets a backslash in single quotes, and csh a '!'. */
static bool is_quotable(char c)
{
    return c >= ' ' && c <= '~' && !strchr("`\\!", c);
}

/* Writes one character as it is between quotes. Returns the number of bytes that this takes. */
static size_t write_one(char c, bool escaped, char *out, size_t size)
{
    if (c == '\'' && !escaped)
        return (size_t)snprintf(out, size, "'\\''");
    if (is_quotable(c) && c != '\'')
        return (size_t)snprintf(out, size, "%c", c);
    return (size_t)snprintf(out, size, "\\%03o", (unsigned char)c);
}

bool quote_into(const char *word, char *out, size_t size)
{
    const char *begin = "'", *c = word;
    size_t used;

    if (*word && !word[strspn(word, plain)] && strlen(word) < size) {
        strcpy(out, word);
        return true;
    }
    while (*c && is_quotable(*c))
        c++;
    if (*c)
        begin = "$'";
    used = (size_t)snprintf(out, size, "%s", begin);
    for (c = word; *c && used < size; c++)
        used += write_one(*c, *begin == '$', out + used, size - used);
    if (used + 1 < size) {
        strcpy(out + used, "'");
        return true;
    }
    strcpy(out, "''");
    return false;
}

struct quoted quote(const char *word)
{
    struct quoted out = {""};

    if (!quote_into(word, out.text, sizeof(out.text)))
        strcpy(out.text, "'(a name too long to be shown)'");
    return out;
}
