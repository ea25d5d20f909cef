/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "number.h"

bool number_parse(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
    unsigned long number = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        const unsigned long digit = (unsigned long)(*text - '0');
        if (*text < '0' || *text > '9' || digit > max || number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (number < min)
        return false;
    *out = number;
    return true;
}
