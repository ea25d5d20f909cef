/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "wrap.h"
#include "write.h"

#include <stdbool.h>
#include <string.h>
#include <sys/param.h>

/* Where a line is divided. */
struct layout {
    size_t width, indent; /* columns */
    size_t text;          /* where the text begins that further lines are below, in bytes */
    bool breaks;          /* before that text */
};

static size_t count(const char *text, size_t from, size_t size, const char *of)
{
    size_t length = 0;

    while (from + length < size && strchr(of, text[from + length]) && text[from + length])
        length++;
    return length;
}

/* Returns the number of columns: none for control sequences and for the further bytes of a character. */
static size_t columns(const char *text, size_t size)
{
    size_t width = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\033')
            while (i < size && text[i] != 'm')
                i++;
        else
            width += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return width;
}

static struct layout lay_out(const struct wrap *line, size_t width)
{
    struct layout layout = {.width = width};
    const size_t begin = count(line->text, 0, line->size, " ");
    size_t at = begin;

    layout.indent = MIN(begin + 2, width / 2);
    while (at + 1 < line->size && memcmp(line->text + at, "  ", 2) != 0)
        at++;
    const size_t gap = count(line->text, at, line->size, " ");
    if (gap < 2 || at + gap >= line->size)
        return layout;
    const size_t column = columns(line->text, at + gap);
    layout.text = at + gap;
    layout.breaks = column > width / 2;
    if (layout.breaks)
        layout.indent = MIN(begin + 4, width / 2);
    else
        layout.indent = column;
    return layout;
}

/* Returns the length of the word at that byte. */
static size_t word_length(const struct wrap *line, size_t from)
{
    size_t end = from;
    bool quoted = false;

    while (end < line->size) {
        const bool whole = end >= line->whole_from && end < line->whole_to;
        if (line->text[end] == '`')
            quoted = !quoted && memchr(line->text + end + 1, '`', line->size - end - 1);
        if (line->text[end] == ' ' && !quoted && !whole)
            break;
        end++;
    }
    return end - from;
}

static bool put_blanks(int fd, size_t number)
{
    static const char blanks[] = "                ";
    bool done = true;

    for (; number > 0 && done; number -= MIN(number, sizeof(blanks) - 1))
        done = write_all(fd, blanks, MIN(number, sizeof(blanks) - 1));
    return done;
}

void wrap_flush(struct wrap *line, int fd, size_t width)
{
    const bool ends = line->size && line->text[line->size - 1] == '\n';
    size_t at = 0, column = 0;

    line->size -= ends;
    const struct layout layout = lay_out(line, width);
    while (at < line->size) {
        const size_t gap = count(line->text, at, line->size, " "), word = word_length(line, at + gap);
        const size_t wide = columns(line->text + at + gap, word);
        const bool is_full = column > layout.indent && column + gap + wide > width;
        if (is_full || (layout.breaks && at + gap == layout.text)) {
            write_all(fd, "\n", 1);
            put_blanks(fd, layout.indent);
            column = layout.indent;
        } else {
            put_blanks(fd, gap);
            column += gap;
        }
        write_all(fd, line->text + at + gap, word);
        column += wide;
        at += gap + word;
    }
    if (ends)
        write_all(fd, "\n", 1);
    line->size = line->whole_from = line->whole_to = 0;
}
