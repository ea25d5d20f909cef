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

static bool all_quotable(const char *word)
{
    while (*word && is_quotable(*word))
        word++;
    return !*word;
}

/* Appends a piece if it fits, including the '\0'. */
static bool append(char *out, size_t size, size_t *used, const char *piece)
{
    const size_t length = strlen(piece);

    if (*used + length >= size)
        return false;
    strcpy(out + *used, piece);
    *used += length;
    return true;
}

static bool append_all(const char *word, char *out, size_t size)
{
    const bool escaped = !all_quotable(word);
    size_t used = 0;
    char piece[8];

    if (!append(out, size, &used, escaped ? "$'" : "'"))
        return false;
    for (; *word; word++) {
        if (*word == '\'' && !escaped)
            strcpy(piece, "'\\''");
        else if (is_quotable(*word) && *word != '\'')
            snprintf(piece, sizeof(piece), "%c", *word);
        else
            snprintf(piece, sizeof(piece), "\\%03o", (unsigned char)*word);
        if (!append(out, size, &used, piece))
            return false;
    }
    return append(out, size, &used, "'");
}

bool quote_into(const char *word, char *out, size_t size)
{
    size_t used = 0;

    if (*word && word[strspn(word, plain)] == '\0' && append(out, size, &used, word))
        return true;
    if (append_all(word, out, size))
        return true;
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
