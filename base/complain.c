/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "complain.h"

#include "cleanup.h"
#include "printable.h"
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int complain(int status, const char *name, const char *format, ...)
{
    _cleanup_free_ char *text = NULL, *line = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    else
        line = printable_line(text);
    va_end(args);
    fprintf(stderr, "%s: %s\n", name, text_or(line, "out of memory: the reason cannot be shown"));
    return status;
}

int complain_unless_root(const char *name, const char *what)
{
    if (geteuid() == 0)
        return 0;
    return complain(1, name, "this changes %s, which requires root: use sudo", what);
}

int finish_output(int status, const char *name)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return complain(1, name, "cannot write to standard output: %s", strerror(errno));
}
