/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Names of taps and bridges in documents. */
#pragma once

#include "base/name.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

enum { NAME_SIZE = IFNAMSIZ, NAME_SALT_MAX = 1000 };

/* Builds the name of a domain's tap: `vtap-<4 characters of its name>-<5 base-32 characters of a hash>`.
 * Everybody computes the same name without coordination. uuid may be NULL: then the domain's name is
 * used. mac may be NULL: then the index is used. salt: 0, or another value for another name if the
 * previous one was taken. */
void name_tap(char out[NAME_SIZE], const char *domain, const char *uuid, const char *mac, size_t index,
              unsigned int salt);
