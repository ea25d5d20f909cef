/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/complain.h"
#include "base/error.h"
#include "base/file.h"
#include "dhcp.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEASES_MAX = 4 * 1024 * 1024 };

/* Returns the option's value, or NULL. */
static const char *value_of(const char *const words[], const char *option)
{
    for (; words[0] && words[1]; words++)
        if (strcmp(words[0], option) == 0)
            return words[1];
    return NULL;
}

/* Returns the text with `interface "FROM";` replaced (dhclient.leases(5)), to be freed by the caller; NULL:
 * no memory. */
static char *renamed(const char *text, const char *from, const char *to)
{
    char statement[IFNAMSIZ + 16], *copy = NULL;
    size_t size = 0;

    snprintf(statement, sizeof(statement), "interface \"%s\";", from);
    FILE *out = open_memstream(&copy, &size);
    if (!out)
        return NULL;
    for (const char *found; (found = strstr(text, statement)) != NULL; text = found + strlen(statement))
        fprintf(out, "%.*sinterface \"%s\";", (int)(found - text), text, to);
    fputs(text, out);
    if (fclose(out) == 0)
        return copy;
    free(copy);
    return NULL;
}

static int copy_leases(const char *path, const char *new_path, const char *from, const char *to,
                       struct error *why)
{
    size_t size;
    mode_t mode;
    _cleanup_free_ char *text = file_read(path, LEASES_MAX, &size, &mode, why);

    if (!text)
        return -1;
    if (size > LEASES_MAX)
        return error_set(why, "%s is too long", path);
    text[size] = '\0';
    _cleanup_free_ char *copy = renamed(text, from, to);
    if (!copy)
        return error_set(why, "no memory");
    return file_configure(new_path, copy, mode & 0777, why);
}

void dhcp_carry_leases(const char *const words[], const char *const again[], const char *from, const char *to)
{
    static const char *const options[] = {"-lf", "-df"};

    if (strcmp(words[0], "dhclient") != 0)
        return;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        const char *path = value_of(words, options[i]), *new_path = value_of(again, options[i]);
        struct error why = {0};
        if (!path || !new_path || strcmp(path, new_path) == 0 || access(path, F_OK) < 0)
            continue;
        if (copy_leases(path, new_path, from, to, &why) < 0)
            complain(0, "virt-tap bridge",
                     "'%s' may get a different address: the lease of '%s' could not be copied: %s", to, from,
                     why.text);
    }
}
