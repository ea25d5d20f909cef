/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "name.h"

#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool name_valid(const char *name)
{
    const size_t length = strlen(name);

    if (length == 0 || length >= NAME_SIZE || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || (unsigned char)*c == 0xa0 || strchr("/:%", *c))
            return false;
    return true;
}

/* Locale or not, these are the letters and digits that are meant. */
static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* FNV-1a, of letters and digits only, capitals as small ones: a UUID or a MAC is the same in every spelling.
 */
static uint64_t hash(uint64_t state, const char *text)
{
    for (; *text; text++)
        if (is_alphanumeric(*text))
            state = (state ^ (uint64_t)(*text | (*text >= 'A' ? 0x20 : 0))) * 0x100000001b3;
    return (state ^ 0xff) * 0x100000001b3; /* where one text ends and the next begins */
}

void name_tap(char out[NAME_SIZE], const char *domain, const char *uuid, const char *mac, size_t index,
              unsigned int salt)
{
    static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
    char part[5] = "", number[24], code[6];
    uint64_t state = 0xcbf29ce484222325;
    size_t length = 0;

    for (const char *c = domain; *c && length < 4; c++)
        if (is_alphanumeric(*c))
            part[length++] = *c;
    snprintf(number, sizeof(number), "%zu", index);
    state = hash(state, uuid ? uuid : domain);
    state = hash(state, mac ? mac : number);
    if (salt > 0) {
        state = hash(state, number);
        snprintf(number, sizeof(number), "%u", salt);
        state = hash(state, number);
    }
    state ^= state >> 32; /* FNV leaves the low bits of the last bytes' little mixed */
    state *= 0xff51afd7ed558ccd;
    state ^= state >> 33;
    for (size_t i = 0; i < 5; i++, state >>= 5)
        code[i] = base32[state & 31];
    code[5] = '\0';
    snprintf(out, NAME_SIZE, TAP_PREFIX "%s%s%s", part, length ? "-" : "", code);
}
