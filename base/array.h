/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for one more element in an array that only these functions grow: its size is a power of two.
 * Returns the array; or NULL, with the old one unchanged. */
static inline void *array_grow(void *array, size_t count, size_t element)
{
    if (count & (count - 1))
        return array;
    return reallocarray(array, count ? 2 * count : 1, element);
}

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
