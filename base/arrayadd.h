/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include "array.h"

#include <errno.h>
#include <string.h>

/* Adds a copy of the item to such an array; at: where its address is. Returns 0 or -ENOMEM. */
static inline int array_add(void *at, size_t *count, const void *item, size_t size)
{
    void *array;

    memcpy(&array, at, sizeof(array));
    array = array_grow(array, *count, size);
    if (!array)
        return -ENOMEM;
    memcpy(at, &array, sizeof(array));
    memcpy((char *)array + *count * size, item, size);
    ++*count;
    return 0;
}
