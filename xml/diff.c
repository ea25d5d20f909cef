/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "diff.h"

#include "base/cleanup.h"
#include "base/printable.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Whole lines of a text, and the number of the first one. */
struct lines {
    const char *text;
    size_t start, end;
    size_t number;
};

/* Returns where the line starts, but not before `from`, which is the start of a line. */
static size_t line_start(const char *text, size_t from, size_t at)
{
    while (at > from && text[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_end(const char *text, size_t at, size_t size)
{
    const char *end = memchr(text + at, '\n', size - at);

    return end ? (size_t)(end - text) + 1 : size;
}

static size_t count(const char *text, size_t start, size_t end)
{
    size_t lines = 0;

    for (; start < end; start = line_end(text, start, end))
        lines++;
    return lines;
}

static void print_lines(FILE *file, char sign, const struct lines *lines)
{
    for (size_t at = lines->start, next; at < lines->end; at = next) {
        next = line_end(lines->text, at, lines->end);
        fputc(sign, file);
        fwrite(lines->text + at, 1, next - at, file);
        if (lines->text[next - 1] != '\n')
            fputs("\n\\ No newline at end of file\n", file);
    }
}

/* Drops the lines common to the start of both, and to the end of both. */
static void trim(struct lines *was, struct lines *is)
{
    while (was->start < was->end && is->start < is->end) {
        const size_t a = line_end(was->text, was->start, was->end) - was->start;
        const size_t b = line_end(is->text, is->start, is->end) - is->start;
        if (a != b || memcmp(was->text + was->start, is->text + is->start, a) != 0)
            break;
        was->start += a;
        is->start += a;
        was->number++;
        is->number++;
    }
    while (was->start < was->end && is->start < is->end) {
        const size_t a = was->end - line_start(was->text, was->start, was->end - 1);
        const size_t b = is->end - line_start(is->text, is->start, is->end - 1);
        if (a != b || memcmp(was->text + was->end - a, is->text + is->end - a, a) != 0)
            break;
        was->end -= a;
        is->end -= a;
    }
}

static void print_hunk(FILE *file, struct lines was, struct lines is)
{
    trim(&was, &is);
    const size_t cut = count(was.text, was.start, was.end), come = count(is.text, is.start, is.end);
    if (cut + come == 0)
        return;
    fprintf(file, "@@ -%zu,%zu +%zu,%zu @@\n", was.number - !cut, cut, is.number - !come, come);
    print_lines(file, '-', &was);
    print_lines(file, '+', &is);
}

/* Whether a position is before the end of the lines so far, or in the line that starts there. */
static bool is_near(const char *text, size_t end, size_t at)
{
    return at <= end || !memchr(text + end, '\n', at - end);
}

/* A file name may contain line feeds. */
static void print_label(FILE *file, const char *label)
{
    _cleanup_free_ char *line = printable_line(label);
    const char *shown = text_or(line, "(no memory)");

    fprintf(file, "--- %s\n+++ %s\n", shown, shown);
}

void diff_print(FILE *file, const char *label, const struct edits *edits, const char *was, size_t was_size,
                const char *is)
{
    struct lines old = {.text = was, .number = 1}, new = {.text = is, .number = 1};

    if (edits->count > 0)
        print_label(file, label);
    for (size_t i = 0; i < edits->count;) {
        const size_t start = line_start(was, old.end, edits->list[i].at);
        size_t end = start, grown = 0, shrunk = 0;
        old.number += count(was, old.end, start);
        new.number += count(was, old.end, start);
        new.start = new.end + (start - old.end);
        old.start = start;
        for (; i < edits->count && (end == start || is_near(was, end, edits->list[i].at)); i++) {
            const size_t behind = edits->list[i].at + edits->list[i].cut;
            if (behind >= end)
                end = line_end(was, behind, was_size);
            grown += strlen(edits->list[i].insert);
            shrunk += edits->list[i].cut;
        }
        old.end = end;
        new.end = new.start + (end - start) + grown - shrunk;
        print_hunk(file, old, new);
        old.number += count(was, old.start, old.end);
        new.number += count(is, new.start, new.end);
    }
}
