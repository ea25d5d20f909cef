/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "json.h"

#include <stdio.h>

int json_finish(json_t *json, int status, const char *name)
{
    const int failed = json ? json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : -1;

    json_decref(json);
    if (failed && !ferror(stdout))
        return complain(1, name, "no memory");
    putchar('\n');
    return finish_output(status, name);
}
