/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include <string.h>

/* Returns the text behind a byte order mark, which some editors put before the first line of a file (U+FEFF
 * in UTF-8), or NULL if there is none. */
static inline const char *text_after_mark(const char *text)
{
    static const char mark[] = "\xef\xbb\xbf";

    return strncmp(text, mark, sizeof(mark) - 1) == 0 ? text + sizeof(mark) - 1 : NULL;
}
