/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "finding.h"
#include "base/printable.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        printable_mask(seen);
        items[list->count++] = (struct finding){.id = id, .seen = seen};
    }
    va_end(args);
}

void finding_fixable(struct findings *list, const char *about)
{
    struct finding *last = list->count ? &list->items[list->count - 1] : NULL;

    if (!last)
        return;
    last->fixable = true;
    if (strlen(about) < sizeof(last->about))
        strcpy(last->about, about);
}

void finding_command(struct findings *list, struct finding *finding, const char *start, const char *end)
{
    char *all = NULL;
    const char *before = finding->fix ? finding->fix : "";

    if (asprintf(&all, "%s%s%s%s", before, finding->fix ? "\n" : "", start, end) < 0) {
        list->lost = true;
        return;
    }
    free(finding->fix);
    finding->fix = all;
}

unsigned int findings_count(const struct findings *list, enum finding_level level)
{
    unsigned int count = 0;

    for (size_t i = 0; i < list->count; i++)
        count += catalogue[list->items[i].id].level == level;
    return count;
}

void findings_free(struct findings *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].seen);
        free(list->items[i].fix);
    }
    free(list->items);
    *list = (struct findings){.items = NULL};
}
