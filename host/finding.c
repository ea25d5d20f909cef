/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void clean(char *text, bool lines)
{
    for (; *text; text++)
        if (((unsigned char)*text < ' ' && !(lines && *text == '\n')) || *text == 0x7f)
            *text = '?';
}

void finding_add(struct findings *list, enum finding_id id, const char *format, ...)
{
    struct finding *items = reallocarray(list->items, list->count + 1, sizeof(*items));
    char *seen = NULL;
    va_list args;

    if (items)
        list->items = items;
    va_start(args, format);
    if (!items || vasprintf(&seen, format, args) < 0) {
        list->lost = true;
    } else {
        clean(seen, false);
        items[list->count++] = (struct finding){.id = id, .seen = seen};
    }
    va_end(args);
}

void finding_mend(struct findings *list, const char *format, ...)
{
    struct finding *last = list->count ? &list->items[list->count - 1] : NULL;
    char *command = NULL, *all = NULL;
    va_list args;

    va_start(args, format);
    if (!last || vasprintf(&command, format, args) < 0 ||
        asprintf(&all, "%s%s%s", last->mend ? last->mend : "", last->mend ? "\n" : "", command) < 0) {
        list->lost = true;
    } else {
        clean(all, true);
        free(last->mend);
        last->mend = all;
    }
    free(command);
    va_end(args);
}

void findings_free(struct findings *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].seen);
        free(list->items[i].mend);
    }
    free(list->items);
    *list = (struct findings){.items = NULL};
}
