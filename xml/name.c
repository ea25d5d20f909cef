/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "name.h"
#include "base/hash.h"
#include "base/text.h"
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Letters and digits in ASCII, whatever the locale. */
static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Hashes letters and digits only, in lower case: a UUID or MAC has the same hash in every spelling. */
static uint64_t hash(uint64_t state, const char *text)
{
    for (; *text; text++)
        if (is_alphanumeric(*text))
            state = hash_byte(state, (unsigned char)(*text | 0x20)); /* digits have this bit already */
    return hash_byte(state, 0xff);                                   /* separates two texts */
}

void name_tap(char out[NAME_SIZE], const char *domain, const char *uuid, const char *mac, size_t index,
              unsigned int salt)
{
    static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
    char part[6] = "", number[24], code[6];
    uint64_t state = HASH_START;
    size_t length = 0;

    for (const char *c = domain; *c && length < 4; c++)
        if (is_alphanumeric(*c))
            part[length++] = *c;
    if (length > 0)
        part[length] = '-';
    snprintf(number, sizeof(number), "%zu", index);
    state = hash(state, text_or(uuid, domain));
    state = hash(state, text_or(mac, number));
    if (salt > 0) {
        state = hash(state, number);
        snprintf(number, sizeof(number), "%u", salt);
        state = hash(state, number);
    }
    state ^= state >> 32; /* FNV mixes the last bytes poorly into the low bits */
    state *= 0xff51afd7ed558ccd;
    state ^= state >> 33;
    for (size_t i = 0; i < 5; i++, state >>= 5)
        code[i] = base32[state & 31];
    code[5] = '\0';
    snprintf(out, NAME_SIZE, TAP_PREFIX "%s%s", part, code);
}
