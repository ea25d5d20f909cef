/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#pragma once

#include "bridge/portjson.h"

#define OPTION_JSON(type, field) OPTION_FLAG("json", "an object, for programs", type, field)

/* Prints what a verb of that name has to say to programs, and drops it; NULL: there was no memory for it.
 * Returns the status, or 1 after reporting why it could not be printed. */
int json_finish(json_t *object, int status, const char *name);
