/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/error.h"
#include "bridge/portjson.h"
#include "policy_lint.h"

#include <stdarg.h>
#include <stdio.h>

void lint_report(struct lint *lint, bool error, const char *path, unsigned long line, const char *format, ...)
{
    struct error text = {0}, whole = {0};
    va_list args;

    va_start(args, format);
    vsnprintf(text.text, sizeof(text.text), format, args);
    va_end(args);
    /* A single line, whatever the policy contains. */
    error_set(&whole, "%s:%lu: %s: %s", path, line, error ? "error" : "warning", text.text);
    if (lint->findings)
        json_array_append_new(lint->findings,
                              json_pack("{s:s, s:o, s:I, s:o}", "level", error ? "error" : "warning", "file",
                                        text_json(path), "line", (json_int_t)line, "text",
                                        text_json(text.text)));
    else
        puts(whole.text);
    lint->errors += error;
    lint->warnings += !error;
}
