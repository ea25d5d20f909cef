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

/* The name of a domain's tap: `vtap-<4 of its name>-<5 base-32 characters of a hash>`, so that everybody who
 * asks gets the same, without asking anybody. uuid may be NULL: then the name stands for it. mac may be NULL:
 * then the index does. salt: 0, or for another name because the one before was taken. */
void name_tap(char out[NAME_SIZE], const char *domain, const char *uuid, const char *mac, size_t index,
              unsigned int salt);
