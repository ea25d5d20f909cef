/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/error.h"
#include "policy_lint.h"

#include <stdarg.h>
#include <stdio.h>

static void say(const char *path, unsigned long line, const char *kind, const char *format, va_list args)
{
    struct error text = {0}, whole = {0};

    vsnprintf(text.text, sizeof(text.text), format, args);
    error_set(&whole, "%s:%lu: %s: %s", path, line, kind,
              text.text); /* a single line, whatever the policy contains */
    puts(whole.text);
}

void lint_error(struct lint *lint, const char *path, unsigned long line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(path, line, "error", format, args);
    va_end(args);
    lint->errors++;
}

void lint_warn(struct lint *lint, const char *path, unsigned long line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(path, line, "warning", format, args);
    va_end(args);
    lint->warnings++;
}
