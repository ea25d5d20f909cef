/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "complain.h"

#include "printable.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int complain(int status, const char *name, const char *format, ...)
{
    char *text = NULL, *line;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    line = text ? printable_line(text) : NULL;
    fprintf(stderr, "%s: %s\n", name, line ? line : "no memory to say what is wrong");
    free(line);
    free(text);
    return status;
}

int finish_output(int status, const char *name)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return complain(1, name, "cannot write to standard output: %s", strerror(errno));
}
