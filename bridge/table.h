/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A table of text that fits the terminal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct table_column {
    const char *title;
    /* If the table is too wide, columns without content are left out first, then those with the highest
     * number here; 0: never. */
    int dispensable;
    bool cut; /* cut the cells, as far as they still differ, before leaving out a less dispensable column */
};

/* Returns how many columns the first `length` bytes of a text take at most: characters of three bytes or more
 * may be wide. */
size_t table_width(const char *text, size_t length);

enum { TABLE_BEFORE_CUTS = 8 }; /* so dispensable that columns are left out before cells are cut */

enum { TABLE_COLUMNS_MAX = 16, TABLE_CELL = 512 };

struct table {
    const struct table_column *columns;
    size_t count;  /* of columns, TABLE_COLUMNS_MAX at most */
    char **cells;  /* owned, as are the texts; row after row */
    size_t filled; /* cells */
};

#define _cleanup_table_ __attribute__((cleanup(table_free)))

/* Adds a row of as many texts as there are columns; "": shown as "-". Returns 0 or -ENOMEM. */
int table_add(struct table *table, char texts[][TABLE_CELL]);
void table_free(struct table *table);

/* Prints it to the width and with the colours of the terminal that is standard output. */
void table_print(const struct table *table);
