/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * FNV-1a, 64 bits, to map names to numbers. Not for secrets, and not resistant to deliberate collisions. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_byte(uint64_t state, unsigned char byte)
{
    return (state ^ byte) * UINT64_C(0x100000001b3);
}

static inline uint64_t hash_bytes(uint64_t state, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        state = hash_byte(state, (unsigned char)bytes[i]);
    return state;
}
