/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "edit.h"

#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int edits_add(struct edits *edits, size_t at, size_t cut, char *insert)
{
    struct edit *more = NULL;

    if (insert)
        more = array_grow(edits->list, edits->count, sizeof(*more));
    if (!more) {
        free(insert);
        return -1;
    }
    edits->list = more;
    edits->list[edits->count] = (struct edit){at, cut, insert, edits->count};
    edits->count++;
    return 0;
}

void edits_free(struct edits *edits)
{
    for (size_t i = 0; i < edits->count; i++)
        free(edits->list[i].insert);
    free(edits->list);
    *edits = (struct edits){0};
}

/* By position, then in the order added. */
static int by_place(const void *a, const void *b)
{
    const struct edit *first = a, *second = b;

    if (first->at < second->at || (first->at == second->at && first->number < second->number))
        return -1;
    return 1;
}

char *edits_apply(struct edits *edits, const char *text, size_t size, size_t *out_size)
{
    size_t at = 0, total = size;
    char *out, *end;

    if (edits->count > 0)
        qsort(edits->list, edits->count, sizeof(*edits->list), by_place);
    for (size_t i = 0; i < edits->count; i++) {
        const struct edit *edit = &edits->list[i];
        if (edit->at < at || edit->at > size || edit->cut > size - edit->at)
            return NULL;
        at = edit->at + edit->cut;
        total += strlen(edit->insert) - edit->cut;
    }
    out = end = malloc(total + 1);
    if (!out)
        return NULL;
    at = 0;
    for (size_t i = 0; i < edits->count; i++) {
        const struct edit *edit = &edits->list[i];
        end = mempcpy(end, text + at, edit->at - at);
        end = mempcpy(end, edit->insert, strlen(edit->insert));
        at = edit->at + edit->cut;
    }
    end = mempcpy(end, text + at, size - at);
    *end = '\0';
    *out_size = total;
    return out;
}

static char *escape(const char *text, size_t size, const char *special)
{
    char *out = NULL;
    size_t out_size;
    FILE *file = open_memstream(&out, &out_size);

    if (!file)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        if (!strchr(special, c))
            fputc(c, file);
        else if (c == '&')
            fputs("&amp;", file);
        else if (c == '<')
            fputs("&lt;", file);
        else if (c == '>')
            fputs("&gt;", file);
        else
            fprintf(file, "&#%d;", c);
    }
    if (fclose(file) == 0)
        return out;
    free(out);
    return NULL;
}

char *escape_text(const char *text, size_t size)
{
    return escape(text, size, "&<>\r");
}

char *escape_attribute(const char *text)
{
    return escape(text, strlen(text), "&<>\r\n\t'\"");
}
