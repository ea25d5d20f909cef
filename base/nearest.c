/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "nearest.h"

#include <string.h>
#include <sys/param.h>

enum { LETTERS_MAX = 30, CHANGES_MAX = 2 };

/* The number of changes that make one of the other (optimal string alignment). */
static size_t count_changes(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t table[LETTERS_MAX + 1][LETTERS_MAX + 1];

    for (size_t i = 0; i <= a_length; i++)
        for (size_t k = 0; k <= b_length; k++) {
            table[i][k] = i + k;
            if (i == 0 || k == 0)
                continue;
            const size_t replaced = table[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
            table[i][k] = MIN(replaced, 1 + MIN(table[i - 1][k], table[i][k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                table[i][k] = MIN(table[i][k], table[i - 2][k - 2] + 1);
        }
    return table[a_length][b_length];
}

bool nearest_is(const char *word, const char *typed, size_t length)
{
    const size_t letters = strlen(word);

    if (length > 1 && strncmp(word, typed, MIN(letters, length)) == 0)
        return true;
    if (letters > LETTERS_MAX || length > LETTERS_MAX)
        return false;
    return count_changes(word, letters, typed, length) <= MIN(CHANGES_MAX, (letters - 1) / 2);
}
