/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include <stddef.h>
#include <stdlib.h>

/* Makes room for one more element in an array that only this function grows: its size is a power of two.
 * Returns the array; or NULL, with the old one unchanged. */
static inline void *array_grow(void *array, size_t count, size_t element)
{
    if (count & (count - 1))
        return array;
    return reallocarray(array, count ? 2 * count : 1, element);
}
