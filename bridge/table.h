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

/* Prints it. cells: `rows` times as many as there are columns; "": shown as "-". width: of the terminal; 0:
 * unlimited. bold: print the titles in bold. Returns 0, or -E2BIG: there are too many columns. */
int table_print(const struct table_column *columns, size_t count, char *const *cells, size_t rows,
                unsigned int width, bool bold);
