/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include "identity.h"

/* Looks up the number of a user or group by its name. Returns as look_up() does. */
int account_find(const struct name_source *names, enum account_kind kind, const char *name, id_t *id,
                 struct error *why);
