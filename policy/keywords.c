/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "keywords.h"

#include "base/error.h"
#include "base/number.h"

#include <string.h>

static const char *take_value(const struct keyword *key, void *out, const char *value)
{
    void *at = (char *)out + key->offset;
    unsigned long number = 0;

    if (key->take)
        return key->take(out, value);
    if (key->is_text) {
        *(const char **)at = value;
        return *value ? NULL : key->expected;
    }
    if (key->is_number && number_parse(value, key->min, key->max, &number)) {
        *(unsigned int *)at = (unsigned int)number;
        return NULL;
    }
    if (key->is_flag && strcmp(value, key->expected) == 0) {
        *(bool *)at = true;
        return NULL;
    }
    return key->expected;
}

int keywords_take(const struct keywords *keywords, void *out, char *word, unsigned int *seen,
                  struct error *why)
{
    char *value = strchr(word, '=');

    if (!value)
        return error_set(why, "'%.64s' is not KEY=VALUE without blanks", word);
    *value++ = '\0';
    for (size_t i = 0; i < keywords->count; i++) {
        const struct keyword *key = &keywords->list[i];
        if (*word != *key->name || strcmp(word, key->name) != 0) /* faster than strcmp() alone */
            continue;
        if (*seen & 1U << i && !key->repeats)
            return error_set(why, "%s= is given twice", word);
        *seen |= 1U << i;
        const char *expected = take_value(key, out, value);
        if (!expected)
            return 0;
        return error_set(why, "%s= must be %s, not '%.64s'", word, expected, value);
    }
    return error_set(why, "%s '%.64s='", keywords->unknown, word);
}
