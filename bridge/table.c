/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "table.h"

#include "base/array.h"
#include "base/printable.h"
#include "base/terminal.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUT_MIN = 8 /* characters kept */, GAP = 2 };

/* A table that is being printed. */
struct layout {
    const struct table_column *columns;
    size_t count, rows;
    char *const *cells;
    size_t widths[TABLE_COLUMNS_MAX],
        cuts[TABLE_COLUMNS_MAX]; /* cuts: the maximum width of a cell; 0: none */
    bool hidden[TABLE_COLUMNS_MAX], empty[TABLE_COLUMNS_MAX];
};

static const char *cell(const struct layout *table, size_t row, size_t column)
{
    const char *text = table->cells[row * table->count + column];

    if (*text)
        return text;
    return "-";
}

/* Returns 1 for the first byte of a character of UTF-8, otherwise 0. */
static size_t starts(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}

/* Returns the length of the first `most` characters, in bytes; 0: all. */
static size_t bytes_of(const char *text, size_t most)
{
    size_t characters = 0, i = 0;

    for (; text[i]; i++) {
        characters += starts(text[i]);
        if (most && characters > most)
            break;
    }
    return i;
}

size_t table_width(const char *text, size_t length)
{
    size_t width = 0;

    for (size_t i = 0; i < length; i++)
        width += starts(text[i]) + ((unsigned char)text[i] >= 0xE0 ? 1U : 0U);
    return width;
}

static void measure(struct layout *table, size_t column)
{
    size_t width = strlen(table->columns[column].title);

    table->empty[column] = true;
    for (size_t row = 0; row < table->rows; row++) {
        const char *text = cell(table, row, column);
        const size_t all = strlen(text), length = bytes_of(text, table->cuts[column]);
        const size_t needed = table_width(text, length) + (length < all);
        if (needed > width)
            width = needed;
        if (strcmp(text, "-") != 0)
            table->empty[column] = false;
    }
    table->widths[column] = width;
}

static bool differ_when_cut(const struct layout *table, size_t column, size_t most)
{
    for (size_t a = 0; a < table->rows; a++)
        for (size_t b = 0; b < a; b++) {
            const char *one = cell(table, a, column), *other = cell(table, b, column);
            const size_t length = bytes_of(one, most);
            if (length == bytes_of(other, most) && memcmp(one, other, length) == 0 && strcmp(one, other) != 0)
                return false;
        }
    return true;
}

static size_t total(const struct layout *table)
{
    size_t width = 0;

    for (size_t i = 0; i < table->count; i++)
        if (!table->hidden[i])
            width += table->widths[i] + GAP;
    return width - GAP;
}

/* Cuts the cells as far as needed, but not so far that two different ones look the same. */
static void cut(struct layout *table, size_t column, unsigned int width)
{
    const size_t others = total(table) - table->widths[column], title = strlen(table->columns[column].title);
    size_t most = CUT_MIN > title ? CUT_MIN : title;

    if (others + 1 < width && width - others - 1 > most)
        most = width - others - 1;
    while (most < table->widths[column] && !differ_when_cut(table, column, most))
        most++;
    table->cuts[column] = most;
    measure(table, column);
}

/* Leaves out a column that is at least so dispensable. Returns whether there was one. */
static bool hide_one(struct layout *table, int least)
{
    size_t found = table->count;

    for (size_t i = 0; i < table->count; i++) {
        const int how = table->columns[i].dispensable;
        if (table->hidden[i] || how < least)
            continue;
        if (found == table->count || (table->empty[i] && !table->empty[found]) ||
            (table->empty[i] == table->empty[found] && how > table->columns[found].dispensable))
            found = i;
    }
    if (found == table->count)
        return false;
    table->hidden[found] = true;
    return true;
}

static void fit(struct layout *table, unsigned int width)
{
    for (size_t i = 0; i < table->count && total(table) > width; i++)
        if (table->empty[i] && table->columns[i].dispensable)
            table->hidden[i] = true;
    while (total(table) > width && hide_one(table, TABLE_BEFORE_CUTS))
        ;
    for (size_t i = 0; i < table->count && total(table) > width; i++)
        if (table->columns[i].cut && !table->hidden[i])
            cut(table, i, width);
    while (total(table) > width && hide_one(table, 1))
        ;
}

static void print_row(const struct layout *table, size_t row, bool titles)
{
    size_t pad = 0;

    for (size_t i = 0; i < table->count; i++) {
        if (table->hidden[i])
            continue;
        const char *text = titles ? table->columns[i].title : cell(table, row, i);
        const size_t length = titles ? strlen(text) : bytes_of(text, table->cuts[i]);
        const bool is_cut = text[length] != '\0';
        printf("%*s%.*s%s", (int)pad, "", (int)length, text, text_if(is_cut, "~"));
        pad = table->widths[i] - table_width(text, length) - is_cut + GAP;
    }
    putchar('\n');
}

void table_print(const struct table *table)
{
    struct layout layout = {.columns = table->columns,
                            .count = table->count,
                            .rows = table->filled / table->count,
                            .cells = table->cells};
    const unsigned int width = terminal_width();
    const bool bold = terminal_has_color();

    for (size_t i = 0; i < layout.count; i++)
        measure(&layout, i);
    if (width)
        fit(&layout, width);
    terminal_color(text_if(bold, "\033[1m"));
    print_row(&layout, 0, true);
    terminal_color(text_if(bold, "\033[0m"));
    for (size_t row = 0; row < layout.rows; row++)
        print_row(&layout, row, false);
}

int table_add(struct table *table, char texts[][TABLE_CELL])
{
    for (size_t i = 0; i < table->count; i++) {
        char *cell = printable_line(texts[i]);
        if (!cell || array_add(&table->cells, &table->filled, &cell, sizeof(cell)) < 0) {
            free(cell);
            return -ENOMEM;
        }
    }
    return 0;
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->filled; i++)
        free(table->cells[i]);
    free(table->cells);
}
