/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * --json of all verbs. */
#pragma once

#include "base/verb.h"

#include <jansson.h>

#define OPTION_JSON(type, field) OPTION_FLAG("json", "for programs", type, field)

/* Prints all that a verb has to say to programs, drops it, and ends the output; NULL: there was no memory for
 * it. Returns the status, or 1 after reporting why it could not be printed. */
int json_finish(json_t *json, int status, const char *name);
