/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "printable.h"

#include "cleanup.h"
#include "text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

static const struct range hidden[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_hidden(uint32_t character)
{
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        if (character >= hidden[i].first && character <= hidden[i].last)
            return true;
    return false;
}

/* Returns the length in bytes of a character with that first byte; 0: not a first byte. */
static size_t length_of(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    return 0;
}

/* Returns whether all bytes after the first are continuation bytes, of those that are present. */
static bool is_continued(const unsigned char *bytes, size_t size, size_t length)
{
    for (size_t i = 1; i < length && i < size; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return false;
    return true;
}

static uint32_t decode(const unsigned char *bytes, size_t length)
{
    uint32_t character = length == 1 ? bytes[0] : bytes[0] & (0xffU >> (length + 1));

    for (size_t i = 1; i < length; i++)
        character = character << 6 | (bytes[i] & 0x3fU);
    return character;
}

/* Returns whether this is neither an overlong encoding, nor a UTF-16 surrogate, nor beyond Unicode. */
static bool is_character(uint32_t character, size_t length)
{
    static const uint32_t min[] = {0, 0, 0x80, 0x800, 0x10000};

    return character >= min[length] && character <= 0x10ffff && (character < 0xd800 || character > 0xdfff);
}

static size_t escape(uint32_t character, char out[PRINTABLE_PIECE])
{
    if (character < 0x10000)
        return (size_t)snprintf(out, PRINTABLE_PIECE, "\\u%04x", character);
    character -= 0x10000;
    return (size_t)snprintf(out, PRINTABLE_PIECE, "\\u%04x\\u%04x", 0xd800 | character >> 10,
                            0xdc00 | (character & 0x3ff));
}

size_t printable_character(const char *text, size_t size, bool whole, char out[PRINTABLE_PIECE],
                           size_t *out_size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const size_t length = length_of(bytes[0]);
    const bool well = length > 0 && is_continued(bytes, size, length);

    if (well && size < length && !whole)
        return 0;
    if (!well || size < length || !is_character(decode(bytes, length), length)) {
        *out_size = (size_t)snprintf(out, PRINTABLE_PIECE, "\\x%02x", bytes[0]);
        return 1;
    }
    const uint32_t character = decode(bytes, length);
    if (is_hidden(character)) {
        *out_size = escape(character, out);
    } else {
        memcpy(out, text, length);
        *out_size = length;
    }
    return length;
}

char *printable_line(const char *text)
{
    enum { GROWTH = 6 /* at most: one byte becomes \u001b */ };
    const size_t size = strlen(text);
    char *line = malloc(size * GROWTH + PRINTABLE_PIECE), *end = line;
    size_t put;

    if (!line)
        return NULL;
    for (size_t at = 0; at < size; end += put)
        at += printable_character(text + at, size - at, true, end, &put);
    *end = '\0';
    return line;
}

/* Returns the length of the character at text if it is shown unchanged, or 0. */
static size_t plain_length(const char *text)
{
    char shown[PRINTABLE_PIECE];
    size_t size;
    const size_t length = printable_character(text, strnlen(text, 8), true, shown, &size);

    if (size == length && memcmp(shown, text, length) == 0)
        return length;
    return 0;
}

bool printable_is(const char *text)
{
    for (size_t length; *text; text += length) {
        length = plain_length(text);
        if (length == 0)
            return false;
    }
    return true;
}

void printable_mask(char *text)
{
    while (*text) {
        const size_t length = plain_length(text);
        if (length == 0)
            *text = '?';
        text += length ? length : 1;
    }
}

void printable_format(char *out, size_t size, const char *format, va_list args)
{
    _cleanup_free_ char *text = NULL;
    char piece[PRINTABLE_PIECE];
    size_t length;

    if (vasprintf(&text, format, args) < 0)
        text = strdup("no memory");
    const char *at = text_or(text, ""), *end = at + strlen(at);
    for (; at < end; size -= length) {
        at += printable_character(at, (size_t)(end - at), true, piece, &length);
        if (length >= size)
            break;
        out = mempcpy(out, piece, length);
    }
    *out = '\0';
}
