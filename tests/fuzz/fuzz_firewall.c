/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a firewall's program prints, of any bytes: the first line is the uplink's name, the next is judged. */
#include "bridge/uplink.h"
#include "fuzz.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool joins(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_-.", c));
}

/* The name stands in the line, and no letter of a longer name touches it. */
static bool stands_alone(const char *line, const char *name)
{
    for (const char *at = line; (at = strstr(at, name)) != NULL; at++)
        if ((at == line || !joins(at[-1])) && !joins(at[strlen(name)]))
            return true;
    return false;
}

static void check(const char *line, const char *name)
{
    const bool found = uplink_in_rule(line, name), comment = line[strspn(line, " \t\n\v\f\r")] == '#';
    char *indented, *longer, *pattern, *comment_of;

    hold(asprintf(&indented, "\t %s", line) > 0 && asprintf(&comment_of, " # %s", line) > 0 &&
         asprintf(&longer, "%s iifname \"%s\" accept", line, name) > 0 &&
         asprintf(&pattern, "%s oifname \"%.*s*\" drop", line, (int)(strlen(name) + 1) / 2, name) > 0);
    hold(uplink_in_rule(indented, name) == found);
    hold(!uplink_in_rule(comment_of, name));
    hold(!comment || !found);
    hold(comment || !stands_alone(line, name) || found);
    hold(!found || stands_alone(line, name) || strpbrk(line, "*+"));
    hold(uplink_in_rule(longer, name) == !comment);
    hold(uplink_in_rule(pattern, name) == !comment);
    free(pattern);
    free(longer);
    free(comment_of);
    free(indented);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *name = strndup((const char *)data, size), *newline;

    hold(name != NULL);
    if (strlen(name) == size && (newline = strchr(name, '\n')) != NULL) {
        *newline = '\0';
        newline[1 + strcspn(newline + 1, "\n")] = '\0';
        if (isalnum((unsigned char)*name) && strlen(name) < IFNAMSIZ && !strpbrk(name, " \t\v\f\r\"*+#"))
            check(newline + 1, name);
    }
    free(name);
    return 0;
}
